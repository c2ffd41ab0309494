#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""nginx under wrk at a fixed rate, with and without the agent, in pairs of runs: throughput and p99 as ratios with their
bootstrap intervals. nginx.py [SIGNAL,...]...: an agent of these signals alone, each list in turn; else one of all.
All three go before whatever else this machine does (SCHED_RR), and wait for each other as they would on a machine of their own."""
import contextlib
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from benchlib import Agent, LOAD_CPU, TOOL_CPU, Unmeasured, absent, figure

PAIRS, SECONDS = 12, 3
CONNECTIONS, THINK_MS = 40, 10  # a fixed rate: each connection asks again after this pause
PORT = 18477
BEFORE_OTHERS = ("chrt", "--rr", "1")
CONF = """worker_processes 1; daemon off; pid {d}/pid; error_log {d}/err;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {d}; proxy_temp_path {d}; fastcgi_temp_path {d}; uwsgi_temp_path {d};
scgi_temp_path {d}; server {{ listen 127.0.0.1:{p}; location / {{ return 200 "ok"; }} }} }}
"""


@contextlib.contextmanager
def nginx(folder):
    with open(f"{folder}/conf", "w", encoding="utf-8") as conf:
        conf.write(CONF.format(d=folder, p=PORT))
    with open(f"{folder}/delay.lua", "w", encoding="utf-8") as lua:
        lua.write(f"function delay() return {THINK_MS} end\n")
    proc = subprocess.Popen([*BEFORE_OTHERS, "taskset", "-c", str(TOOL_CPU), "nginx", "-p", folder, "-c", f"{folder}/conf"],
                            stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    if proc.poll() is not None:
        raise Unmeasured("nginx did not start")
    try:
        yield
    finally:
        proc.terminate()
        proc.wait(10)


def wrk(folder):
    """(requests a second, p99 in us)."""
    text = subprocess.run([*BEFORE_OTHERS, "taskset", "-c", str(LOAD_CPU), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s",
                           f"{folder}/delay.lua", f"http://127.0.0.1:{PORT}/"], capture_output=True, text=True, check=True,
                          timeout=60).stdout
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", text)
    p99 = re.search(r"99%\s+([0-9.]+)(us|ms|s)", text)
    if not rate or not p99:
        raise Unmeasured(f"wrk said: {text[:200]}")
    return float(rate[1]), float(p99[1]) * {"us": 1, "ms": 1e3, "s": 1e6}[p99[2]]


def interval(values):
    """Median and its 95 % bootstrap interval."""
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(2000))
    return statistics.median(values), medians[50], medians[1949]


def pair(folder, preset, signals, agent_first):
    result = {}
    for with_agent in (agent_first, not agent_first):
        with Agent(preset, *signals) if with_agent else contextlib.nullcontext() as agent:
            if agent:
                os.sched_setscheduler(agent.pid, os.SCHED_RR, os.sched_param(1))
            time.sleep(0.3)
            result[with_agent] = wrk(folder)
    return tuple(result[True][i] / result[False][i] for i in (0, 1))


def measure(folder, signals):
    ratios = [pair(folder, "release", ("--signals", signals) if signals else (), i % 2 == 0) for i in range(PAIRS)]
    for i, name, goal in ((0, "throughput", ">= 0.99"), (1, "p99 latency", "<= 1.01")):
        mid, low, high = interval([r[i] for r in ratios])
        figure(f"nginx, {name} with the agent{' of ' + signals if signals else ''} / without", mid, "ratio", goal,
               f"95 % interval {low:.4f} to {high:.4f}, {PAIRS} pairs of {SECONDS} s")


def main():
    for tool in ("nginx", "wrk", "taskset", "chrt"):
        if not shutil.which(tool):
            absent("nginx under wrk", f"no {tool}")
            return
    folder = tempfile.mkdtemp(prefix="slo-nginx.")
    os.chmod(folder, 0o755)
    try:
        with nginx(folder):
            wrk(folder)
            for signals in sys.argv[1:] or [None]:
                measure(folder, signals)
    except (Unmeasured, OSError, subprocess.SubprocessError) as err:
        absent("nginx under wrk", err)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
