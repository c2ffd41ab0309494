#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `sloctl prereq check` says of this kernel is kept for the table in backends/libbpf/README.md. Where the kernel interprets
programs it says so, of each signal that they measure."""
# timeout: 120
import json
import os
import subprocess
import sys

run = subprocess.run([os.environ["SLO_CTL"], "prereq", "check", "--output", "json"], capture_output=True, text=True, check=False)
try:
    report = json.loads(run.stdout)
except ValueError:
    sys.exit(f"exit code {run.returncode}, no JSON: {run.stdout[:200]} {run.stderr[:400]}")
with open(os.path.join(os.environ["SLO_SHARE"], "02_prereq.json"), "w", encoding="utf-8") as out:
    json.dump({"release": os.uname().release, **report}, out)

JIT = "/proc/sys/net/core/bpf_jit_enable"
if os.path.exists(JIT):
    with open(JIT, encoding="ascii") as file:
        interpreted = file.read().strip() == "0"
    told = not next(c["pass"] for c in report["checks"] if c["name"] == "bpf_jit")
    slow = {s["slow"] for b in report["backends"] for s in b["signals"] if s["serves"] and s["source"] not in ("procfs", "netlink")}
    print(f"interpreted: {interpreted}; the check says {told}, of signals {slow}")
    if told != interpreted or slow - {interpreted}:
        sys.exit(f"bpf_jit_enable is {0 if interpreted else 1}")
