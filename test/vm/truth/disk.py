#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Block I/O against fio's own timers, the delay that the disk was given, and the kernel's count of the disk's requests."""
# timeout: 240
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slodisk
import slolimit
import slonet
import slotest
from slotest import Agent, aggregates, between, check, detail, equal, holds, samples, test
from slotrace import Unseen, seen

SIGNAL = "disk_io_latency_ms"
DELAY_MS = 5.0
IOS = 100
DEEP_IOS = 2000
# Of the delay, null_blk's timer starts after the request was made; the clocks are the same.
EARLY_MS = 0.01
HELD_MS, HELD_IOS = 40, 30  # by the device mapper, whose timer counts ticks: at most 100 a second are known
TICK_MS = 10.0
LIMITED_IOPS, LIMITED_IOS = 20, 40
CALLS = "syscall_latency_ms"
DONE = "block/block_rq_complete"


def of_disk(records, name, op=None):
    return [r for r in records if detail(r, "device") == name and (op is None or detail(r, "op") == op)]


def adds_up(agent):
    s = agent.stats[SIGNAL]
    equal("made = sent + aggregated + lost_ring + lost_map + shed", s["made"],
          sum(s[k] for k in ("sent", "aggregated", "lost_ring", "lost_map", "shed")))
    equal("delivered = sent", s["delivered"], s["sent"])
    return s


def compare(op, mine, fio):
    """The disk's delay bounds each value from below, fio's timers around the system call bound them from above."""
    values = [r["value"] for r in mine]
    p50, p99, mean, largest = fio.latency(op)
    equal(f"{op}: requests = fio's", len(values), fio.ios(op))
    if not values:
        return
    between(f"{op}: smallest, ms", min(values), DELAY_MS - EARLY_MS, largest, "the disk's delay, fio's largest")
    # fio sorts into bins 1/64 of a power of two wide: 2 %
    between(f"{op}: p50, ms", slodisk.quantile(values, 0.5), DELAY_MS - EARLY_MS, p50 * 1.02, "the delay, fio's p50 and its bin")
    between(f"{op}: p99, ms", slodisk.quantile(values, 0.99), DELAY_MS - EARLY_MS, p99 * 1.02, "the delay, fio's p99 and its bin")
    between(f"{op}: mean, ms", sum(values) / len(values), max(DELAY_MS, mean / 2), mean,
            "within fio's, and at least half of it: the rest is the way to the process")


@test
def reads_writes_discards_equal_fio_and_the_kernel():
    disk = slodisk.NullDisk(DELAY_MS, memory_backed=1, discard=1)
    agent = Agent(SIGNAL)
    before = slodisk.account(disk.name)
    runs = {"read": slodisk.Fio(disk.dev, "randread", IOS), "write": slodisk.Fio(disk.dev, "randwrite", IOS),
            "discard": slodisk.Fio(disk.dev, "randtrim", IOS)}
    after = slodisk.account(disk.name)
    records = agent.stop()
    for op, fio in runs.items():
        compare(op, samples(records, SIGNAL, lambda r, op=op: r in of_disk([r], disk.name, op)), fio)
    mine = of_disk(samples(records, SIGNAL), disk.name)
    told = {op: len(of_disk(mine, disk.name, op)) for op in runs}
    if not slodisk.tells_discards(disk.name):
        told = {"read": told["read"], "write": told["write"] + told["discard"], "discard": 0}
    equal("requests = /sys/block/X/stat", told, slodisk.delta(before, after))
    equal("bytes of reads", {detail(r, "bytes") for r in of_disk(mine, disk.name, "read")}, {4096})
    stamped = [r for r in mine if detail(r, "device_ms") is not None]
    print(f"  {len(stamped)} of {len(mine)} with the device's own time; wbt {disk.queue('wbt_lat_usec')}")
    low = [r for r in stamped if not DELAY_MS - EARLY_MS <= detail(r, "device_ms") <= r["value"]]
    equal("device_ms outside [delay, value]", low[:3], [])
    usual = {"btf_free": "tracepoint", "bcc": "bcc"}.get(slotest.BACKEND, "tp_btf")
    equal("mechanism, by kernels/matrix.tsv", {r["source"] for r in mine}, {os.environ.get("SLO_ROW_DISK", usual)})
    adds_up(agent)


@test
def histogram_holds_fios_percentiles():
    disk = slodisk.NullDisk(DELAY_MS)
    agent = Agent(SIGNAL, emit=None)
    fio = slodisk.Fio(disk.dev, "randread", IOS)
    records = agent.stop()
    mine = of_disk(aggregates(records, SIGNAL), disk.name, "read")
    equal("requests counted = fio's", sum(r["count"] for r in mine), fio.ios("read"))
    p50, p99, mean, largest = fio.latency("read")
    total = sum(detail(r, "sum_ms", 0) for r in mine)
    between("sum, ms", total, DELAY_MS * IOS * 0.999, mean * IOS * 1.001, "the delay, fio's mean; 0.1 % rounding")
    for r in mine:
        # a slot is a power of two wide
        between("p50 of an interval, ms", detail(r, "p50_ms"), DELAY_MS / 2, max(largest, p50 * 2), "the slot")
    low = [r["value"] for r in of_disk(samples(records, SIGNAL), disk.name) if r["value"] < 10]
    equal("events below the threshold of 10 ms", low, [])


@test
def waiting_for_the_device_is_queue_time():
    disk = slodisk.NullDisk(DELAY_MS, hw_queue_depth=1)
    disk.queue("scheduler", "mq-deadline")
    disk.queue("nr_requests", 32)  # else the others wait for a request, before there is one to measure
    disk.queue("nomerges", 2)
    agent = Agent(SIGNAL)
    fio = slodisk.Fio(disk.dev, "randread", IOS, "--iodepth=8", engine="libaio")
    mine = of_disk(samples(agent.stop(), SIGNAL), disk.name, "read")
    equal("requests", len(mine), fio.ios("read"))
    if slodisk.scheduler(disk) != "mq-deadline":
        slotest.skip("no scheduler here: requests wait for a tag before they are made")
    # eight wait for one: the last of them seven delays; the first and last seven requests have less company
    values = [r["value"] for r in mine]
    _, _, mean, largest = fio.latency("read")
    between("mean, ms", sum(values) / len(values), DELAY_MS * 4, mean, "half of eight delays, fio's mean")
    split = [r for r in mine if detail(r, "device_ms") is not None]
    for r in split:
        parts = detail(r, "queue_ms", 0) + detail(r, "device_ms")
        if abs(parts - r["value"]) > 0.002:
            check(False, "queue_ms + device_ms = value", parts, r["value"], "2 us: each is rounded")
    if split:
        queued = sum(detail(r, "queue_ms", 0) for r in split) / len(split)
        between("mean queue_ms", queued, DELAY_MS * 2, mean, "most of eight delays but one")
    print(f"  {len(split)} of {len(mine)} split into queue and device")


@test
def flushes_are_fsyncs():
    slotest.tells_all("flushes", bcc=True)
    disk = slodisk.NullDisk(DELAY_MS, memory_backed=1, cache_size=8)
    agent = Agent(SIGNAL)
    waits = []
    fd = os.open(disk.dev, os.O_RDWR)
    for n in range(20):
        os.pwrite(fd, b"x" * 4096, n * 4096)
        begin = time.monotonic()
        os.fsync(fd)
        waits.append((time.monotonic() - begin) * 1e3)
    os.close(fd)
    records = agent.stop()
    mine = of_disk(samples(records, SIGNAL), disk.name)
    flushes = of_disk(mine, disk.name, "flush")
    equal("flushes = fsyncs", len(flushes), 20)
    equal("writes = pages made dirty", len(of_disk(mine, disk.name, "write")), 20)
    # a flush begins when its page is written: fsync waits for both, one after the other
    for r, wait in zip(flushes, waits):
        if not DELAY_MS - EARLY_MS <= r["value"] <= wait:
            check(False, "a flush, ms", r["value"], wait, "the disk's delay to fsync's own time")
    adds_up(agent)


@test
def each_cgroup_sees_its_own():
    root = slonet.cgroup2_root()
    if not root or "io" not in slodisk.read(f"{root}/cgroup.subtree_control").split():
        slotest.skip("no io controller in the v2 hierarchy: requests carry no v2 cgroup")
    disk = slodisk.NullDisk(1.0)
    groups = {n: slonet.Cgroup(f"slo-truth-{os.getpid()}-io{n}") for n in (30, 50)}
    agent = Agent(SIGNAL, emit=None)
    slotest.needs("cgroup_id")
    for ios, cgroup in groups.items():
        slodisk.Fio(disk.dev, "randread", ios, cgroup=cgroup)
    records = agent.stop()
    for ios, cgroup in groups.items():
        mine = of_disk(aggregates(records, SIGNAL, lambda r, id=cgroup.id: r.get("cgroup_id") == id), disk.name, "read")
        equal(f"requests of {cgroup.path}", sum(r["count"] for r in mine), ios)


def _of_cgroup(records, cgroup):
    return [r for r in records if r.get("cgroup_id") == cgroup.id]


@test
def what_the_device_mapper_holds_back_is_not_the_disks():
    """dm-delay works by bios: its wait comes before the request is made, which a kernel thread then does for the reader."""
    disk = slodisk.NullDisk(DELAY_MS)
    above = slodisk.DelayedDisk(disk, HELD_MS)
    cgroup = slolimit.Limit(f"slo-truth-{os.getpid()}-dm", slolimit.io_controller())
    agent = Agent(SIGNAL)
    before = slodisk.account(disk.name)
    fio = slodisk.Fio(above.dev, "randread", HELD_IOS, cgroup=cgroup)
    made = slodisk.delta(before, slodisk.account(disk.name))["read"]
    records = samples(agent.stop(), SIGNAL)
    p50, _, mean, largest = fio.latency("read")
    between("the reader's p50, ms", p50, HELD_MS + DELAY_MS - TICK_MS, largest, "both delays, less a tick of dm's timer")
    equal("records of the mapped device: it makes no requests", len(of_disk(records, above.name)), 0)
    mine = of_disk(records, disk.name, "read")
    equal("requests of the disk below = fio's = /sys/block/X/stat", (len(mine), made), (fio.ios("read"),) * 2)
    values = [r["value"] for r in mine]
    between("smallest, ms", min(values), DELAY_MS - EARLY_MS, largest - HELD_MS + TICK_MS, "the disk's own delay")
    between("mean, ms", sum(values) / len(values), DELAY_MS, mean - HELD_MS + TICK_MS, "fio's mean less what dm held")
    if cgroup.v2 and slotest.BACKEND == "libbpf":
        equal("requests of the reader's cgroup, though a kernel thread made them", len(_of_cgroup(mine, cgroup)), len(mine))
    adds_up(agent)


@test
def what_io_max_holds_back_is_not_the_disks():
    """A cgroup's limit makes its bios wait before they are requests; the reader's call is where that shows."""
    disk = slodisk.NullDisk(DELAY_MS)
    cgroup = slolimit.Limit(f"slo-truth-{os.getpid()}-iomax", slolimit.io_controller())
    cgroup.limit_reads(disk.numbers, LIMITED_IOPS)
    with_calls = slotest.BACKEND == "libbpf"
    agent = Agent(f"{SIGNAL},{CALLS}" if with_calls else SIGNAL)
    begin = time.monotonic()
    fio = slodisk.Fio(disk.dev, "randread", LIMITED_IOS, cgroup=cgroup)
    seconds = time.monotonic() - begin
    records = agent.stop()
    _, _, mean, _ = fio.latency("read")
    # the first of each slice of the limit go at once
    holds("the reader was held back", mean > 2 * DELAY_MS and seconds > LIMITED_IOS / LIMITED_IOPS * 0.5, (mean, seconds))
    mine = of_disk(samples(records, SIGNAL), disk.name, "read")
    equal("requests = fio's", len(mine), fio.ios("read"))
    values = [r["value"] for r in mine]
    between("smallest, ms", min(values), DELAY_MS - EARLY_MS, mean, "the disk's own delay")
    between("p50, ms", slodisk.quantile(values, 0.5), DELAY_MS - EARLY_MS, mean / 1.5, "far below fio's mean")
    if cgroup.v2 and slotest.BACKEND == "libbpf":
        equal("requests of the cgroup", len(_of_cgroup(mine, cgroup)), len(mine))
    if with_calls:
        calls = [r["value"] for r in samples(records, CALLS) if r["comm"] == "fio" and detail(r, "file") == "block"
                 and detail(r, "family") == "read"]
        equal("calls = fio's reads", len(calls), fio.ios("read"))
        between("mean of the calls, ms", sum(calls) / max(1, len(calls)), mean * 0.9, mean * 1.02,
                "fio's own; it stamps outside of the call, and begins the next one meanwhile")
    adds_up(agent)


def _waited_ns():
    """What this process has waited for a CPU so far."""
    return int(slodisk.read("/proc/self/schedstat").split()[1])


def _read_pages():
    """What this process has read of disks so far, by the kernel's account of it where it keeps one."""
    if not os.path.exists("/proc/self/io"):
        return 0
    return int(slodisk.read("/proc/self/io").split("\nread_bytes: ")[1].split()[0]) // 4096


def _read_some(path, count, gate):
    """
    Direct reads; ns each took by the reader's own clock, ns in all that it waited for a CPU meanwhile, and the pages that it
    read besides: of its program, where the machine is short of memory.
    """
    pages = _read_pages()
    os.read(gate, 1)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    page, took, waited = slodisk.page(), [], _waited_ns()
    for n in range(count):
        begin = time.monotonic_ns()
        # every other page: requests of two readers for neighbours may meet in the queue and become one
        os.preadv(fd, [page], 2 * n * 4096)
        took.append(time.monotonic_ns() - begin)
    os.close(fd)
    return took, _waited_ns() - waited, max(0, _read_pages() - pages - count)


def _place():
    """(what to read, its disk's name): a disk of known delay, or on a host a file on the real one."""
    if not slotest.ON_HOST:
        disk = slodisk.NullDisk(DELAY_MS)
        return disk.dev, disk.name
    name = slodisk.disk_of("/var/tmp")
    if not name:
        slotest.skip("/var/tmp lies on no disk")
    path = os.path.join("/var/tmp", f"slo-truth.{os.getpid()}")
    slodisk.make_file(path, 1 << 20)
    return path, name


@test
def with_targets_the_submitter_is_known():
    slotest.tells_all("two requests for one sector apart, as two readers of one file make them")
    path, name = _place()
    gate = os.pipe()
    readers = [slonet.spawn(_read_some, path, IOS, gate[0], comm="sloreader") for _ in range(2)]
    wanted = readers[0].pid
    agent = Agent(SIGNAL, pids=[wanted])
    unseen = Unseen(DONE)
    os.write(gate[1], b"gg")
    took, waited, besides = [reader.result() for reader in readers][0]
    hidden = unseen.count()
    unseen.close()
    records = agent.stop()
    mine = of_disk(samples(records, SIGNAL), name, "read")
    equal("records of others", [r["pid"] for r in samples(records, SIGNAL) if r["pid"] != wanted][:3], [])
    direct = [r for r in mine if detail(r, "bytes") == 4096 and r["comm"] == "sloreader"]
    seen("requests = direct reads", len(direct), IOS, hidden, besides)
    # one read waits for one request, in turn
    if len(direct) == IOS:
        over = [(r["value"], t / 1e6) for r, t in zip(direct, took) if r["value"] > t / 1e6]
        equal("requests that took longer than their read", over[:3], [])
    total, reads = sum(r["value"] for r in direct), sum(took) / 1e6
    print(f"  the reads took {reads:.3f} ms, of which the reader waited {waited / 1e6:.3f} ms for a CPU")
    between("sum of the requests, ms", total, 0.3 * (reads - waited / 1e6) * len(direct) / IOS, reads,
            "at most the reads'; the rest is the system call, and the reader's wake-up, but for its waits for a CPU")
    holds("others were filtered", agent.stats[SIGNAL]["filtered"] >= IOS - hidden, agent.stats[SIGNAL])
    adds_up(agent)


@test
def many_under_way_keep_their_submitters():
    """Each is found again among all that are on their way to the disk."""
    if slotest.BACKEND != "libbpf":
        slotest.skip("what is under way is kept by request here")
    disk = slodisk.NullDisk(DELAY_MS, hw_queue_depth=256)
    disk.queue("nr_requests", 256)
    disk.queue("nomerges", 2)
    agent = Agent(SIGNAL, comms=["fio"])
    fio = slodisk.Fio(disk.dev, "randread", DEEP_IOS, "--iodepth=128", engine="libaio")
    mine = of_disk(samples(agent.stop(), SIGNAL), disk.name, "read")
    # a third one of 128 in one of 4096 sets: once in 3,000 requests
    between("requests", len(mine), fio.ios("read") * 0.995, fio.ios("read"), "0.5 %: places for two in each set")
    adds_up(agent)


@test
def targets_of_a_reload_are_known_too():
    slotest.tells_all("two requests for one sector apart, as two readers of one file make them")
    path, name = _place()
    conf, gate = os.path.join(slotest.tmp, "agent.ini"), os.pipe()
    with open(conf, "w") as f:
        f.write("[agent]\ninterval_ms = 1000\n")
    agent = Agent(SIGNAL, args=("--config", conf))
    with open(conf, "a") as f:
        f.write("[targets]\ncomm = sloreader\n")
    agent.signal(1)
    until = time.monotonic() + 20
    while "reload" not in agent.log() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.2)
    readers = [slonet.spawn(_read_some, path, IOS, gate[0], comm=comm) for comm in ("sloreader", "sloother")]
    wanted, other = (reader.pid for reader in readers)
    unseen = Unseen(DONE)
    os.write(gate[1], b"gg")
    _, _, besides = [reader.result() for reader in readers][0]
    hidden = unseen.count()
    unseen.close()
    mine = of_disk(samples(agent.stop(), SIGNAL), name, "read")
    direct = [r for r in mine if detail(r, "bytes") == 4096 and r["pid"] == wanted]
    seen("requests = direct reads", len(direct), IOS, hidden, besides)
    equal("records of the other", [r for r in mine if r["pid"] == other][:3], [])


@test
def disks_without_stamps_are_timed_by_a_map():
    slotest.unseen_by_bcc("disks whose requests carry no times")
    disk = slodisk.NullDisk(DELAY_MS)
    disk.queue("scheduler", "none")
    disk.queue("wbt_lat_usec", 0)
    if disk.queue("iostats", 0) != "0":
        slotest.skip("iostats cannot be switched off")
    agent = Agent(SIGNAL)
    first = slodisk.Fio(disk.dev, "randread", 10)
    time.sleep(2.5)  # two intervals: the agent has noticed
    begin_ns = time.time_ns()
    fio = slodisk.Fio(disk.dev, "randread", IOS)
    mine = of_disk(samples(agent.stop(), SIGNAL), disk.name, "read")
    s = adds_up(agent)
    if len(mine) == first.ios("read") + fio.ios("read"):
        slotest.skip("this kernel stamps even so")
    later = [r for r in mine if r["ts_unix_nano"] > begin_ns]
    compare("read", later, fio)
    # an interval may end in the midst of the first ones
    equal("first ones measured, and those counted as not", len(mine) - len(later) + s["unmatched"], first.ios("read"))


@test
def what_a_sleeping_agent_misses_is_counted():
    disk = slodisk.NullDisk(0)
    agent = Agent(SIGNAL)
    agent.signal(19)
    before = slodisk.account(disk.name)
    fio = slodisk.Fio(disk.dev, "randread", 9000, "--size=60m")
    made = slodisk.delta(before, slodisk.account(disk.name))["read"]
    agent.signal(18)
    records = agent.stop()
    equal("the kernel's count = fio's", made, fio.ios("read"))
    s = adds_up(agent)
    between("measured", s["made"], made, made + 500, "this disk's, and what else the machine read")
    holds("something was lost, else this shows nothing", s["lost_ring"] > 0, s)
    equal("lines in the file = delivered", len(samples(records, SIGNAL)), s["delivered"])


slotest.main()
