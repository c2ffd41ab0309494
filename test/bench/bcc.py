#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""What compiling at run time costs: the compiler, the agent after it and its start from the cache; in a guest also BPF time per
event beside bcc's tcpretrans and gethostlatency. run.sh bcc.

This host's kernel is newer than any package of headers. There those of the guest's stand in, under this release: as much for the
compiler and the verifier to do, and what the programs would read is wrong and read by nobody."""
# needs: bpfcc-tools iproute2 kmod
import glob
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

from benchlib import BIN, IN_GUEST, Agent, Unmeasured, absent, figure
from overhead import LOSS, Variant, Workload, bcc_tool

ROUNDS = 3 if IN_GUEST else 10
COLD = 1 if IN_GUEST else 3
# Without kprobes, as on the host here, DNS has no hook.
SIGNALS = "tcp_retransmits_total,connect_latency_ms,connect_errors_total,runqueue_delay_ms,disk_io_latency_ms,mem_reclaim_latency_ms"
SIGNALS = f"dns_latency_ms,{SIGNALS}" if IN_GUEST else SIGNALS
# Of struct slo_bcc_image_head: magic, size, maps, programs, instructions, kernel, ms of compiling, peak in KB.
HEAD = "<8sIIIIIII"

tmp = tempfile.mkdtemp(prefix="slo-bench-bcc.")
state, headers = f"{tmp}/state", f"{tmp}/headers"


def link_all(source, target, but=()):
    os.makedirs(target, exist_ok=True)
    for name in os.listdir(source):
        if name not in but:
            if os.path.lexists(f"{target}/{name}"):
                os.unlink(f"{target}/{name}")
            os.symlink(f"{source}/{name}", f"{target}/{name}")


def lay_out(given):
    """One tree, as bcc's own tools need it, of the flavour's folder over the common one beside it, for the running release."""
    for part in ("include", "arch/x86/include"):
        for folder in (re.sub(r"-[^-/]+$", "-common", given), given):
            link_all(f"{folder}/{part}", f"{headers}/{part}", ("generated",) if part == "include" else ())
    link_all(f"{given}/include/generated", f"{headers}/include/generated", ("utsrelease.h",))
    with open(f"{headers}/include/generated/utsrelease.h", "w", encoding="ascii") as file:
        file.write(f'#define UTS_RELEASE "{os.uname().release}"\n')


def agent(preset, backend, signals=SIGNALS, options=(), **env):
    """One that can compile, unless told otherwise, and that keeps what it made."""
    given = {"SLO_AGENT_STATE_DIR": state, "SLO_AGENT_CONTROL": "", "SLO_RECEIVER_LISTEN": "", "SLO_METRICS_LISTEN": "",
             "SLO_BCC_HELPER": f"{BIN}/release/llm-slo-bcc", "SLO_BCC_KERNEL_HEADERS": headers}
    made = Agent(preset, "--backend", backend, "--signals", signals, *options, env={**given, **env})
    made.patience = 330
    return made


def warm(signals=SIGNALS, *options):
    return agent("static", "bcc", signals, options, SLO_BCC_HELPER="/nonexistent", SLO_BCC_KERNEL_HEADERS="/nonexistent")


def cold(preset):
    """Leaves the entry of the last one."""
    ready, compiled, cpu, peak, rss = [], [], [], [], []
    for _ in range(COLD):
        shutil.rmtree(state, ignore_errors=True)
        with agent(preset, "bcc") as made:
            ready.append(made.start_ms() / 1000)
            rss.append(made.status_mib("VmRSS"))
            cpu.append(made.children_cpu_s())
        with open(glob.glob(f"{state}/bcc/*.slobcc")[0], "rb") as entry:
            _, size, maps, progs, insns, _, ms, kb = struct.unpack(HEAD, entry.read(struct.calcsize(HEAD)))
        compiled.append(ms / 1000)
        peak.append(kb / 1024)
    figure(f"{preset}: the helper's compiling of all programs", compiled, "s", None,
           f"entry {size} bytes: {maps} maps, {progs} programs, {insns} instructions")
    figure(f"{preset}: CPU time of the helper", cpu, "s")
    figure(f"{preset}: peak memory of the helper", peak, "MiB")
    figure(f"{preset}: start without an entry to attached", ready, "s")
    figure(f"{preset}: VmRSS after it", rss, "MiB", "<= 12")


def starts():
    """In turn, for the machine is shared: from the cache, the same signals by CO-RE, and none by BPF."""
    shown = {"BCC, from the cache": (warm, None if IN_GUEST else "<= 0.2"),
             "CO-RE": (lambda: agent("static", "libbpf"), None),
             "nothing in the kernel": (lambda: agent("static", "procfs", "cpu_steal_pct"), None)}
    took, cpu = {what: [] for what in shown}, {what: [] for what in shown}
    for _ in range(ROUNDS):
        for what, (make, _) in shown.items():
            with make() as made:
                took[what].append(made.start_ms() / 1000)
                cpu[what].append(made.cpu_ns() / 1e9)
    for what, (_, goal) in shown.items():
        note = None if what.startswith("nothing") else f"{SIGNALS.count(',') + 1} signals"
        figure(f"static: start to attached, {what}", took[what], "s", goal, note)
        figure(f"static: CPU time until then, {what}", cpu[what], "s", None, note)
    fast = {what: min(values) for what, values in took.items()}
    figure("start, BCC from the cache / CO-RE, the fastest of each", fast["BCC, from the cache"] / fast["CO-RE"], "times")
    bare = fast["nothing in the kernel"]
    figure("the same less what any start takes", (fast["BCC, from the cache"] - bare) / (fast["CO-RE"] - bare), "times")


class Lookups(Workload):
    """getaddrinfo() of names that nobody has; each asks for A and AAAA of a server on this machine, whose side is seen, too."""

    def __init__(self, variants):
        super().__init__("lookup", "lookup of a name", 1, variants, False)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, args=(sock,), daemon=True).start()
        with open(f"{tmp}/resolv.conf", "w", encoding="ascii") as file:
            file.write("nameserver 127.0.0.1\n")
        subprocess.run(["mount", "--bind", f"{tmp}/resolv.conf", os.path.realpath("/etc/resolv.conf")], check=True)

    @staticmethod
    def serve(sock):
        while True:
            msg, peer = sock.recvfrom(512)
            sock.sendto(msg[:2] + b"\x81\x83" + msg[4:], peer)

    def make(self, seconds):
        events, begin = 0, time.monotonic_ns()
        while time.monotonic_ns() < begin + seconds * 1e9:
            try:
                socket.getaddrinfo(f"n{events}.test", 80)
            except socket.gaierror:
                events += 1
        if not events:
            raise Unmeasured("no name was looked up")
        return events, time.monotonic_ns() - begin


def beside(signal, tool, ready):
    """Ours and bcc's tool for it, each printing what it saw."""
    mine = Variant(f"{signal} by bcc", lambda: warm(signal, "--emit", "all"), mode="each printed")
    peer = Variant(f"{tool} (bcc)", bcc_tool(ready, f"{tool}-bpfcc"), mine, "each printed")
    make = peer.make

    def patient():
        made = make()
        made.patience = 250
        return made

    peer.make = patient
    return [mine, peer]


def events():
    os.environ["BCC_KERNEL_SOURCE"] = headers
    subprocess.run(["modprobe", "-q", "sch_netem"], check=False)
    Workload("retransmit", "TCP retransmit", 1, beside("tcp_retransmits_total", "tcpretrans", "Tracing retransmits"), False,
             LOSS).measure(1, 6, 1)
    Lookups(beside("dns_latency_ms", "gethostlatency", "LATms")).measure(1, 6, 1)


def attempt(what, make):
    try:
        make()
    except (Unmeasured, OSError, subprocess.SubprocessError, IndexError) as err:
        absent(what, err)


def main():
    lay_out(os.environ["SLO_BCC_KERNEL_HEADERS"])
    if IN_GUEST:
        # Hidden for the tests' sake: here CO-RE is to be had for comparison.
        subprocess.run(["umount", "/sys/kernel/btf"], check=False)
    else:
        attempt("release: cold start by bcc", lambda: cold("release"))
    attempt("static: cold start by bcc", lambda: cold("static"))
    attempt("starts", starts)
    if IN_GUEST:
        attempt("BPF time per event", events)
    shutil.rmtree(tmp)


main()
