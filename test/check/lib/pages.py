# SPDX-License-Identifier: Apache-2.0
"""What deploy/docs and README.md promise, asked of the programs and the tree: pages.py BUILD."""
import glob
import json
import os
import re
import shlex
import subprocess
import sys

BUILD = sys.argv[1]
PAGES = ["README.md"] + sorted(p for p in glob.glob("deploy/docs/*.md") if not p.endswith("reference.md"))
PROGRAMS = ("sloctl", "llm-slo-agent")
text = {page: open(page, encoding="utf-8").read() for page in PAGES}
bad = []


def run(*argv):
    return subprocess.run([os.path.join(BUILD, argv[0]), *argv[1:]], capture_output=True, text=True, check=False)


def fail(page, what):
    bad.append(f"{page}: {what}")


def code(page):
    """Indented lines, continuations joined, and what stands in back quotes."""
    joined = re.sub(r"\\\n\s*", "", text[page])
    return re.findall(r"^    (.+)$", joined, re.M) + [" ".join(c.split()) for c in re.findall(r"`([^`]+)`", joined)]


def options_of(program, words):
    help_text = run(program, *words, "--help").stdout
    return set(re.findall(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", help_text))


def check_command(page, line):
    """Each option that is given to one of our programs is one of its, and so is the command."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return
    for at, word in enumerate(words):
        program = os.path.basename(word)
        if program not in PROGRAMS or (at and words[at - 1] in ("systemctl", "status", "-u", "cat", "--name", "generic", "exec")):
            continue
        rest = words[at + 1:]
        verbs = []
        if program == "sloctl":
            if not rest or not re.fullmatch(r"[a-z][a-z0-9-]*", rest[0]):
                continue
            verbs = rest[:1] if rest[:1] != ["slo"] else rest[:2]
            if run("sloctl", *verbs, "--help").returncode != 0:
                fail(page, f"no such command: {line}")
                continue
        known = options_of(program, verbs)
        for option in rest:
            if re.match(r"--?[a-zA-Z]", option) and option.split("=")[0] not in known:
                fail(page, f"{program} {' '.join(verbs)} has no {option}: {line}")


def commands():
    count = 0
    for page in PAGES:
        for line in code(page):
            count += any(p in line for p in PROGRAMS)
            check_command(page, line)
    return count


def paths():
    """What stands in back quotes and looks like a path of the tree is one."""
    tops = {t for t in os.listdir(".") if os.path.isdir(t) and t not in ("build", ".git")}
    count = 0
    for page in PAGES:
        for item in re.findall(r"`([\w.-]+/[\w./-]*)`", text[page]):
            if item.split("/")[0] in tops:
                count += 1
                if not os.path.exists(item):
                    fail(page, f"no {item} in the tree")
        for item in re.findall(r"`([a-z-]+\.md)`", text[page]):
            count += 1
            if not os.path.exists(os.path.join("deploy/docs", item)):
                fail(page, f"no page {item}")
    return count


def prereq_lines():
    page = "deploy/docs/troubleshooting.md"
    names = [c["name"] for c in json.loads(run("sloctl", "prereq", "check", "--output", "json").stdout)["checks"]]
    rows = re.findall(r"^\| (\w+) \|", text[page], re.M)
    others = re.findall(r"\w+", re.search(r"The other lines \(([^)]*)\)", text[page])[1])
    for name in names:
        if name not in rows + others:
            fail(page, f"prereq check's {name} is not explained")
    for name in [r for r in rows if r != "line"] + others:
        if name not in names:
            fail(page, f"prereq check has no line {name}")
    return len(names)


def sources():
    return "\n".join(open(f, encoding="utf-8").read() for top in ("core", "backends", "compat")
                     for f in glob.glob(top + "/**/*.[ch]", recursive=True))


def messages():
    """What a user is told to look for is what the programs say: the longest piece without a value in it."""
    page = "deploy/docs/troubleshooting.md"
    # Literals that the compiler joins, and what a format stands for, are joined and cut alike.
    code_text = re.sub(r'"\s*\n?\s*(?:PRI\w+\s*)?"', "", sources())
    table = text[page].split("## The agent runs, but")[1]
    count = 0
    for cell in re.findall(r"^\| ([^|]*`[^|]*) \|", table, re.M):
        for quoted in re.findall(r"`([^`]+)`", cell):
            if quoted.startswith("["):
                continue
            pieces = re.split(r"\.\.\.|\bN\b|\bDIR\b|=\S+|\{|\}|\"", quoted)
            piece = max((p.strip(" :") for p in pieces), key=len)
            piece = piece.removeprefix("llm_slo_agent_")
            count += 1
            if piece not in code_text:
                fail(page, f"nothing says '{piece}'")
    return count


def keys():
    """[section] key in back quotes is a key; the migration page's defaults are the defaults."""
    template = run("sloctl", "config", "print", "--template").stdout
    known = {}
    section = None
    for line in template.splitlines():
        if match := re.match(r"#?\[([\w.]+)\]", line):
            section = match[1]
        elif match := re.match(r"#?([a-z_0-9]+) = ?(.*)$", line):
            known[section, match[1]] = match[2]
    count = 0
    for page in PAGES:
        for section, key in re.findall(r"`\[(\w+)\] (\w+)", text[page]):
            count += 1
            if (section, key) not in known:
                fail(page, f"no key {key} in [{section}]")
    page = "deploy/docs/from-the-go-toolkit.md"
    here = re.search(r"^\| safety\.max_overhead_pct \| \S+ \| (\S+) \|", text[page], re.M)[1]
    if float(known["safety", "max_overhead_pct"]) != float(here):
        fail(page, f"max_overhead_pct is {known['safety', 'max_overhead_pct']}, not {here}")
    return count


def migration():
    """The Go toolkit's programs are commands of the same name, and its flags are taken."""
    page = "deploy/docs/from-the-go-toolkit.md"
    row = re.search(r"^\| (.*) \| `sloctl NAME`", text[page], re.M)[1]
    names = re.findall(r"`(\w+)`", row)
    for name in names:
        if run("sloctl", name, "--help").returncode != 0:
            fail(page, f"no sloctl {name}")
    return len(names)


def main():
    least = {commands: 30, paths: 40, prereq_lines: 20, messages: 10, keys: 10, migration: 8}
    for check, at_least in least.items():
        found = check()
        print(f"{check.__name__}: {found}")
        if found < at_least:
            bad.append(f"pages: only {found} {check.__name__} were found: the pages or this check have changed")
    for line in bad:
        print(f"pages: {line}", file=sys.stderr)
    sys.exit(bool(bad))


main()
