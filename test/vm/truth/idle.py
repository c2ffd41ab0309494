#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Nothing happens: nothing is reported. What is reported anyway is at or above its threshold, or an error."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slonet
import slotest
from slotest import Agent, aggregates, check, detail, equal, samples, test

# contracts.md 1, default warning thresholds
THRESHOLDS = {"dns_latency_ms": 40, "connect_latency_ms": 80, "runqueue_delay_ms": 10, "disk_io_latency_ms": 10,
              "syscall_latency_ms": 50, "tls_handshake_ms": 60}
COUNTS = ("tcp_retransmits_total", "connect_errors_total", "tls_handshake_fail_total")
SECONDS = 5


@test
def an_idle_machine_reports_no_event():
    supported = ",".join([*THRESHOLDS, *COUNTS])
    idle = slonet.Netns(f"slo{os.getpid()}i")
    try:
        before = idle.counters()
        agent = Agent(supported, emit=None)
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
    for signal in ("dns_latency_ms", "connect_latency_ms", "disk_io_latency_ms", "tls_handshake_ms", *COUNTS):
        equal(f"{signal}: events", samples(records, signal), [])
        equal(f"{signal}: measurements", agent.stats[signal]["made"], 0)
        equal(f"{signal}: aggregates", aggregates(records, signal), [])


slotest.main()
