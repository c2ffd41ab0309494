#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""A clock that is set: an hour forward, an hour back, with an incident open and without. No incident is opened or ended
by it, requests and kernel events go on being counted, and objectives being judged."""
# timeout: 420
import json
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "live"))

import slotest
import surroundings
from slotest import ON_HOST, SELF, between, equal, holds, skip, test

HOUR = 3600
# Emulated CPUs: what is evaluated every 500 ms may come this late.
LATE_S = 30
EVENTS = f"{slotest.tmp}/events.jsonl"
agent = None


class Load:
    """Requests without a pause, good ones or bad ones."""

    def __init__(self):
        self.bad, self.stopped = False, False
        self.statuses = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopped:
            self.statuses.append(agent.spans(self.bad))
            time.sleep(0.1)

    def stop(self):
        self.stopped = True
        self.thread.join()


def step(seconds):
    time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)


def wait(what, until, seconds=LATE_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        time.sleep(0.2)
    return holds(what, until(), "" if until() else f"not within {seconds} s\n{agent.log()}")


def changes():
    return [s for s in agent.hooks.statuses() if s != "update"]


def calm(what, seconds=14):
    """As long as the windows, and more: nothing begins or ends, what comes is counted and judged, events are of today."""
    told, taken = changes(), agent.count("agent_received_records_total", "span", "accepted")
    time.sleep(seconds)
    equal(f"{what}: incidents that began or ended", changes()[len(told):], [])
    more = agent.count("agent_received_records_total", "span", "accepted") - taken
    holds(f"{what}: {more:g} spans more", more > 0)
    equal(f"{what}: an objective without data", agent.count("state", "errors", "insufficient_data"), 0)
    with open(EVENTS, "rb") as f:
        last = json.loads(f.read().split(b"\n")[-2])
    between(f"{what}: age of the last kernel event, s", time.time() - last["ts_unix_nano"] / 1e9, -1, 5,
            "intervals of 200 ms, on slow CPUs")


@test
def a_clock_that_is_set_neither_opens_nor_ends_incidents():
    global agent
    if ON_HOST:
        skip("the clock of a host is not ours to set")
    if os.environ.get("SLO_SERIES") not in ("6.1", None):
        skip("no kernel does it in a way of its own: 6.1 shows it")
    if SELF:
        return
    # An emulated CPU makes every signal dear: this one is not to be shed.
    os.environ.update(SLO_AGENT_SIGNAL_SET="runqueue_delay_ms", SLO_SAFETY_MAX_OVERHEAD_PCT="0")
    agent = surroundings.Agent(slotest.AGENT, f"[output]\npath = {EVENTS}\n", backend="auto")
    load = None
    try:
        agent.start()
        load = Load()
        wait("the objective is judged", lambda: agent.count("state", "errors", "ok"))
        for seconds in (HOUR, -HOUR):
            step(seconds)
            calm(f"set by {seconds} s")
        load.bad = True
        wait("an incident", lambda: agent.hooks.statuses()[-1:] == ["open"])
        # The hour before the clock is set back has the bad ones: they must not be met again.
        for seconds in (HOUR, -HOUR, -HOUR):
            step(seconds)
            calm(f"open, set by {seconds} s")
        load.bad = False
        wait("its end", lambda: agent.hooks.statuses()[-1:] == ["resolved"], 60)
        step(HOUR)
        calm("after it")
    finally:
        if load:
            load.stop()
    late = agent.count("agent_received_records_total", "late")
    sent, steps = len(agent.sent), 6
    agent.stop()
    equal("incidents", surroundings.check_told(agent.hooks.told), 1)
    equal("answers", set(load.statuses), {200})
    between("requests that came too late to be counted", late, 0, 5 * steps,
            f"of {sent}: those of one batch for each of {steps} times that the clock was set")


slotest.main()
