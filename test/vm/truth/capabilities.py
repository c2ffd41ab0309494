#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What each set of capabilities leaves, measured by `sloctl prereq check`: the table of deploy/docs/capabilities.md."""
# timeout: 240
import json
import os
import subprocess
import sys

PAGE = os.path.join(os.environ["SLO_TREE"], "deploy/docs/capabilities.md")
SETS = [
    ("all",),
    ("bpf", "perfmon", "net_admin", "sys_resource"),
    ("bpf", "perfmon", "net_admin"),
    ("bpf", "perfmon"),
    ("bpf", "net_admin"),
    ("sys_admin", "net_admin"),
    ("sys_admin",),
    (),
]
# Charged maps decide there, whatever the rest of a row.
SHORTER = {"5.10": [("bpf", "perfmon"), ("bpf", "net_admin"), ("sys_admin",)]}
TOLD = ("5.10", "6.1")


def prereq(caps):
    """The report of a process of uid 0 that has no other capabilities, in a mount namespace of its own."""
    wanted = "+all" if caps == ("all",) else ",".join(["-all", *("+" + c for c in caps)])
    command = ["setpriv", "--bounding-set", wanted, "--inh-caps=-all", os.environ["SLO_CTL"], "prereq", "check", "--output", "json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if not run.stdout:
        sys.exit(f"{caps}: exit code {run.returncode}: {run.stderr[:400]}")
    return json.loads(run.stdout)


def row(caps):
    serves = {}
    for backend in prereq(caps)["backends"]:
        for signal in backend["signals"]:
            serves[signal["signal"]] = serves.get(signal["signal"], False) or signal["serves"]
    missing = [name for name, served in serves.items() if not served]
    count = len(serves) - len(missing)
    name = " ".join(c.upper() for c in caps) or "none"
    without = "-" if not missing else ", ".join(missing) if len(missing) <= 6 else f"all but {', '.join(n for n, s in serves.items() if s)}"
    return f"| {os.environ['SLO_SERIES']} | {name} | {count} of {len(serves)} | {without} |"


def main():
    series = os.environ["SLO_SERIES"]
    if series not in TOLD:
        print(f"the page tells of {', '.join(TOLD)}")
        sys.exit(77)
    rows = [row(caps) for caps in SETS if caps not in SHORTER.get(series, [])]
    print("\n".join(rows))
    with open(PAGE, encoding="utf-8") as page:
        text = page.read()
    missing = [r for r in rows if r not in text]
    if missing:
        sys.exit("deploy/docs/capabilities.md has not:\n" + "\n".join(missing))


main()
