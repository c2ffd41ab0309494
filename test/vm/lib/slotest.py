# SPDX-License-Identifier: Apache-2.0
"""Runs truth tests: a real cause, the agent's records of it, and a truth measured another way.

A test that is a generator makes its cause, yields, and gets the records once the agent, which all such tests of
a file share, has been stopped. A plain function starts agents of its own; so does a generator marked @apart. Where
a generator has nothing to do but to wait it yields the seconds, at least, and others of the file go on meanwhile.
Checks print what was measured, the truth and the tolerance, and a file goes on after a failed one. Exit code: 0 pass,
77 all skipped, 1 failed.
"""
# needs: python3 iproute2 kmod dnsmasq-base
import atexit
import contextlib
import heapq
import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import slonet

SERIES = os.environ.get("SLO_SERIES", "host")
ON_HOST = SERIES == "host"
AGENT = os.environ.get("SLO_AGENT", "")
AGENT_ARGS = os.environ.get("SLO_AGENT_ARGS", "").split()
KERNEL = tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())


def _backend():
    """What the ladder comes to on such a kernel."""
    if os.path.exists("/sys/kernel/btf/vmlinux"):
        return "libbpf"
    return "btf_free" if KERNEL >= (4, 15) else "bcc"


# The backend under test, and the names of checks whose facts its records do not carry. "external": libbpf by a BTF file.
BACKEND = os.environ.get("SLO_BACKEND") or _backend()
UNTOLD = {"btf_free": {"netns", "srtt_ms"}}.get(BACKEND, set())
# Words of a mechanism's note, and what tests then cannot ask for.
LIMITS = {"answers that lie in pages": {"answers in pages"},
          "so is the network namespace": {"netns"},
          "before their first SYN (no route) are not counted": {"no_route"},
          "compaction and throttling are not told": {"compaction", "pages reclaimed"}}
SELF = "--self" in sys.argv  # only make the causes and check the truths; no agent

_tests = []
_failed = []
_checks = 0
tmp = tempfile.mkdtemp(prefix="slo-truth.")


class Skip(Exception):
    pass


class _SelfEnd(Exception):
    pass


def skip(reason):
    raise Skip(reason)


def test(fn):
    _tests.append(fn)
    return fn


def apart(fn):
    """A generator with agents of its own: while it waits, the tests behind it are begun."""
    fn.apart = True
    return test(fn)


# --- checks -------------------------------------------------------------------------------------------------------


def _show(value):
    return f"{value:.3f}" if isinstance(value, float) else repr(value)


def tells_all(what, bcc=False):
    """Skips a test whose truth this backend cannot know; @bcc: programs compiled at run time do."""
    if BACKEND != "libbpf" and not (bcc and BACKEND == "bcc"):
        skip(f"{BACKEND} does not tell {what}")


def unseen_by_bcc(what):
    """What the verdict of bcc's mechanism says that it does not see."""
    if BACKEND == "bcc":
        skip(f"bcc does not tell {what}")


def needs(what):
    """Skips a test that rests on a fact which the mechanism does not know."""
    if what in UNTOLD:
        skip(f"{BACKEND} does not tell the {what} here")


def no_kernels_own(*shown):
    """Of what the agent does alike on every kernel 6.1, the host and those shown are witnesses enough in each run; the lanes
    that run by name or weekly have it all, as have the others with SLO_ALL=1.
    """
    if SERIES in {"5.10", "6.12", "newest"} - set(shown) and not os.environ.get("SLO_ALL"):
        skip(f"no kernel does it in a way of its own: {', '.join(('6.1', *shown))} and the host show it")


def in_ns(record, ns):
    """The record is of that network namespace, as far as records tell."""
    return "netns" in UNTOLD or record.get("netns") == ns.inode


def check(ok, what, measured, truth, tolerance="exact"):
    global _checks
    if what in UNTOLD:
        print(f"  --   {what}: not told by {BACKEND}", flush=True)
        return True
    _checks += 1
    line = f"{what}: measured {_show(measured)}, truth {_show(truth)}, tolerance {tolerance}"
    print(f"  {'ok  ' if ok else 'FAIL'} {line}", flush=True)
    if not ok:
        _failed.append(line)
    return ok


def equal(what, measured, truth):
    return check(measured == truth, what, measured, truth)


def between(what, measured, low, high, why):
    """The truth is known to lie in [low, high]; why says what bounds it and by which slack it was widened."""
    ok = isinstance(measured, (int, float)) and low <= measured <= high
    return check(ok, what, measured, f"{_show(low)} to {_show(high)}", why)


def near(what, measured, truth, percent, why):
    ok = isinstance(measured, (int, float)) and abs(measured - truth) <= abs(truth) * percent / 100
    return check(ok, what, measured, truth, f"{percent} % ({why})")


def holds(what, condition, detail=""):
    return check(bool(condition), what, detail if detail != "" else bool(condition), "holds")


def one(what, records):
    """The single record there must be, or None after a failed check."""
    if check(len(records) == 1, f"records of {what}", len(records), 1):
        return records[0]
    for record in records[:5]:
        print("       ", json.dumps(record))
    return None


# --- records ------------------------------------------------------------------------------------------------------


def samples(records, signal_name, where=None):
    """Records of single measurements; aggregates carry interval_ms."""
    return [r for r in records if r.get("signal") == signal_name and "interval_ms" not in r
            and (where is None or where(r))]


def aggregates(records, signal_name, where=None):
    return [r for r in records if r.get("signal") == signal_name and "interval_ms" in r
            and (where is None or where(r))]


def detail(record, key, default=None):
    return (record.get("detail") or {}).get(key, default)


def ends(record):
    """(source ip, source port, destination ip, destination port, protocol), None where absent."""
    tup = record.get("conn_tuple") or {}
    return (tup.get("src_ip"), tup.get("src_port"), tup.get("dst_ip"), tup.get("dst_port"),
            str(tup.get("protocol", "")).lower())


def within_time(records, begin_ns, end_ns):
    return [r for r in records if begin_ns <= r.get("ts_unix_nano", 0) <= end_ns]


# --- the agent ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def bpf_stats():
    """The kernel times each run of a BPF program inside of this."""
    switch = "/proc/sys/kernel/bpf_stats_enabled"
    if not os.path.exists(switch):
        skip("the kernel does not count what BPF costs (5.1 and later do)")
    with open(switch) as f:
        old = f.read().strip()
    try:
        with open(switch, "w") as f:
            f.write("1")
        yield
    finally:
        with open(switch, "w") as f:
            f.write(old)


class Agent:
    """The agent under test, attached when the constructor returns.

    stdout: None (records go to a file of ours) or what subprocess takes, then no output path is given.
    """

    # programs are verified, and by the first agent with bcc compiled, under emulation on two slow CPUs
    READY_S = 330 if BACKEND == "bcc" else 120

    # Tests ask for each event, and run under emulation, where everything is dear: neither limit is theirs but guard.py's.
    UNLIMITED = {"SLO_SAMPLING_EVENTS_PER_SECOND_LIMIT": "10000000", "SLO_SAMPLING_BURST_LIMIT": "10000000",
                 "SLO_SAFETY_MAX_OVERHEAD_PCT": "0"}

    # The kernel's side alone: no listeners, and nothing of one test in the next.
    ALONE = {"SLO_RECEIVER_LISTEN": "", "SLO_METRICS_LISTEN": "", "SLO_AGENT_CONTROL": "",
             # what one agent has compiled serves the next
             "SLO_AGENT_STATE_DIR": "/var/lib/slo-truth" if BACKEND == "bcc" else ""}

    def __init__(self, signals, emit="all", pids=(), cgroups=(), comms=(), args=(), path=None, stdout=None, env=None,
                 backend=BACKEND):
        self.proc, self.bad_lines, self.code, self.stats = None, [], None, {}
        self.path = path or os.path.join(tmp, f"records.{time.monotonic_ns()}.jsonl")
        self.log_path = os.path.join(tmp, f"agent.{time.monotonic_ns()}.log")
        if SELF:
            return
        # an instance of our own: agents of the host, or of tests side by side, do not mind each other
        argv = [AGENT, "--instance", f"truth{os.getpid()}.{len(_agents)}", "--signals", signals]
        argv += ["--backend", "libbpf" if backend == "external" else backend, "--output", "jsonl"]
        argv += ["--emit", emit] if emit else []
        argv += [] if stdout is not None else ["--output-path", self.path]
        for option, values in (("--pid", pids), ("--cgroup", cgroups), ("--comm", comms)):
            for value in values:
                argv += [option, str(value)]
        argv += AGENT_ARGS + list(args)
        self.argv = argv
        with open(self.log_path, "wb") as log:
            self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=log,
                                         env={**os.environ, **self.ALONE,
                                              **(self.UNLIMITED if env is None else env)},
                                         stdout=subprocess.DEVNULL if stdout is None else stdout)
        _agents.append(self)
        if _current:
            _current.agents.append(self)
        self._wait_ready()

    @property
    def pid(self):
        return self.proc.pid if self.proc else 0

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def _wait_ready(self):
        until = time.monotonic() + self.READY_S
        while "agent ready" not in self.log():
            if self.proc.poll() is not None:
                raise RuntimeError(f"agent ended with {self.proc.returncode} before it was ready: "
                                   f"{' '.join(self.argv)}\n{self.log()}")
            if time.monotonic() > until:
                raise RuntimeError(f"agent not ready within {self.READY_S} s\n{self.log()}")
            time.sleep(0.02)
        self._learn_limits()

    def _learn_limits(self):
        """A mechanism may say that it knows no owner: then no check can ask for one."""
        limits = [line for line in self.log().splitlines() if "limited signal=" in line]
        if any("pid and comm unknown" in line or "pid, comm and cgroup unknown" in line for line in limits):
            UNTOLD.update({"pid", "tid", "comm", "hop"})
        for words, facts in LIMITS.items():
            if any(words in line for line in limits):
                UNTOLD.update(facts)
        if any("cgroup is unknown" in line or "pid, comm and cgroup unknown" in line for line in limits):
            UNTOLD.add("cgroup_id")

    def bpf_account(self):
        """(runs, ns) of all programs that it holds, by the kernel's account."""
        each = {}
        for fd in os.listdir(f"/proc/{self.pid}/fdinfo") if self.pid else ():
            try:
                with open(f"/proc/{self.pid}/fdinfo/{fd}") as f:
                    info = dict(re.findall(r"^(prog_id|run_cnt|run_time_ns):\s*(\d+)$", f.read(), re.M))
            except OSError:
                continue
            if len(info) == 3:
                each[info["prog_id"]] = (int(info["run_cnt"]), int(info["run_time_ns"]))
        return tuple(sum(one[i] for one in each.values()) for i in (0, 1))

    def alive(self):
        return SELF or self.proc.poll() is None

    def peek(self, path=None):
        """Records written so far, oldest first; also from the files that the agent itself put aside (FILE.1, ...)."""
        self.bad_lines, records = [], []
        path = path or self.path
        aside = [f"{path}.{n}" for n in range(9, 0, -1)]
        for name in [*aside, path]:
            if SELF or not os.path.exists(name):
                continue
            with open(name, "rb") as f:
                lines = f.read().split(b"\n")
            for line in lines[:-1]:
                try:
                    records.append(json.loads(line))
                except ValueError:
                    self.bad_lines.append(line)
            if lines[-1]:
                self.bad_lines.append(lines[-1])
        return records

    def signal(self, number):
        if self.proc:
            self.proc.send_signal(number)

    def wait(self, timeout=60):
        if SELF:
            raise _SelfEnd
        self.code = self.proc.wait(timeout)
        for line in self.log().splitlines():
            if "stats signal=" in line:
                pairs = dict(re.findall(r"(\w+)=([^ \"]+)", line))
                name = pairs.pop("signal")
                self.stats[name] = {k: int(v) for k, v in pairs.items() if v.isdigit()}
        return self.code

    def stop(self):
        """Asks for the end with SIGTERM and gives all records."""
        self.signal(signal.SIGTERM)
        self.wait()
        equal("agent's exit code", self.code, 0)
        records = self.peek()
        if self.bad_lines:
            check(False, "lines that are not JSON", [str(b)[:120] for b in self.bad_lines[:3]], 0)
        return records

    def kill(self):
        if self.proc and self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()


_agents = []
_current = None  # the test that is under way


# --- running ------------------------------------------------------------------------------------------------------


def _cleanup():
    for agent in _agents:
        agent.kill()
    slonet.cleanup()
    shutil.rmtree(tmp, ignore_errors=True)


def _on_signal(number, _frame):
    sys.exit(128 + number)


class _Run:
    """One test's state between its two halves."""

    def __init__(self, fn):
        self.fn, self.name, self.gen, self.skipped = fn, fn.__name__, None, None
        self.is_shared = inspect.isgeneratorfunction(fn) and not getattr(fn, "apart", False)
        self.failures, self.took_s, self.agents = [], 0.0, []

    @contextlib.contextmanager
    def attempt(self):
        del _failed[:]
        begin = time.monotonic()
        try:
            yield
        except Skip as why:
            self.skipped = str(why)
        except (_SelfEnd, StopIteration):
            pass
        except Exception:  # a broken test is a failed test, the others still run
            traceback.print_exc(file=sys.stdout)
            self.failures.append("exception")
        self.failures += _failed
        self.took_s += time.monotonic() - begin

    def leave(self):
        """Of a test with agents of its own, when it has ended."""
        if self.failures and self.agents:
            print("agent's log:\n" + self.agents[-1].log())
        for agent in self.agents:
            agent.kill()

    def report(self):
        state = "FAIL" if self.failures else "skip" if self.skipped else "self" if SELF else "pass"
        print(f"{state} {self.name} ({self.took_s:.1f} s){': ' + self.skipped if self.skipped else ''}", flush=True)


def _go_on(run, waiting):
    """Until its next wait, which is put into the heap @waiting; until it asks for the records; or to its end."""
    global _current
    _current = run
    with run.attempt():
        seconds = next(run.gen)
        if seconds is None:
            return
        heapq.heappush(waiting, (time.monotonic() + seconds, id(run), run))
        return
    run.leave()


def _begin(run, agent, waiting):
    """A plain function has no waits that others could use."""
    global _current
    if inspect.isgeneratorfunction(run.fn):
        run.gen = run.fn(agent) if inspect.signature(run.fn).parameters else run.fn()
        _go_on(run, waiting)
        return
    _current = run
    with run.attempt():
        run.fn()
    run.leave()


def _run_beside(runs, word, agent=None):
    """One after the other, but those that wait do so together."""
    waiting = []

    def wake(all_of_them):
        while waiting and (all_of_them or waiting[0][0] <= time.monotonic()):
            due, _, run = heapq.heappop(waiting)
            time.sleep(max(0.0, due - time.monotonic()))
            print(f"{run.name} goes on", flush=True)
            _go_on(run, waiting)

    for run in runs:
        print(f"{word} {run.name}", flush=True)
        _begin(run, agent, waiting)
        wake(False)
    wake(True)


def _run_shared(runs, config, settle):
    agent = None
    if not SELF:
        agent = Agent(**config)
    _run_beside(runs, "cause", agent)
    if SELF:
        return
    time.sleep(settle)
    print("stopping the agent", flush=True)
    outcome = _Run(_run_shared)
    with outcome.attempt():
        records = agent.stop()
    if outcome.failures:
        for run in runs:
            run.failures += outcome.failures
        print(agent.log())
        return
    for run in runs:
        if run.skipped or run.failures:
            continue
        print(f"check {run.name}", flush=True)
        with run.attempt():
            run.gen.send(records)
    if any(run.failures for run in runs):
        print("agent's log:\n" + agent.log())
        keep = os.environ.get("SLO_KEEP")
        if keep:
            shutil.copy(agent.path, os.path.join(keep, os.path.basename(sys.argv[0]) + ".jsonl"))


def main(config=None, settle=1.5, setup=None):
    """Runs the tests of the file, after setup().

    config: what the agent shared by the generators is started with; settle: seconds it gets after the last cause.
    """
    if not SELF and not AGENT:
        print("SLO_AGENT is not set: give the path of the agent, or --self to check the causes and truths alone")
        sys.exit(77)
    if os.geteuid() != 0:
        print("needs root")
        sys.exit(77)
    atexit.register(_cleanup)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _on_signal)
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
    runs = [_Run(fn) for fn in _tests if not wanted or any(w in fn.__name__ for w in wanted)]
    begin = time.monotonic()
    if setup:
        try:
            setup()
        except Skip as why:
            print(why)
            sys.exit(77)
    shared = [r for r in runs if r.is_shared]
    if shared:
        try:
            _run_shared(shared, config, settle)
        except RuntimeError as err:
            print(err)
            for run in shared:
                run.failures.append("agent")
    _run_beside([r for r in runs if not r.is_shared], "test")
    for run in runs:
        run.report()
    failed = [r for r in runs if r.failures]
    skipped = [r for r in runs if r.skipped and not r.failures]
    print(f"{len(runs) - len(failed) - len(skipped)} passed, {len(failed)} failed, {len(skipped)} skipped, "
          f"{_checks} checks, {time.monotonic() - begin:.1f} s")
    if failed:
        sys.exit(1)
    if runs and len(skipped) == len(runs):
        print(skipped[-1].skipped)
        sys.exit(77)
    sys.exit(0)
