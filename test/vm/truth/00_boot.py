#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kernel under test is the one the matrix describes: its series, BTF as its row says, cgroup2 mounted. One that was built
without has no folder for it, hidden or not."""
# timeout: 30
import os
import sys

series = os.environ["SLO_SERIES"]
release = os.uname().release
mounts = [line.split() for line in open("/proc/self/mounts", encoding="utf-8")]
btf = os.path.exists("/sys/kernel/btf/vmlinux")
print(f"series={series} release={release} btf={btf}")
number = series.split("-")[0]
if number[0].isdigit() and not release.startswith(number + "."):
    sys.exit(f"kernel {release} is not of series {series}")
if not os.environ.get("SLO_GIVEN") and series != "host" and btf == series.endswith(("-nobtf", "-bcc", "-source")):
    sys.exit(f"BTF is {'there' if btf else 'missing'}, which series {series} does not expect")
if "-source" in series and (os.path.exists("/sys/kernel/btf") or not release.endswith("-source")):
    sys.exit(f"kernel {release} of series {series} was to be built here, without BTF")
if not any(m[2] == "cgroup2" for m in mounts):
    print("no cgroup2 mount (cgroup v1 layout)")
    sys.exit(77)
