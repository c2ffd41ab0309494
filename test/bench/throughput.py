#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""User space on one core: a binary capture through decoding, naming, windows and JSON to a file; and the JSON writer alone."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from benchlib import BIN, TOOL_CPU, Unmeasured, absent, agent_binary, figure

RECORDS = 2_000_000
RUNS = 3
CAPTURE_BYTES = 208  # sizeof(struct slo_abi_event)
LINE_BYTES = 1024  # more than any of these lines


def replay(preset, capture, path):
    begin = time.monotonic_ns()
    run = subprocess.run(["taskset", "-c", str(TOOL_CPU), agent_binary(preset), "--replay", capture, "--replay-speed", "max",
                          "--output", "jsonl", "--output-path", path], capture_output=True, text=True, timeout=120, check=False)
    took = (time.monotonic_ns() - begin) / 1e9
    delivered = sum(map(int, re.findall(r" delivered=(\d+)", run.stderr)))
    if run.returncode or delivered != RECORDS:
        raise Unmeasured(f"replay: exit {run.returncode}, {delivered} of {RECORDS} delivered: {run.stderr.strip()[-200:]}")
    return RECORDS / took


def replays(folder):
    capture, out = f"{folder}/capture", f"{folder}/out.jsonl"
    subprocess.run([f"{BIN}/make_capture", capture, str(RECORDS)], check=True, stdout=subprocess.DEVNULL)
    for preset in ("release", "static"):
        for path, name in ((out, "a file in memory"), ("/dev/null", "/dev/null")):
            try:
                rates = [replay(preset, capture, path) for _ in range(RUNS)]
                figure(f"{preset}: capture to JSONL, {name}, one core", rates, "events/s", ">= 500000")
            except (Unmeasured, subprocess.SubprocessError) as err:
                absent(f"{preset}: capture to JSONL, {name}", err)


def throughput():
    need = RECORDS * (CAPTURE_BYTES + LINE_BYTES)
    if shutil.disk_usage("/dev/shm").free < need:
        raise Unmeasured(f"/dev/shm has less than {need >> 20} MiB free")
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="slo-bench.") as folder:
        replays(folder)


def json_writer():
    run = subprocess.run(["taskset", "-c", str(TOOL_CPU), f"{BIN}/bench_jsonw"], capture_output=True, text=True, check=True)
    for what, ns, size in re.findall(r"^(.*?)\s+([\d.]+) ns/record\s+(\d+) bytes", run.stdout, re.M):
        figure(f"JSON writer, {what}", float(ns), "ns/record", None, f"{size} bytes, {os.environ['SLO_BENCH_TOOLS']} build")


def schema_validation():
    run = subprocess.run(["taskset", "-c", str(TOOL_CPU), f"{BIN}/bench_schema"], capture_output=True, text=True, check=True)
    for what, ns, size, parsing in re.findall(r"^(\S+)\s+([\d.]+) ns/record\s+(\d+) bytes, parsing\s+([\d.]+) ns", run.stdout, re.M):
        figure(f"schema validation of a parsed record, {what}", float(ns), "ns/record", "<= 2000",
               f"{size} bytes, parsing them {parsing} ns, {os.environ['SLO_BENCH_TOOLS']} build")


def main():
    for name, measure in (("capture to JSONL", throughput), ("JSON writer", json_writer), ("schema validation", schema_validation)):
        try:
            measure()
        except (Unmeasured, OSError, subprocess.SubprocessError) as err:
            absent(name, err)


sys.exit(main())
