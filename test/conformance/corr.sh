#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# correlationeval of the build in $1 against the labelled pairs of the earlier design: the CSV byte by byte, every figure of
# the summaries. 77 where that folder (SLO_CONFORMANCE, ../shared/conformance) is absent.
# needs: python3
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
sloctl=$(readlink -f "${1:-build/debug}")/sloctl
data=${SLO_CONFORMANCE:-../shared/conformance}
[[ -e $data/labeled_pairs.jsonl ]] || { echo "no labelled pairs in $data"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# judge GOLDEN EXIT [OPTION...]
judge() {
	local golden=$1 expected=$2 code=0
	shift 2
	"$sloctl" correlationeval --input "$data/labeled_pairs.jsonl" --out "$out/$golden.json" \
		--predictions-out "$out/$golden.csv" "$@" >/dev/null || code=$?
	[[ $code == "$expected" ]] || { echo "$golden: exit $code, expected $expected"; return 1; }
	cmp "$data/golden/$golden.csv" "$out/$golden.csv"
	python3 - "$data/golden/$golden.json" "$out/$golden.json" <<-'PY'
	import json, sys
	want, got = (json.load(open(f)) for f in sys.argv[1:])
	want.setdefault("passed_gate", False)
	del want["generated_at"]
	bad = {k: (v, got.get(k)) for k, v in want.items() if got.get(k) != v}
	sys.exit(f"{sys.argv[2]}: {bad}" if bad or "generated_at" not in got else 0)
	PY
	echo "$golden: CSV and figures agree"
}

judge corr 0
judge corr060 1 --threshold 0.6
