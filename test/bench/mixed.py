#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""All signals on under a mixed load at fixed rates: 10,000 context switches, 5,000 connects and 5,000 I/Os a second together.
What the agent and its programs cost, percent of one core: its CPU time and its programs' run time, and with these the calibrated
cost of getting into each of them, which the kernel's account leaves out. Run time is by the kernel's account, which is on for this measurement only (the agent times one run in
64 by itself), less what the same account says of programs that do nothing at the same hooks, under the same load, in the same
run: its own two clock reads. To get into those that many times is the floor: what is left when programs do nothing."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from benchlib import BIN, LOAD_CPU, Agent, BpfStats, Tool, Unmeasured, absent, figure, read

SECONDS = 8
SWITCHES, CONNECTS, IOPS = 10000, 5000, 5000
# Where the programs that this load runs are attached, but for connect(2)'s exit.
HOOKS = ("sched_switch", "inet_sock_set_state", "block_getrq", "block_rq_complete", "egress", "ingress", "connect4")


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


def cgroup2():
    found = re.search(r"^\S+ (\S+) cgroup2 ", read("/proc/self/mounts"), re.M)
    if not found:
        raise Unmeasured("no cgroup2 here")
    return found[1]


def under_load(tool, folder):
    """(wall ns, the tool's own CPU ns, {program: (runs, their ns)}, {load: events a second}) of a tool that is attached."""
    loads = {"switches": start("switch", SWITCHES, SECONDS + 2), "connects": start("connect", CONNECTS, SECONDS + 2)}
    fio = start_fio(folder, SECONDS + 2)
    time.sleep(1.5)
    begin, cpu, before = time.monotonic_ns(), tool.cpu_ns(), tool.programs()
    time.sleep(SECONDS - 1)
    wall, own, after = time.monotonic_ns() - begin, tool.cpu_ns() - cpu, tool.programs()
    made = {name: proc.communicate(timeout=60)[0] for name, proc in loads.items()}
    rates = {name: int(m[1]) * 1e9 / int(m[2]) for name, text in made.items() if (m := re.search(r"events=(\d+) ns=(\d+)", text))}
    rates["I/Os"] = json.loads(fio.communicate(timeout=60)[0])["jobs"][0]["read"]["iops"]
    names, each = tool.names(), {}
    for i, (runs, ns) in after.items():
        old, had = before.get(i, (0, 0)), each.get(names.get(i, i), (0, 0))
        each[names.get(i, i)] = (had[0] + runs - old[0], had[1] + ns - old[1])
    return wall, own, each, rates


def per_second(said):
    return ", ".join(f"{value:.0f} {name}/s" for name, value in said.items())


def measure(preset):
    folder = tempfile.mkdtemp(prefix="slo-bench.", dir="/var/tmp")
    try:
        # The account is on from here: the agent calibrates without it.
        with Agent(preset) as agent, BpfStats():
            wall, own, each, rates = under_load(agent, folder)
        entry = float(re.search(r"entry_ns=([0-9.]+)", "".join(agent.text_all()))[1])
        with Tool([f"{BIN}/empty_program", cgroup2(), *HOOKS], "attached") as empty, BpfStats():
            floor_wall, _, floor_each, floor_rates = under_load(empty, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    runs, run_ns, floor_runs, floor_ns = (total(e, i) for e in (each, floor_each) for i in (0, 1))
    share = floor_ns / floor_runs
    net, floor = run_ns - runs * share, floor_runs * entry / floor_wall
    said, cost = per_second(rates), own + net + runs * entry
    figure(f"{preset}: mixed load, agent's own CPU", 100 * own / wall, "%", None, said)
    figure(f"{preset}: mixed load, BPF run time", 100 * net / wall, "%", None,
           f"{runs * 1e9 / wall:.0f} runs/s of {net / runs:.0f} ns, and {share:.0f} ns of the account's own")
    mine = [sum(int(n) for n in re.findall(rf" {field}=(\d+)", "".join(agent.text_all()))) for field in ("run_count", "run_ns")]
    figure(f"{preset}: mixed load, a run by the agent's own samples", mine[1] / max(1, mine[0]), "ns", None,
           f"{mine[0]} runs, from start to end")
    figure(f"{preset}: mixed load, BPF and agent", 100 * (own + net) / wall, "%", "<= 1", "the two above together")
    figure(f"{preset}: mixed load, BPF entry, calibrated", 100 * runs * entry / wall, "%", None, f"{entry:.0f} ns each")
    figure(f"{preset}: mixed load, BPF and agent, with getting into the programs", 100 * cost / wall, "%", "<= 1", said)
    figure("mixed load, the floor: entry into programs that do nothing at the same hooks", 100 * floor, "%", None,
           f"{floor_runs * 1e9 / floor_wall:.0f} runs/s; {per_second(floor_rates)}")
    figure(f"{preset}: mixed load, all of that / the floor", cost / wall / floor, "ratio", None, f"{len(HOOKS)} hooks")
    figure(f"{preset}: mixed load, what the account took beside that", 100 * runs * share / wall, "%", None,
           "gone when nobody else has it on")
    for name, (n, ns) in sorted(each.items(), key=lambda item: -item[1][1]):
        if n * 1e9 > wall:
            figure(f"{preset}: mixed load, {name}", 100 * (ns + n * (entry - share)) / wall, "%", None,
                   f"{n * 1e9 / wall:.0f} runs/s of {ns / n - share:.0f} ns, and entry")


def main():
    for preset in ("release", "static"):
        try:
            measure(preset)
            return
        except (Unmeasured, OSError, TypeError, subprocess.SubprocessError) as err:
            absent(f"{preset}: mixed load", err)


main()
