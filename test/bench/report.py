#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The table, and bench.json, of all that was measured: report.py FIGURES.jsonl... BENCH.json. Nothing is judged here."""
import json
import os
import re
import sys


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        match = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.M)
    return match[1] if match else "unknown"


def number(value):
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"


def spread(s):
    if not s:
        return "-"
    return f"{number(s['median'])} ({number(s['low'])}..{number(s['high'])})"


def ratio(record, key):
    if record["rival"] is None:
        return ""
    return f"{record[key]:.2f}" if key in record else "-"


def rows(title, head, lines):
    if not lines:
        return
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    print(f"\n{title}")
    for line in [head, *lines]:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def costs(records, where):
    lines = [(f"{r['event']}, {r['mode']}", r["tool"], spread(r["run_ns"]), f"{r['runs_per_event']:.1f}", number(r.get("net_ns")) or "-",
              spread(r.get("added_ns")), ratio(r, "run_ratio"), ratio(r, "net_ratio"), ratio(r, "added_ratio"), r["goal"] or "")
             for r in records if r["kind"] == "cost" and r["where"] == where]
    rows(f"ns per event, {where}: median (lowest..highest); ours/peer in the peer's line; net: less the account's own share of each run",
         ("event", "tool", "BPF run time", "runs", "net", "added to the load", "ratio run", "net", "added", "goal"), lines)


def figures(records, where):
    lines = [(r["name"], number(r["value"]), r["unit"], f"{number(r['low'])}..{number(r['high'])}" if r["runs"] > 1 else "",
              r["goal"] or "", r["note"] or "") for r in records if r["kind"] == "figure" and r["where"] == where]
    rows(f"{where}", ("figure", "median", "unit", "range", "goal", ""), lines)


def main():
    *sources, target = sys.argv[1:]
    records = []
    for path in sources:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                records += [json.loads(line) for line in file if line.endswith("\n")]
    places = list(dict.fromkeys(r["where"] for r in records))
    for where in places:
        figures(records, where)
        costs(records, where)
    rows("not measured", ("where", "figure", "reason"),
         [(r["where"], r["name"], r["reason"]) for r in records if r["kind"] == "absent"])
    machine = {"kernel": os.uname().release, "cpu": cpu_model(), "cpus": os.cpu_count()}
    with open(target + ".new", "w", encoding="utf-8") as file:
        json.dump({"machine": machine, "records": records}, file, indent=1)
        file.write("\n")
    os.rename(target + ".new", target)
    print(f"\n{machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']}; guests are emulated: their times count as "
          "ratios only")


main()
