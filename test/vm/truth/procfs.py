#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""What a host that refuses BPF still gets: each signal of --backend procfs against a truth measured another way."""
# timeout: 240
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slonet
import slotest
from slotest import Agent, aggregates, apart, between, check, detail, ends, equal, holds, samples, test

PORT = 7301


def procfs(signals, emit=None):
    agent = Agent(signals, backend="procfs", emit=emit)
    yield 1.2  # the first reading is behind it
    return agent


def settle(agent):
    yield 2.2  # one interval to the end, and one more
    return agent.stop()


def named(records, word):
    equal("source", {r["source"] for r in records}, {word})


def of_cgroup(records, cgroup):
    return [r for r in aggregates(records, "runqueue_delay_ms") if r.get("cgroup_id") == cgroup.id]


@apart
def run_queue_waits_add_up_to_schedstat():
    """One task among two hogs on one CPU: its second field of schedstat, and the cgroup's histograms."""
    cgroup = slonet.Cgroup(f"slo-truth-{os.getpid()}-procfs") if slonet.cgroup2_root() else None
    if not cgroup:
        slotest.skip("no cgroup2 mounted: no histogram of the tasks alone")
    cpu = {max(os.sched_getaffinity(0))}
    agent = yield from procfs("runqueue_delay_ms")
    tasks = [slonet.spawn(slonet.spin, 100, comm="sloproc", cpus=cpu, cgroup=cgroup) for _ in range(3)]
    # An emulated CPU takes several intervals for one pass over all threads, for a reading may cost 10 ms of CPU: what passed
    # before the first pass was over, and since the last one, is missing, and a record is of several seconds.
    host = os.environ.get("SLO_SERIES") == "host"
    until = time.monotonic() + 60
    yield 8
    while not host and not of_cgroup(agent.peek(), cgroup) and time.monotonic() < until:
        yield 2
    waited = 0
    for task in tasks:
        # beyond the last interval that the agent read: at most what passes until it is stopped
        waited += int(open(f"/proc/{task.pid}/schedstat").read().split()[1])
    at = time.time_ns()
    yield 1.2
    records = of_cgroup(agent.stop(), cgroup)
    for task in tasks:
        task.kill()
    holds("records of the cgroup", len(records) >= (3 if host else 1), len(records))
    named(records, "procfs")
    total = sum(detail(r, "sum_ms") for r in records if r["ts_unix_nano"] <= at)
    # 2 of 3 wait all the time; what passed before they were first read, and what of an interval is not over, is missing.
    low = waited / 1e6 - 2 * 2600 if host else 1
    between("sum of the waits, ms", total, low, waited / 1e6 * 1.02,
            "the intervals that were over; 2 % for the moment of reading")


@apart
def disk_counts_equal_diskstats():
    def totals():
        rows = {}
        for line in open("/proc/diskstats"):
            word = line.split()
            rows[word[2]] = int(word[3]) + int(word[7])
        return rows

    if not totals():
        slotest.skip("no disk here")
    before = totals()  # the agent's first reading is later, its last one earlier than ours
    agent = yield from procfs("disk_io_latency_ms")
    path = os.path.join("/var/tmp", f"slo-truth-procfs.{os.getpid()}")
    with open(path, "wb") as out:
        out.write(os.urandom(1 << 22))
        os.fsync(out.fileno())
    os.unlink(path)
    records = aggregates((yield from settle(agent)), "disk_io_latency_ms")
    after = totals()
    grown = {name: after[name] - count for name, count in before.items() if after.get(name, 0) > count}
    disks = {name for name in grown if not os.path.exists(f"/sys/class/block/{name}/partition")}
    if not disks:
        slotest.skip("no disk here is read or written")
    named(records, "procfs")
    for name in sorted(disks):
        count = sum(r["count"] for r in records if detail(r, "device") == name
                    and detail(r, "op") in ("read", "write"))
        between(f"requests of {name}", count, 0, grown[name], "read before and after the agent did")
    holds("requests were seen", sum(r["count"] for r in records) > 0, sum(r["count"] for r in records))


@apart
def retransmits_equal_the_kernels_counter():
    """SYNs into a black hole of this network namespace: connections by netlink, the sum by the counter."""
    def counter():
        rows = [line.split() for line in open("/proc/net/snmp") if line.startswith("Tcp:")]
        return int(dict(zip(rows[0], rows[1]))["RetransSegs"])

    before = counter()  # the agent's first reading is later, its last one earlier than ours
    agent = yield from procfs("tcp_retransmits_total")
    # a listener with a full backlog drops SYNs: no link is needed
    listener = socket.socket()
    listener.bind(("127.0.0.1", PORT))
    listener.listen(0)
    socks = []
    for _ in range(4):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", PORT))
        socks.append(sock)
    yield 3.5
    records = aggregates((yield from settle(agent)), "tcp_retransmits_total")
    grown = counter() - before
    for sock in [listener, *socks]:
        sock.close()
    assert grown >= 2, grown
    mine = [r for r in records if ends(r)[3] == PORT]
    named(mine, "netlink")
    holds("connections of the listener", len(mine) >= 2, len(mine))
    between("sum of the records", sum(r["value"] for r in records), 2, grown, "read before and after the agent did")


@apart
def a_connect_is_seen_with_its_round_trip():
    agent = yield from procfs("connect_latency_ms", emit="all")
    listener = socket.socket()
    listener.bind(("127.0.0.1", PORT + 1))
    listener.listen(8)
    sock = socket.socket()
    begin = time.monotonic()
    sock.connect(("127.0.0.1", PORT + 1))
    took_ms = (time.monotonic() - begin) * 1e3
    name = sock.getsockname()
    records = samples((yield from settle(agent)), "connect_latency_ms", lambda r: ends(r)[1] == name[1])
    sock.close()
    listener.close()
    equal("records of the connection", len(records), 1)
    if records:
        named(records, "netlink")
        equal("tuple", ends(records[0])[:4], (*name, "127.0.0.1", PORT + 1))
        between("round trip, ms", records[0]["value"], 0.0, took_ms + 1, "no longer than connect took; 1 ms as it is smoothed")


@apart
def failed_attempts_equal_the_kernels_counter():
    agent = yield from procfs("connect_errors_total")
    for _ in range(5):
        with socket.socket() as sock:
            sock.connect_ex(("127.0.0.1", 1))
    records = aggregates((yield from settle(agent)), "connect_errors_total")
    named(records, "procfs")
    between("failed attempts", sum(r["value"] for r in records), 5, 5 + 50, "5 of ours; others' are in it")


@apart
def memory_stalls_equal_the_pressure():
    path = "/proc/pressure/memory"
    if not os.path.exists(path):
        slotest.skip("no pressure stall information in this kernel")
    cgroup = slonet.Cgroup(f"slo-truth-{os.getpid()}-mem") if slonet.cgroup2_root() else None
    if not cgroup or not os.path.exists(os.path.join(cgroup.path, "memory.max")):
        slotest.skip("no cgroup2 with the memory controller")

    def total(where):
        return int(open(where).readline().rsplit("total=", 1)[1]) / 1e3

    agent = yield from procfs("mem_reclaim_latency_ms")
    before = total(os.path.join(cgroup.path, "memory.pressure"))
    # above memory.high the kernel makes a task reclaim, and sleep: no swap and no disk is needed
    open(os.path.join(cgroup.path, "memory.high"), "w").write(str(12 << 20))
    eater = slonet.spawn(_eat, cgroup=cgroup, comm="sloeater")
    yield 4.5
    eater.result()
    yield 2.2
    truth = total(os.path.join(cgroup.path, "memory.pressure")) - before
    records = [r for r in agent.stop() if r["signal"] == "mem_reclaim_latency_ms" and r.get("cgroup_id") == cgroup.id]
    if not truth:
        slotest.skip("the cgroup came through without a stall")
    named(records, "procfs")
    between("stalled, ms", sum(r["value"] for r in records), truth * 0.98 - 0.1, truth * 1.02 + 0.1,
            "the same account, read at other moments")


def _eat():
    keep, until = [], time.monotonic() + 4
    while time.monotonic() < until and len(keep) < 32:
        keep.append(bytearray(b"x" * (1 << 20)))


@apart
def dns_by_the_packet_socket():
    """A server of our own on the loopback that answers after 40 ms, and one question that it never answers."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        server.bind(("127.77.0.53", 53))
    except OSError as why:
        slotest.skip(f"port 53 of 127.77.0.53: {why}")
    agent = yield from procfs("dns_latency_ms", emit="all")
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.77.0.53", 53))
    question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04slop\x04test\x00\x00\x01\x00\x01"
    begin = time.monotonic()
    client.send(question)
    data, peer = server.recvfrom(512)
    time.sleep(0.04)
    server.sendto(data[:2] + b"\x81\x83" + data[4:], peer)
    client.recv(512)
    took_ms = (time.monotonic() - begin) * 1e3
    client.send(b"\x43\x21" + question[2:])
    server.recvfrom(512)
    name = client.getsockname()
    yield 8.5
    records = samples(agent.stop(), "dns_latency_ms", lambda r: ends(r)[:2] == name)
    client.close()
    server.close()
    equal("records", len(records), 2)
    for record, rcode in zip(sorted(records, key=lambda r: r["ts_unix_nano"]), ("NXDOMAIN", None)):
        equal("source", record["source"], "procfs")
        equal("name", str(detail(record, "qname")).rstrip("."), "slop.test")
        if rcode:
            equal("rcode", detail(record, "rcode"), rcode)
            between("latency, ms", record["value"], 40.0, took_ms, "the answer's delay to the application's timer")
        else:
            check(record["value"] >= 6000, "waited for the answer that never came, ms", record["value"], 6000, "at least")


@test
def bpf_refused_leaves_procfs():
    """A process without any capability: the ladder ends at what needs none."""
    agent = Agent("dns_latency_ms,runqueue_delay_ms,disk_io_latency_ms,cpu_steal_pct", backend="procfs")
    log = agent.log()
    agent.stop()
    holds("mode minimal", "agent ready mode=minimal" in log, log[-300:])


slotest.main()
