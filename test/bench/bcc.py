#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""BPF time per event of bcc's programs of ours next to bcc's tcpretrans and gethostlatency, in one guest:
test/vm/boot.sh --kernel 5.10-bcc --timeout 580 --env SLO_AGENT=... --env SLO_BCC_HELPER=... --env SLO_BCC_KERNEL_HEADERS=... -- test/bench/bcc.py
"""
# needs: bpfcc-tools bpftool iproute2 kmod
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

LOOKUPS, SECONDS = 300, 12
OURS = {"retransmit": ["retr_skb_tp"], "owner of a socket": ["sock_state_tp"], "dns, sent": ["dns_send4_kp"],
        "dns, read": ["dns_read_kp"]}
THEIRS = {"tcpretrans": ["trace_retransmit", "tracepoint__tcp"], "gethostlatency": ["do_entry", "do_return"]}


def headers():
    """One tree for bcc's own tools: links to the flavour's folder over those to the common one beside it."""
    given, farm = os.environ["SLO_BCC_KERNEL_HEADERS"], "/tmp/headers"
    for part in ("include", "arch/x86/include"):
        os.makedirs(f"{farm}/{part}")
        for folder in (re.sub(r"-[^-]+$", "-common", given), given):
            for name in os.listdir(f"{folder}/{part}"):
                if not os.path.lexists(f"{farm}/{part}/{name}"):
                    os.symlink(f"{folder}/{part}/{name}", f"{farm}/{part}/{name}")
    os.environ["BCC_KERNEL_SOURCE"] = farm


def wait_for(what, until, seconds=280):
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            sys.exit(f"{what} was not ready within {seconds} s")
        time.sleep(0.5)


def programs():
    out = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, text=True, check=True).stdout
    return json.loads(out)


def loaded(name):
    # the kernel keeps 15 bytes of a name
    return any(p.get("name", "").startswith(name[:15]) for p in programs())


def serve_dns(sock):
    while True:
        msg, peer = sock.recvfrom(512)
        sock.sendto(msg[:2] + b"\x81\x80" + msg[4:], peer)


def retransmits():
    subprocess.run(["modprobe", "sch_netem"], check=True)
    subprocess.run("tc qdisc add dev lo root netem loss 15% delay 1ms", shell=True, check=True)
    listener = socket.create_server(("127.0.0.1", 7777))
    client = socket.create_connection(("127.0.0.1", 7777))
    server, _ = listener.accept()
    threading.Thread(target=lambda: [None for _ in iter(lambda: server.recv(1 << 16), b"")], daemon=True).start()
    client.settimeout(1)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            client.send(b"x" * 16384)
        except socket.timeout:
            pass
    subprocess.run("tc qdisc del dev lo root", shell=True, check=True)


def lookups():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 53))
    threading.Thread(target=serve_dns, args=(sock,), daemon=True).start()
    with open("/tmp/resolv.conf", "w", encoding="ascii") as f:
        f.write("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", "/tmp/resolv.conf", os.path.realpath("/etc/resolv.conf")], check=True)
    for i in range(LOOKUPS):
        try:
            socket.getaddrinfo(f"n{i}.test", 80)
        except socket.gaierror:
            pass


def show(title, names, progs):
    runs = ns = 0
    for p in progs:
        if any(p.get("name", "").startswith(n[:15]) for n in names):
            runs += p.get("run_cnt", 0)
            ns += p.get("run_time_ns", 0)
    print(f"{title:40s} {runs:7d} runs  {ns / runs if runs else 0:9.0f} ns each", flush=True)


def main():
    headers()
    agent = subprocess.Popen([os.environ["SLO_AGENT"], "--backend", "bcc", "--signals", "dns_latency_ms,tcp_retransmits_total",
                              "--output", "jsonl", "--output-path", "/tmp/records"], stderr=open("/tmp/agent.log", "w"))
    tools = []
    wait_for("the agent", lambda: "agent ready" in open("/tmp/agent.log").read())
    for tool in ("tcpretrans", "gethostlatency"):
        tools.append(subprocess.Popen([f"/usr/sbin/{tool}-bpfcc"], stdout=subprocess.DEVNULL,
                                      stderr=open(f"/tmp/{tool}.log", "w")))
        wait_for(tool, lambda: any(loaded(n) for n in THEIRS[tool]))
    subprocess.run(["sysctl", "-qw", "kernel.bpf_stats_enabled=1"], check=True)
    time.sleep(2)
    retransmits()
    lookups()
    progs = programs()
    print("BPF run time in this guest (emulated: only the relation means anything)")
    for title, names in OURS.items():
        show(f"ours: {title}", names, progs)
    for title, names in THEIRS.items():
        show(f"bcc's {title}", names, progs)
    for p in [agent, *tools]:
        p.terminate()


main()
