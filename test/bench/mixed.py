#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""All signals on under a mixed load at fixed rates: 10,000 context switches, 5,000 connects and 5,000 I/Os a second together.
What the agent and its programs cost, percent of one core: its CPU time, its programs' run time by the kernel's account, and
the calibrated cost of getting into each of them."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from benchlib import BIN, LOAD_CPU, Agent, Unmeasured, absent, figure

SECONDS = 8
SWITCHES, CONNECTS, IOPS = 10000, 5000, 5000


def start(kind, rate, seconds):
    return subprocess.Popen([f"{BIN}/load", kind, str(LOAD_CPU), str(seconds)], stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "LOAD_RATE": str(rate)})


def start_fio(folder, seconds):
    """Direct reads of 4 KiB, so that each is a request to the disk."""
    if not shutil.which("fio"):
        raise Unmeasured("no fio")
    return subprocess.Popen(["fio", "--name=mixed", f"--directory={folder}", "--rw=randread", "--bs=4k", "--size=64m",
                             "--direct=1", "--ioengine=psync", f"--rate_iops={IOPS}", "--time_based",
                             f"--runtime={seconds}", "--output-format=json"], stdout=subprocess.PIPE, text=True)


def total(programs, field):
    return sum(value[field] for value in programs.values())


def measure(preset):
    folder = tempfile.mkdtemp(prefix="slo-bench.", dir="/var/tmp")
    try:
        with Agent(preset) as agent:
            loads = {"switches": start("switch", SWITCHES, SECONDS + 2), "connects": start("connect", CONNECTS, SECONDS + 2)}
            fio = start_fio(folder, SECONDS + 2)
            time.sleep(1.5)
            begin, cpu, before = time.monotonic_ns(), agent.cpu_ns(), agent.programs()
            time.sleep(SECONDS - 1)
            wall, own, after = time.monotonic_ns() - begin, agent.cpu_ns() - cpu, agent.programs()
            made = {name: proc.communicate(timeout=60)[0] for name, proc in loads.items()}
            disk = json.loads(fio.communicate(timeout=60)[0])["jobs"][0]["read"]["iops"]
        entry = float(re.search(r"entry_ns=([0-9.]+)", "".join(agent.text_all()))[1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    runs, run_ns = (total(after, i) - total(before, i) for i in (0, 1))
    rates = {name: int(m[1]) * 1e9 / int(m[2]) for name, text in made.items() if (m := re.search(r"events=(\d+) ns=(\d+)", text))}
    rates["I/Os"] = disk
    said = ", ".join(f"{value:.0f} {name}/s" for name, value in rates.items())
    figure(f"{preset}: mixed load, agent's own CPU", 100 * own / wall, "%", None, said)
    figure(f"{preset}: mixed load, BPF run time", 100 * run_ns / wall, "%", None, f"{runs * 1e9 / wall:.0f} runs/s")
    figure(f"{preset}: mixed load, BPF entry, calibrated", 100 * runs * entry / wall, "%", None, f"{entry:.0f} ns each")
    figure(f"{preset}: mixed load, all of it", 100 * (own + run_ns + runs * entry) / wall, "%", "<= 1", said)


def main():
    for preset in ("release", "static"):
        try:
            measure(preset)
            return
        except (Unmeasured, OSError, TypeError, subprocess.SubprocessError) as err:
            absent(f"{preset}: mixed load", err)


main()
