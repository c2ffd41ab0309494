#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What went bad is not learnt as normal, also where no incident is open: read off the state that the agent leaves.

usage: learnt.py AGENT
"""
import json
import os
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import surroundings  # noqa: E402

SLOTS, FIRST_G, STEP = 320, -8.0, 0.1  # core/engine/baseline.h
HEADER = "16s8I"  # core/programs/agent/live_state.c


def requests(agent, status, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = time.time_ns()
        attributes = [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]
        if status != 200:
            attributes += [{"key": "http.response.status_code", "value": {"intValue": str(status)}},
                           {"key": "error.type", "value": {"stringValue": str(status)}}]
        span = {"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": "chat m", "kind": 3,
                "startTimeUnixNano": str(now - 5000000), "endTimeUnixNano": str(now), "attributes": attributes,
                "status": {"code": 1 if status == 200 else 2}}
        name = {"key": "service.name", "value": {"stringValue": "chat"}}
        assert agent.post(json.dumps({"resourceSpans": [{"resource": {"attributes": [name]},
                                                         "scopeSpans": [{"spans": [span]}]}]}).encode()) == 200
        time.sleep(0.05)


def server_errors(agent):
    """{g(share of 5xx replies): weight} of what the service's baseline has seen of that kind."""
    with open(f"{agent.state}/hard/state.bin", "rb") as f:
        data = f.read()
    head = struct.unpack_from(HEADER, data)
    size, services, row = head[2], head[5], head[8]
    assert services == 1, f"{services} services in the state"
    # the throttled share is the first kind read off spans, that of 5xx the second: the twelve signals come before
    at = struct.calcsize(HEADER) + row + 13 * (SLOTS + 2) * 4
    assert size % ((SLOTS + 2) * 4) == 0, "core/engine/baseline.h and this differ"
    slots = struct.unpack_from(f"{SLOTS}f", data, at)
    return {FIRST_G + STEP * i: w for i, w in enumerate(slots) if w}


def main():
    # no window ever has so many requests: the fault goes on and no incident opens
    surroundings.CONFIG = surroundings.CONFIG.replace("valid_min = 2", "valid_min = 1000000")
    agent = surroundings.Agent(sys.argv[1])
    agent.start()
    requests(agent, 200, 6)
    requests(agent, 503, 6)
    requests(agent, 200, 4)
    agent.stop()
    learnt = server_errors(agent)
    print(f"{len(learnt)} values learnt of the share of 5xx replies, g from {min(learnt):.1f} to {max(learnt):.1f}")
    # a share of none is g = -5.3, of half 0
    if max(learnt) > -4:
        print("FAIL: slots of the fault were learnt")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
