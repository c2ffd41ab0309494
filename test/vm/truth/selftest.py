#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""`sloctl prereq check --self-test` on this kernel: what it can make it sees, what it skips it explains, nothing stays."""
# timeout: 120
import glob
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slolimit
import slotest
from slotest import check, equal, holds, test

CTL = os.environ.get("SLO_CTL", "")
# compiled programs are kept after the first time
LIMIT_S = 280 if slotest.BACKEND == "bcc" else 100
# signals whose cause needs a controller
NEEDS = {"cfs_throttled_ms": "cpu", "mem_reclaim_latency_ms": "memory"}


def cgroups_left():
    return glob.glob("/sys/fs/cgroup/**/llm-slo-selftest-*", recursive=True)


def given(controller):
    try:
        return bool(slolimit.controller_root(controller))
    except slotest.Skip:
        return False


def run():
    done = subprocess.run([CTL, "prereq", "check", "--self-test", "--output", "json"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=LIMIT_S, check=False)
    print(done.stderr, end="")
    return json.loads(done.stdout)


def find(tree):
    """The array of results, wherever the document has it."""
    if isinstance(tree, list) and tree and isinstance(tree[0], dict) and "passed" in tree[0] and "seen" in tree[0]:
        return tree
    values = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return next((found for found in map(find, values) if found), None)


@test
def what_runs_passes_and_leaves_nothing_behind():
    if not CTL:
        slotest.skip("SLO_CTL is not set: give the path of sloctl")
    results = {r["signal"]: r for r in find(run())}
    for name, r in results.items():
        if r["ran"]:
            check(r["passed"], name, r["value"], r["truth"], f"{r['tolerance']:.3f}; {r['reason'] or r['cause']}")
        else:
            holds(f"{name}: skipped for a reason", r["reason"], r["reason"])
    for name, controller in NEEDS.items():
        # a busy host may keep the quota from being used up
        if given(controller) and not (slotest.ON_HOST and "others had the CPU" in results[name]["reason"]):
            equal(f"{name}: ran, for there is a {controller} controller", results[name]["ran"], True)
        elif not given(controller):
            holds(f"{name}: the way out is told", controller in results[name]["reason"], results[name]["reason"])
    equal("cgroups left behind", cgroups_left(), [])


def served(*within):
    """What prereq says of tracefs, and which mechanism each backend has for a signal."""
    done = subprocess.run([*within, CTL, "prereq", "check", "--output", "json"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=LIMIT_S, check=False)
    report = json.loads(done.stdout)
    return (next(c["current"] for c in report["checks"] if c["name"] == "tracefs"),
            {f"{b['name']} {s['signal']}": s["mechanism"] for b in report["backends"] for s in b["signals"] if s["serves"]})


@test
def a_tracefs_mounted_nowhere_is_no_loss():
    """Nor debugfs, which has another: in a mount namespace without them."""
    if not CTL:
        slotest.skip("SLO_CTL is not set: give the path of sloctl")
    usual, by_it = served()
    if not usual.startswith("/"):
        slotest.skip(f"tracefs: {usual}")
    gone = "umount -l /sys/kernel/tracing; umount -l /sys/kernel/debug/tracing; umount -l /sys/kernel/debug; exec \"$@\""
    without, still = served("unshare", "-m", "sh", "-c", f"exec 2>/dev/null; {gone}", "sh")
    equal("tracefs then", without, "not mounted, readable by a private mount")
    holds("something is measured", by_it)
    equal("mechanisms without it", still, by_it)


@test
def one_that_is_interrupted_leaves_nothing_behind():
    slotest.no_kernels_own()
    if not CTL:
        slotest.skip("SLO_CTL is not set: give the path of sloctl")
    if not any(given(c) for c in NEEDS.values()):
        slotest.skip("no controller to make a cgroup with")
    proc = subprocess.Popen([CTL, "prereq", "check", "--self-test"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not cgroups_left() and proc.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    holds("it had a cgroup when it was interrupted", cgroups_left())
    proc.send_signal(signal.SIGINT)
    equal("ended by", proc.wait(60), -signal.SIGINT)
    equal("cgroups left behind", cgroups_left(), [])


# of the self-test alone: no agent is started
slotest.AGENT = slotest.AGENT or CTL
slotest.main()
