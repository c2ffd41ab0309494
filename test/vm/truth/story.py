#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The whole story: an instrumented application, faults made one at a time, and what the agent says of each: an incident
with the right domain within two evaluations, enriched spans, one webhook call under one id, and its end.

An act takes 15 to 40 s. Guests leave out those of the provider, which no kernel has a part in, unless SLO_STORY=all.
"""
# timeout: 900
# needs: iptables util-linux
import atexit
import contextlib
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "live"))

import slodisk
import slolimit
import slonet
import slotest
import story
from slotest import equal, holds, skip, test

HOST = os.environ.get("SLO_SERIES") == "host"
PYTHON = os.environ.get("SLO_OTEL_PYTHON", "")
MB = 1 << 20
s = store = swap = None


def told(ok, what, *more):
    """What helps to see why, where it is needed."""
    if not holds(what, ok):
        print("\n".join([*more, s.log()[-2500:], s.sloctl("top", "--once"), s.sloctl("explain", "latest"), s.app_log()[-1000:]]),
              flush=True)
    return ok


def named_in_time(rows, domain):
    """The first incident of rows that names the domain within two evaluations of its opening: (opened, named), or None.

    By the agent's clock; half an interval is how late an evaluation may be where CPUs are emulated.
    """
    opened = {r["id"]: r for r in rows if r["status"] == "open"}
    for r in rows:
        if r["domain"] == domain and not r["abstained"] and r["status"] != "resolved" and r["id"] in opened:
            if r["at"] - opened[r["id"]]["at"] <= 2.5 * story.EVALUATION:
                return opened[r["id"]], r
    return None


def make_fault(begin, end, rows, domain):
    """(opened, named, when it began) of its incident, or None; the fault is over either way."""
    began = time.time()
    try:
        begin()
        s.wait("the verdict", lambda: named_in_time(rows(), domain), 60)
        found = named_in_time(rows(), domain)
        return found and (*found, began)
    finally:
        end()


def act(begin, end, domain, enriched="llm.ebpf.correlation_confidence", slo="chat"):
    """One fault from its beginning to the end of its incident.

    Where the machine is not ours alone its own slowness may open an incident as the fault begins, which then joins that
    one, and names no moment from which to count: a second try, if an incident there was.
    """
    for attempt in ("first", "second"):
        if not told(s.settle(10, 120), "calm before it: the application keeps its objective, no incident is open"):
            return
        seen, spans, start = len(s.incidents()), len(s.sink.spans), time.monotonic()
        rows = lambda since=seen: [r for r in s.incidents()[since:] if r["slo"] == slo]  # noqa: E731
        found = make_fault(begin, end, rows, domain)
        if found or not rows():
            break
        print(f"  {attempt} try: {[(r['status'], r['domain'], r['at']) for r in rows()]}", flush=True)
    if not told(found, f"an incident is opened, and {domain} is named within two evaluations"):
        return
    ended, (opened, named, began) = time.monotonic(), found
    gone = s.wait("the end", lambda: any(r["id"] == opened["id"] and r["status"] == "resolved" for r in rows()), 90)
    told(gone is not None, "it is resolved after the fault")
    print(f"  opened {opened['at'] - began:.1f} s after the fault began, named {named['at'] - opened['at']:.1f} s later, probability {named['probability']}, resolved {gone or 0:.1f} s "
          f"after the fault, which took {ended - start:.1f} s", flush=True)
    if enriched:
        carry = [b.count(enriched.encode()) for b in s.sink.spans[spans:]]
        print(f"  {sum(carry)} of the spans in {len(carry)} requests carry it", flush=True)
        holds(f"spans carry {enriched}", any(carry))
    calls(opened["id"])


def calls(incident):
    """What the receiver of webhooks was told of it."""
    time.sleep(1.5)
    mine = [(i, d) for i, d in s.sink.hooks if d["incident_id"] == incident]
    ids = [i for i, _ in mine]
    equal("webhook calls with a wrong signature", len(s.sink.bad), 0)
    equal("calls under an id of their own", len(set(ids)), len(ids))
    equal("keys of the incident's calls", len({d["dedup_key"] for _, d in mine}), 1)
    equal("what the calls say, updates aside", [d["status"] for _, d in mine if d["status"] != "update"], ["open", "resolved"])


def dns_has_owners():
    """Without the process no tier above a span's threshold joins them: the verdict's note says so."""
    return not re.search(r'limited signal=dns_latency_ms note="pid\b[^;]* unknown', s.log())


@test
def late_dns_answers_are_network_dns():
    act(lambda: s.slow_dns(1200 if HOST else 3000), s.calm, "network_dns", "llm.ebpf.dns.latency_ms" if dns_has_owners() else None)


# --- less CPU ------------------------------------------------------------------------------------------------------


def half_of_its_need():
    """Percent of a CPU, whatever that is on this machine. Of a third of 12 % no reply came to its end, so that nothing was late."""
    used = lambda: s.cgroup.numbers("cpu.stat")["usage_usec"]  # noqa: E731
    before = used()
    time.sleep(5)
    return max(1, round((used() - before) / 5e4 / 2))


@test
def a_cpu_quota_is_cpu_throttle():
    if HOST or not s.cgroup.v2:
        skip("its cpu hierarchy is not the one that spans and records name")
    percent = half_of_its_need()
    print(f"  quota: {percent} % of a CPU", flush=True)
    act(lambda: s.cgroup.quota(percent), lambda: s.cgroup.quota(None), "cpu_throttle")


@test
def neighbours_on_the_cpu_are_cpu_throttle():
    if not HOST:
        skip("the guests have the quota")
    act(lambda: s.cpu_hogs(6), s.calm, "cpu_throttle")


# --- a bad path ----------------------------------------------------------------------------------------------------


def netem(percent):
    def tc(*args):
        slonet.sh("tc", *args)

    tc("qdisc", "add", "dev", "lo", "root", "handle", "1:", "prio")
    tc("qdisc", "add", "dev", "lo", "parent", "1:3", "handle", "30:", "netem", "loss", f"{percent}%")
    for side in ("dst", "src"):
        tc("filter", "add", "dev", "lo", "parent", "1:0", "protocol", "ip", "u32", "match", "ip", side, story.PROVIDER,
           "flowid", "1:3")


def no_netem():
    slonet.sh("tc", "qdisc", "del", "dev", "lo", "root", check=False)


def firewall(verb, percent, check=True):
    for side in ("-d", "-s"):
        slonet.sh("iptables", "-w", verb, "INPUT", side, story.PROVIDER, "-m", "statistic", "--mode", "random",
                  "--probability", str(percent / 100), "-j", "DROP", check=check)


def can_netem():
    """Of one path only: with sch_prio and cls_u32."""
    if not slonet.have_netem():
        return False
    try:
        netem(0)
    except RuntimeError as e:
        print(f"  {e}", flush=True)
        return False
    finally:
        no_netem()
    return True


@test
def lost_packets_are_network_egress():
    percent = 30 if HOST else 45
    if can_netem():
        act(lambda: netem(percent), no_netem, "network_egress")
        return
    try:
        firewall("-I", percent)
        firewall("-D", percent)
    except (RuntimeError, FileNotFoundError) as e:
        firewall("-D", percent, check=False)
        skip(f"neither sch_netem, sch_prio and cls_u32 nor a firewall that loses packets: {e}")
    act(lambda: firewall("-I", percent), lambda: firewall("-D", percent, check=False), "network_egress")


# --- less memory, a slower disk ------------------------------------------------------------------------------------


def make_swap():
    """A swap that is preferred to dropping the application's own program, which would be read over the network here."""
    global swap
    if not os.path.exists("/proc/swaps") or not store:  # CONFIG_SWAP
        return
    # Slow, and few requests at a time: who frees a page for another waits for the disk, on each kernel.
    swap = slodisk.NullDisk(4, size_mb=256, memory_backed=1, hw_queue_depth=2)
    swap.queue("scheduler", "none")
    slonet.sh("mkswap", swap.dev)
    slonet.sh("swapon", swap.dev)
    for swappiness in ("100", "200"):  # the most before Linux 5.8, and since
        with contextlib.suppress(OSError), open("/proc/sys/vm/swappiness", "w") as f:
            f.write(swappiness)
    atexit.register(lambda: slonet.sh("swapoff", swap.dev, check=False))


def late_replies():
    return sum(ms > s.threshold_ms for _, ms in s.requests())


def squeeze():
    """A part of its cache has no room any more: as much as makes its replies late, which differs between kernels.

    In steps, for a limit far below makes a kernel give up much more; and no further, or it is killed.
    """
    stat = s.cgroup.numbers("memory.stat")
    before = int(s.cgroup.read("memory.current")) - stat["active_file"] - stat["inactive_file"]
    late = late_replies()
    for less in range(16):
        s.cgroup.limit(before - less * MB)
        if less >= 8:
            time.sleep(1)
        if late_replies() >= late + 4:
            break
    print(f"  limit: {less} MB below what it had", flush=True)


@test
def a_memory_limit_is_memory_pressure():
    if HOST:
        skip("without a swap of its own a limit drops clean pages in no time, or kills")
    if not s.cgroup.v2:
        skip("its memory hierarchy is not the one that spans and records name")
    if not swap:
        skip("this kernel has no swap, and without one a limit drops the application's own program")
    act(squeeze, lambda: s.cgroup.limit("max"), "memory_pressure")


@test
def a_slow_disk_under_the_store_is_retrieval_backend():
    if not store:
        skip("no disk here whose delay is known")
    act(lambda: store.lead_to(1), lambda: store.lead_to(0), "retrieval_backend")


# --- the provider's own --------------------------------------------------------------------------------------------


def of_the_provider(status, domain):
    if not HOST and os.environ.get("SLO_STORY") != "all":
        skip("the host shows it; here SLO_STORY=all does")
    act(lambda: s.replies(status), s.calm, domain, slo="replies")


@test
def replies_of_429_are_provider_throttle():
    of_the_provider(429, "provider_throttle")


@test
def replies_of_503_are_provider_error():
    of_the_provider(503, "provider_error")


def make():
    global s, store
    if not PYTHON:
        skip("SLO_OTEL_PYTHON is not set: the OpenTelemetry SDK could not be installed (test/peers/python.sh)")
    pace = story.REAL if HOST else story.EMULATED
    if not HOST:
        store = slodisk.or_none(slodisk.Store, 0.2, 500)
        if store:
            pace["app_args"] += ["--store", store.path]
        make_swap()
        if slotest.BACKEND == "bcc":
            os.environ["SLO_AGENT_STATE_DIR"] = slotest.Agent.ALONE["SLO_AGENT_STATE_DIR"]
    s = story.Story(slotest.AGENT, PYTHON, **pace, overhead=0, controllers=() if HOST else ("cpu", "memory", slolimit.io_controller()))
    atexit.register(s.close)
    took = s.wait("a first request", lambda: s.sink.spans, 60)
    told(took is not None, "spans come through")
    # with the first act's calm: 20 s
    told(s.settle(10, 120), "10 s within the objective, without an incident")


slotest.main(setup=make)
