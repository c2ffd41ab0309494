#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad surroundings for the whole agent: an ill collector, none for a while, a full disk, SIGKILL in the middle of a
write, bodies that are none, connections that say nothing. What was taken comes out or is counted; an incident is told,
under one id, and ends under the same.

usage: hard.py AGENT [--rounds N] [--down SECONDS] [--seed N] [SCENARIO...]
"""
# needs: strace
import argparse
import ctypes
import os
import random
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from surroundings import Agent, check_told, id_of

CLONE_NEWNS = 0x20000
args = rng = None


def collector():
    """Each ill answer in turn: what it took is there or counted as refused; Retry-After is kept."""
    agent = Agent(args.agent).start()
    sink = agent.sink
    for sink.mode in ("refuses", "garbage", "cut", "slow", "busy"):
        before = len(sink.asked)  # it backs off, for up to 30 s
        agent.feed(False, 90, lambda b=before: len(sink.asked) > b + 5)
        assert len(sink.asked) > before and agent.alive(), (sink.mode, agent.log())
        if sink.mode == "busy":
            first = sink.asked[before]  # beside it what was on its way already
            after = [t - first for t in sink.asked[before:] if t - first > 0.5]
            gaps = [b - a for a, b in zip([0, *after], after)]
            assert gaps and min(gaps) >= 1.9, f"asked again after {gaps} s, told to wait 2"
    sink.mode = "well"
    agent.feed(False, 2)
    refused = agent.count("agent_export_records_total", "span", "rejected")
    agent.wait_for_spans(60, refused)
    assert refused and agent.count("agent_export_records_total", "span", "dropped") == 0
    agent.stop()
    print(f"collector: 400, garbage, cut, slow, 429: {len(agent.sent)} spans taken, {len(sink.spans)} came out, "
          f"{refused:g} refused, {len(sink.asked)} requests of spans")


def down():
    """Nobody there for a while: costs nothing but delay."""
    agent = Agent(args.agent).start()
    sink = agent.sink
    agent.feed(False, 2)
    sink.down()
    agent.hooks.down()
    begin = time.monotonic()
    bad_until = begin + min(15, args.down / 2)
    agent.feed(True, bad_until - begin, lambda: agent.count("incidents_open"))
    assert agent.count("incidents_open"), f"no incident\n{agent.log()}"
    agent.feed(False, args.down - (time.monotonic() - begin))
    took = time.monotonic() - begin
    disk = agent.count("agent_export_queue_bytes", "disk")
    assert disk, "nothing went to disk"
    sink.up()
    agent.hooks.up()
    begin = time.monotonic()
    agent.feed(False, 90, lambda: len(sink.spans) == len(agent.sent))
    agent.wait_for_spans(60)
    waited = time.monotonic() - begin
    twice = sum(n - 1 for n in sink.spans.values())
    assert agent.feed(False, 120, agent.told("resolved")), agent.log()
    assert agent.count("agent_export_records_total", "dropped") == 0
    agent.wait_for_spans(60)
    agent.stop()
    opened = check_told(agent.hooks.told)
    assert opened == 1 and agent.opened() == {id_of(b) for _, b in agent.hooks.told}
    print(f"down: nobody for {took:.0f} s, {disk:g} bytes on disk: {len(agent.sent)} spans taken, {len(sink.spans)} came out, "
          f"{twice} twice, all within {waited:.0f} s; {opened} incident told")


def small_disk(agent):
    """False: not here."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "slo-hard", agent.state], capture_output=True, check=False)
    return done.returncode == 0


def fill(agent):
    with open(f"{agent.state}/filler", "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            pass


def full():
    """A disk that is full, while it runs and when it starts."""
    agent = Agent(args.agent)
    if not small_disk(agent):
        print("full: no small disk can be mounted here")
        return
    try:
        agent.start()
        agent.feed(False, 1)
        agent.sink.down()
        fill(agent)
        agent.feed(False, 60, lambda: agent.count("agent_export_records_total", "span", "dropped"))
        agent.through_an_incident()
        agent.sink.up()
        os.unlink(f"{agent.state}/filler")
        agent.feed(False, 3)
        agent.feed(False, 60, lambda: not agent.count("agent_export_queue_bytes"))
        lost = agent.count("agent_export_records_total", "span", "dropped")
        assert lost, "nothing was lost: the disk was not full"
        agent.wait_for_spans(60, lost)
        agent.stop()
        shutil.rmtree(f"{agent.state}/hard")
        fill(agent)
        agent.start()
        agent.through_an_incident()
        agent.stop()
    finally:
        if agent.process and agent.alive():
            agent.kill()
        subprocess.run(["umount", agent.state], check=True)
    opened = check_told(agent.hooks.told)
    assert opened == 2 and agent.opened() == {id_of(b) for _, b in agent.hooks.told}
    print(f"full: {len(agent.sent)} spans taken, {len(agent.sink.spans)} came out, {lost:g} counted as dropped; "
          f"started on a full disk; {opened} incidents told")


# What the state, the spools and their folders are written with.
WRITES = ("pwritev", "pwrite64", "fdatasync", "fsync", "rename", "ftruncate")


def killed():
    """Killed again and again, every other time when a certain system call of a write begins."""
    strace = shutil.which("strace")
    agent = Agent(args.agent)
    hooks, in_write = agent.hooks, 0
    bad = True
    for i in range(args.rounds):
        agent.sink.mode = rng.choice(("well", "busy", "cut"))
        if strace and i % 2:
            call, nth = rng.choice(WRITES), rng.choice((1, 1, 2, 3))
            agent.start(strace, "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                        "-e", f"inject={call}:signal=KILL:when={nth}")
            agent.feed(bad, 8, lambda: not agent.alive())
            in_write += not agent.alive()
        else:
            agent.start()
            agent.feed(bad, rng.uniform(0.2, 1.6))
        agent.kill()
        # Once it is told, or was given time enough: the other half.
        if i % 4 == 3 or hooks.statuses()[-1:] == ["open" if bad else "resolved"]:
            bad = not bad
    agent.sink.mode = "well"
    agent.start()
    agent.feed(True, 20, agent.told("open"))
    assert agent.feed(False, 60, agent.told("resolved")), agent.log()
    agent.stop()
    opened = check_told(hooks.told)
    told, logged = {id_of(b) for _, b in hooks.told}, agent.opened()
    assert logged <= told, f"{logged - told} were opened and never told"
    assert opened > args.rounds / 20, f"{opened} incidents are too few to show anything"
    assert set(agent.sink.spans) <= agent.sent, "spans that were never taken"
    assert "set aside" not in agent.log(1 << 30), agent.log()
    print(f"killed: {args.rounds} kills, {in_write} of them in a write: {len(hooks.told)} notices of {opened} incidents, "
          "none lost, none under two ids")


def killed_at_rename():
    """Before, and after, the notice is spooled: the first rename is the ring of the objective."""
    for when in (2, 3) if shutil.which("strace") else ():
        agent = Agent(args.agent)
        agent.start("strace", "-D", "-f", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2", "-e",
                    f"inject=rename,renameat,renameat2:signal=KILL:when={when}")
        assert agent.feed(True, 20, lambda a=agent: not a.alive()), "it was not killed"
        agent.start()
        agent.feed(True, 6)
        agent.feed(False, 30, agent.told("resolved"))
        agent.stop()
        assert check_told(agent.hooks.told) == 1
        print(f"killed at rename {when}: 1 incident, {len(agent.hooks.told)} notices")


def started_badly():
    """A start that fails leaves the state as it is."""
    agent = Agent(args.agent).start()
    assert agent.feed(True, 20, lambda: agent.hooks.told), agent.log()
    time.sleep(1)
    agent.kill()
    state = f"{agent.state}/hard/state.bin"
    with open(state, "rb") as f:
        before = f.read()
    with open(agent.config, "a") as f:
        f.write("[slo.more]\nservice = chat\nsli = error_rate\nthreshold = 0.01\nobjective = 0.95\n"
                "windows = 100ms, 6s, 7s, 8s, 9s, 10s, 11s\n")
    done = subprocess.run([agent.path, "--config", agent.config, "--output", "jsonl"], capture_output=True, timeout=60,
                          check=False)
    with open(state, "rb") as f:
        assert done.returncode and f.read() == before, "a start that failed wrote over the state"
    print("started badly: the state is kept")


def flooded(count=10000, connections=1000):
    """Bodies that are none, then connections that send a byte and wait."""
    agent = Agent(args.agent).start()
    good = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00","name":"x"}]}]}]}'
    answers = {}
    for i in range(count):
        body = rng.randbytes(rng.randrange(1, 200)) if i % 2 else good[:rng.randrange(len(good))]
        status = agent.post(body, rng.choice(("application/json", "application/x-protobuf")))
        answers[status] = answers.get(status, 0) + 1
    assert set(answers) <= {200, 400}, answers
    counted = agent.count("agent_http_requests_total", "otlp", "bad")
    assert counted == answers.get(400, 0) > 0, (counted, answers)
    held = [socket.create_connection(("127.0.0.1", agent.otlp), 10) for _ in range(connections)]
    slowest = 0
    for letter in b"POS":
        for s in held:
            try:
                s.send(bytes([letter]))
            except OSError:  # cut off: there is room for so many
                pass
        begin = time.monotonic()
        assert agent.spans(False) == 200, agent.log()
        slowest = max(slowest, time.monotonic() - begin)
    refused = agent.count("agent_http_requests_total", "otlp", "refused")
    kept = agent.count("agent_http_connections", "otlp")
    assert refused >= connections - 320 and kept <= 320, (refused, kept)
    for s in held:
        s.close()
    assert agent.spans(False) == 200, agent.log()
    agent.stop()
    print(f"flooded: {count} bodies {answers}, {counted:g} counted; {connections} connections of a byte: {refused:g} cut off and "
          f"counted, {kept:g} kept, a good request meanwhile took {slowest * 1e3:.0f} ms")


SCENARIOS = {f.__name__: f for f in (collector, down, full, killed_at_rename, started_badly, flooded, killed)}


def main():
    global args, rng
    parser = argparse.ArgumentParser()
    parser.add_argument("agent")
    parser.add_argument("scenario", nargs="*", choices=[*SCENARIOS, []])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--down", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    args = parser.parse_args()
    rng = random.Random(args.seed)
    print(f"seed {args.seed}", flush=True)
    # What is mounted goes with this process.
    if ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for name in args.scenario or SCENARIOS:
        begin = time.monotonic()
        SCENARIOS[name]()
        print(f"  {name}: {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
