#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each thing that systemd-analyze finds open in the unit has its reason in a comment of the unit, and the unit is read whole.
# needs: systemd python3
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
unit=packaging/systemd/llm-slo-agent.service
version=$(systemd-analyze --version 2>/dev/null | sed -n 's/^systemd \([0-9]*\).*/\1/p')
[[ ${version:-0} -ge 250 ]] || { echo "no systemd-analyze of 250 or newer, which reads a unit by itself"; exit 77; }

systemd-analyze security --offline=true --json=short --no-pager "$unit" 2>/dev/null | python3 -c '
import json, re, sys
unit = open(sys.argv[1], encoding="utf-8").read()
reasons = "\n".join(line for line in unit.splitlines() if line.startswith("#"))
opened = [r for r in json.load(sys.stdin) if r["set"] is False]
bad = 0
for row in opened:
    # "CapabilityBoundingSet=~CAP_SET(UID|GID|PCAP)": any of them; "User=/DynamicUser=": the first.
    name = row["name"].split("/")[0]
    setting, _, value = name.partition("=~")
    if value:
        start, _, ends = value.partition("(")
        words = [start + end for end in ends.rstrip(")").split("|")]
    else:
        words = [setting.rstrip("=") + "="]
    if not any(re.search(re.escape(word) + r"(?!\w)", reasons) for word in words):
        print("hardening:", row["name"], "is open, and the unit says nowhere why", file=sys.stderr)
        bad = 1
print(len(opened), "open,", sum(float(r["exposure"]) for r in opened))
sys.exit(bad or len(opened) < 5)' "$unit"
