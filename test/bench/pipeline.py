#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Spans through the agent, and the same spans through an OpenTelemetry Collector: each alone on one core, in turn, while load and
sink have the other one. The agent gets 20,500 signals a second beside them, written to its replay backend as they would come from
the kernel; the kernel's own share of that is in the other parts' figures. The Collector gets none. pipeline.py COLLECTOR|"" [RUN...]"""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from benchlib import BIN, LOAD_CPU, TOOL_CPU, Unmeasured, absent, agent_binary, figure, read

GOAL_RATE = 50_000
RATE, SIGNALS, SERVICES = 51_200, 20_500, 8  # 100 requests a second, 205 signals each
WARM_SECONDS, SECONDS = 3, 10
TICKS = os.sysconf("SC_CLK_TCK")
LAG_MS = 300  # [receiver] lag_ms as it comes

AGENT = """
[agent]
node = bench
state_dir = {folder}/state
[receiver]
listen = 127.0.0.1:0
retain_spans = 32768
[otlp]
endpoint = http://127.0.0.1:{sink}
gzip = {gzip}
[output]
kind = jsonl
path = /dev/null
"""

# Go's collector of garbage and all of the Collector's settings as they come, but for its own telemetry.
COLLECTOR = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
processors: {{batch: {{}}}}
exporters: {{otlp_http: {{endpoint: "http://127.0.0.1:{sink}", compression: {gzip}}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], processors: [batch], exporters: [otlp_http]}}}}
"""


def place(cpu):
    """The machine may have other work: what is measured goes first, or latency would be that of others' turns."""
    def prepare():
        os.sched_setaffinity(0, {cpu})
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    return prepare


class Process:
    """Its output is read line by line until @ready has matched, and after that too."""

    def __init__(self, argv, cpu, ready, **more):
        self.lines, self.found, self.seen = [], None, threading.Event()
        self.ready = re.compile(ready)
        self.proc = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                     preexec_fn=place(cpu), **more)
        self.thread = threading.Thread(target=self._drain, daemon=True)
        self.thread.start()
        if not self.seen.wait(30) or not self.found:
            self.stop()
            raise Unmeasured(f"{os.path.basename(argv[0])}: {' / '.join(self.lines[-3:]).strip() or 'no word from it'}")

    def _drain(self):
        for line in self.proc.stdout:
            self.lines.append(line)
            match = None if self.found else self.ready.search(line)
            if match:
                self.found = match
                self.seen.set()
        self.seen.set()

    def stop(self):
        self.proc.terminate()
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.thread.join(5)

    def cpu_s(self):
        """Of all threads."""
        fields = read(f"/proc/{self.proc.pid}/stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def mib(self, key):
        return int(re.search(rf"^{key}:\s*(\d+) kB", read(f"/proc/{self.proc.pid}/status"), re.M)[1]) / 1024


class Sink(Process):
    def __init__(self):
        super().__init__([f"{BIN}/pipeline_sink"], LOAD_CPU, r"^port (\d+)")
        self.port = int(self.found[1])

    def take(self):
        """What came since the last call."""
        before = len(self.lines)
        self.proc.send_signal(signal.SIGUSR1)
        for _ in range(500):
            if len(self.lines) > before:
                return json.loads(self.lines[-1])
            time.sleep(0.01)
        raise Unmeasured("the sink does not answer")


def start_agent(preset, sink, gzip, folder):
    """(process, port, descriptor of the signals)"""
    config = f"{folder}/agent.ini"
    with open(config, "w", encoding="utf-8") as file:
        file.write(AGENT.format(sink=sink.port, gzip="on" if gzip else "off", folder=folder))
    out, signals = os.pipe()
    agent = Process([agent_binary(preset), "--config", config, "--replay", "-", "--replay-speed", "max"],
                    TOOL_CPU, r"receiving spans .*port=(\d+)", stdin=out)
    os.close(out)
    return agent, int(agent.found[1]), signals


def start_collector(path, sink, gzip, folder):
    config = f"{folder}/collector.yaml"
    # It tells no port that it chose itself; a fixed one may be another run's.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with open(config, "w", encoding="utf-8") as file:
        file.write(COLLECTOR.format(port=port, sink=sink.port, gzip="gzip" if gzip else "none"))
    return Process([path, f"--config=file:{config}"], TOOL_CPU, "Everything is ready"), port, None


def load(port, rate, seconds, signals, cgroup, pids, fd):
    """The running load generator, its descriptor 3 that of the signals."""
    def prepare():
        place(LOAD_CPU)()
        if fd is not None:
            os.dup2(fd, 3)
    argv = [f"{BIN}/pipeline_load", *map(str, (port, rate, seconds, signals, cgroup)), "bench", *map(str, pids)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=prepare, close_fds=False)


def result_of(run):
    out, err = run.communicate(timeout=120)
    if run.returncode:
        raise Unmeasured(f"the load ended with {run.returncode}: {err.strip()}")
    return json.loads(out)


def cgroup_of(agent, port, pids):
    """Of the load's processes as the agent has it: one request of spans makes it look, and say so."""
    result_of(load(port, RATE, 0, 0, 0, pids, None))
    for _ in range(100):
        match = re.search(r"service runs here .*cgroup=(\d+)", "".join(agent.lines))
        if match:
            return int(match[1])
        time.sleep(0.05)
    raise Unmeasured("the agent does not find the processes that its spans name")


def measure(process, port, fd, sink, pids, signals):
    time.sleep(1)
    idle = process.mib("VmRSS")
    cgroup = cgroup_of(process, port, pids) if fd is not None else 0
    run = load(port, RATE, WARM_SECONDS + SECONDS + 2, signals, cgroup, pids, fd)
    time.sleep(WARM_SECONDS)
    sink.take()
    cpu, begin = process.cpu_s(), time.monotonic()
    time.sleep(SECONDS)
    got, cpu, took = sink.take(), process.cpu_s() - cpu, time.monotonic() - begin
    sent = result_of(run)
    if not got["spans"] or got["broken"]:
        raise Unmeasured(f"the sink has {got}; of the load: {sent}")
    return {"idle_mib": idle, "peak_mib": process.mib("VmHWM"), "rss_mib": process.mib("VmRSS"), "cpu_s": cpu,
            "per_core_s": got["spans"] / cpu, "per_s": got["spans"] / took, **got, "sent": sent}


def run_one(start, what, gzip, pids, signals=0):
    with tempfile.TemporaryDirectory(prefix="slo-bench.") as folder:
        sink = Sink()
        try:
            process, port, fd = start(what, sink, gzip, folder)
            try:
                return measure(process, port, fd, sink, pids, signals)
            finally:
                if fd is not None:
                    os.close(fd)
                process.stop()
        finally:
            sink.stop()


def tell(name, r, ours=False):
    sent = r["sent"]
    lost = f"taken {sent['taken']}, throttled {sent['throttled']}, refused {sent['refused']}"
    goal = {"rate": f">= {GOAL_RATE}", "mib": "<= 64", "p99": f"<= {LAG_MS + 50}", "idle": "<= 15"} if ours else {}
    figure(f"{name}: spans delivered", r["per_s"], "spans/s", goal.get("rate"), lost)
    figure(f"{name}: spans a core-second", r["per_core_s"], "spans/s", goal.get("rate"),
           f"{r['cpu_s']:.2f} s of CPU for {r['spans']} spans of {sent['span_bytes']} bytes")
    figure(f"{name}: VmHWM under load", r["peak_mib"], "MiB", goal.get("mib"))
    figure(f"{name}: VmRSS before any span", r["idle_mib"], "MiB", goal.get("idle"))
    figure(f"{name}: age of a span at the sink, p99", r["p99_ms"], "ms", goal.get("p99"),
           f"p50 {r['p50_ms']:.0f}, most {r['max_ms']:.0f}; the load was late by up to {sent['late_ms']:.0f} ms")
    if sent["signals"]:
        figure(f"{name}: spans that a signal was joined to", 100 * r["enriched"] / r["spans"], "%", None,
               f"{sent['signals'] / sent['seconds']:.0f} signals/s, a quarter of them of one span's connection alone, the others of "
               f"processes that hundreds of spans share, which belong to none; "
               f"{r['other_bytes'] >> 20} MiB of records and metrics went out beside")


def compare(collector, gzip, presets, pids):
    how = "gzip out" if gzip else "no compression"
    theirs = None
    try:
        if collector:
            theirs = run_one(start_collector, collector, gzip, pids)
            tell(f"Collector, {how}", theirs)
    except (Unmeasured, OSError, subprocess.SubprocessError) as err:
        absent(f"Collector, {how}", err)
    for preset, signals in ((p, s) for p in presets for s in (SIGNALS, 0)):
        name = f"{preset}, {how}, {signals or 'no'} signals/s"
        try:
            r = run_one(start_agent, preset, gzip, pids, signals)
            tell(name, r, True)
            if theirs:
                figure(f"{name}: spans a core-second, ours/Collector's", r["per_core_s"] / theirs["per_core_s"], "times", ">= 3")
                figure(f"{name}: peak memory, Collector's/ours", theirs["peak_mib"] / r["peak_mib"], "times", ">= 4")
        except (Unmeasured, OSError, subprocess.SubprocessError) as err:
            absent(name, err)


def main():
    collector, runs = sys.argv[1], sys.argv[2:] or ["none:release,static", "gzip:release"]
    if not collector:
        absent("the Collector beside the agent", "test/peers/otelcol.sh cannot have one")
    # One process for each service that spans may name.
    sleepers = [subprocess.Popen(["sleep", "1000"]) for _ in range(SERVICES)]
    try:
        for run in runs:
            how, presets = run.split(":")
            compare(collector, how == "gzip", presets.split(","), [s.pid for s in sleepers])
    finally:
        for s in sleepers:
            s.kill()
            s.wait()


main()
