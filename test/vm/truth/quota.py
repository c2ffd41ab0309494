#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""An agent that shares a twentieth of a CPU: it tells late, and what it tells is as true as ever."""
# timeout: 600
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slodns
import slolimit
import slonet
import slotest
from slotest import Agent, between, detail, equal, samples, test

SIGNAL = "dns_latency_ms"
DELAY_MS = 50
LOOKUPS = 40
CONNECTS_A_SECOND = 50
QUOTA_PCT = 5
TIMEOUT_MS = 6000
SECONDS_AT_MOST = 120


def _keep_it_busy(seconds):
    """Connects on the loopback, each of which is an event that has to be read."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            socket.create_connection(server.getsockname()).close()
            server.accept()[0].close()
            time.sleep(1 / CONNECTS_A_SECOND)


def _spin():
    """Takes what the quota gives: the agent alone needs less."""
    while True:
        pass


def about(records, name):
    return samples(records, SIGNAL, lambda r: str(detail(r, "qname", "")).rstrip(".") == name)


@test
def lookups_take_no_longer_for_an_agent_short_of_cpu():
    limit = slolimit.Limit(f"slo{os.getpid()}q", "cpu")
    net = slonet.Net()
    net.shape("s", delay_ms=DELAY_MS)
    slodns.start_server(net)
    keep = slodns.timestamped(net.socket("c", 4, socket.SOCK_DGRAM))  # the kernel's receive stamps are on from here
    slodns.ask_udp(net, 4, "warm.up.test", 1)
    agent = Agent(f"{SIGNAL},connect_latency_ms")
    if agent.pid:
        limit.add(agent.pid)
    hog = slonet.spawn(_spin, cgroup=limit)
    limit.quota(QUOTA_PCT)
    load = slonet.spawn(_keep_it_busy, 12)
    silent, server = slodns.udp_client(net, 4, True)
    begin, _ = slodns.send(silent, slodns.query(0x7001, "drop.quota.test"), server, True)
    timed = {}
    for i in range(LOOKUPS):
        name = f"ok.q{i}x{os.getpid()}.test"
        timed[name], _ = slodns.ask_udp(net, 4, name, 0x2000 + i)
        time.sleep(0.1)
    load.result()
    late = time.monotonic()
    while agent.pid and not about(agent.peek(), "drop.quota.test") and time.monotonic() - late < SECONDS_AT_MOST:
        time.sleep(0.5)
    _, periods, throttled = limit.throttled()
    hog.kill()
    limit.quota(None)
    records = agent.stop()
    silent.close()
    keep.close()
    between(f"periods in which the agent was throttled, of {periods}", throttled, 50, periods, "else it was not short of anything")
    lost = agent.stats[SIGNAL]["lost_ring"]
    found = {name: about(records, name) for name in timed}
    between(f"lookups told, {lost} counted as lost", sum(map(len, found.values())), LOOKUPS - lost, LOOKUPS, "exact but for those")
    for name, got in found.items():
        for record in got:
            between(f"{name}: ms", record["value"], max(timed[name].low_ms, DELAY_MS), timed[name].high_ms,
                    "kernel receive stamp and application clock, 0.3 ms between clocks")
            between(f"{name}: time of the record", record["ts_unix_nano"] / 1e6, timed[name].stamp / 1e6 - 1, timed[name].end / 1e6 + 1,
                    "the answer's arrival to its reading, 1 ms for the clock offset's sampling")
    unanswered = about(records, "drop.quota.test")
    equal("records of the lookup that nobody answered", len(unanswered), 1)
    for record in unanswered:
        between("unanswered: ms", record["value"], TIMEOUT_MS, TIMEOUT_MS + 1, "6 s of waiting, however late the agent looks")
        between("unanswered: time of the record", record["ts_unix_nano"] / 1e6, begin / 1e6 + TIMEOUT_MS - 5, begin / 1e6 + TIMEOUT_MS + 50,
                "6 s after it was sent")


slotest.main()
