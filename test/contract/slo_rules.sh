#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# promtool accepts what `sloctl slo rules` writes, and its alerts fire when the agent's metrics say so. 77 without promtool
# (Debian: prometheus).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
sloctl=$(readlink -f "${1:-build/debug}")/sloctl
command -v promtool >/dev/null || { echo "no promtool here (Debian: prometheus)"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cat >"$out/a.ini" <<'INI'
[slo.chat-ttft]
service = we"ird\chat
sli = ttft_ms
threshold = 800
objective = 0.99
[slo.errors]
service = chat
sli = error_rate
threshold = 0.01
objective = 0.999
INI
# Every indicator, and a TTFT between two buckets: all that the engine judges has rules.
slis="ttft_ms:444 request_latency_ms:2000 token_throughput_tps:33.3 error_rate:0.01 retrieval_latency_ms:250 provider_error_rate:0.01"
for row in $slis; do
	printf '[slo.%s]\nservice = chat\nsli = %s\nthreshold = %s\nobjective = 0.99\n' "${row%:*}" "${row%:*}" "${row#*:}"
done >"$out/all.ini"
"$sloctl" slo rules --out "$out/builtin.yml"
"$sloctl" slo rules --config "$out/a.ini" --out "$out/own.yml"
"$sloctl" slo rules --config "$out/all.ini" --out "$out/all.yml"
"$sloctl" slo rules --preset 8b-interactive --service chat --out "$out/preset.yml"
promtool check rules "$out/builtin.yml" "$out/own.yml" "$out/all.yml" "$out/preset.yml"

# What the rules read is what an agent with these objectives exports, under the same names and labels.
port=$((20000 + $$ % 10000))
printf '[agent]\nbackend = null\nstate_dir =\ncontrol =\n[receiver]\nlisten =\n[metrics]\nlisten = 127.0.0.1:%s\n' "$port" |
	cat - "$out/all.ini" >"$out/agent.ini"
"$(dirname "$sloctl")/llm-slo-agent" --config "$out/agent.ini" --output jsonl --seconds 30 >/dev/null 2>"$out/agent.log" &
agent=$!
trap 'kill "$agent" 2>/dev/null || true; rm -rf "$out"' EXIT
for _ in $(seq 100); do
	! curl -sf -m 5 "http://127.0.0.1:$port/metrics" >"$out/metrics" || break
	sleep 0.1
done
kill "$agent"
grep -ohE '(llm_slo_objective_[a-z]+_total)\{service="chat",slo="[a-z_]+"' "$out/all.yml" | sort -u >"$out/wanted"
[[ $(wc -l <"$out/wanted") == 10 ]] || { cat "$out/wanted" && exit 1; } # two of each but error_rate, which any agent counts
while IFS='{' read -r metric labels; do
	IFS=, read -r service slo <<<"$labels"
	grep -q "^$metric{$slo,$service} 0" "$out/metrics" || { cat "$out/agent.log" && echo "not exported: $metric{$labels}" && exit 1; }
done <"$out/wanted"

# 60 requests a minute; from the second hour on a third of them takes longer than 800 ms. No errors.
cat >"$out/test.yml" <<'YML'
rule_files: [builtin.yml, all.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'llm_slo_ttft_ms_bucket{service="chat",le="800"}'
        values: '0+60x60 3640+40x60'
      - series: 'llm_slo_ttft_ms_bucket{service="chat",le="+Inf"}'
        values: '0+60x120'
      - series: 'llm_slo_ttft_ms_count{service="chat"}'
        values: '0+60x120'
      - series: 'llm_slo_errors_total{service="chat"}'
        values: '0x120'
      - series: 'llm_slo_requests_total{service="chat",status="ok"}'
        values: '0+60x120'
      - series: 'llm_slo_objective_requests_total{service="chat",slo="token_throughput_tps"}'
        values: '0+60x120'
      - series: 'llm_slo_objective_bad_total{service="chat",slo="token_throughput_tps"}'
        values: '0x60 20+20x60'
      - series: 'llm_slo_objective_requests_total{service="chat",slo="request_latency_ms"}'
        values: '0+60x120'
      - series: 'llm_slo_objective_bad_total{service="chat",slo="request_latency_ms"}'
        values: '0x120'
    alert_rule_test:
      - eval_time: 59m
        alertname: LlmSloErrorBudgetBurn
      - eval_time: 118m
        alertname: LlmSloErrorBudgetBurn
        exp_alerts:
          - exp_labels: {slo: ttft, severity: page}
            exp_annotations: {summary: SLO ttft burns its error budget too fast}
          - exp_labels: {slo: token_throughput_tps, service: chat, severity: page}
            exp_annotations: {summary: SLO token_throughput_tps burns its error budget too fast}
  # All of a new service's requests fail: with less than half an hour of them no window of an hour has a verdict, as in
  # the agent, and six hours and a day have none where the hour has.
  - interval: 1m
    input_series:
      - series: 'llm_slo_errors_total{service="new"}'
        values: '_x60 0+60x60'
      - series: 'llm_slo_requests_total{service="new",status="error"}'
        values: '_x60 0+60x60'
    alert_rule_test:
      - eval_time: 85m
        alertname: LlmSloErrorBudgetBurn
      - eval_time: 95m
        alertname: LlmSloErrorBudgetBurn
        exp_alerts:
          - exp_labels: {slo: errors, severity: page}
            exp_annotations: {summary: SLO errors burns its error budget too fast}
  # A service that paused for an hour and comes back failing is not new: it pages at once.
  - interval: 1m
    input_series:
      - series: 'llm_slo_errors_total{service="back"}'
        values: '0x120 0+60x20'
      - series: 'llm_slo_requests_total{service="back",status="ok"}'
        values: '0+60x60 3600x60 3600x20'
      - series: 'llm_slo_requests_total{service="back",status="error"}'
        values: '0x120 0+60x20'
    alert_rule_test:
      - eval_time: 119m
        alertname: LlmSloErrorBudgetBurn
      - eval_time: 130m
        alertname: LlmSloErrorBudgetBurn
        exp_alerts:
          - exp_labels: {slo: errors, severity: page}
            exp_annotations: {summary: SLO errors burns its error budget too fast}
  # One in 25 fails for 13 hours: a day that is half filled has a ticket, six hours no page.
  - interval: 10m
    input_series:
      - series: 'llm_slo_errors_total{service="slow"}'
        values: '0+24x90'
      - series: 'llm_slo_requests_total{service="slow",status="ok"}'
        values: '0+600x90'
    alert_rule_test:
      - eval_time: 11h
        alertname: LlmSloErrorBudgetBurn
      - eval_time: 13h
        alertname: LlmSloErrorBudgetBurn
        exp_alerts:
          - exp_labels: {slo: errors, severity: ticket}
            exp_annotations: {summary: SLO errors burns its error budget too fast}
YML
(cd "$out" && promtool test rules test.yml)
