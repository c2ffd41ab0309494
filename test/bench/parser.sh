#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# parser.sh [BUILD]: how far a faster packaged JSON parser would take `sloctl correlationeval`: the parts of the evaluator of BUILD
# (build/release) by bench_correlate, and what simdjson, the fastest that Debian packages, takes for the same lines. 77 without it.
# needs: g++ libsimdjson-dev gawk
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
bench=$(readlink -f "${1:-$here/../../build/release}")/test/bench_correlate
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
if ! g++ -O2 -o "$tmp/parser" "$here/parser.cc" -lsimdjson 2>"$tmp/why"; then
	echo "simdjson: absent ($(head -1 "$tmp/why")); apt-get install g++ libsimdjson-dev"
	exit 77
fi
"$bench" "$tmp/pairs.jsonl" --no-shapes >"$tmp/parts"
cat "$tmp/parts"
other=$("$tmp/parser" "$tmp/pairs.jsonl")
gawk -v other="$other" 'match($0, /([0-9]+) ns a pair: JSON parser ([0-9]+)/, m) {
	printf "simdjson, fields fetched: %d ns a pair where jansson takes %d: the evaluator would do %.0f pairs/s, not %.0f\n",
		other, m[2], 1e9 / (m[1] - m[2] + other), 1e9 / m[1] }' "$tmp/parts"
