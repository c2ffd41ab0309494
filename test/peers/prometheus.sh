#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a real Prometheus makes of our /metrics: promtool's lint, a scrape in OpenMetrics, and the deployment gate asking it:
# a drive of 900 ms fails, one of 300 ms passes, none is no data, a dead Prometheus is a backend error. 77 without Prometheus.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
build=$(readlink -f "${1:-build/debug}")
for need in prometheus promtool curl; do
	command -v "$need" >/dev/null || { echo "no $need here (Debian: prometheus, curl)"; exit 77; }
done
tmp=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$tmp"' EXIT

fail() {
	printf 'prometheus.sh: %s\n' "$*" >&2
	tail -5 "$tmp/prometheus.log" 2>/dev/null >&2 || true
	exit 1
}

serve() { # NAME TTFT_MS RATE: its address in $tmp/NAME
	"$build/test/metrics_server" "$2" "$3" >"$tmp/$1" &
	pids+=($!)
	for _ in $(seq 100); do
		[[ ! -s $tmp/$1 ]] || break
		sleep 0.05
	done
	[[ -s $tmp/$1 ]] || fail "no server for $1"
}

serve slow 900 10
serve fast 300 10
serve silent 0 0
slow=127.0.0.1:$(cat "$tmp/slow") fast=127.0.0.1:$(cat "$tmp/fast") silent=127.0.0.1:$(cat "$tmp/silent")

# Names with _ms and _pct are contracts of ours; whatever else the lint says is a mistake.
curl -sf -m 10 "http://$slow/metrics" >"$tmp/text"
promtool check metrics <"$tmp/text" >"$tmp/lint" 2>&1 || true
if grep -vE 'abbreviated units|non-histogram and non-summary metrics should not have "_?(count|sum|bucket)"' "$tmp/lint" | grep -q .; then
	cat "$tmp/lint" >&2
	fail "promtool check metrics"
fi
grep -q '^llm_slo_ttft_ms_bucket{.*le="800"} ' "$tmp/text" || fail "no bucket that ends at 800 ms"

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
port=$(free_port)
cat >"$tmp/prometheus.yml" <<YML
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: slow
    static_configs: [{targets: ["$slow"]}]
  - job_name: fast
    static_configs: [{targets: ["$fast"]}]
  - job_name: silent
    static_configs: [{targets: ["$silent"]}]
YML
prometheus --config.file="$tmp/prometheus.yml" --storage.tsdb.path="$tmp/data" --web.listen-address="127.0.0.1:$port" \
	--web.external-url="http://127.0.0.1:$port/prom/" --enable-feature=exemplar-storage >"$tmp/prometheus.log" 2>&1 &
pids+=($!)
api=http://127.0.0.1:$port/prom

query() {
	curl -sf -m 10 -G "$api/api/v1/query" --data-urlencode "query=$1" | python3 -c '
import json, sys
for s in json.load(sys.stdin)["data"]["result"]: print(s["value"][1])'
}
for _ in $(seq 120); do
	[[ $(query 'count(up == 1)' 2>/dev/null || true) == 3 && $(query 'min(count_over_time(up[1m])) >= bool 8' || true) == 1 ]] && break
	sleep 0.5
done
[[ $(query 'count(up == 1)') == 3 ]] || fail "targets are down: $(curl -s -m 10 "$api/api/v1/targets" | head -c 2000)"
curl -sf -m 10 -G "$api/api/v1/query_exemplars" --data-urlencode 'query=llm_slo_ttft_ms_bucket{job="slow"}' \
	--data-urlencode "start=$(($(date +%s) - 300))" --data-urlencode "end=$(($(date +%s) + 60))" |
	grep -q '"trace_id":"01020300000000000000000000000000"' || fail "no exemplar came through"

gate() { # EXPECTED-EXIT NAME ARGUMENT...
	local expected=$1 name=$2 code=0
	shift 2
	"$build/sloctl" cdgate check --prometheus-url "$api" "$@" >"$tmp/gate" 2>&1 || code=$?
	[[ $code == "$expected" ]] || { cat "$tmp/gate" >&2; fail "gate of $name: exit $code, not $expected"; }
}
gate 1 slow --selector 'job="slow"'
grep -Eq 'fail +ttft_p95_ms' "$tmp/gate" || fail "not TTFT failed it: $(cat "$tmp/gate")"
gate 0 fast --selector 'job="fast"'
gate 3 silent --selector 'job="silent"'
gate 3 "nobody" --service nobody
gate 0 "nobody, open" --service nobody --fail-open
grep -q DEGRADED "$tmp/gate" || fail "--fail-open passed without a word"
gate 1 "slow, open" --selector 'job="slow"' --fail-open
gate 1 "slow, slash" --selector 'job="slow"' --prometheus-url "$api/"
gate 4 "wrong base path" --prometheus-url "http://127.0.0.1:$port/nothing"
gate 4 "a dead port" --prometheus-url "http://127.0.0.1:$(free_port)"
gate 1 "slow, json" --selector 'job="slow"' --output json
python3 -c 'import json, sys
r = json.load(sys.stdin)
assert r["verdict"] == "fail" and 800 < r["metrics"]["ttft_p95_ms"]["value"] <= 1000, r' <"$tmp/gate" || fail "json report"
gate 1 "slow, junit" --selector 'job="slow"' --output junit
python3 -c 'import sys, xml.etree.ElementTree as e
s = e.parse(sys.stdin).getroot()
assert s.get("failures") == "2" and s.get("tests") == "3", s.attrib' <"$tmp/gate" || fail "junit report"
GITHUB_STEP_SUMMARY=$tmp/summary "$build/sloctl" cdgate check --prometheus-url "$api" --selector 'job="slow"' >/dev/null 2>&1 || true
grep -q '^| fail | `ttft_p95_ms` |' "$tmp/summary" || fail "no step summary: $(cat "$tmp/summary" 2>&1)"
echo "prometheus.sh: lint, scrape, exemplars and the gate are right"
