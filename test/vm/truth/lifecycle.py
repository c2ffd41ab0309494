#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The agent's life: it flushes, leaves nothing in the kernel, refuses a twin, and outlives its outputs."""
# timeout: 300
import ctypes
import errno
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slonet
import slotest
from slotest import Agent, apart, check, ends, equal, holds, samples, test

SIGNALS = "dns_latency_ms,tcp_retransmits_total,runqueue_delay_ms,connect_latency_ms,connect_errors_total"
CONNECT = "connect_latency_ms"
_port = iter(range(7500, 7599))
net = None


def connects(count, port=None):
    """That many connects, half IPv4, half IPv6, to a port nobody else uses."""
    port = port or next(_port)
    for n in range(count):
        family = 4 if n % 2 == 0 else 6
        with net.listen("s", family, port), net.socket("c", family) as sock:
            sock.connect((net.addr("s", family), port))
    return port


def seen(records, port):
    return len(samples(records, CONNECT, lambda r: net.owns(r) and ends(r)[3] == port))


@test
def sigterm_flushes_all_and_exits_0():
    agent = Agent(CONNECT)
    port = connects(50)
    records = agent.stop()  # at once: nothing had time to be written yet
    equal("records of 50 connects", seen(records, port), 50)
    equal("stats lines", CONNECT in agent.stats, True)


@test
def sigint_does_the_same():
    agent = Agent(CONNECT)
    port = connects(10)
    agent.signal(signal.SIGINT)
    equal("exit code", agent.wait(), 0)
    equal("records", seen(agent.peek(), port), 10)


@test
def records_are_written_while_it_runs():
    agent = Agent(CONNECT)
    port = connects(4)
    # one interval is 1 s; 3 s more for a slow guest
    begin = time.monotonic()
    while agent.alive() and not slotest.SELF and seen(agent.peek(), port) < 4 and time.monotonic() - begin < 4:
        time.sleep(0.1)
    check(seen(agent.peek(), port) == 4 or slotest.SELF, "records before the end", seen(agent.peek(), port), 4,
          "within 4 s: 1 s interval, 3 s for a slow guest")
    agent.stop()


# --- what is left in the kernel: by ids, through bpf(2) itself ---

BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID, BPF_LINK_GET_FD_BY_ID = 13, 14, 30
BPF_PROG_GET_NEXT_ID, BPF_MAP_GET_NEXT_ID = 11, 12
_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, number):
    """(what the call gives, the words of its attribute)"""
    attr = (ctypes.c_uint32 * 32)(number)
    return _libc.syscall(321 if platform.machine() == "x86_64" else 280, command, attr, ctypes.sizeof(attr)), attr


def bpf_exists(command, number):
    fd, _ = bpf(command, number)
    if fd >= 0:
        os.close(fd)
        return True
    return ctypes.get_errno() != errno.ENOENT


def all_bpf_ids():
    ret = set()
    for kind, command in (("prog", BPF_PROG_GET_NEXT_ID), ("map", BPF_MAP_GET_NEXT_ID)):
        number = 0
        while True:
            failed, attr = bpf(command, number)
            if failed:
                break
            number = attr[1]
            ret.add((kind, number))
    return ret


def bpf_ids(pid, before):
    """{("prog" | "map" | "link", id)} of the descriptors a process holds; before 4.18 (fdinfo names no ids) all that were not
    there before it."""
    if slotest.KERNEL < (4, 18):
        return all_bpf_ids() - before
    ret = set()
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                text = f.read()
        except FileNotFoundError:
            continue
        ret |= {(kind, int(n)) for kind, n in re.findall(r"^(prog|map|link)_id:\s*(\d+)$", text, re.M)}
    return ret


COMMANDS = {"prog": BPF_PROG_GET_FD_BY_ID, "map": BPF_MAP_GET_FD_BY_ID, "link": BPF_LINK_GET_FD_BY_ID}


def left_over(ids, seconds):
    """What of it still exists; maps and programs are freed a grace period after their last user."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ids = {i for i in ids if bpf_exists(COMMANDS[i[0]], i[1])}
        if not ids:
            break
        time.sleep(0.1)
    return sorted(ids)


def pinned():
    return sorted(os.path.join(d, n) for d, subs, names in os.walk("/sys/fs/bpf") for n in subs + names)


def ends_without_a_trace(number):
    if slotest.KERNEL < (4, 13):
        slotest.skip("programs and maps have no ids before 4.13: what is left of them cannot be asked")
    before, others = pinned(), all_bpf_ids()
    agent = Agent(SIGNALS)
    connects(2)
    if slotest.SELF:
        return
    ids = bpf_ids(agent.pid, others)
    holds("it holds programs", any(kind == "prog" for kind, _ in ids), sorted(ids))
    agent.signal(number)
    agent.proc.wait(60)
    left = left_over(ids, 10)
    if number == signal.SIGKILL and slotest.BACKEND == "btf_free" and slotest.KERNEL < (5, 7):
        # There is no link to a cgroup yet, and what is attached without one outlives its owner.
        holds("what is left: two programs at the cgroup, their maps", [k for k, _ in left].count("prog") == 2, left)
        Agent(SIGNALS).stop()
        left = left_over(set(left), 10)
    equal("programs, maps and links left", left, [])
    equal("pinned in /sys/fs/bpf", pinned(), before)


@test
def sigkill_leaves_nothing_in_the_kernel():
    ends_without_a_trace(signal.SIGKILL)


@test
def sigterm_leaves_nothing_in_the_kernel():
    ends_without_a_trace(signal.SIGTERM)


@test
def an_agent_starts_again_after_a_sigkill():
    agent = Agent(CONNECT)
    agent.signal(signal.SIGKILL)
    if not slotest.SELF:
        agent.proc.wait(60)
    agent = Agent(CONNECT)
    port = connects(2)
    equal("records", seen(agent.stop(), port), 2)


@test
def a_second_agent_is_refused_and_told_by_whom():
    agent = Agent(CONNECT)
    if not slotest.SELF:
        done = subprocess.run(agent.argv, capture_output=True, text=True, timeout=120, check=False)
        # contracts.md 1: 4 is a backend or I/O error, 2 a usage error; neither 0 nor a signal
        check(done.returncode in (2, 4), "its exit code", done.returncode, "2 or 4")
        holds("it names the first one's pid", re.search(rf"\b{agent.pid}\b", done.stderr), done.stderr.strip()[-300:])
        holds("the first one lives on", agent.alive())
    port = connects(2)
    equal("records of the first", seen(agent.stop(), port), 2)


@apart
def a_full_disk_does_not_end_it():
    agent = Agent(CONNECT, path="/dev/full")
    connects(20)
    yield 2.5
    holds("it runs", agent.alive())
    agent.signal(signal.SIGTERM)
    code = agent.wait()
    check(code == 4, "exit code", code, "4: its output is not whole")
    holds("the log says why", re.search(r"No space left|ENOSPC", agent.log()), agent.log()[-600:])
    stats = agent.stats.get(CONNECT, {})
    holds("it measured all the same", stats.get("made", 0) >= 20, stats)


@apart
def a_reader_that_goes_away_does_not_end_it():
    rd, wr = os.pipe()
    agent = Agent(CONNECT, stdout=wr)
    os.close(wr)
    connects(4)
    yield 1.5
    os.close(rd)
    connects(4)
    yield 2.5
    holds("it runs", agent.alive())
    agent.signal(signal.SIGTERM)
    code = agent.wait()
    check(code in (0, 4), "exit code", code, "0, or 4 for the failed output")
    stats = agent.stats.get(CONNECT, {})
    holds("it measured all the same", stats.get("made", 0) >= 8, stats)


@test
def a_reader_that_does_not_read_does_not_block_it():
    """A full pipe: measuring goes on and the agent still ends when told."""
    rd, wr = os.pipe()
    agent = Agent("runqueue_delay_ms,connect_latency_ms", stdout=wr)
    os.close(wr)
    port = connects(2)
    until = time.monotonic() + 3
    while time.monotonic() < until:  # run-queue events fill 64 KiB soon
        time.sleep(0.001)
    agent.signal(signal.SIGTERM)
    begin = time.monotonic()
    try:
        code = agent.wait(30)
        check(code in (0, 4), "exit code", code, "0, or 4 for the failed output")
    except subprocess.TimeoutExpired:
        check(False, "seconds to end", time.monotonic() - begin, "30 at most")
    os.close(rd)
    del port


@apart
def sighup_opens_a_rotated_file_anew():
    agent = Agent(CONNECT)
    first = connects(4)
    yield 1.5
    rotated = agent.path + ".old"
    if not slotest.SELF:
        os.rename(agent.path, rotated)
    agent.signal(signal.SIGHUP)
    yield 1.5
    second = connects(4)
    records = agent.stop()
    equal("in the rotated file", seen(agent.peek(rotated), first), 4)
    equal("in the new file", seen(records, second), 4)
    both = records + agent.peek(rotated)
    equal("nothing twice", (seen(both, first), seen(both, second)), (4, 4))


class Hurried(Agent):
    """Asked to reload again and again while it starts, from its first line on: there it holds the signal."""

    def _holds_sighup(self):
        with open(f"/proc/{self.pid}/status") as f:
            return any(int(line.split()[1], 16) & 1 for line in f if line.startswith("SigBlk:"))

    def _wait_ready(self):
        self.asked = 0
        until = time.monotonic() + 10
        while self.proc.poll() is None and not self._holds_sighup() and time.monotonic() < until:
            time.sleep(0.001)
        while self.proc.poll() is None and "agent ready" not in self.log():
            self.proc.send_signal(signal.SIGHUP)
            self.asked += 1
            time.sleep(0.005)
        super()._wait_ready()


@apart
def a_reload_that_is_asked_for_too_early_waits():
    agent = Hurried(CONNECT)
    if not slotest.SELF:
        check(agent.asked > 0, "asked for", agent.asked, "once at least")
    yield 1.5
    port = connects(4)
    equal("records", seen(agent.stop(), port), 4)
    equal("exit code", agent.code or 0, 0)


@test
def an_output_that_cannot_be_opened_is_refused_at_the_start():
    if slotest.SELF:
        return
    done = subprocess.run([slotest.AGENT, "--instance", f"truth{os.getpid()}", "--signals", CONNECT,
                           "--backend", "libbpf", "--output", "jsonl",
                           "--output-path", "/nonexistent/slo/out.jsonl", *slotest.AGENT_ARGS],
                          capture_output=True, text=True, timeout=120, check=False)
    check(done.returncode in (2, 4), "exit code", done.returncode, "2 or 4")
    holds("it names the path", "/nonexistent/slo/out.jsonl" in done.stderr, done.stderr[-300:])


def make():
    global net
    net = slonet.Net()


slotest.main(setup=make)
