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
"$sloctl" slo rules --out "$out/builtin.yml"
"$sloctl" slo rules --config "$out/a.ini" --out "$out/own.yml"
promtool check rules "$out/builtin.yml" "$out/own.yml"

# 60 requests a minute; from the second hour on a third of them takes longer than 800 ms. No errors.
cat >"$out/test.yml" <<'YML'
rule_files: [builtin.yml]
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
    alert_rule_test:
      - eval_time: 59m
        alertname: LlmSloErrorBudgetBurn
      - eval_time: 118m
        alertname: LlmSloErrorBudgetBurn
        exp_alerts:
          - exp_labels: {slo: ttft, severity: page}
            exp_annotations: {summary: SLO ttft burns its error budget too fast}
          - exp_labels: {slo: ttft, severity: ticket}
            exp_annotations: {summary: SLO ttft burns its error budget too fast}
YML
(cd "$out" && promtool test rules test.yml)
