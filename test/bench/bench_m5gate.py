#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time of `sloctl m5gate`: bench_m5gate.py SLOCTL [SAMPLES]. Makes both trees in a temporary folder, every record marked
synthetic, and prints one figure a rule: seconds of CPU of the whole process, the best of three."""
# needs: python3
import json
import os
import random
import resource
import subprocess
import sys
import tempfile

SCENARIOS = ["dns_latency", "cpu_throttle", "memory_pressure", "provider_throttle", "egress_drop", "retrieval_slowdown", "mixed_multi"]
RUNS = 3
HEADER = "timestamp,node,collector_cpu_pct,collector_memory_mb,events_per_second,dropped_events\n"


def stamp(second):
    return "2026-01-01T%02d:%02d:%02dZ" % (second // 3600 % 24, second // 60 % 60, second % 60)


def write_run(folder, samples, rng, scale):
    os.makedirs(folder)
    with open(folder + "/raw_samples.jsonl", "w") as out:
        for i in range(samples):
            ttft = rng.lognormvariate(5.7, 0.25) * scale
            out.write(json.dumps({
                "timestamp": stamp(i), "cluster": "bench", "namespace": "inference-prod", "workload": "llm-gateway",
                "service": "chat-completions", "node": "gpu-node-07", "request_id": "req-%08d" % i,
                "trace_id": "%032x" % rng.getrandbits(128), "ttft_ms": round(ttft, 3), "request_latency_ms": round(2 * ttft, 3),
                "token_throughput_tps": round(rng.gauss(30, 1), 3), "error_rate": 0.01, "source": "synthetic"}) + "\n")
    with open(folder + "/collector_overhead.csv", "w") as out:
        out.write(HEADER)
        for i in range(360):
            out.write("%s,node-%d,%.3f,120,900,0\n" % (stamp(10 * i), i % 3, rng.uniform(1.5, 2.5)))


def make_trees(root, samples):
    rng = random.Random(1)
    for side, scale in (("candidate", 1.02), ("baseline", 1.0)):
        for scenario in SCENARIOS:
            for run in range(RUNS):
                write_run("%s/%s/%s/run-%d" % (root, side, scenario, run + 1), samples, rng, scale)


def cpu_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1, 3):
        sys.exit("bench_m5gate: exit %d: %s" % (done.returncode, done.stderr))
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout.splitlines()[-1]


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: bench_m5gate.py SLOCTL [SAMPLES]")
    sloctl = os.path.abspath(sys.argv[1])
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    with tempfile.TemporaryDirectory() as root:
        make_trees(root, samples)
        size = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(root) for f in files)
        print("%d scenarios x %d runs x %d samples, both sides: %d records, %.0f MB" %
              (len(SCENARIOS), RUNS, samples, 2 * len(SCENARIOS) * RUNS * samples, size / 1e6))
        for gate in ("noninferiority", "reference"):
            command = [sloctl, "m5gate", "--gate", gate, "--candidate-root", root + "/candidate", "--baseline-root", root + "/baseline"]
            best, last = min(cpu_seconds(command) for _ in range(3))
            print("%-16s %6.2f s of CPU   %s" % (gate, best, last))


main()
