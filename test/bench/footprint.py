#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The agent as a process, all signals on: memory, time to start, its own CPU use idle and under a switch storm."""
import subprocess
import sys
import threading
import time

from benchlib import Agent, Unmeasured, absent, agent_binary, figure, load

SECONDS = 10
STARTS = 10
CPU = "own CPU, % of a core"


def cpu_pct(agent, seconds):
    before, begin = agent.cpu_ns(), time.monotonic_ns()
    time.sleep(seconds)
    return 100 * (agent.cpu_ns() - before) / (time.monotonic_ns() - begin)


def memory(preset, agent):
    figure(f"{preset}: VmRSS {SECONDS} s after start", agent.status_mib("VmRSS"), "MiB", "<= 10")
    figure(f"{preset}: VmHWM, peak at start", agent.status_mib("VmHWM"), "MiB", "<= 16")


def storm(preset, agent):
    made = []
    thread = threading.Thread(target=lambda: made.append(load("switch", SECONDS)))
    thread.start()
    pct = cpu_pct(agent, SECONDS - 1)
    thread.join()
    if not made:
        raise Unmeasured("the load did not run")
    figure(f"{preset}: {CPU}, switch storm", pct, "%", None, f"{made[0][0] * 1e9 / made[0][1]:.0f} switches/s")


def run(preset, with_cpu):
    with Agent(preset) as agent:
        idle = cpu_pct(agent, SECONDS)
        memory(preset, agent)
        if with_cpu:
            figure(f"{preset}: {CPU}, idle", idle, "%")
            storm(preset, agent)


def starts(preset):
    """From before fork and exec to the line that tells that all is attached."""
    took = []
    for _ in range(STARTS):
        with Agent(preset) as agent:
            took.append(agent.start_ms() / 1000)
    figure(f"{preset}: start to attached", took, "s", "<= 0.5")


def main():
    what = sys.argv[1:]
    for preset in ("release", "static"):
        try:
            agent_binary(preset)
            run(preset, "cpu" in what)
            if "start" in what:
                starts(preset)
        except (Unmeasured, OSError, subprocess.SubprocessError) as err:
            absent(f"{preset}: memory, start, CPU", err)


main()
