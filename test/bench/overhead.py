#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""What one event costs, ours and the known tools' on the same kernel under the same load, in turn: the run time of all
BPF programs (by the kernel's own account) and the time that attaching adds to the load (which the account does not see)."""
import atexit
import functools
import os
import statistics
import subprocess
import sys
import time

from benchlib import BIN, IN_GUEST, LOAD_CPU, Agent, BpfStats, Tool, Unmeasured, absent, context_switches, emit, figure, load

LOSS = ("tc", "qdisc", "add", "dev", "lo", "root", "netem", "loss", "20%")
SETTLE = 1.0


def account_share(seconds=0.3, times=3):
    """What the kernel's account adds to each run, for it times itself too: the run time of a program that does nothing."""
    shares = []
    with Tool([f"{BIN}/empty_program"], "attached") as tool, BpfStats():
        for _ in range(times):
            before = tool.programs()
            load("switch", seconds)
            after = tool.programs()
            runs = sum(n - before.get(i, (0, 0))[0] for i, (n, _) in after.items())
            if not runs:
                raise Unmeasured("the empty program never ran")
            shares.append(sum(ns - before.get(i, (0, 0))[1] for i, (_, ns) in after.items()) / runs)
    return shares


class Variant:
    """One tool in one mode. @rival: the variant of ours that it is compared with."""

    def __init__(self, name, make, rival=None, mode=""):
        self.name, self.make, self.rival, self.mode = name, make, rival, mode
        self.added, self.run, self.runs, self.why = [], [], [], None


def ours(signal, *options):
    return lambda: Agent("release" if os.environ.get("SLO_BENCH_PRESET") != "static" else "static",
                         "--signals", signal, *options)


def libbpf_tool(ready, *argv):
    return lambda: Tool(["stdbuf", "-oL", *argv], ready, SETTLE)


def bcc_tool(ready, *argv):
    return lambda: Tool(list(argv), ready, SETTLE, {"PYTHONUNBUFFERED": "1"})


class Workload:
    """@accounts: how often the account is taken in each round; where more than once, the least is what counts, for events are
    few and what else an emulated CPU does in a run is in the account."""

    def __init__(self, kind, event, goal, variants, added=True, command=(), accounts=1):
        self.kind, self.event, self.goal, self.variants = kind, event, goal, variants
        self.added_wanted, self.command, self.share = added, command, None
        self.accounts, self.middle = accounts, statistics.median if accounts == 1 else min

    def seen(self, events, before):
        """Context switches happen everywhere, not in the load alone."""
        return context_switches() - before if self.kind == "switch" else events

    def make(self, seconds):
        """(events, ns)"""
        return load(self.kind, seconds, self.command)

    def ns_per_event(self, seconds, repeat):
        """The best of some: what disturbs only adds."""
        return min(ns / events for events, ns in (self.make(seconds) for _ in range(repeat)))

    def account(self, tool, variant, seconds):
        with BpfStats():
            before, switched = tool.programs(), context_switches()
            events, _ = self.make(seconds)
            events, after = self.seen(events, switched), tool.programs()
        if not after:
            raise Unmeasured(f"{variant.name}: no BPF program among its descriptors")
        variant.run.append(sum(ns - before.get(i, (0, 0))[1] for i, (_, ns) in after.items()) / events)
        variant.runs.append(sum(n - before.get(i, (0, 0))[0] for i, (n, _) in after.items()) / events)

    def one_round(self, seconds, repeat, bare):
        for variant in self.variants:
            if variant.why:
                continue
            try:
                with variant.make() as tool:
                    if self.added_wanted:
                        variant.added.append(self.ns_per_event(seconds, repeat) - bare)
                    for _ in range(self.accounts):
                        self.account(tool, variant, seconds)
            except (Unmeasured, OSError) as err:
                variant.why = str(err)

    def measure(self, rounds, seconds, repeat):
        bare = []
        for _ in range(rounds):
            bare.append(self.ns_per_event(seconds, repeat) if self.added_wanted else 0)
            self.one_round(seconds, repeat, bare[-1])
        for variant in self.variants:
            self.tell(variant, statistics.median(bare))

    def net(self, variant):
        return self.middle(variant.run) - statistics.median(variant.runs) * self.share

    def tell(self, variant, bare):
        name = f"{self.event}, {variant.mode}: {variant.name}"
        if variant.why or not variant.run:
            absent(name, variant.why or "not run")
            return
        record = {"run_ns": spread(variant.run, self.middle), "runs_per_event": statistics.median(variant.runs)}
        if variant.added:
            record.update(added_ns=spread(variant.added), bare_ns=bare)
        rival = variant.rival
        if self.share is not None:
            record["net_ns"] = self.net(variant)
            if rival and rival.run and not rival.why and min(self.net(rival), self.net(variant)) > 0:
                record["net_ratio"] = self.net(rival) / self.net(variant)
        if rival and rival.run and not rival.why:
            record["run_ratio"] = self.middle(rival.run) / self.middle(variant.run)
            if min(rival.added + variant.added, default=0) > 0:
                record["added_ratio"] = statistics.median(rival.added) / statistics.median(variant.added)
        emit(kind="cost", event=self.event, mode=variant.mode, tool=variant.name, rival=rival.name if rival else None,
             goal=f"<= {self.goal}" if rival else None, **record)


def spread(values, middle=statistics.median):
    return {"median": middle(values), "low": min(values), "high": max(values), "runs": len(values)}


def switch():
    mine = Variant("runqueue_delay_ms", ours("runqueue_delay_ms"), mode="histogram")
    return Workload("switch", "context switch", 0.5, [
        mine, Variant("runqlat (libbpf-tools)", libbpf_tool("Tracing run queue", "runqlat"), mine, "histogram")])


def connect():
    histogram = Variant("connect_latency_ms", ours("connect_latency_ms"), mode="none printed")
    each = Variant("connect_latency_ms --emit all", ours("connect_latency_ms", "--emit", "all"), mode="each printed")
    return Workload("connect", "TCP connect", 1, [
        histogram, Variant("tcpconnlat 10000 (libbpf-tools)", libbpf_tool("LAT", "tcpconnlat", "10000"), histogram, "none printed"),
        each, Variant("tcpconnlat (libbpf-tools)", libbpf_tool("LAT", "tcpconnlat"), each, "each printed")])


def retransmit():
    mine = Variant("tcp_retransmits_total --emit all", ours("tcp_retransmits_total", "--emit", "all"), mode="each printed")
    if link_headers():
        peer = Variant("tcpretrans (bcc)", bcc_tool("Tracing retransmits", "tcpretrans-bpfcc"), mine, "each printed")
    else:
        peer = Variant("tcpretrans.bt (bpftrace)",
                       bcc_tool("Tracing tcp", "bpftrace", "-B", "line", "/usr/sbin/tcpretrans.bt"), mine, "each printed")
    # Lost segments make the load's own time random, so what a tool adds to it cannot be told.
    return Workload("retransmit", "TCP retransmit", 1, [mine, peer], False, LOSS)


def file_to_read(megabytes=1):
    """A disk that answers at once, or where there is no null_blk a file on the host's own; by $SLO_BENCH_FILE for the load."""
    if "SLO_BENCH_FILE" in os.environ:
        return
    subprocess.run(["modprobe", "-q", "null_blk", "irqmode=0", "queue_mode=2", "nr_devices=1"], check=False)
    if os.path.exists("/dev/nullb0"):
        os.environ["SLO_BENCH_FILE"] = "/dev/nullb0"
        return
    path = f"/var/tmp/slo-bench.{os.getpid()}"
    with open(path, "wb") as out:
        out.write(os.urandom(megabytes << 20))
        os.fsync(out.fileno())
    atexit.register(os.unlink, path)
    os.environ["SLO_BENCH_FILE"] = path


def block():
    file_to_read()
    mine = Variant("disk_io_latency_ms", ours("disk_io_latency_ms"), mode="histogram")
    return Workload("block", "block request", 0.5, [
        mine, Variant("biolatency (libbpf-tools)", libbpf_tool("Tracing block device", "biolatency"), mine, "histogram")])


def read():
    """Where only the entry and exit of all calls can be had, as on the host here, a target is needed: the load's own name."""
    file_to_read()
    target = () if IN_GUEST else ("--comm", "load")
    mine = Variant("syscall_latency_ms", ours("syscall_latency_ms", *target), mode="histogram")
    return Workload("read", "read call", 1, [
        mine, Variant("syscount -L (libbpf-tools)", libbpf_tool("Tracing syscalls", "syscount", "-L"), mine, "histogram")])


def reclaim():
    """Whose stalls are machine-wide, which is all that drsnoop sees; in a guest only, for all of its memory is taken."""
    if not IN_GUEST:
        raise Unmeasured("direct reclaim: not on a host that others use")
    file_to_read()
    for pid in subprocess.run(["pgrep", "^kswapd"], capture_output=True, text=True, check=False).stdout.split():
        os.sched_setaffinity(int(pid), {LOAD_CPU})
    mine = Variant("mem_reclaim_latency_ms --emit all", ours("mem_reclaim_latency_ms", "--emit", "all"), mode="each printed")
    variants = [mine, Variant("drsnoop (libbpf-tools)", libbpf_tool("LAT", "drsnoop"), mine, "each printed")]
    if link_headers():
        variants.append(Variant("drsnoop (bcc)", bcc_tool("LAT", "drsnoop-bpfcc"), mine, "each printed"))
    # How long a stall takes is not the tools' doing.
    return Workload("reclaim", "direct reclaim", 1, variants, False, accounts=8)


@functools.cache
def link_headers():
    """BCC looks for headers in /lib/modules; that folder is not ours, so another one goes over it."""
    headers, modules = os.environ.get("SLO_BENCH_HEADERS"), f"/lib/modules/{os.uname().release}"
    if not headers or "SLO_SHARE" not in os.environ:
        return False
    over = "/run/bench-modules"
    os.makedirs(over)
    for link in ("build", "source"):
        os.symlink(os.readlink(f"{headers}/{link}"), f"{over}/{link}")
    return subprocess.run(["mount", "--bind", over, modules], check=False).returncode == 0


def main():
    workloads = {"switch": switch, "connect": connect, "retransmit": retransmit, "block": block, "read": read, "reclaim": reclaim}
    share = None
    try:
        shares = account_share()
        figure("an empty BPF program's run time: the account's own share", shares, "ns/run")
        share = min(shares)
    except (Unmeasured, OSError, subprocess.SubprocessError) as err:
        absent("an empty BPF program's run time", err)
    # KIND:ROUNDS:SECONDS:REPEAT...
    for item in sys.argv[1:]:
        kind, rounds, seconds, repeat = item.split(":")
        begin = time.monotonic()
        if kind == "retransmit":
            subprocess.run(["modprobe", "-q", "sch_netem"], check=False)
        try:
            workload = workloads[kind]()
            workload.share = share
            workload.measure(int(rounds), float(seconds), int(repeat))
        except (Unmeasured, OSError, subprocess.SubprocessError) as err:
            absent(kind, err)
        print(f"{kind}: {time.monotonic() - begin:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
