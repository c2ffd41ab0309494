#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Two signals are all that the agent has: what they show it finds; of a fault that neither can show it says that it cannot, and
guesses at no other. On the host by the kernel's counters (mode minimal), on an old kernel by bcc's floor (bcc_degraded)."""
# timeout: 600
import atexit
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "live"))

import slotest
import story
from slotest import ON_HOST as HOST
from slotest import equal, holds, skip, test

PYTHON = os.environ.get("SLO_OTEL_PYTHON", "")
MODE, BACKEND = ("minimal", "procfs") if HOST else ("bcc_degraded", "bcc")
SIGNALS = "dns_latency_ms,tcp_retransmits_total"
# Their evidence is of other signals than these two.
UNSEEN = {"cpu_throttle", "memory_pressure", "retrieval_backend"}
# Evaluations for which it may come to think better of an abstention.
LONG = 6
s = None


def told(ok, what):
    if not holds(what, ok):
        print("\n".join([s.log()[-2500:], s.sloctl("explain", "latest"), s.app_log()[-1000:]]), flush=True)
    return ok


def incident(begin, end, enough):
    """What the webhook was told of the first incident that the fault opens: [], or from its opening to its end."""
    if not told(s.settle(10, 120), "calm before it: the application keeps its objective, no incident is open"):
        return []
    seen = len(s.incidents())
    rows = lambda: s.incidents()[seen:]  # noqa: E731
    try:
        begin()
        s.wait("an incident", rows, 60)
        s.wait("what is said of it", lambda: enough(rows()), LONG * story.EVALUATION)
        explained = s.sloctl("explain", "latest")
    finally:
        end()
    if not told(rows(), "the fault opens an incident"):
        return []
    mine = rows()[0]["id"]
    told(s.wait("the end", lambda: any(r["id"] == mine and r["status"] == "resolved" for r in rows()), 90), "it is resolved")
    time.sleep(1.5)
    print(explained, flush=True)
    return [body for _, body in s.sink.hooks if body["incident_id"] == mine]


@test
def what_it_sees_it_finds():
    """A hook's evidence is enough to assert it. That of counters weighs half: alone, beside five faults that nothing was measured
    of, it makes it the likeliest and no more."""
    said = incident(lambda: s.slow_dns(1200 if HOST else 3000), s.calm, lambda rows: any(r["domain"] == "network_dns" for r in rows))
    asserted = {d for body in said for d in body["asserted_domains"]}
    holds("nothing else is asserted" if HOST else "it is asserted, and nothing else", asserted <= {"network_dns"} and (HOST or asserted),
          asserted)
    holds("it is the likeliest at last", said and said[-1]["fault_hypotheses"][0]["domain"] == "network_dns",
          said and said[-1]["fault_hypotheses"])
    holds("the mode stands in each record", said and all(body["capability_mode"] == MODE for body in said), MODE)


@test
def what_it_cannot_see_it_does_not_name():
    """A fault as in story.py, where the agent has all signals and names it."""
    if not HOST:
        skip("its verdict is made of the same two signals as the host's, which shows it")
    said = incident(lambda: s.cpu_hogs(6), s.calm, lambda rows: False)
    if not said:
        return
    equal("domains that were asserted", {d for body in said for d in body["asserted_domains"]}, set())
    for body in said:
        blind = set(body["unobservable_domains"])
        holds(f"{body['status']}: cpu_throttle is named as unobservable, with others of its kind", blind >= UNSEEN, sorted(blind))
        holds(f"{body['status']}: what is measured is not", "network_dns" not in blind, sorted(blind))


def make():
    global s
    if not HOST and slotest.BACKEND != "bcc":
        skip("the host and 5.10-bcc show it: so few signals are no other kernel's floor")
    if not PYTHON:
        skip("SLO_OTEL_PYTHON is not set: the OpenTelemetry SDK could not be installed (test/peers/python.sh)")
    pace = story.REAL if HOST else story.EMULATED
    if not HOST:
        os.environ["SLO_AGENT_STATE_DIR"] = slotest.Agent.ALONE["SLO_AGENT_STATE_DIR"]
    s = story.Story(slotest.AGENT, PYTHON, **pace, overhead=0, options=["--backend", BACKEND, "--signals", SIGNALS])
    atexit.register(s.close)
    holds(f"the agent's mode is {MODE}", f"agent ready mode={MODE} " in s.log(), s.log()[-600:])
    told(s.wait("a first request", lambda: s.sink.spans, 60) is not None, "spans come through")


slotest.main(setup=make)
