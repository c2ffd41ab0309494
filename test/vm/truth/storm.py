#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""A storm of connects, lookups and context switches: whatever is lost is counted, to the last one."""
# timeout: 300
import errno
import os
import select
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slodisk
import slodns
import slolimit
import slonet
import slotest
from slotest import Agent, check, detail, ends, equal, holds, samples, test

STALLS = "mem_reclaim_latency_ms"
THROTTLED = "cfs_throttled_ms"  # each record is of an interval, none of a single event
SIGNALS = ("dns_latency_ms", "connect_latency_ms", "connect_errors_total", "runqueue_delay_ms", "tcp_retransmits_total",
           "disk_io_latency_ms", STALLS, THROTTLED)
SECONDS = 3.0

net = None
disk = None  # to read from; None on a host, whose disks are not ours, and before 4.14


def _accept(listeners):
    """Closes politely: a RST would end some connects with an error that is none of the handshake's."""
    while True:
        for listener in select.select(listeners, [], [])[0]:
            listener.accept()[0].close()


def _connects(family, port, seconds):
    """Connects that succeed, and as many that are refused."""
    host = "127.0.0.1" if family == 4 else "::1"
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    good = bad = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for target in (port, port + 1):
            with socket.socket(kind) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                err = sock.connect_ex((host, target))
                # The peer resets what it accepts, sometimes before connect() has woken up: established all the same.
                established = err in (0, errno.ECONNRESET, errno.ECONNABORTED)
                good += established
                bad += not established
    return os.getpid(), good, bad


def _lookups(family, seconds):
    host = "127.0.0.1" if family == 4 else "::1"
    asked = answered = 0
    with socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.connect((host, 53))
        sock.settimeout(5)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            batch = 8
            for i in range(batch):
                sock.send(slodns.query((asked + i) & 0xffff, f"n{asked + i}.storm.test"))
            asked += batch
            for _ in range(batch):
                sock.recv(512)
                answered += 1
    return os.getpid(), asked, answered


def _switches(seconds):
    """Two processes that wake each other through pipes."""
    a, b = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.close(a[1])  # else it would never see the end of a killed parent
        while os.read(a[0], 1) == b"x":
            os.write(b[1], b"x")
        os._exit(0)
    count, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        os.write(a[1], b"x")
        os.read(b[0], 1)
        count += 1
    os.write(a[1], b"q")
    return os.getpid(), count


def _reads(seconds):
    count, until = 0, time.monotonic() + seconds
    fd, page = os.open(disk.dev, os.O_RDONLY | os.O_DIRECT), slodisk.page()
    while time.monotonic() < until:
        os.preadv(fd, [page], count % 1024 * 4096)
        count += 1
    return os.getpid(), count


def _stalls(path, seconds):
    """Reads through a cache that is too small."""
    size, at, until = 4 << 20, 0, time.monotonic() + seconds
    while time.monotonic() < until:
        slolimit.stream(path, size, at)
        at = (at + size) % (1 << 30)
    return os.getpid(), at


def storm(agent, seconds, pause):
    """{what: (pid, ...counts)}; pause: seconds in which the agent is stopped, so that its buffers overflow."""
    jobs = {}
    for family in (4, 6):
        jobs[f"connect{family}"] = slonet.spawn(_connects, family, 7200 + family * 10, seconds, ns=net.c,
                                                comm="slostorm")
        jobs[f"dns{family}"] = slonet.spawn(_lookups, family, seconds, ns=net.c, comm="slostorm")
    if disk:
        jobs["disk"] = slonet.spawn(_reads, seconds, comm="slodisk")
    jobs["switch"] = slonet.spawn(_switches, seconds, comm="sloswitch")
    jobs["stalls"] = slonet.spawn(_stalls, source, seconds, cgroup=small, comm="slostalls")
    jobs["hog"] = slonet.spawn(lambda: (os.getpid(), slonet.spin(seconds)), cgroup=small, comm="slohog")
    if pause:
        time.sleep(0.5)
        agent.signal(signal.SIGSTOP)
        time.sleep(pause)
        agent.signal(signal.SIGCONT)
    ret = {name: job.result() for name, job in jobs.items()}
    for name, counts in ret.items():
        print(f"  {name}: {counts[1:]} in {seconds} s")
    return ret


def adds_up(agent, records):
    """The exact law of the statistics, and the file against them. No tolerance."""
    equal("agent's exit code", agent.code, 0)
    equal("lines that are not JSON", agent.bad_lines[:3], [])
    for name in SIGNALS:
        stats = agent.stats.get(name)
        if not check(stats is not None, f"{name}: stats line", stats, "one"):
            continue
        print(f"  {name}: {stats}")
        equal(f"{name}: made = sent + aggregated + lost_ring + lost_map + shed", stats["made"],
              sum(stats[k] for k in ("sent", "aggregated", "lost_ring", "lost_map", "shed")))
        equal(f"{name}: delivered = sent", stats["delivered"], stats["sent"])
        lines = [r for r in records if r["signal"] == name] if name == THROTTLED else samples(records, name)
        equal(f"{name}: lines in the file = delivered", len(lines), stats["delivered"])


def skipped_runs(agent):
    """How often the kernel left out a program that a softirq found half run on its CPU; for the reader of a failure."""
    total = 0
    for fd in os.listdir(f"/proc/{agent.pid}/fdinfo") if agent.pid else ():
        try:
            with open(f"/proc/{agent.pid}/fdinfo/{fd}") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("recursion_misses:"))
        except FileNotFoundError:
            pass
    return total


def stop_and_read(agent):
    print(f"  program runs left out by the kernel (recursion_misses): {skipped_runs(agent)}")
    agent.signal(signal.SIGTERM)
    agent.wait(120)
    return agent.peek()


@test
def a_storm_that_fits_loses_nothing_unsaid():
    agent = Agent(",".join(SIGNALS), backend="auto")
    slotest.needs("pid")
    refused = small.refused()
    truth = storm(agent, SECONDS, 0)
    refused = small.refused() - refused
    time.sleep(1.5)
    records = stop_and_read(agent)
    adds_up(agent, records)
    by_pid = {}
    for r in records:
        key = (r["signal"], r["pid"])
        by_pid[key] = by_pid.get(key, 0) + ("interval_ms" not in r)
    counted = ("lost_ring", "shed", "inflight_full", "unmatched", "missed")
    lost = {name: sum(agent.stats[name].get(k, 0) for k in counted) for name in SIGNALS}
    for family in (4, 6):
        pid, good, bad = truth[f"connect{family}"]
        for name, count in (("connect_latency_ms", good), ("connect_errors_total", bad)):
            got = by_pid.get((name, pid), 0)
            # where the run that saw a SYN leave was left out, a connect that was reset at once is taken for a failed one
            check(got <= count + agent.stats[name]["missed"] and count - got <= lost[name], f"{name} of the storm, IPv{family}", got, count,
                  f"only what is counted as lost: {lost[name]}")
        pid, asked, answered = truth[f"dns{family}"]
        assert asked == answered
        got = by_pid.get(("dns_latency_ms", pid), 0)
        check(got <= asked and asked - got <= lost["dns_latency_ms"], f"dns_latency_ms of the storm, IPv{family}",
              got, asked, f"only what is counted as lost: {lost['dns_latency_ms']}")
    if disk:
        pid, count = truth["disk"]
        # the stalling reader shares the disk, but what is read ahead for it is larger
        got = len(samples(records, "disk_io_latency_ms", lambda r: detail(r, "bytes") == 4096))
        low = count - lost["disk_io_latency_ms"]
        check(low <= got <= count + 16, "disk_io_latency_ms of the direct reads", got, count,
              f"what is counted as lost: {lost['disk_io_latency_ms']}; 16 for single pages of the other reader")
    # v1 counts batches of a charge too, so there it is an upper bound only; both processes of the cgroup charge
    got = len(samples(records, STALLS, lambda r: r.get("cgroup_id") == small.id and detail(r, "kind") == "memcg"))
    low = refused - lost[STALLS] if small.v2 else 1
    check(low <= got <= refused, f"{STALLS} of the storm", got, refused, f"only what is counted as lost: {lost[STALLS]}")
    holds(f"{THROTTLED} of the storm", [r for r in records if r["signal"] == THROTTLED and r.get("cgroup_id") == small.id])
    made = agent.stats["runqueue_delay_ms"]["made"]
    # each round of the two processes is two wakes; an idle CPU may take the woken at once, still a switch
    pid, rounds = truth["switch"]
    check(made >= rounds, "run-queue waits measured", made, rounds, "at least one for each round")


# An emulated CPU makes some 1700 events a second, and the ring holds 5000: it has to sleep longer to miss any.
SLEEP = 1.5 if slotest.ON_HOST else 7.0


@test
def an_agent_that_sleeps_counts_what_it_misses():
    agent = Agent(",".join(SIGNALS), backend="auto")
    storm(agent, SLEEP + 1.5, SLEEP)
    time.sleep(1.5)
    records = stop_and_read(agent)
    adds_up(agent, records)
    lost = {name: agent.stats[name]["lost_ring"] + agent.stats[name]["shed"] for name in SIGNALS}
    holds("something was lost, else this test shows nothing", sum(lost.values()) > 0, lost)
    needed = {"ts_unix_nano", "signal", "pid", "tid", "value", "unit", "status"}
    equal("records without their fields", [r for r in records if not needed <= set(r)][:3], [])


source = small = None


def make():
    global net, disk, source, small
    source = slolimit.cached_source()
    small = slolimit.Limit(f"slo-truth-{os.getpid()}-storm", "memory", "cpu")
    small.limit(16 << 20)
    small.quota(80)
    net = slonet.Net()
    if not slotest.ON_HOST:
        disk = slodisk.or_none(slodisk.NullDisk, 0)
    # the loopback of a namespace of our own: nothing leaves it
    slodns.start_server(net, side="c", addrs={4: "127.0.0.1", 6: "::1"})
    listeners = [net.listen("c", f, 7200 + f * 10, backlog=1024, addr="127.0.0.1" if f == 4 else "::1") for f in (4, 6)]
    slonet.spawn(_accept, listeners)
    for listener in listeners:
        listener.close()


slotest.main(setup=make)
