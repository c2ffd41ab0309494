#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table signal x mechanism x kernel in backends/libbpf/README.md, from what the last run of the matrix left in build/vm:
mechanisms.py            prints it
mechanisms.py --check    compares it with the page; exit code 1 where they differ, 77 where no kernel was run; what failed
                         is no other finding here, and what was not run stands as the page has it
mechanisms.py --update   writes it into the page
"""
import json
import os
import sys

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(TREE, "backends/libbpf/README.md")
BEGIN, END = "<!-- table: test/vm/mechanisms.py --update -->\n", "<!-- end of table -->\n"
SERIES = ("5.10", "5.10-nobtf", "5.10-source", "6.1", "6.12", "newest")
# The truth test that judges the signal; steal has none, for no guest here is given a hypervisor that steals.
TRUTH = {"dns_latency_ms": "dns", "tcp_retransmits_total": "retransmit", "runqueue_delay_ms": "runqueue",
         "connect_latency_ms": "connect", "connect_errors_total": "connect", "tls_handshake_ms": "tls",
         "tls_handshake_fail_total": "tls", "cfs_throttled_ms": "throttle", "mem_reclaim_latency_ms": "reclaim",
         "disk_io_latency_ms": "disk", "syscall_latency_ms": "syscall"}


def lane(series):
    """({signal: (mechanism, note)}, {test: word}) or None where it was not run."""
    folder = os.path.join(TREE, "build/vm", series)
    try:
        with open(f"{folder}/02_prereq.json", encoding="utf-8") as file:
            report = json.load(file)
        with open(f"{folder}/results", encoding="utf-8") as file:
            results = {words[2]: words[0] for words in map(str.split, file) if len(words) > 2}
    except OSError:
        return None
    rows = {}
    for backend in report["backends"]:
        for row in backend["signals"]:
            if row["signal"] not in rows or (row["serves"] and not rows[row["signal"]][0]):
                rows[row["signal"]] = (row["mechanism"] if row["serves"] else "", backend["name"])
    return rows, results


FAILED = "failed"


def cell(signal, rows, results):
    mechanism, backend = rows.get(signal, ("", ""))
    if not mechanism:
        return "not measured"
    name = mechanism if backend == "libbpf" else f"btf_free: {mechanism}" if backend == "btf_free" else backend
    test = TRUTH.get(signal)
    shown = {"ok": "shown", "FAIL": FAILED}.get(results.get(test), "not shown") if test else "not shown"
    return f"{name}; {shown}"


def table(lanes, page):
    """Lanes that were not run keep the page's cells."""
    known = [[c.strip() for c in line.split("|")[1:-1]] for line in page.splitlines()]
    kept = {(row[0], series): row[1 + at] for row in known[2:] for at, series in enumerate(known[0][1:])}
    signals = list(next(found for found in lanes.values() if found)[0])
    lines = ["| signal | " + " | ".join(lanes) + " |", "| --- |" + " --- |" * len(lanes)]
    for signal in signals:
        cells = [cell(signal, *found) if found else kept.get((signal, series), "not run") for series, found in lanes.items()]
        lines.append(f"| {signal} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    lanes = {series: lane(series) for series in SERIES}
    missing = [series for series, found in lanes.items() if not found]
    if missing:
        print(f"not run: {' '.join(missing)}")
    if len(missing) == len(lanes):
        sys.exit(77)
    with open(PAGE, encoding="utf-8") as file:
        head, rest = file.read().split(BEGIN)
    old, tail = rest.split(END)
    made = table(lanes, old)
    if len(sys.argv) < 2:
        sys.stdout.write(made)
    elif sys.argv[1] == "--update":
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(head + BEGIN + made + END + tail)
    elif any(a != b and not a.strip().endswith(FAILED) for new, known in zip(made.splitlines(), old.splitlines())
             for a, b in zip(new.split("|"), known.split("|"))) or made.count("|") != old.count("|"):
        sys.stdout.write(made)
        sys.exit("backends/libbpf/README.md says otherwise: run test/vm/mechanisms.py --update")


main()
