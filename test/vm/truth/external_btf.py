#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The truth tests again on a kernel that hides its BTF, which is given as a file: structures by copies, a perf buffer.
SLO_BTF: the file for a kernel that was built with none."""
# timeout: 600
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


def main():
    if os.path.exists(OWN):
        skip("the kernel's BTF is in sight: nothing external about it (run a lane that hides it)")
    with tempfile.TemporaryDirectory() as tmp:
        env = {**os.environ, "SLO_BACKEND": "external", "SLO_AGENT_ARGS": f"--btf {own_btf(tmp)}"}
        failed = []
        for name in TESTS:
            print(f"== {name}", flush=True)
            code = subprocess.run([os.path.join(HERE, f"{name}.py")], env=env, check=False).returncode
            if code not in (0, 77):
                failed.append(name)
    print(f"failed: {', '.join(failed) or 'none'} of {', '.join(TESTS)}")
    sys.exit(1 if failed else 0)


main()
