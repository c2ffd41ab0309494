#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the agent for SLO_SOAK_SECONDS (600) on this host under connects, lookups and processes that come and go; its memory
# may not grow and nothing may be lost uncounted. Prints what it saw.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seconds=${SLO_SOAK_SECONDS:-600}
agent=${SLO_AGENT:-build/static/llm-slo-agent}
[[ $EUID == 0 ]] || { echo "needs root"; exit 77; }
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

SLO_OUTPUT_ROTATE_BYTES=1MiB "$agent" --instance soak --emit all --output jsonl --output-path "$work/events" \
	--seconds "$seconds" 2>"$work/log" &
pid=$!
for _ in $(seq 50); do
	grep -q 'agent ready' "$work/log" && break
	sleep 0.2
done
grep -q 'agent ready' "$work/log" || { cat "$work/log"; exit 1; }

load() {
	while kill -0 "$pid" 2>/dev/null; do
		for _ in 1 2 3 4 5 6 7 8 9 10; do (: >/dev/tcp/127.0.0.1/1) 2>/dev/null || true; done
		getent hosts "n$RANDOM.invalid" >/dev/null 2>&1 || true
		sleep 0.05
	done
}
load &
resident() { awk '/VmRSS/ { print $2 }' "/proc/$pid/status"; }
sleep $((seconds / 5))
early=$(resident)
sleep $((seconds * 3 / 5))
late=$(resident)
wait "$pid"
echo "resident after a fifth: $early kB, after four fifths: $late kB"
grep 'stats signal' "$work/log" | sed 's/.*stats //'
((late <= early + 512)) || { echo "memory grew"; exit 1; }
awk '/stats signal/ {
	for (i = 1; i <= NF; i++) if (split($i, kv, "=") == 2) v[kv[1]] = kv[2]
	if (v["made"] != v["sent"] + v["aggregated"] + v["lost_ring"] + v["lost_map"] + v["shed"] || v["delivered"] != v["sent"]) { print "does not add up: " $0; bad = 1 }
} END { exit bad }' "$work/log"
