# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: tools that are started and watched, loads, and the lines that report.py makes a table of."""
import json
import os
import re
import signal
import statistics
import subprocess
import threading
import time

BIN = os.environ["SLO_BENCH_BIN"]
OUT = os.path.join(os.environ.get("SLO_SHARE") or os.environ["SLO_BENCH_OUT"], "figures.jsonl")
IN_GUEST = "SLO_SHARE" in os.environ
WHERE = f"{'guest' if IN_GUEST else 'host'} {os.uname().release}"
CPUS = sorted(os.sched_getaffinity(0))
# The tool's own process must not take time from the load that it is measured by.
TOOL_CPU, LOAD_CPU = CPUS[0], CPUS[-1]
READY_SECONDS = 150
STATS = "/proc/sys/kernel/bpf_stats_enabled"


class Unmeasured(Exception):
    """Why a figure is not there."""


def emit(**record):
    with open(OUT, "a", encoding="utf-8") as out:
        out.write(json.dumps({"where": WHERE, **record}) + "\n")


def figure(name, values, unit, goal=None, more=None):
    """@goal: "<= 10" or ">= 500000", of the median."""
    values = values if isinstance(values, list) else [values]
    emit(kind="figure", name=name, value=statistics.median(values), low=min(values), high=max(values), runs=len(values),
         unit=unit, goal=goal, note=more)


def absent(name, reason):
    emit(kind="absent", name=name, reason=" ".join(str(reason).split())[:300])


def agent_binary(preset):
    path = f"{BIN}/{preset}/llm-slo-agent"
    if not os.access(path, os.X_OK):
        raise Unmeasured(f"no build/{preset}/llm-slo-agent: ./build.sh build {preset}")
    return path


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Tool:
    """A process that attaches itself and then says so; used as a context, inside which it is attached."""

    patience = READY_SECONDS

    def __init__(self, argv, ready, settle=0.0, env=None):
        self.argv, self.ready, self.settle, self.env = argv, ready, settle, env
        self.all = []
        self.text, self.is_ready, self.ready_ns, self.begin_ns = [], threading.Event(), None, None

    def _drain(self):
        for line in self.proc.stdout:
            self.all.append(line)
            if not self.is_ready.is_set():
                self.text.append(line)
                if self.ready in line:
                    self.ready_ns = time.monotonic_ns()
                    self.is_ready.set()
        self.is_ready.set()

    def __enter__(self):
        self.begin_ns = time.monotonic_ns()
        self.proc = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True, errors="replace", env={**os.environ, **(self.env or {})},
                                     preexec_fn=lambda: os.sched_setaffinity(0, {TOOL_CPU}))
        self.thread = threading.Thread(target=self._drain, daemon=True)
        self.thread.start()
        if not self.is_ready.wait(self.patience) or self.ready_ns is None:
            self.__exit__()
            said = [line.strip() for line in self.text if line.strip()]
            name = os.path.basename(self.argv[2 if self.argv[0] == "stdbuf" else 0])
            raise Unmeasured(f"{name} did not attach: {' / '.join(said[-3:]) or 'no word from it'}")
        time.sleep(self.settle)
        return self

    def __exit__(self, *_):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGINT)
        try:
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()

    @property
    def pid(self):
        return self.proc.pid

    def text_all(self):
        """What it said until it ended."""
        self.thread.join(10)
        return self.all

    def start_ms(self):
        return (self.ready_ns - self.begin_ns) / 1e6

    def programs(self):
        """{id: (runs, ns)} of the BPF programs that the process holds."""
        found = {}
        for name in os.listdir(f"/proc/{self.pid}/fdinfo"):
            try:
                text = read(f"/proc/{self.pid}/fdinfo/{name}")
            except OSError:
                continue
            info = dict(re.findall(r"^(prog_id|run_cnt|run_time_ns):\s*(\d+)$", text, re.M))
            if len(info) == 3:
                found[info["prog_id"]] = (int(info["run_cnt"]), int(info["run_time_ns"]))
        return found

    def names(self):
        """{id: name} of the same; the kernel keeps 15 bytes of a name."""
        shown = json.loads(subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, text=True, check=True).stdout)
        mine = self.programs()
        return {str(p["id"]): p.get("name", "") for p in shown if str(p["id"]) in mine}

    def cpu_ns(self):
        """User and system time: by schedstat, which counts in ns, else by ticks."""
        try:
            return int(read(f"/proc/{self.pid}/schedstat").split()[0])
        except (OSError, IndexError):
            fields = read(f"/proc/{self.pid}/stat").rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def children_cpu_s(self):
        """Of those that have ended, and theirs."""
        fields = read(f"/proc/{self.pid}/stat").rsplit(")", 1)[1].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def status_mib(self, key):
        return int(re.search(rf"^{key}:\s*(\d+) kB", read(f"/proc/{self.pid}/status"), re.M)[1]) / 1024


class Agent(Tool):
    def __init__(self, preset, *options, env=None):
        # As shipped, the kernel's account of BPF run time on, but nothing shed or limited: all of the cost is to be seen.
        free = {"SLO_SAFETY_MAX_OVERHEAD_PCT": "100", "SLO_SAMPLING_EVENTS_PER_SECOND_LIMIT": "10000000",
                "SLO_SAMPLING_BURST_LIMIT": "10000000", **(env or {})}
        super().__init__([agent_binary(preset), "--instance", f"bench{os.getpid()}", "--output", "jsonl", "--output-path",
                          "/dev/null", *options], "agent ready", env=free)

    def __enter__(self):
        super().__enter__()
        refused = [line for line in self.text if "not measured" in line]
        if refused and "--signals" in self.argv:
            self.__exit__()
            raise Unmeasured(refused[0].split("reason=", 1)[-1])
        return self


def load(kind, seconds, command=(), cpu=LOAD_CPU):
    """(events, ns) of the load generator."""
    argv = [f"{BIN}/load", kind, str(cpu), str(seconds), *command]
    if command:
        # A network of its own: its loss is nobody else's.
        argv = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *argv]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 60, check=False)
    match = re.search(r"events=(\d+) ns=(\d+)", run.stdout)
    if not match or int(match[1]) == 0:
        raise Unmeasured(f"load {kind}: {(run.stderr or run.stdout).strip() or 'no event'}")
    return int(match[1]), int(match[2])


def context_switches():
    return int(re.search(r"^ctxt (\d+)", read("/proc/stat"), re.M)[1])


class BpfStats:
    """The kernel times BPF programs inside this context only."""

    def __enter__(self):
        self.before = read(STATS)
        with open(STATS, "w", encoding="utf-8") as file:
            file.write("1")

    def __exit__(self, *_):
        with open(STATS, "w", encoding="utf-8") as file:
            file.write(self.before)
