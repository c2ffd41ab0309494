#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Nothing happens: nothing is reported. What is reported anyway is at or above its threshold, or an error."""
# timeout: 240
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slonet
import slotest
from slotest import Agent, aggregates, check, detail, equal, samples, test

# contracts.md 1, default warning thresholds
THRESHOLDS = {"dns_latency_ms": 40, "connect_latency_ms": 80, "runqueue_delay_ms": 10, "disk_io_latency_ms": 10,
              "syscall_latency_ms": 50, "tls_handshake_ms": 60, "mem_reclaim_latency_ms": 5}
COUNTS = ("tcp_retransmits_total", "connect_errors_total", "tls_handshake_fail_total")
THROTTLED = "cfs_throttled_ms"  # once an interval, whatever it is: of cgroups with a quota that ran, and there are none
SECONDS = 5
RESIDENT_MAX_KB = 10 << 10  # all that this kernel gives; sanitizers have their own
HUGE = "/sys/kernel/mm/transparent_hugepage/enabled"


@test
def an_idle_machine_reports_no_event():
    supported = ",".join([*THRESHOLDS, *COUNTS, THROTTLED])
    idle = slonet.Netns(f"slo{os.getpid()}i")
    try:
        before = idle.counters()
        agent = Agent(supported, emit=None, backend="auto")
        # no rung of a kernel that knows bcc alone has TLS
        unserved = set(re.findall(r"not measured signal=(\S+)", agent.log())) if slotest.BACKEND == "bcc" else set()
        time.sleep(SECONDS)
        records = agent.stop()
        assert slonet.delta(before, idle.counters(), "Tcp.ActiveOpens") == 0
        inode = idle.inode
    finally:
        idle.close()
    equal("records of an idle namespace", len([r for r in records if r.get("netns") == inode]), 0)
    for signal, threshold in THRESHOLDS.items():
        # an error is an event of any length: a failed or repeated lookup
        low = [r for r in samples(records, signal) if r["value"] < threshold and r["status"] != "error"
               and detail(r, "rcode", "NOERROR") == "NOERROR" and not detail(r, "retries") and not detail(r, "timeout")]
        check(not low, f"{signal}: events below {threshold} ms", low[:3], [])
    if slotest.ON_HOST:
        print("  not checked here: no event at all (a build host is never idle)")
        return
    for signal in ("dns_latency_ms", "connect_latency_ms", "disk_io_latency_ms", "tls_handshake_ms",
                   "mem_reclaim_latency_ms", THROTTLED, *COUNTS):
        equal(f"{signal}: events", samples(records, signal), [])
        if signal in unserved:
            print(f"  --   {signal}: not measured on this kernel")
            continue
        equal(f"{signal}: measurements", agent.stats[signal]["made"], 0)
        equal(f"{signal}: aggregates", aggregates(records, signal), [])


@test
def an_idle_agent_is_small_where_huge_pages_are_always_on():
    if not os.path.exists(HUGE):
        slotest.skip("this kernel has no transparent huge pages")
    with open(HUGE, encoding="ascii") as f:
        was = re.search(r"\[(\w+)\]", f.read())[1]
    try:
        with open(HUGE, "w", encoding="ascii") as f:
            f.write("always")
        agent = Agent(",".join([*THRESHOLDS, *COUNTS, THROTTLED]), emit=None, backend="auto")
        time.sleep(1)
        with open(f"/proc/{agent.pid}/status", encoding="ascii") as f:
            resident = int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])
        agent.stop()
    finally:
        with open(HUGE, "w", encoding="ascii") as f:
            f.write(was)
    print(f"  figure: {resident} KB resident")
    check(resident <= RESIDENT_MAX_KB, "resident KB", resident, f"at most {RESIDENT_MAX_KB}")


# columns of kernels/matrix.tsv; run.sh passes those of the kernel's row
COLUMNS = {"dns": "dns_latency_ms", "retransmit": "tcp_retransmits_total", "connect": "connect_latency_ms",
           "runqueue": "runqueue_delay_ms", "reclaim": "mem_reclaim_latency_ms", "throttle": THROTTLED}


@test
def each_signal_is_served_as_the_matrix_says():
    rows = {signal: os.environ[f"SLO_ROW_{column.upper()}"] for column, signal in COLUMNS.items()
            if f"SLO_ROW_{column.upper()}" in os.environ}
    if not rows:
        slotest.skip("this machine has no row in kernels/matrix.tsv")
    # on the row of bcc a better rung would be found
    agent = Agent(",".join(rows), emit=None, backend="bcc" if slotest.BACKEND == "bcc" else "auto")
    ready = next(line for line in agent.log().splitlines() if "agent ready" in line)
    agent.stop()
    for signal, mechanism in rows.items():
        if slotest.BACKEND == "bcc" and mechanism == "procfs":
            continue
        backend = "procfs" if mechanism == "procfs" else slotest.BACKEND
        check(f"{signal}={backend}/{mechanism}" in ready, signal, ready.partition(f"{signal}=")[2].split(" ")[0],
              f"{backend}/{mechanism}")


slotest.main()
