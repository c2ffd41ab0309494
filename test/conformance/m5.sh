#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# m5gate of the build in $1 against the reports of the earlier design: with --gate reference every figure is the same
# double, and each bound of the bootstrapped interval lies within 4 Monte-Carlo standard deviations, measured here over 20
# seeds. 77 where that folder (SLO_CONFORMANCE, ../shared/conformance) is absent.
# needs: python3
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
sloctl=$(readlink -f "${1:-build/debug}")/sloctl
data=$(readlink -f "${SLO_CONFORMANCE:-../shared/conformance}" || true)
[[ -e $data/m5 ]] || { echo "no release trees in ${SLO_CONFORMANCE:-../shared/conformance}"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# gate CASE [OPTION...]: the JSON report on stdout.
gate() {
	local tree=$1
	shift
	(cd "$data" && "$sloctl" m5gate --candidate-root "m5/$tree/cand" --baseline-root "m5/$tree/base" --scenarios dns_latency \
		--baseline-manifest m5/none.json --candidate-ref main --candidate-commit deadbeef --output json "$@")
}

# judge CASE EXIT EXIT_OF_THE_DEFAULT_GATE
judge() {
	local tree=$1 code=0 seed
	gate "$tree" --gate reference >"$out/$tree.json" || code=$?
	[[ $code == "$2" ]] || { echo "$tree: exit $code, expected $2"; return 1; }
	for seed in {1..20}; do
		gate "$tree" --gate reference --seed "$seed" >"$out/$tree.$seed.json" || true
	done
	python3 - "$data/golden/m5-$tree.json" "$out/$tree.json" "$out/$tree".*.json <<-'PY'
	import json, statistics, sys

	def load(name):
	    report = json.load(open(name))
	    entry = report["significance"]["scenarios"][0]
	    bounds = entry.pop("bootstrap_delta_ci95")
	    # The sentence quotes the bounds.
	    reason = entry.get("failure_reason")
	    if reason:
	        entry["failure_reason"] = reason[:reason.index("CI95")] + reason[reason.index("and Cliff"):]
	    assert report.pop("generated_at")
	    return report, bounds

	want, want_ci = load(sys.argv[1])
	got, got_ci = load(sys.argv[2])
	if want != got:
	    sys.exit(f"{sys.argv[2]}: differs\n{want}\n{got}")
	seeds = [load(name)[1] for name in sys.argv[3:]]
	for i, side in enumerate(("lower", "upper")):
	    sd = statistics.stdev(ci[i] for ci in seeds)
	    off = abs(got_ci[i] - want_ci[i])
	    print(f"{sys.argv[2].rsplit('/')[-1]}: {side} bound {got_ci[i]:.2f} ms, reference {want_ci[i]:.2f}, sd {sd:.2f}: {off / sd:.1f} sd off")
	    if not (0.5 < sd < 8 and off <= 4 * sd):
	        sys.exit("that is too far")
	PY
	code=0
	gate "$tree" >"$out/$tree.json" || code=$?
	[[ $code == "$3" ]] || { echo "$tree, non-inferiority: exit $code, expected $3"; return 1; }
}

# Of the same source: +5 % of p95 is neither shown to be within the margin nor beyond it, so the default gate leaves it open.
judge same 0 3
judge reg20 1 1
judge overhead 1 1
