#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""nginx under wrk at a fixed rate, with and without the agent: throughput and p99 as ratios with their bootstrap intervals.
nginx.py [--blocks N] [none|SIGNAL,...]...: an agent of these signals alone, each list in turn; else one of all; none: no agent on
either side, which shows what this machine can tell apart.

Requests have times at which they are due, whatever became of those before: throughput falls when one of the two does not keep up, and
not because an answer takes a little longer. What a request waits inside of wrk for a connection that is free is not in its latency.
Slices stand in blocks of four, without, with, with, without, so that a machine that grows slower for a while does so on
both sides. A block in which anything but the three had a CPU for more than QUIET_PCT of a core, or the hypervisor had, is not taken: beside a
compiler p99 is ten times what it is alone, and tells of the compiler. A side's p99 is that of all its requests; the interval
comes from drawing blocks.
All three go before whatever else this machine does (SCHED_RR), and wait for each other as they would on a machine of their own."""
import argparse
import bisect
import contextlib
import itertools
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from benchlib import Agent, LOAD_CPU, TOOL_CPU, Unmeasured, absent, figure, read

BLOCKS, SECONDS = 12, 2
CONNECTIONS, RATE = 40, 4000
DRAWS = 1000
QUIET_PCT = 3
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

    def add(self, other, times=1):
        self.requests += other.requests * times
        self.us += other.us * times
        for value, count in other.took.items():
            self.took[value] = self.took.get(value, 0) + count * times

    def rate(self):
        return self.requests * 1e6 / self.us

    def p99(self):
        """us; interpolated inside of the whole number, for thousands of requests took the same."""
        values = sorted(self.took)
        sums = list(itertools.accumulate(self.took[v] for v in values))
        want = 0.99 * sums[-1]
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


def pooled(blocks, times=None):
    """{with the agent: Side} of @blocks, each as many times as @times says."""
    sums = {False: Side(), True: Side()}
    for sides, n in zip(blocks, times or [1] * len(blocks)):
        for with_agent, side in sides.items():
            if n:
                sums[with_agent].add(side, n)
    return sums


def ratios(sums):
    """(throughput, p99): with / without."""
    return sums[True].rate() / sums[False].rate(), sums[True].p99() / sums[False].p99()


def quiet_blocks(folder, servers, signals, count):
    """(those of @count blocks that count, how many do not)"""
    made = [block(folder, servers, signals) for _ in range(count)]
    blocks = [sides for sides, most in made if most <= QUIET_PCT]
    if len(blocks) < 3:
        raise Unmeasured(f"{len(blocks)} of {count} blocks were quiet: others had {min(most for _, most in made):.0f} % of a core and more")
    return blocks, count - len(blocks)


def measure(folder, servers, signals, count):
    blocks, loud = quiet_blocks(folder, servers, signals, count)
    count = len(blocks)
    sums = pooled(blocks)
    found = ratios(sums)
    sides = ", ".join(f"{'with' if w else 'without'} {s.rate():.0f}/s and {s.p99():.1f} us" for w, s in sums.items())
    rng, drawn = random.Random(1), []
    for _ in range(DRAWS):
        picks = rng.choices(range(count), k=count)
        drawn.append(ratios(pooled(blocks, [picks.count(i) for i in range(count)])))
    what = "no agent on either side" if signals == "none" else f"the agent{' of ' + signals if signals else ''} / without"
    for i, name, goal in ((0, "throughput", ">= 0.99"), (1, "p99 latency", "<= 1.01")):
        values = sorted(d[i] for d in drawn)
        low, high = values[DRAWS * 25 // 1000], values[DRAWS * 975 // 1000 - 1]
        figure(f"nginx, {name} with {what}", found[i], "ratio", None if signals == "none" else goal,
               f"95 % interval {low:.4f} to {high:.4f}, {count} blocks of 4 x {SECONDS} s, {loud} not quiet; {sides}")


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
