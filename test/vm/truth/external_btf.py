#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The truth tests again on a kernel that hides its BTF, which is given as a file: structures by copies, a perf buffer.
SLO_BTF: the file for a kernel that was built with none; SLO_OTHER_BTF: another kernel's, which has to be refused."""
# timeout: 900
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
OWN = "/sys/kernel/btf/vmlinux"
TESTS = ("dns", "retransmit", "connect", "runqueue")


def skip(why):
    print(why)
    sys.exit(77)


def own_btf(tmp):
    """The kernel's own, through a sysfs of our own: only its place in the tree is hidden."""
    if os.environ.get("SLO_BTF"):
        return os.environ["SLO_BTF"]
    where = os.path.join(tmp, "sys")
    os.mkdir(where)
    subprocess.run(["mount", "-t", "sysfs", "sysfs", where], check=True)
    try:
        with open(f"{where}/kernel/btf/vmlinux", "rb") as file:
            data = file.read()
    except OSError as why:
        skip(f"this kernel has no BTF at all, and SLO_BTF names no file with it: {why}")
    finally:
        subprocess.run(["umount", where], check=True)
    path = os.path.join(tmp, "own.btf")
    with open(path, "wb") as out:
        out.write(data)
    return path


def agent(args, shell=""):
    """What the agent says of two signals that a file's offsets matter to."""
    argv = [os.environ["SLO_AGENT"], "--instance", f"btf{os.getpid()}", "--output", "jsonl", "--output-path", "/dev/null",
            "--seconds", "1", "--signals", "runqueue_delay_ms,tcp_retransmits_total", *args.get("argv", ())]
    quiet = {"SLO_RECEIVER_LISTEN": "", "SLO_METRICS_LISTEN": "", "SLO_AGENT_CONTROL": "", "SLO_AGENT_STATE_DIR": ""}
    if shell:
        argv = ["unshare", "-m", "sh", "-c", f'{shell}; exec "$@"', "sh", *argv]
    done = subprocess.run(argv, env={**os.environ, **quiet, **args.get("env", {})}, capture_output=True, text=True,
                          timeout=150, check=False)
    return done.stderr


def says(name, log, words):
    """Each of @words in a line of its own of @log."""
    lines = log.splitlines()
    missing = [w for w in words if not any(w in line for line in lines)]
    print(f"  {'FAIL' if missing else 'ok  '} {name}" + "".join(f"\n       not said: {w}" for w in missing), flush=True)
    if missing:
        print(log)
    return not missing


def refused(path, why):
    return f'not used mechanism="external BTF" reason="{path}: {why}'


FREE = ("mode=btf_free", "runqueue_delay_ms=btf_free/tracepoint")
OWN_BTF = ("mode=core_full", "runqueue_delay_ms=libbpf/tp_btf")


def file_cases(tmp, other):
    """Files that are no BTF of this kernel: a lower rung serves, and the file is named."""
    garbage = os.path.join(tmp, "garbage.btf")
    with open(garbage, "wb") as out:
        out.write(os.urandom(100000))
    alien = f"is of another kernel than the running {os.uname().release} (task_struct does not match)"
    for name, path, why in (("missing", "/nonexistent.btf", "No such file or directory"), ("garbage", garbage, "no BTF ("),
                            ("another kernel's", other, alien)):
        if path:
            yield says(name, agent({"argv": ("--btf", path)}), (refused(path, why), *FREE))
        else:
            yield says(f"{name}: SLO_OTHER_BTF names no file", "", ("such a file",))
    # where the kernel's own is in sight it serves in place of the file
    if "nobtf" in open("/proc/mounts", encoding="utf-8").read():
        yield says("missing, beside the kernel's own", agent({"argv": ("--btf", "/nonexistent.btf")}, "umount /sys/kernel/btf"),
                   (refused("/nonexistent.btf", "No such file or directory"), *OWN_BTF))


def search_cases(tmp, good):
    """Folders of [btf] search: a file that is no good hides none behind it."""
    dirs = [os.path.join(tmp, name) for name in ("first", "second")]
    for where in dirs:
        os.mkdir(where)
    first = f"{dirs[0]}/{os.uname().release}.btf"
    with open(first, "wb") as out:
        out.write(os.urandom(100000))
    env = {"env": {"SLO_BTF_SEARCH": ",".join(dirs)}}
    yield says("search finds a broken file alone", agent(env), (refused(first, "no BTF ("), *FREE))
    os.symlink(good, f"{dirs[1]}/vmlinux-{os.uname().release}")
    log = agent(env)
    yield says("search finds a good file behind a broken one", log, ("mode=core_full", "runqueue_delay_ms=libbpf/raw_tp"))
    yield says("and says nothing of the broken one", "silent" if first not in log else log, ("silent",))


def main():
    if os.path.exists(OWN):
        skip("the kernel's BTF is in sight: nothing external about it (run a lane that hides it)")
    with tempfile.TemporaryDirectory() as tmp:
        own = own_btf(tmp)
        print("== files", flush=True)
        cases = [*file_cases(tmp, os.environ.get("SLO_OTHER_BTF")), *search_cases(tmp, own)]
        failed = [] if all(cases) else ["files"]
        env = {**os.environ, "SLO_BACKEND": "external", "SLO_AGENT_ARGS": f"--btf {own}"}
        for name in TESTS:
            print(f"== {name}", flush=True)
            code = subprocess.run([os.path.join(HERE, f"{name}.py")], env=env, check=False).returncode
            if code not in (0, 77):
                failed.append(name)
    print(f"failed: {', '.join(failed) or 'none'} of files, {', '.join(TESTS)}")
    sys.exit(1 if failed else 0)


main()
