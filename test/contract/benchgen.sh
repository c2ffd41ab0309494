#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bundle of sloctl benchgen: same input, same bytes; figures computed anew by another program; a page that stands alone.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${1:-$here/../../build/debug}")
root=$(readlink -f "$here/../..")
input=$root/test/golden/benchgen/data/incidents.jsonl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
	echo "benchgen: $1"
	exit 1
}

benchgen() { # OUT, options
	local out=$1
	shift
	SOURCE_DATE_EPOCH=1771150000 "$build/sloctl" benchgen --out "$out" --commit cafe "$@"
}

field() { # FILE KEY: its value, nothing where absent
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2], ""))' "$1" "$2"
}

# Text of the outside stands in titles and cards: it must not become markup.
hostile=$'<script>alert("1")</script> & "more" | `x` \xff\xc3 caf\xc3\xa9'
benchgen first --input "$input" --scenario "$hostile" >first.txt
benchgen again --input "$input" --scenario "$hostile" >again.txt
diff -r first again || fail "two runs differ"
diff first.txt again.txt || fail "two summaries differ"
for mode in noisy-or bayes; do
	benchgen "$mode" --input "$input" --attribution-mode "$mode" >/dev/null
	python3 "$here/benchgen_check.py" "$mode" "$input" --synthetic
done
python3 "$here/benchgen_check.py" first "$input" --synthetic
grep -q '&lt;script&gt;' first/report.html || fail "the scenario is not in the page"
grep -q '<script' first/report.html && fail "the scenario became markup"

grep -q 'café' first/report.html || fail "UTF-8 did not survive"
for row in 'noisy-or default' 'kernel evidence only' 'span evidence only' bayes always-unknown majority threshold-rule n-sigma median-iqr; do
	grep -q "^$row  " first.txt || fail "no '$row' among the methods"
done

# Where there is nothing to write there is no folder either; one that was there stays.
mkdir was_there
for dir in nothing was_there; do
	code=0
	benchgen "$dir" --input /dev/null >/dev/null 2>&1 || code=$?
	[[ $code == 3 ]] || fail "no incidents: exit $code"
done
[[ -e nothing ]] && fail "a folder without a bundle is left"
[[ -d was_there ]] || fail "a folder that was there is gone"

# Other bootstrap draws move the interval and nothing else.
benchgen seeded --input "$input" --scenario "$hostile" --seed 7 >/dev/null
cmp -s first/metrics.json seeded/metrics.json && fail "the seed changes nothing"
cmp -s first/predictions.jsonl seeded/predictions.jsonl || fail "the seed changes predictions"

# Provenance: hashes that sha256sum finds too; a pipe cannot be read twice, so it has none.
[[ $(field first/provenance.json input_sha256) == "$(sha256sum <"$input" | cut -d' ' -f1)" ]] || fail "input hash"
[[ $(field first/provenance.json model_sha256) == "$(sha256sum <"$root/core/engine/default.ini" | cut -d' ' -f1)" ]] ||
	fail "model hash"
[[ $(field first/provenance.json generated_at) == 2026-02-15T10:06:40Z ]] || fail "time"
[[ $(field first/provenance.json commit) == cafe ]] || fail "commit"
[[ $(field first/provenance.json kernel_release) == "$(uname -r)" ]] || fail "kernel release"
cat "$input" | benchgen piped --scenario "$hostile" >/dev/null
[[ -z $(field piped/provenance.json input_sha256) ]] || fail "a hash of what was not read"
cmp -s first/metrics.json piped/metrics.json || fail "a pipe gives other figures"

# Measured input does not get the banner; without a label nothing is measured, and old figures do not stay behind.
sed 's/"source":"synthetic","synthetic":true,//' "$input" >measured.jsonl
benchgen measured --input measured.jsonl >/dev/null
python3 "$here/benchgen_check.py" measured measured.jsonl
benchgen measured --input measured.jsonl --attribution-mode rule >/dev/null
python3 "$here/benchgen_check.py" measured measured.jsonl
for gone in confusion calibration risk_coverage; do
	[[ ! -e measured/$gone.csv ]] || fail "$gone.csv of an earlier run stayed"
done

# A label never reaches a predictor: other labels, same verdicts.
sed 's/"expected_domains":\[[^]]*\]/"expected_domains":["network_dns"]/; s/"expected_domain":"[^"]*"/"expected_domain":"network_dns"/;
	s/"fault_label":"[^"]*"/"fault_label":"dns_latency"/' "$input" >relabelled.jsonl
benchgen relabelled --input relabelled.jsonl --scenario "$hostile" >/dev/null
cmp -s first/predictions.jsonl relabelled/predictions.jsonl || fail "labels change predictions"
cmp -s first/metrics.json relabelled/metrics.json && fail "labels do not change figures"

# What cannot be written is told and leaves nothing.
: >file
code=0
benchgen file --input "$input" >/dev/null 2>err.txt || code=$?
[[ $code == 4 ]] && grep -q 'file' err.txt || fail "a file as folder: exit $code"
code=0
benchgen empty --input /dev/null >/dev/null 2>&1 || code=$?
[[ $code == 3 && -z $(ls empty) ]] || fail "an empty input: exit $code, $(ls empty)"

# A summary vouches for the whole bundle: where a later file cannot be written, the old one must be gone.
rm measured/report.html && mkdir measured/report.html
code=0
benchgen measured --input measured.jsonl >/dev/null 2>err.txt || code=$?
[[ $code == 4 && ! -e measured/summary.json ]] || fail "half a bundle has a summary: exit $code"
echo ok
