#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Reads, writes and syncs of storage against the caller's own clock; what waits for a peer is not reported at all."""
# timeout: 240
import ctypes
import os
import pty
import re
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slodisk
import slonet
import slotest
from slotest import Agent, aggregates, between, check, detail, equal, holds, samples, test

SIGNAL = "syscall_latency_ms"
DELAY_MS = 5.0
EARLY_MS = 0.01
COUNT = 20
PAGE = 4096

# Without BTF no file has a class, and calls that any file takes are left out: they may wait for a peer.
FILES_KNOWN = slotest.BACKEND == "libbpf"

_libc = ctypes.CDLL(None, use_errno=True)
_place = {}


def place():
    """(what to open, delay in ms that each of its transfers takes at least, class): a slow disk, or the host's own."""
    if not _place:
        if slotest.ON_HOST:
            path = f"/var/tmp/slo-truth.{os.getpid()}"
            slodisk.make_file(path, 64 * PAGE)
            _place["at"] = (path, 0.0, "regular" if FILES_KNOWN else "unknown")
        else:
            # memory behind it, and a cache, so that a flush is a request of its own
            disk = slodisk.NullDisk(DELAY_MS, memory_backed=1, cache_size=8)
            _place["disk"], _place["at"] = disk, (disk.dev, DELAY_MS, "block" if FILES_KNOWN else "unknown")
    return _place["at"]


def _pread(fd, page, offset):
    buf = (ctypes.c_char * PAGE).from_buffer(page)
    return _libc.pread64(fd, buf, ctypes.c_size_t(PAGE), ctypes.c_long(offset))


def _pwrite(fd, page, offset):
    buf = (ctypes.c_char * PAGE).from_buffer(page)
    return _libc.pwrite64(fd, buf, ctypes.c_size_t(PAGE), ctypes.c_long(offset))


def _read(fd, page, offset):
    os.lseek(fd, offset, os.SEEK_SET)
    return _libc.read(fd, (ctypes.c_char * PAGE).from_buffer(page), ctypes.c_size_t(PAGE))


def _write(fd, page, offset):
    os.lseek(fd, offset, os.SEEK_SET)
    return _libc.write(fd, (ctypes.c_char * PAGE).from_buffer(page), ctypes.c_size_t(PAGE))


class _Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def _vector(function):
    """By the C library: Python's own preadv and pwritev are preadv2 and pwritev2."""
    def call(fd, page, offset):
        iov = _Iovec(ctypes.addressof((ctypes.c_char * PAGE).from_buffer(page)), PAGE)
        return function(fd, ctypes.byref(iov), 1, ctypes.c_long(offset))
    return call


# name: (call, family, number of the system call, the one that stands for it where functions are hooked)
CALLS = {
    "read": (_read, "read", 0, 0),
    "pread64": (_pread, "read", 17, 0),
    "readv": (lambda fd, page, at: (os.lseek(fd, at, os.SEEK_SET), os.readv(fd, [page]))[1], "read", 19, 19),
    "preadv": (_vector(_libc.preadv64), "read", 295, 19),
    "preadv2": (lambda fd, page, at: os.preadv(fd, [page], at), "read", 327, 19),
    "write": (_write, "write", 1, 1),
    "pwrite64": (_pwrite, "write", 18, 1),
    "writev": (lambda fd, page, at: (os.lseek(fd, at, os.SEEK_SET), os.writev(fd, [page]))[1], "write", 20, 20),
    "pwritev": (_vector(_libc.pwritev64), "write", 296, 20),
    "pwritev2": (lambda fd, page, at: os.pwritev(fd, [page], at), "write", 328, 20),
}


if not FILES_KNOWN:
    CALLS = {name: call for name, call in CALLS.items() if name.startswith("p")}


def _transfer(path, gate):
    """{name: [(begin, ms)...]} by our own clock around each call."""
    os.read(gate, 1)
    fd, page, took = os.open(path, os.O_RDWR | os.O_DIRECT), slodisk.page(), {}
    for name, (call, *_) in CALLS.items():
        took[name] = []
        for n in range(COUNT):
            begin = time.monotonic_ns()
            got = call(fd, page, n * PAGE)
            took[name].append((time.monotonic_ns() - begin) / 1e6)
            assert got == PAGE, (name, got)
    os.close(fd)
    return took


def start(fn, *args, comm="sloreader", emit="all", **targets):
    """A process that waits, the agent that watches it, and the process let go: (its answer, agent)."""
    gate = os.pipe()
    child = slonet.spawn(fn, *args, gate[0], comm=comm)
    pid = child.pid
    agent = Agent(SIGNAL, emit=emit, **(targets or {"pids": [pid]}))
    os.write(gate[1], b"g")
    answer = child.result()
    for fd in gate:
        os.close(fd)
    return answer, agent, pid


def by_functions(records):
    return any(r["source"] == "fentry" for r in records)


@test
def every_call_takes_what_its_caller_measured():
    path, delay, fclass = place()
    took, agent, pid = start(_transfer, path)
    records = samples(agent.stop(), SIGNAL)
    functions = by_functions(records)
    wanted = os.environ.get("SLO_ROW_SYSCALL")
    if wanted:
        equal("mechanism, by kernels/matrix.tsv", {r["source"] for r in records}, {wanted})
    print(f"  measured by {'functions' if functions else 'system calls'}")
    mine = sorted((r for r in records if detail(r, "file") == fclass and detail(r, "bytes") == PAGE), key=lambda r: r["ts_unix_nano"])
    equal("records", len(mine), COUNT * len(CALLS))
    equal("pids", {r["pid"] for r in records}, {pid})
    equal("comm", {r["comm"] for r in mine}, {"sloreader"})
    at = 0
    for name, (_, family, number, stands) in CALLS.items():
        part, truth = mine[at:at + COUNT], took[name]
        at += COUNT
        equal(f"{name}: family, nr", {(detail(r, "family"), detail(r, "nr")) for r in part},
              {(family, stands if functions else number)})
        off = [(r["value"], t) for r, t in zip(part, truth) if not delay - EARLY_MS <= r["value"] <= t]
        equal(f"{name}: outside of [the disk's delay, the caller's time], ms", off[:3], [])
        share = sum(r["value"] for r in part) / sum(truth)
        between(f"{name}: sum / the caller's", share, 0.5, 1.0, "the rest is the way into the kernel and Python's own")
    s = agent.stats[SIGNAL]
    equal("made = sent + aggregated + lost_ring + lost_map + shed", s["made"],
          sum(s[k] for k in ("sent", "aggregated", "lost_ring", "lost_map", "shed")))


def _sync(path, gate):
    os.read(gate, 1)
    fd, took = os.open(path, os.O_RDWR), []
    for call in (os.fsync, os.fdatasync) * COUNT:
        os.pwrite(fd, os.urandom(PAGE), 0)
        begin = time.monotonic_ns()
        call(fd)
        took.append((time.monotonic_ns() - begin) / 1e6)
    os.close(fd)
    return took


@test
def syncs_wait_for_the_disk():
    path, delay, fclass = place()
    took, agent, _ = start(_sync, path)
    # each CPU has a buffer of its own where there is no ring
    records = sorted(samples(agent.stop(), SIGNAL, lambda r: detail(r, "family") == "sync"), key=lambda r: r["ts_unix_nano"])
    equal("records of fsync and fdatasync", len(records), 2 * COUNT)
    equal("class", {detail(r, "file") for r in records}, {fclass})
    off = [(r["value"], t) for r, t in zip(records, took) if not delay - EARLY_MS <= r["value"] <= t]
    equal("outside of [the disk's delay, the caller's time], ms", off[:3], [])
    between("sum / the caller's", sum(r["value"] for r in records) / sum(took), 0.5, 1.0, "the rest is the way into the kernel")


def _write_synchronously(path, gate):
    os.read(gate, 1)
    fd = os.open(path, os.O_WRONLY | os.O_DSYNC)
    for n in range(COUNT):
        os.pwrite(fd, b"s" * PAGE, n * PAGE)
    os.close(fd)


@test
def a_synchronous_write_counts_once():
    path, _, fclass = place()
    _, agent, _ = start(_write_synchronously, path)
    records = samples(agent.stop(), SIGNAL, lambda r: detail(r, "file") == fclass)
    equal("families", [detail(r, "family") for r in records], ["write"] * COUNT)


def _idle(gate):
    """Waits of 60 ms for a peer on everything that is not storage, and a read of /proc."""
    os.read(gate, 1)
    pipe, event = os.pipe(), os.eventfd(0)
    left, right = socket.socketpair()
    master, slave = pty.openpty()

    def later():
        time.sleep(0.06)
        os.write(pipe[1], b"x")
        right.send(b"x")
        os.write(master, b"x\n")
        os.eventfd_write(event, 1)
        time.sleep(0.06)
        os.write(pipe[1], b"x")
    waits = {}
    thread = threading.Thread(target=later)
    thread.start()
    for name, fd in (("pipe", pipe[0]), ("socket", left.fileno()), ("terminal", slave), ("event", event)):
        begin = time.monotonic()
        os.read(fd, 8)
        waits[name] = time.monotonic() - begin
    # a place of -1 is none: the call that else names one reads on from where the last one ended
    begin = time.monotonic()
    os.preadv(pipe[0], [bytearray(8)], -1)
    waits["pipe, by preadv2"] = time.monotonic() - begin
    thread.join()
    for _ in range(COUNT):
        with open("/proc/self/stat", "rb", buffering=0) as f:
            f.read(PAGE)
    zero = os.open("/dev/zero", os.O_RDONLY)
    os.read(zero, PAGE)
    return waits


@test
def waiting_for_a_peer_is_not_latency():
    waits, agent, _ = start(_idle)
    assert waits["pipe"] > 0.05 and waits["pipe, by preadv2"] > 0.05, waits
    records = samples(agent.stop(), SIGNAL)
    equal("records of 50 ms and more", [r["value"] for r in records if r["value"] >= 50], [])
    classes = [detail(r, "file") for r in records]
    if not FILES_KNOWN:
        equal("classes", set(classes) - {"unknown"}, set())
        return
    between("reads of /proc are of another class", classes.count("other"), COUNT, COUNT * 2, "each one, and Python's own")
    # what is left are Python's own modules: pyc files, by read and pread
    equal("classes", set(classes) - {"other", "regular", "directory"}, set())


@test
def histogram_holds_the_callers_time():
    path, delay, fclass = place()
    took, agent, _ = start(_transfer, path, emit=None)
    mine = aggregates(agent.stop(), SIGNAL, lambda r: detail(r, "file") == fclass)
    for family in ("read", "write"):
        part = [r for r in mine if detail(r, "family") == family]
        truth = sum(sum(took[n]) for n in CALLS if CALLS[n][1] == family)
        number = COUNT * sum(CALLS[n][1] == family for n in CALLS)
        count = sum(r["count"] for r in part)
        # on a host the process reads its own modules too
        between(f"{family}: counted", count, number, number if fclass == "block" else number + 50, "all of them")
        between(f"{family}: sum, ms", sum(detail(r, "sum_ms", 0) for r in part), max(delay * number, truth / 2) * 0.999,
                truth * 1.05, "the delay, the caller's time; 5 % for modules")


def _ask(seconds):
    best, until = 1e9, time.monotonic() + seconds
    while time.monotonic() < until:
        begin = time.perf_counter_ns()
        for _ in range(1000):
            os.getppid()
        best = min(best, (time.perf_counter_ns() - begin) / 1000)
    return best


@test
def nobody_is_taxed_without_a_reason():
    """Without a target nothing that taxes every call is attached; with one, the tax is printed."""
    agent = Agent(f"{SIGNAL},connect_latency_ms", emit=None)
    log = agent.log()
    functions = "syscall_latency_ms=libbpf/fentry" in log
    if not functions:
        holds("the reason names a way out", "name a target" in log, [line for line in log.splitlines() if SIGNAL in line][:2])
    without = _ask(0.5)
    agent.stop()
    bare = _ask(0.5)
    agent = Agent(SIGNAL, emit=None, pids=[1])
    taxed = _ask(0.5)
    agent.stop()
    agent = Agent("connect_errors_total", emit=None)
    ends = _ask(0.5)
    agent.stop()
    print(f"  getppid: {bare:.0f} ns alone, {without:.0f} ns beside an agent without target, {taxed:.0f} ns beside one with, "
          f"{ends:.0f} ns beside one that counts failed connects")
    if functions:
        # the functions are no part of getppid: what differs is the machine's noise
        check(taxed < bare * 1.5, "getppid beside the agent, ns", taxed, bare, "50 %: noise")
        check(ends < bare * 1.5, "getppid beside one that counts failed connects, ns", ends, bare, "50 %: noise")
    else:
        check(without < bare * 1.5, "getppid without a target, ns", without, bare, "50 %: noise")


def _live_table():
    argv = [slotest.AGENT, "--instance", f"turns{os.getpid()}", "--signals", SIGNAL, "--output", "table", "--backend", slotest.BACKEND]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@test
def the_live_table_measures_by_turns():
    """Hooks of single calls tax others by too little to see; whether they are there is told by how many calls they counted."""
    if FILES_KNOWN:
        slotest.skip("the next one shows it")
    proc, calls = _live_table(), 0
    try:
        ready = next(line for line in proc.stderr if "agent ready" in line)
        holds("measured by system calls", "btf_free/tracepoint" in ready, ready)
        fd, until = os.open("/proc/self/stat", os.O_RDONLY), time.monotonic() + 20.5
        while time.monotonic() < until:
            os.pread(fd, 512, 0)
            calls += 1
            time.sleep(0.002)
        os.close(fd)
    finally:
        proc.terminate()
        said = proc.stderr.read()
        proc.wait(20)
    made = int(re.search(rf"signal={SIGNAL} made=(\d+)", said)[1])
    # 20.5 s hold the first second and two or three turns of one second, less what attaching takes
    between("share of the calls that was measured", made / calls, 0.03, 0.25, "1 s in 10, and what others read; attaching takes long beside other guests")


@test
def the_live_table_takes_turns():
    """Without a target every call is taxed in one interval of ten: seen by a stranger's getppid."""
    if not FILES_KNOWN:
        slotest.skip("hooks of single calls: the one before shows it")
    bare, proc = _ask(0.3), _live_table()
    try:
        for line in proc.stderr:
            if "agent ready" in line:
                break
        if "fentry" in line:
            slotest.skip("measured by functions, which tax nobody: no turns to take")
        windows = [_ask(0.1) for _ in range(205)]
    finally:
        proc.terminate()
        proc.wait(20)
    taxed = sum(w > bare * 1.3 for w in windows)
    # 20.5 s hold the first second and two or three turns of one second, less what attaching takes
    between("tenths of a second in which getppid was taxed", taxed, 10, 45, f"1 s in 10, of {len(windows)} tenths")


@test
def what_a_sleeping_agent_misses_is_counted():
    def read_much(gate):
        os.read(gate, 1)
        fd = os.open("/proc/self/stat", os.O_RDONLY)
        for _ in range(9000):
            os.pread(fd, 512, 0)
        os.close(fd)

    gate = os.pipe()
    child = slonet.spawn(read_much, gate[0], comm="sloreader")
    agent = Agent(SIGNAL, pids=[child.pid])
    agent.signal(19)
    os.write(gate[1], b"g")
    child.result()
    agent.signal(18)
    records = agent.stop()
    s = agent.stats[SIGNAL]
    between("measured", s["made"], 9000, 9020, "the reads, and Python's own")
    holds("something was lost, else this shows nothing", s["lost_ring"] > 0, s)
    equal("made = sent + aggregated + lost_ring + lost_map + shed", s["made"],
          sum(s[k] for k in ("sent", "aggregated", "lost_ring", "lost_map", "shed")))
    equal("lines in the file = delivered = sent", (len(samples(records, SIGNAL)), s["delivered"]), (s["sent"], s["sent"]))


def need_hooks():
    if slotest.BACKEND not in ("libbpf", "btf_free"):
        slotest.skip(f"{slotest.BACKEND} measures no system calls")


slotest.main(setup=need_hooks)
