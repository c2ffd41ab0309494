#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""nginx under wrk at a fixed rate, with and without the agent: throughput and p99 as ratios with their bootstrap intervals.
nginx.py [--blocks N] [none|SIGNAL,...]...: an agent of these signals alone, each list in turn; else one of all; none: no agent on
either side, which shows what this machine can tell apart.

Requests have times at which they are due, whatever became of those before: throughput falls when one of the two does not keep up, and
not because an answer takes a little longer. What a request waits inside of wrk for a connection that is free is not in its latency.
Slices stand in blocks of four, without, with, with, without, so that a machine that grows slower for a while does so on
both sides; the figure is the median of the blocks' ratios, for p99 of a block varies by 15 % beside nobody, and is ten times what it is
alone beside a compiler. A block in which anything but the three had a CPU for more than QUIET_PCT of a core, or the
hypervisor had, is not taken.
The agent's own loop has a CPU for 0.1 % of the time, so that p99 does not see it; what it sees is the programs.
All three go before whatever else this machine does (SCHED_RR), and wait for each other as they would on a machine of their own."""
import argparse
import bisect
import contextlib
import itertools
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from benchlib import Agent, LOAD_CPU, TOOL_CPU, Unmeasured, absent, figure, read

BLOCKS, SECONDS = 20, 2
CONNECTIONS, RATE = 40, 4000
DRAWS = 2000
QUIET_PCT = 10
PORT = 18477
BEFORE_OTHERS = ("chrt", "--rr", "1")
CONF = """worker_processes 1; daemon off; pid {d}/pid; error_log {d}/err;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {d}; proxy_temp_path {d}; fastcgi_temp_path {d}; uwsgi_temp_path {d};
scgi_temp_path {d}; keepalive_requests 1000000; server {{ listen 127.0.0.1:{p}; location / {{ return 200 "ok"; }} }} }}
"""
# wrk's timers have milliseconds: what is due within one leaves together.
WRK = """local ffi = require("ffi")
ffi.cdef "struct spec { long s; long ns; }; int clock_gettime(int clock, struct spec *t);"
local spec, due = ffi.new("struct spec"), nil
function delay()
  ffi.C.clock_gettime(1, spec)
  local now = tonumber(spec.s) * 1e3 + tonumber(spec.ns) / 1e6
  due = due and due + 1e3 / %d or now
  return math.max(0, math.floor(due - now))
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("made %%d %%d %%d\\n", summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout))
  for i = 1, #latency do io.write(string.format("took %%d %%d\\n", latency(i))) end
end
"""


@contextlib.contextmanager
def nginx(folder):
    with open(f"{folder}/conf", "w", encoding="utf-8") as conf:
        conf.write(CONF.format(d=folder, p=PORT))
    with open(f"{folder}/wrk.lua", "w", encoding="utf-8") as lua:
        lua.write(WRK % RATE)
    proc = subprocess.Popen([*BEFORE_OTHERS, "taskset", "-c", str(TOOL_CPU), "nginx", "-p", folder, "-c", f"{folder}/conf"],
                            stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    if proc.poll() is not None:
        raise Unmeasured("nginx did not start")
    try:
        yield [proc.pid, *map(int, read(f"/proc/{proc.pid}/task/{proc.pid}/children").split())]
    finally:
        proc.terminate()
        proc.wait(10)


def others_s(mine):
    """CPU time of all that ran but @mine and what we waited for, and stolen time, so far: seconds."""
    fields = [int(n) for n in read("/proc/stat").split(maxsplit=9)[1:9]]
    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = sum(int(read(f"/proc/{pid}/schedstat").split()[0]) for pid in mine) / 1e9
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK") - own - waited.ru_utime - waited.ru_stime


class Side:
    """What was asked with the agent, or without: requests, the us they were made in, and how many took each number of us."""

    def __init__(self):
        self.requests, self.us, self.took = 0, 0, {}

    def add(self, other):
        self.requests += other.requests
        self.us += other.us
        for value, count in other.took.items():
            self.took[value] = self.took.get(value, 0) + count

    def rate(self):
        return self.requests * 1e6 / self.us

    def took_us(self, part):
        """That part of the requests took no longer; interpolated inside of the whole number, for thousands took the same."""
        values = sorted(self.took)
        sums = list(itertools.accumulate(self.took[v] for v in values))
        want = part * sums[-1]
        i = bisect.bisect_left(sums, want)
        return values[i] + (want - (sums[i] - self.took[values[i]])) / self.took[values[i]]


def wrk(folder):
    text = subprocess.run([*BEFORE_OTHERS, "taskset", "-c", str(LOAD_CPU), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s",
                           f"{folder}/wrk.lua", f"http://127.0.0.1:{PORT}/"], capture_output=True, text=True, check=True,
                          timeout=60).stdout
    lines = [line.split() for line in text.splitlines()]
    made = [line for line in lines if line[:1] == ["made"]]
    side = Side()
    side.took = {int(line[1]): int(line[2]) for line in lines if line[:1] == ["took"]}
    if not made or not side.took or made[0][3] != "0":
        raise Unmeasured(f"wrk said: {text[:200]}")
    side.requests, side.us = int(made[0][1]), int(made[0][2])
    return side


@contextlib.contextmanager
def agent_of(signals):
    if signals == "none":
        yield []
        return
    with Agent("release", *(("--signals", signals) if signals else ())) as agent:
        os.sched_setscheduler(agent.pid, os.SCHED_RR, os.sched_param(1))
        yield [agent.pid]


def block(folder, servers, signals):
    """{with the agent: Side}, and the most that others had of a core in one of the slices, percent."""
    sides, most = {False: Side(), True: Side()}, 0

    def slices(with_agent, count, mine):
        nonlocal most
        time.sleep(0.3)
        for _ in range(count):
            before = others_s(mine)
            sides[with_agent].add(wrk(folder))
            most = max(most, 100 * (others_s(mine) - before) / SECONDS)

    slices(False, 1, servers)
    with agent_of(signals) as agent:
        slices(True, 2, servers + agent)
    slices(False, 1, servers)
    return sides, most


def quiet_blocks(folder, servers, signals, count):
    """(those of @count blocks that count, how many do not)"""
    made = [block(folder, servers, signals) for _ in range(count)]
    blocks = [sides for sides, most in made if most <= QUIET_PCT]
    if len(blocks) < 3:
        raise Unmeasured(f"{len(blocks)} of {count} blocks were quiet: others had {min(most for _, most in made):.0f} % of a core and more")
    return blocks, count - len(blocks)


def interval(values):
    """Median and its 95 % bootstrap interval."""
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(DRAWS))
    return statistics.median(values), medians[DRAWS * 25 // 1000], medians[DRAWS * 975 // 1000 - 1]


def measure(folder, servers, signals, count):
    blocks, loud = quiet_blocks(folder, servers, signals, count)
    what = "no agent on either side" if signals == "none" else f"the agent{' of ' + signals if signals else ''} / without"
    for name, value, goal in (("throughput", Side.rate, ">= 0.99"), ("p50 latency", lambda side: side.took_us(0.5), None),
                              ("p99 latency", lambda side: side.took_us(0.99), "<= 1.01")):
        mid, low, high = interval([value(sides[True]) / value(sides[False]) for sides in blocks])
        without, with_agent = (statistics.median(value(sides[side]) for sides in blocks) for side in (False, True))
        figure(f"nginx, {name} with {what}", mid, "ratio", None if signals == "none" else goal,
               f"95 % interval {low:.4f} to {high:.4f}; {without:.1f} and {with_agent:.1f} {'/s' if name == 'throughput' else 'us'}; "
               f"{len(blocks)} blocks of 4 x {SECONDS} s, {loud} not quiet")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    parser.add_argument("signals", nargs="*", default=[None])
    args = parser.parse_args()
    for tool in ("nginx", "wrk", "taskset", "chrt"):
        if not shutil.which(tool):
            absent("nginx under wrk", f"no {tool}")
            return
    folder = tempfile.mkdtemp(prefix="slo-nginx.")
    os.chmod(folder, 0o755)
    try:
        with nginx(folder) as servers:
            wrk(folder)
            for signals in args.signals:
                measure(folder, servers, signals, args.blocks)
    except (Unmeasured, OSError, subprocess.SubprocessError) as err:
        absent("nginx under wrk", err)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
