#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The record tools of the build in $1 against the labelled data of the earlier design: collector's slo-events, and every
# record there against its schema. 77 where that folder (SLO_CONFORMANCE, ../shared/conformance) is absent.
# needs: python3
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
sloctl=$(readlink -f "${1:-build/debug}")/sloctl
data=${SLO_CONFORMANCE:-../shared/conformance}
[[ -e $data/golden/raw-mixed.jsonl ]] || { echo "no raw samples in $data/golden"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# The golden file says "synthetic" of samples that do not say where they are from: we do not.
"$sloctl" collector --input "$data/golden/raw-mixed.jsonl" --output jsonl --output-path "$out/slo.jsonl"
python3 - "$data/golden/slo-mixed.jsonl" "$out/slo.jsonl" <<-'PY'
	import json, sys
	want, got = ([json.loads(line) for line in open(f)] for f in sys.argv[1:])
	assert len(want) == len(got) > 0, (len(want), len(got))
	for n, (w, g) in enumerate(zip(want, got), 1):
	    assert g["labels"].pop("source") == "unspecified", f"line {n}: source"
	    w["labels"].pop("source")
	    assert w == g and list(w) == list(g), f"line {n}: {g}, expected {w}"
	print(f"collector: {len(got)} slo-events agree, but for labels.source")
PY
"$sloctl" collector --input "$data/golden/raw-mixed.jsonl" --synthetic >"$out/marked.jsonl"
cmp "$data/golden/slo-mixed.jsonl" "$out/marked.jsonl"
echo "collector --synthetic: the same bytes"

"$sloctl" schemavalidate --schema slo-event.v1 --input "$out/slo.jsonl"
"$sloctl" schemavalidate --schema slo-event.v1 --input "$data/golden/slo-mixed.jsonl"
# Incidents have their schema once the attribution commands are built.
if "$sloctl" schema list | grep -q '^incident-attribution\.v1 '; then
	"$sloctl" schemavalidate --schema incident-attribution.v1 --input "$data/golden/attr-multi-bayes.jsonl"
fi
# The schemas of the earlier design themselves, where they lie beside: ours compile them, and both say the same.
for schema in "$data"/../contracts/*.schema.json; do
	[[ -e $schema ]] || continue
	code=0
	"$sloctl" schemavalidate --schema "$schema" --input "$out/slo.jsonl" >"$out/report" || code=$?
	case $schema in
	*/slo-event.*) [[ $code == 0 ]] ;;
	*) [[ $code == 1 ]] ;;
	esac || { echo "${schema##*/}: exit $code"; cat "$out/report"; exit 1; }
done
# As many pages as the data deserves: 24 requests in half a minute are no basis for one.
code=0
"$sloctl" slo burn --input "$out/slo.jsonl" >"$out/burn" || code=$?
[[ $code == 3 ]] || { echo "slo burn: exit $code, expected 3"; cat "$out/burn"; exit 1; }
echo "slo burn: no verdict on half a minute"
