#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Run-queue delay against the scheduler's own sums, /proc/PID/task/TID/schedstat, of a victim among CPU hogs; where those are of a clock
of ticks, against the scheduler's tracepoints by the system's clock."""
# timeout: 180
import os
import re
import select
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slonet
import slotest
from slotest import Agent, aggregates, between, check, detail, equal, holds, samples, test
from slotrace import TextTrace, Turns, runnable

SIGNAL = "runqueue_delay_ms"
# On the one host where this was measured (6.18, two shared CPUs) now and then a switch to the victim never reaches the
# program: 0 to 6 of 850, without a recursion miss, and counters on each of the program's exits show that it was not
# entered. The cause is not known: foreign program loads do not go with it (15 runs beside an agent that started and
# stopped all the time missed none). In guests, 5.10 to 7.x, none was ever missed, so there nothing is allowed for.
MISSED_PERCENT = 1 if slotest.ON_HOST else 0
THRESHOLD_MS = 10  # contracts.md: the default warning threshold; nothing below it is an event of its own


class Mark:
    """The sums of the calling thread at one moment: ns on a CPU (as of the last tick), ns waited, times it got a CPU."""

    def __init__(self):
        while True:  # the same before and after the clock was read: no switch in between
            before = self._read()
            self.at, self.mono = time.time_ns(), time.monotonic()
            if self._read()[1:] == before[1:]:
                break
        self.run_ns, self.wait_ns, self.slices = before

    @staticmethod
    def _read():
        # the answer is this thread's while it runs: no wait of it is pending
        with open("/proc/thread-self/schedstat") as f:
            return tuple(map(int, f.read().split()[:3]))


def supported():
    with open("/proc/self/schedstat") as f:
        if f.read().split()[1:] == ["0", "0"]:
            slotest.skip("this kernel keeps no schedstat (CONFIG_SCHED_INFO): no truth to compare with")


class Marks:
    """Of one victim: birth .. (begin .. half .. end) .. last; hogs compete from before begin until after end."""


def victim(gate, done, seconds):
    """Half the time preempted while it burns, half woken again and again."""
    marks = Marks()
    marks.birth = Mark()
    os.read(gate, 1)
    marks.begin = Mark()
    slonet.spin(seconds / 2)
    marks.half = Mark()
    until = time.monotonic() + seconds / 2
    while time.monotonic() < until:
        time.sleep(0.002)
    marks.end = Mark()
    os.write(done, b"d")
    os.read(gate, 1)  # until the hogs are gone: its exit waits for nobody
    marks.last = Mark()
    return marks


def clock_is_pieced_together():
    """
    Of the scheduler, before 4.11 on a CPU that does not promise a TSC of one rate: it is set by ticks, and runs one tick ahead of
    the last one at most. A CPU that was away for longer than that stamps what is queued first, in interrupts, too early.
    """
    with open("/proc/cpuinfo") as f:
        return slotest.KERNEL < (4, 11) and not {"constant_tsc", "nonstop_tsc"} <= set(f.read().split())


class Witness:
    """The waits of one thread by the text of the scheduler's tracepoints, where its own sums are of such a clock."""

    def __init__(self, pid):
        self.pid = pid
        self.trace = TextTrace("sched/sched_switch", "sched/sched_wakeup", clock="mono") if clock_is_pieced_together() else None

    def waited_ms(self, first, last):
        """Between two marks. None: ask the sums."""
        if not self.trace:
            return None
        queued, total, text = None, 0.0, self.trace.text()
        for at, event, rest in re.findall(r" ([0-9.]+): sched_(switch|wakeup): (.*)", text):
            prev, _, following = rest.partition("==>")
            if event == "wakeup" or f"prev_pid={self.pid} " in prev:
                woken = f"pid={self.pid} " in prev if event == "wakeup" else re.search(f"prev_state=[{runnable()}]", prev)
                queued = float(at) if woken and queued is None else queued
            elif f"next_pid={self.pid} " in following and queued is not None:
                total += float(at) - queued if first.mono <= float(at) <= last.mono else 0
                queued = None
        self.trace.close()
        return total * 1e3


def span(first, last):
    """(ms waited, slices) between two marks."""
    return (last.wait_ns - first.wait_ns) / 1e6, last.slices - first.slices


def among_hogs(cgroup, start_agent, seconds=3.0):
    """(victim's pid, its marks, the agent started by start_agent(pid))."""
    supported()
    cpu = max(os.sched_getaffinity(0))
    gate, done = os.pipe(), os.pipe()
    who = slonet.spawn(victim, gate[0], done[1], seconds, cgroup=cgroup, comm="slovictim", cpus={cpu})
    pid = who.pid
    agent = start_agent(pid)
    witness = Witness(pid)
    hogs = [slonet.spawn(slonet.spin, 60, comm="slohog", cpus={cpu}) for _ in range(2)]
    os.write(gate[1], b"g")
    if not select.select([done[0]], [], [], 60)[0]:
        raise TimeoutError("the victim did not come to its end")
    for hog in hogs:
        hog.kill()
    os.write(gate[1], b"g")
    marks = who.result()
    for fd in gate + done:
        os.close(fd)
    waited, slices = span(marks.begin, marks.end)
    marks.witness_ms = witness.waited_ms(marks.begin, marks.end)
    burning = span(marks.begin, marks.half)[1]
    # While it burns it has a CPU or waits for one: what is more or less is between the scheduler's clock and the other.
    counted, passed = marks.half.run_ns + marks.half.wait_ns - marks.begin.run_ns - marks.begin.wait_ns, marks.half.at - marks.begin.at
    print(f"  truth: waited {waited:.1f} ms in {slices} slices, {burning} of them in the burning half; the scheduler's clock ran "
          f"{counted / passed:.3f} times the system's" + (f"; by the tracepoints' text {marks.witness_ms:.1f} ms" if witness.trace else ""))
    assert slices >= 20 and waited > 100, "the victim did not have to wait"
    assert marks.half.slices > marks.begin.slices
    return pid, marks, agent


def new_cgroup(name):
    return slonet.Cgroup(f"slo-truth-{os.getpid()}-{name}") if slonet.cgroup2_root() else None


def in_window(records, tid, begin, end):
    """(records of the task between two marks, those of them or beside them that are ambiguous, their sum in ms).

    The agent converts its clock with an offset sampled now and then, so 1 ms around each mark is ambiguous.
    """
    mine = [r for r in samples(records, SIGNAL) if r["tid"] == tid]
    edge = [r for r in mine if min(abs(r["ts_unix_nano"] - begin.at), abs(r["ts_unix_nano"] - end.at)) < 1e6]
    return slotest.within_time(mine, begin.at, end.at), edge, sum(r["value"] for r in edge)


_unjudged = []


def sums_agree(what, total, low, high, missing, why):
    """The sum of the waits. Where a switch is missing one wait may be most of the sum: said, and not passed off as right."""
    if MISSED_PERCENT and missing > 0 and not low <= total <= high:
        _unjudged.append(f"{what}: measured {total:.3f}, truth {low:.3f} to {high:.3f}, {missing} switches missing")
        print(f"  not judged: {_unjudged[-1]}")
        return
    between(what, total, low, high, why)


def say_unjudged():
    """Last in a test: what could not be judged makes it a skip, with the figures as the reason."""
    if _unjudged:
        why = "; ".join(_unjudged)
        del _unjudged[:]
        slotest.skip(f"cause of the missing switches unknown: {why}")


@test
def every_wait_of_one_task_adds_up_to_schedstat():
    cgroup = new_cgroup("one")
    pid, marks, agent = among_hogs(cgroup, lambda pid: Agent(SIGNAL, pids=[pid]))
    begin, half, end = marks.begin, marks.half, marks.end
    records = agent.stop()
    mine, edge, doubt = in_window(records, pid, begin, end)
    total, waited = sum(r["value"] for r in mine), (end.wait_ns - begin.wait_ns) / 1e6
    truth = "schedstat's second field"
    if marks.witness_ms is not None:
        truth, waited = "the tracepoints' text", marks.witness_ms
    slices = end.slices - begin.slices
    # both are rq->clock less sched_info.last_queued, so 5 % is generous
    sums_agree(f"sum of the delays = {truth}, ms", total, waited * 0.95 - doubt, waited * 1.05 + doubt,
               slices - len(mine), f"5 % and {doubt:.3f} ms at the edges")
    check(abs(len(mine) - slices) <= len(edge) + slices * MISSED_PERCENT // 100, "events = schedstat's third field",
          len(mine), slices, f"{len(edge)} at the edges, and {MISSED_PERCENT} % of unknown cause")
    told.update(pid=pid, records=mine, begin=begin, half=half, end=end)
    equal("pids", {r["pid"] for r in mine}, {pid})
    equal("comm", {r["comm"] for r in mine}, {"slovictim"})
    equal("unit", {r["unit"] for r in mine}, {"ms"})
    equal("cpu", {detail(r, "cpu") for r in mine}, {max(os.sched_getaffinity(0))})
    equal("prio", {detail(r, "prio") for r in mine}, {120})
    if cgroup:
        equal("cgroup_id", {r.get("cgroup_id") for r in mine}, {cgroup.id})
    equal("records of others", [r["pid"] for r in samples(records, SIGNAL) if r["pid"] != pid][:5], [])
    holds("the filter saw others", agent.stats[SIGNAL]["filtered"] > 0, agent.stats[SIGNAL])
    say_unjudged()


told = {}  # what the test above saw, for the one below


@test
def preempted_waits_are_told_apart_from_wakeups():
    if not told:
        slotest.skip("needs the records of every_wait_of_one_task_adds_up_to_schedstat")
    mine, begin, half, end = told["records"], told["begin"], told["half"], told["end"]
    if not any("preempted" in (r.get("detail") or {}) for r in mine):
        # sched_info keeps the time a wait began, not why; only the map of queued tasks knows
        slotest.skip("no record says whether its wait began by preemption: not told by this mechanism")
    burn = slotest.within_time(mine, begin.at, half.at)
    check(sum(bool(detail(r, "preempted")) for r in burn) >= 0.9 * len(burn), "preempted in the burning half",
          sum(bool(detail(r, "preempted")) for r in burn), len(burn), "90 %: a page fault may block it")
    sleepy = slotest.within_time(mine, half.at, end.at)
    woken = sum(not detail(r, "preempted") for r in sleepy)
    check(woken >= 0.5 * len(sleepy), "woken, not preempted, in the sleeping half", woken, len(sleepy),
          "half: it may be preempted between two sleeps")


@test
def histograms_of_the_cgroup_add_up_to_schedstat():
    cgroup = new_cgroup("hist")
    if not cgroup:
        slotest.skip("no cgroup2 mounted: no histogram of the victim alone")
    _, marks, agent = among_hogs(cgroup, lambda pid: Agent(SIGNAL, emit=None))
    slotest.needs("cgroup_id")
    records = agent.stop()
    mine = aggregates(records, SIGNAL, lambda r: r.get("cgroup_id") == cgroup.id)
    holds("records of the cgroup", len(mine) > 0, len(mine))
    # The cgroup holds nothing but the victim, and the agent began between its birth and the first mark. After the last
    # mark it only exits, alone on its CPU: 4 slices and 5 % for that.
    low_ms, low = span(marks.begin, marks.end)
    high_ms, high = span(marks.birth, marks.last)
    share = (100 - MISSED_PERCENT) / 100
    total, ms = sum(r["count"] for r in mine), sum(detail(r, "sum_ms", 0) for r in mine)
    between("waits counted", total, low * share, high + 4,
            f"what waited while the agent looked, {MISSED_PERCENT} % of unknown cause, 4 for the exit")
    sums_agree("sum_ms", ms, low_ms * 0.95, high_ms * 1.05, low - total,
               "the same marks; 5 % for the sums' rounding and the exit")
    for r in mine:
        # the worst is kept by a race, so it may be missing, never wrong (bpf/slo_abi.h, struct slo_abi_worst)
        quantiles = [detail(r, key) for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms")]
        known = [q for q in quantiles if q is not None]
        if known != sorted(known) or None in quantiles[:3]:
            check(False, "p50 <= p95 <= p99 <= max", quantiles, "ordered")
    holds("the worst is told", any(detail(r, "max_ms", 0) > 0 for r in mine), [detail(r, "max_ms") for r in mine])
    # value of an aggregated record is its p95 (contracts.md 1)
    equal("value is the p95", [r["value"] for r in mine], [detail(r, "p95_ms") for r in mine])
    single = samples(records, SIGNAL)
    equal("events of their own below the threshold", [r["value"] for r in single if r["value"] < THRESHOLD_MS], [])
    held = [r for r in single if r.get("cgroup_id") == cgroup.id]
    # what is above the threshold is in the histogram too, so its sum is a part of the whole
    part = sum(r["value"] for r in held)
    check(part <= ms * 1.001, "sum of the single events is a part", part, ms, "at most, 0.1 % rounding")
    say_unjudged()


@test
def burning_alone_waits_for_nobody():
    """Without competitors on its CPU a task hardly waits: what the agent says is as small as the truth."""
    supported()

    def alone(gate):
        os.read(gate, 1)
        begin = Mark()
        slonet.spin(1.0)
        return begin, Mark()

    rd, wr = os.pipe()
    # pinned: where a task is moved while it waits, schedstat adds up both queues, the agent has the last one only
    cpu = min(os.sched_getaffinity(0))
    who = slonet.spawn(alone, rd, comm="sloalone", cpus={cpu})
    pid = who.pid
    turns = Turns(cpu) if slotest.BACKEND in ("btf_free", "bcc") else None
    agent = Agent(SIGNAL, pids=[pid])
    os.write(wr, b"g")
    begin, end = who.result()
    os.close(rd)
    os.close(wr)
    records = agent.stop()
    mine, edge, doubt = in_window(records, pid, begin, end)
    truth = (end.wait_ns - begin.wait_ns) / 1e6
    missing = end.slices - begin.slices - len(mine)
    # bcc has no stamp of the scheduler's own: its hooks come a little later, and under emulation that is long
    doubt += 0.1 * len(mine) if slotest.BACKEND == "bcc" else 0
    least = truth
    if turns:
        # Without BTF a wait begins at the tracepoint of the wake-up, behind the queueing: under emulation a good part of short waits.
        least = sum(ms for ms, _, _ in turns.waits({pid}, set(), begin.at, end.at))
        turns.close()
        doubt += 0.05 * len(mine)
        print(f"  truth: {truth:.3f} ms by schedstat, {least:.3f} by the text of the tracepoints, {len(mine)} waits")
    sums_agree("sum of the delays, ms", sum((r["value"] for r in mine), 0.0), least * 0.95 - doubt,
               truth * 1.05 + doubt, missing, f"5 % and {doubt:.3f} ms at the marks, and 50 us each between two witnesses of a tracepoint")
    allowed = len(edge) + (2 if MISSED_PERCENT else 0)
    between("waits that the agent did not see", missing, -len(edge), allowed,
            f"{len(edge)} at the marks, {allowed - len(edge)} of unknown cause")
    say_unjudged()


def restless(gate, word, rounds, sleep_s):
    """Ends its turn on a busy CPU ahead of its share, and sleeps. The middles of its sleeps."""
    middles = []
    os.read(gate, 1)
    for _ in range(rounds):
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass
        os.write(word, b"s")
        middles.append(time.time_ns() + int(sleep_s * 5e8))
        time.sleep(sleep_s)
    return middles


def move_about(word, pid, cpus, rounds):
    """To the other CPU, each time that it says it goes to sleep; a little later, for it says so while it is awake."""
    for n in range(rounds):
        if not select.select([word], [], [], 60)[0]:
            raise TimeoutError("the sleeper does not sleep")
        os.read(word, 1)
        time.sleep(0.001 + 0.001 * (n % 8))
        os.sched_setaffinity(pid, {cpus[(n + 1) % 2]})


@test
def a_sleep_is_no_wait_though_the_sleeper_is_moved():
    """From 6.12 a task may sleep in its queue; where it is moved in that state, the kernel stamps it as if it waited from then on."""
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        slotest.skip("one CPU: nowhere to move to")
    rounds, sleep_s = 24, 0.4
    gate, word = os.pipe(), os.pipe()
    hogs = [slonet.spawn(slonet.spin, 120, comm="slohog", cpus={cpu}) for cpu in cpus]
    who = slonet.spawn(restless, gate[0], word[1], rounds, sleep_s, comm="slorestless", cpus={cpus[0]})
    pid = who.pid
    agent = Agent(SIGNAL, pids=[pid])
    os.write(gate[1], b"g")
    move_about(word[0], pid, cpus, rounds)
    middles = who.result()
    for hog in hogs:
        hog.kill()
    for fd in gate + word:
        os.close(fd)
    mine = [r for r in samples(agent.stop(), SIGNAL) if r["tid"] == pid]
    false = [r["value"] for r in mine if any(r["ts_unix_nano"] <= m <= r["ts_unix_nano"] + r["value"] * 1e6 for m in middles)]
    print(f"  {len(mine)} waits, {agent.stats[SIGNAL]['unmatched']} of unknown beginning")
    holds("waits were seen", len(mine) > 0, len(mine))
    # Where the machine is so loaded, its CPU may be taken from it for so long between its word and its sleep.
    check(len(false) <= rounds // 8, "waits that go on in the middle of a sleep", false, [], f"{rounds // 8}: it may have to wait before it")


slotest.main()
