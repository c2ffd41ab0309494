#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""CPU quotas: throttled time against cpu.stat and the hogs' own clocks, and the causes of waits for a CPU."""
# timeout: 300
import os
import re
import select
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slolimit
import slonet
import slotest
from slotest import Agent, aggregates, apart, between, check, detail, equal, holds, samples, test
from slotrace import Turns

THROTTLED = "cfs_throttled_ms"
WAIT = "runqueue_delay_ms"
PICKED_UP_S = 12  # a new quota is looked for every 2 s, where a walk takes 2 ms of CPU or less: 10 under emulation
LONG_MS = 2  # a wait longer than this has a cause worth telling


def new(name, percent=None):
    cgroup = slolimit.Limit(f"slo-truth-{os.getpid()}-{name}", "cpu")
    if percent is not None:
        cgroup.quota(percent)
    return cgroup


def settled(*cgroups):
    """Their counters before anything ran: a new quota counts a period or two by itself, with nobody in it."""
    yield 0.5
    return [cgroup.throttled() for cgroup in cgroups]


def grown(cgroup, base):
    return tuple(now - then for now, then in zip(cgroup.throttled(), base))


def of(records, cgroup, begin=0, end=1 << 63):
    """Throttled time is no single event: each record is of one interval, and stamped at its end."""
    return slotest.within_time([r for r in records if r["signal"] == THROTTLED and r.get("cgroup_id") == cgroup.id],
                               begin, end)


def cpu():
    """Of those who compete; who has only a quota to use up is kept away from it, on the other."""
    return max(os.sched_getaffinity(0))


def aside():
    """Who runs here is of tests that wait for each other: their quotas are small, so that all of them can be used up at once."""
    return {min(os.sched_getaffinity(0))}


def premise(ok, what):
    """What a guest of our own must give; a host that others use may not."""
    if not ok and slotest.ON_HOST:
        slotest.skip(f"others use this host: {what}")
    assert ok, what


class Used:
    """Of one thread: wall time, CPU time and waits in ms, all measured by itself."""

    def __init__(self):
        self.wall, self.cpu = time.time_ns(), time.thread_time_ns()
        with open("/proc/thread-self/schedstat") as f:
            self.waited = int(f.read().split()[1])

    def since(self, first):
        ret = Used.__new__(Used)
        ret.begin, ret.end = first.wall, self.wall
        ret.wall, ret.cpu, ret.waited = ((getattr(self, k) - getattr(first, k)) / 1e6 for k in ("wall", "cpu", "waited"))
        return ret


def _hog(gate, seconds):
    os.read(gate, 1)
    first = Used()
    slonet.spin(seconds)
    return Used().since(first)


class Hogs:
    """Processes that spin once they are told to, all at the same time."""

    def __init__(self, seconds, *cgroups, cpus=None, comm="slohog"):
        self._gate = os.pipe()
        self.children = [slonet.spawn(_hog, self._gate[0], seconds, cgroup=c, comm=comm, cpus=cpus) for c in cgroups]
        self.pids = [child.pid for child in self.children]

    def go(self):
        os.write(self._gate[1], b"g" * len(self.children))

    def results(self):
        ret = [child.result(120) for child in self.children]
        for fd in self._gate:
            os.close(fd)
        return ret


def adds_up(what, records, cgroup, stat, begin=0):
    """Against the cgroup's own counters: the same file, so to its last digit (us on v2, ns on v1)."""
    mine = of(records, cgroup, begin)
    ms, periods, throttled = stat
    between(f"{what}: ms throttled = cpu.stat", sum(r["value"] for r in mine), ms - 0.01, ms + 0.01, "rounding")
    equal(f"{what}: periods", sum(detail(r, "periods") for r in mine), periods)
    equal(f"{what}: throttled periods", sum(detail(r, "throttled_periods") for r in mine), throttled)
    for r in mine:
        if detail(r, "throttled_periods") > detail(r, "periods"):
            check(False, f"{what}: throttled periods are some of the periods", r["detail"], "at most")
    equal(f"{what}: unit, source", {(r["unit"], r["source"]) for r in mine}, {("ms", "procfs")} if periods else set())


# --- throttled time: what takes long comes first, and waits while the others go on -----------------------------------


NEAR_NS = 200_000_000  # from the end of an interval to the reading of its counters, by two who read them


def _watch(cgroup, gate):
    """[(time, ms throttled so far, somebody in it)] until the gate opens."""
    series = []
    while not select.select([gate], [], [], 0.05)[0]:
        at, there = time.time_ns(), bool(cgroup.read("cgroup.procs"))
        series.append((at, cgroup.throttled()[0], there))
    return series


class Watch:
    """The counters of cgroups read beside the agent, until it is asked for them."""

    def __init__(self, *cgroups):
        self._gate = os.pipe()
        self._children = [slonet.spawn(_watch, cgroup, self._gate[0], cpus=aside()) for cgroup in cgroups]

    def results(self):
        os.write(self._gate[1], b"g")
        ret = [child.result(60) for child in self._children]
        for fd in self._gate:
            os.close(fd)
        return ret


def throttled_between(series, begin, end):
    """(least, most) ms between two times that are known by NEAR_NS."""

    def before(t):
        return ([ms for at, ms, _ in series if at <= t] or [series[0][1]])[-1]

    def after(t):
        return ([ms for at, ms, _ in series if at >= t] or [series[-1][1]])[0]

    return max(0, before(end - NEAR_NS) - after(begin + NEAR_NS)), after(end + NEAR_NS) - before(begin - NEAR_NS)


def each_as_watched(what, records, series):
    """Throttled time counts when it ends, so that of an interval may be more than it is long: by whoever reads the counter."""
    bad = []
    for r in records:
        least, most = throttled_between(series, r["ts_unix_nano"] - r["interval_ms"] * 1e6, r["ts_unix_nano"])
        if not least - 0.01 <= r["value"] <= most + 0.01:
            bad.append((r["value"], least, most))
    equal(f"{what}: intervals unlike what the watch read, of {len(records)}: (ms, least, most)", bad, [])


@apart
def a_quota_set_later_is_picked_up():
    cgroup = new("later")
    agent = Agent(THROTTLED, backend="procfs")
    hogs = Hogs(PICKED_UP_S + 4, cgroup, cpus=aside())
    hogs.go()
    time.sleep(0.5)
    cgroup.quota(10)
    set_at = time.time()
    watch = Watch(cgroup)
    yield PICKED_UP_S + 4
    [series] = watch.results()
    hogs.results()
    yield 1.5
    last = cgroup.throttled()[0]
    records = agent.stop()
    seen = of(records, cgroup)
    if not check(bool(seen), "records of the cgroup", len(seen), "some"):
        return
    first = seen[0]["ts_unix_nano"] / 1e9
    between("picked up after, s", first - set_at, 0, 5 if slotest.ON_HOST else PICKED_UP_S,
            "10 ms of CPU for a walk under emulation; an interval of 1 s, 1 s for a slow guest")
    got = sum(r["value"] for r in seen)
    # the first record is of an interval that begins where the agent read cpu.stat for the first time
    read_at = seen[0]["ts_unix_nano"] - seen[0]["interval_ms"] * 1e6
    before = [ms for at, ms, _ in series if at <= read_at - 150e6][-1]
    after = [ms for at, ms, _ in series if at >= read_at + 150e6][0]
    between("ms throttled since then = cpu.stat", got, last - after - 0.01, last - before + 0.01,
            "0.15 s about the first reading")


def picked_up(agent, cgroup):
    """Cgroups are walked through a thousandth of the time: where many tests have theirs, under emulation, not every 2 s."""
    until = time.monotonic() + 60
    while not of(agent.peek(), cgroup) and time.monotonic() < until:
        hogs = Hogs(0.3, cgroup, cpus=aside())
        hogs.go()
        yield 1
        hogs.results()
    holds("it was picked up", of(agent.peek(), cgroup))
    yield 1.5  # what it had for that is told by then


@apart
def a_cgroup_that_is_removed():
    """Its counters go with it; another of its name begins from zero."""
    cgroup = new("gone", 10)
    [base] = yield from settled(cgroup)
    agent = Agent(THROTTLED, backend="procfs")
    hogs = Hogs(2, cgroup, cpus=aside())
    hogs.go()
    yield 2
    hogs.results()
    yield 1.5
    stat, gone = grown(cgroup, base), cgroup
    cgroup.close()
    yield 2.5
    again = new("gone", 20)
    yield from picked_up(agent, again)
    [base] = yield from settled(again)
    begin = time.time_ns()
    hogs = Hogs(2, again, cpus=aside())
    hogs.go()
    yield 2
    hogs.results()
    yield 1.5
    stat_again = grown(again, base)
    holds("the agent lives", agent.alive())
    log = agent.log()
    records = agent.stop()
    if gone.id != again.id:
        adds_up("the first", records, gone, stat)
        adds_up("the second", records, again, stat_again, begin)
    equal("words of trouble in the log",
          [line for line in log.splitlines() if re.search(" (err|warn) .*(procfs|cgroup|cpu.stat)", line)], [])


@apart
def quotas_one_beside_the_other():
    """Three quotas of one CPU together, and one hog without: it has nothing to report."""
    cgroups = {percent: new(f"q{percent}", percent) for percent in (10, 20, 30)}
    free = new("free")
    bases = yield from settled(*cgroups.values())
    watch = Watch(*cgroups.values())
    agent = Agent(THROTTLED, backend="procfs")
    # on one CPU: of a hog that moves, throttled time may be counted on both
    hogs = Hogs(3, *cgroups.values(), cpus={cpu()})
    freely = Hogs(1, free, cpus=aside())
    yield 1  # they were throttled while they started, too
    started = [grown(cgroup, base)[0] for cgroup, base in zip(cgroups.values(), bases)]
    hogs.go()
    used = hogs.results()
    freely.go()
    freely.results()
    yield 1.5  # one interval more
    stats = {percent: grown(cgroup, base) for (percent, cgroup), base in zip(cgroups.items(), bases)}
    records = agent.stop()
    yield NEAR_NS / 1e9
    for (percent, cgroup), start, u, series in zip(cgroups.items(), started, used, watch.results()):
        # to say what it did and to exit takes a hog periods more, where 20 ms are two of them
        gone = max(at for at, _, there in series if there)
        away, leaving = u.wall - u.cpu, max(0, gone - u.end) / 1e6
        print(f"  truth: {percent} %: cpu.stat {stats[percent]}, hog {u.wall:.1f} ms of which {u.cpu:.1f} on a CPU, "
              f"gone {leaving:.0f} ms later")
        adds_up(f"{percent} %", records, cgroup, stats[percent])
        # a hog is on the CPU, throttled, or waits behind the other two; others use a host, so there it may wait for long
        least = 0 if slotest.ON_HOST else away * 0.95 - sum(o.cpu for o in used if o is not u) - 100
        got = sum(r["value"] for r in of(records, cgroup)) - start
        between(f"{percent} %: ms throttled, by the hog's clocks", got, least, away * 1.02 + leaving + 110,
                "what it had no CPU, less 5 % and what the others had; until it was gone; a period at each end")
        each_as_watched(f"{percent} %", of(records, cgroup), series)
    equal("records of a cgroup without a quota", of(records, free), [])
    stats = agent.stats[THROTTLED]
    equal("made = sent = delivered", (stats["sent"], stats["delivered"]), (stats["made"], stats["made"]))
    equal("lines of the file", len([r for r in records if r["signal"] == THROTTLED]), stats["delivered"])


@apart
def quotas_one_inside_of_the_other():
    """Who has the smaller quota is throttled, be it the parent or the child."""
    outer, tight = new("outer", 10), new("tight", 50)
    # v1 grants a child no more than its parent has
    inner, inside = new("outer/inner", 60 if outer.v2 else None), new("tight/inside", 8)
    groups = {"parent of 10 %": outer, "its child of more or none": inner,
              "parent of 50 %": tight, "its child of 8 %": inside}
    bases = yield from settled(*groups.values())
    agent = Agent(THROTTLED, backend="procfs")
    hogs = Hogs(3, inner, inside, cpus=aside())
    hogs.go()
    yield 3
    used = hogs.results()
    yield 1.5
    stats = {name: grown(cgroup, base) for (name, cgroup), base in zip(groups.items(), bases)}
    records = agent.stop()
    print(f"  truth: {stats}; hogs without a CPU: {[round(u.wall - u.cpu) for u in used]} ms")
    premise(stats["parent of 10 %"][0] > 500 and stats["its child of 8 %"][0] > 500, "they were hardly throttled")
    for name, cgroup in groups.items():
        adds_up(name, records, cgroup, stats[name])


@apart
def a_target_keeps_the_others_out():
    """--cgroup: with its children; a process has no quota, so --pid and --comm select nothing here."""
    parent, other = new("target"), new("stranger", 10)
    child = new("target/child", 10)
    agent = Agent(THROTTLED, backend="procfs", cgroups=[child.named.rpartition("/")[0]])
    hogs = Hogs(1, child, other, cpus=aside())
    hogs.go()
    yield 1
    hogs.results()
    yield 1.5
    throttled = other.throttled()[0]
    records = agent.stop()
    premise(throttled > 100 and child.throttled()[0] > 100, "they were hardly throttled")
    holds("records of the target's child", of(records, child))
    seen = {r.get("cgroup_id") for r in records if r["signal"] == THROTTLED}
    equal("cgroups of all records", seen - {parent.id}, {child.id})
    holds("the other was filtered", agent.stats[THROTTLED]["filtered"] >= 1, agent.stats[THROTTLED]["filtered"])


# --- the cause of a wait ------------------------------------------------------------------------------------------


def by_cause(waits, least=0.0):
    ret = {}
    for r in waits:
        if r["value"] >= least:
            ret[detail(r, "cause")] = ret.get(detail(r, "cause"), 0.0) + r["value"]
    return ret


def waits_of(records, cgroup, begin=0, end=1 << 63):
    """Of all its threads, as begun in the time given."""
    return slotest.within_time(samples(records, WAIT, lambda r: r.get("cgroup_id") == cgroup.id), begin, end)


def share(causes, cause):
    return round(100 * causes.get(cause, 0.0) / max(sum(causes.values()), 1e-9), 3)


CLEAR = 0.6  # of a wait: whoever had the CPU for so much of it is to be blamed; of what is closer, either


def blamed_on_the_longer_part(what, causes, waits, slack_ms, percent=3):
    """The sums told by cause against @waits of Turns, which names who had the CPU, with times of its own."""
    total = sum(ms for ms, _, _ in waits)
    own, other = (sum(ms for ms, mine, _ in waits if part(ms, mine) > CLEAR * ms)
                  for part in (lambda ms, mine: mine, lambda ms, mine: ms - mine))
    print(f"  truth: {what}: {len(waits)} waits of {total:.1f} ms by the tracepoints' text, its own cgroup had the CPU for "
          f"{sum(mine for _, mine, _ in waits):.1f} ms of them; to be blamed on own {own:.1f}, on other {other:.1f}, on either "
          f"{total - own - other:.1f}; told {causes}")
    for cause, least, against in (("own", own, other), ("other", other, own)):
        between(f"{what}: ms blamed on {cause}, by who had the CPU", causes.get(cause, 0.0),
                least * (1 - percent / 100) - slack_ms, (total - against) * (1 + percent / 100) + slack_ms,
                f"{percent} % and {slack_ms} ms for the waits at the marks")


@test
def a_hog_alone_waits_for_its_quota():
    slotest.tells_all("waits for the quota from others")
    cgroup = new("alone", 20)
    hogs = Hogs(4, cgroup, cpus={cpu()})
    agent = Agent(WAIT, pids=hogs.pids)
    hogs.go()
    used = hogs.results()[0]
    stat = cgroup.throttled()
    records = agent.stop()
    mine = waits_of(records, cgroup, used.begin, used.end)
    causes, long = by_cause(mine), by_cause(mine, LONG_MS)
    print(f"  truth: no CPU for {used.wall - used.cpu:.1f} ms of {used.wall:.1f}, waited {used.waited:.1f} by schedstat, "
          f"throttled {stat[0]:.1f}; told {causes}")
    premise(stat[0] > 1000, "the hog was hardly throttled")
    # What is no throttling is somebody else on its CPU: the agent, or users of the host. The counter is read after the hog's own
    # mark, with the last period's throttling in it.
    foreign = used.waited - stat[0]
    # one wait may lie across each mark: a period
    between("ms waited for all causes, by the hog's clocks", sum(causes.values()), (used.wall - used.cpu) * 0.97 - 90,
            (used.wall - used.cpu) * 1.02 + 5, "3 %, and a period at the marks")
    between("ms waited for the quota, by cpu.stat", causes.get("quota", 0.0), stat[0] * 0.95 - 90,
            stat[0] * 1.05 + 20 + max(foreign, 0) / 2, "5 %, a period at the marks; half of what others had: it may be in the same wait")
    between("ms above 2 ms blamed on others", long.get("other", 0.0), 0, max(foreign + 90, 0) * 1.05 + 20,
            "what is no throttling, a period at the mark; 5 % and 20 ms")
    equal("ms blamed on its own cgroup, where it is alone", causes.get("own", 0.0), 0.0)


def _sleepers(gate, seconds, work):
    """Three threads that sleep 1 ms again and again, and one that works; begin, end, and what the fourth used."""

    def sleeper():
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.001)

    os.read(gate, 1)
    begin = time.time_ns()
    threads = [threading.Thread(target=sleeper) for _ in range(3)]
    for t in threads:
        t.start()
    first = Used()
    work(seconds)
    used = Used().since(first)
    for t in threads:
        t.join()
    return begin, time.time_ns(), used


@test
def sleepers_beside_a_hog_of_another_cgroup():
    """They wake while it has the CPU and get it one after the other: each waited for it, not for its fellows."""
    cgroup, neighbour = new("quiet"), new("noisy")
    gate = os.pipe()
    child = slonet.spawn(_sleepers, gate[0], 4, time.sleep, cgroup=cgroup, comm="slosleepers", cpus={cpu()})
    turns = Turns(cpu())
    agent = Agent(WAIT, pids=[child.pid])
    slotest.needs("cgroup_id")
    hogs = Hogs(5, neighbour, cpus={cpu()})
    hogs.go()
    os.write(gate[1], b"g")
    begin, end, _ = child.result(120)
    hogs.results()
    records = agent.stop()
    mine = [r for r in waits_of(records, cgroup, begin, end) if r["value"] >= LONG_MS]
    tids = {r["tid"] for r in waits_of(records, cgroup)} | {child.pid}
    waits = [w for w in turns.waits(tids, tids, begin, end) if w[0] >= LONG_MS]
    turns.close()
    # under emulation some of these many waits have 2 ms by one of the two clocks only
    blamed_on_the_longer_part("the sleepers", by_cause(mine), waits, 30, percent=15)
    premise(sum(ms - had > CLEAR * ms for ms, had, _ in waits) >= 3, "the sleepers hardly waited for the hog")
    # that they are short of a quota cannot be
    equal("blamed on a quota that is not there", by_cause(mine).get("quota", 0.0), 0.0)


@test
def sleepers_beside_a_hog_of_the_quota():
    """They wake into a cgroup that is throttled: the quota's fault, not that of whoever runs meanwhile."""
    slotest.tells_all("waits for the quota from others")
    cgroup = new("sleepy", 20)

    gate = os.pipe()
    child = slonet.spawn(_sleepers, gate[0], 4, slonet.spin, cgroup=cgroup, comm="slosleepers", cpus={cpu()})
    agent = Agent(WAIT, pids=[child.pid])
    os.write(gate[1], b"g")
    begin, end, used = child.result(120)
    stat = cgroup.throttled()
    records = agent.stop()
    mine = waits_of(records, cgroup, begin, end)
    long = [r for r in mine if r["value"] >= LONG_MS]
    causes = by_cause(mine, LONG_MS)
    print(f"  truth: throttled {stat[0]:.1f} ms of {(end - begin) / 1e6:.1f}; {len(long)} waits above {LONG_MS} ms, "
          f"told {causes}")
    premise(stat[0] > 1000 and len(long) >= 20, "they were hardly throttled")
    holds("the sleepers waited", len({r["tid"] for r in long}) >= 2, {r["tid"] for r in long})
    # what the hog waited and was no throttling: others, and the sleepers; all four of them may wait for the same
    foreign = max(used.waited - stat[0], 0)
    premise(foreign < stat[0] / 4, f"they had the CPU for {foreign:.0f} ms")
    between("ms of long waits blamed on others", causes.get("other", 0.0), 0,
            4 * foreign + 20 + sum(causes.values()) / 100, f"four threads waiting for what had the CPU for {foreign:.1f} ms; 1 % of all and 20 ms")
    holds("the quota is blamed", share(causes, "quota") >= 50, causes)


def told_of_hog(pid, own, used, records, turns, slack):
    """(causes told of it, ms of its waits for which @own, its cgroup's, are clearly to blame)"""
    mine = slotest.within_time(samples(records, WAIT, lambda r: r["tid"] == pid), used.begin, used.end)
    causes = by_cause(mine)
    print(f"  truth: hog {pid} waited {used.waited:.1f} ms by schedstat; told {causes}")
    premise(used.waited > 300, "the hogs were not in each other's way")
    waits = turns.waits({pid}, own, used.begin, used.end)
    blamed_on_the_longer_part(f"hog {pid}", causes, waits, slack)
    return causes, sum(ms for ms, had, _ in waits if had > CLEAR * ms)


def hogs_of(*cgroups, cuts_in=None):
    """[(causes told, ms of own blame)] of a hog of each, on one CPU, where one of @cuts_in's does what it does."""
    hogs = Hogs(3, *cgroups, cpus={cpu()})
    turns = Turns(cpu())
    agent = Agent(WAIT, pids=hogs.pids)
    slotest.needs("cgroup_id")
    other = slonet.spawn(_cuts_in, 3, cgroup=cuts_in, comm="slocutsin", cpus={cpu()}) if cuts_in else None
    hogs.go()
    used = hogs.results()
    records = agent.stop()
    if other:
        other.result(60)
    # one wait may lie across each mark, behind all the others; on the host see MISSED_PERCENT of runqueue.py
    slack = (60 if slotest.ON_HOST else 30) * (len(cgroups) - 1)
    ret = [told_of_hog(pid, {p for p, c in zip(hogs.pids, cgroups) if c is cgroup}, u, records, turns, slack)
           for pid, cgroup, u in zip(hogs.pids, cgroups, used)]
    turns.close()
    # a wait behind five others, at a mark, is too long to compare sums
    for u, (causes, _) in zip(used, ret) if len(cgroups) == 2 else ():
        between("sum over the causes = schedstat, ms", sum(causes.values()), u.waited * 0.97 - slack,
                u.waited * 1.03 + slack, f"3 % and {slack} ms for the waits at the marks")
    return ret


@test
def two_hogs_of_one_cgroup():
    cgroup = new("own")
    for causes, own in hogs_of(cgroup, cgroup):
        premise(own > 300, "they hardly waited for each other")
        equal("blamed on a quota that is not there", causes.get("quota", 0.0), 0.0)


@test
def two_hogs_of_two_cgroups():
    for causes, _ in hogs_of(new("one"), new("two")):
        between("blamed on others, %", share(causes, "other"), 99.9, 100, "all but rounding")
        equal("blamed on a quota that is not there", causes.get("quota", 0.0), 0.0)


def _cuts_in(seconds):
    """Gets the CPU for 1.2 ms again and again, as who slept may."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.003)
        first = time.thread_time_ns()
        while time.thread_time_ns() < first + 1_200_000:
            pass


@test
def hogs_of_one_cgroup_and_who_cuts_in():
    """Each waits for all its fellows, while the CPU changes hands more often than is kept."""
    cgroup = new("many")
    told = hogs_of(*[cgroup] * 6, cuts_in=new("cutsin"))
    premise(sum(own for _, own in told) > 3000, "they hardly waited for each other")


@test
def a_quota_and_a_rival_at_once():
    """One CPU, a hog of half of it by quota and a hog of another cgroup: both causes are told, and nothing twice."""
    slotest.tells_all("waits for the quota from others")
    mine, rival = new("mixed", 30), new("rival")
    hogs = Hogs(4, mine, rival, cpus={cpu()})
    agent = Agent(WAIT, pids=hogs.pids[:1], emit="all")
    hogs.go()
    used = hogs.results()[0]
    stat = mine.throttled()
    records = agent.stop()
    causes = by_cause(waits_of(records, mine, used.begin, used.end))
    print(f"  truth: no CPU for {used.wall - used.cpu:.1f} ms of {used.wall:.1f}, throttled {stat[0]:.1f}; told {causes}")
    premise(stat[0] > 200, "it was hardly throttled")
    total = sum(causes.values())
    between("sum over the causes = time without a CPU, ms", total, (used.wall - used.cpu) * 0.95 - 100,
            (used.wall - used.cpu) * 1.02, "5 % and a period at the marks")
    # a wait that was throttled in part is the quota's in full: at most one slice of the rival's more each
    between("ms blamed on the quota, by cpu.stat", causes.get("quota", 0.0), stat[0] * 0.85 - 100, stat[0] * 2 + 100,
            "15 %; up to twice, for one wait has one cause")
    equal("blamed on its own cgroup, where it is alone", causes.get("own", 0.0), 0.0)


@test
def histograms_come_one_for_each_cause():
    slotest.tells_all("waits for the quota from others")
    cgroup, other = new("hist", 30), new("histother")
    hogs = Hogs(3, cgroup, cgroup, other, cpus={cpu()})
    agent = Agent(WAIT, emit=None)
    hogs.go()
    used = hogs.results()
    time.sleep(1.5)
    records = agent.stop()
    waited = sum(u.waited for u in used[:2])
    mine = aggregates(records, WAIT, lambda r: r.get("cgroup_id") == cgroup.id)
    sums = {}
    for r in mine:
        sums[detail(r, "cause")] = sums.get(detail(r, "cause"), 0.0) + detail(r, "sum_ms")
    print(f"  truth: waited {waited:.1f} ms by schedstat; told {sums}")
    twice = [k for k in {(r["ts_unix_nano"], detail(r, "cause")) for r in mine}
             if len([r for r in mine if (r["ts_unix_nano"], detail(r, "cause")) == k]) > 1]
    equal("causes told twice of one interval", twice, [])
    between("sum over the causes = schedstat, ms", sum(sums.values()), waited * 0.95 - 60, waited * 1.05 + 120,
            "5 %; the waits at the marks and of birth and exit")
    holds("quota and others are blamed", sums.get("quota", 0) > 0 and sums.get("other", 0) > 0, sums)


def make():
    slolimit.controller_root("cpu")
    if not os.path.exists("/proc/self/schedstat"):
        slotest.skip("this kernel keeps no schedstat (CONFIG_SCHED_INFO): no truth to compare with")


slotest.main(setup=make)
