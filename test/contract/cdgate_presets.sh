#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The queries of each preset of `sloctl cdgate`, answered by promtool from series as their exporters name and label them: vLLM
# 0.10, SGLang before and after its buckets changed, the metrics of OpenTelemetry's gen_ai.server.* as Prometheus writes them,
# ours. 100 requests a minute, of which 4 wait longer than 800 ms, and 10 fail. 77 without promtool (Debian: prometheus).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
sloctl=$(readlink -f "${1:-build/debug}")/sloctl
command -v promtool >/dev/null || { echo "no promtool here (Debian: prometheus)"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# NAME LABELS LE LE: half of 96 requests below the first bound, all of them below the second.
ttft() {
	cat <<-YML
		      - series: '$1_bucket{$2,le="$3"}'
		        values: '0+48x70'
		      - series: '$1_bucket{$2,le="$4"}'
		        values: '0+96x70'
		      - series: '$1_bucket{$2,le="5.0"}'
		        values: '0+100x70'
		      - series: '$1_bucket{$2,le="+Inf"}'
		        values: '0+100x70'
		      - series: '$1_count{$2}'
		        values: '0+100x70'
	YML
}

series() { # NAME PER_MINUTE
	printf "      - series: '%s'\n        values: '0+%sx70'\n" "$1" "$2"
}

# PRESET METRIC VALUE: the query's own text, as a case of promtool, which takes no NaN for another one.
expect() {
	query=$("$sloctl" cdgate check --preset "$1" --service "$service" --queries | sed -n "s/^$2 *//p")
	expr="round(($query) * 1000) / 1000"
	[[ $3 != NaN ]] || expr="($query) == bool ($query)"
	printf '      - expr: >-\n          %s\n        eval_time: 65m\n        exp_samples: [{value: %s}]\n' "$expr" "${3/NaN/0}"
}

begin() { printf '  - interval: 1m\n    input_series:\n'; }

service=m
{
	printf 'evaluation_interval: 1m\ntests:\n'
	begin
	ttft vllm:time_to_first_token_seconds 'engine="0",model_name="m"' 0.5 0.75
	ttft vllm:time_to_first_token_seconds 'engine="0",model_name="other"' 0.001 0.75
	series 'vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"}' 80
	series 'vllm:request_success_total{engine="0",finished_reason="length",model_name="m"}' 10
	series 'vllm:request_success_total{engine="0",finished_reason="abort",model_name="m"}' 10
	printf '    promql_expr_test:\n'
	expect vllm ttft_p95_ms 744.792
	expect vllm error_rate 0.1
	expect vllm burn_rate 4
	for bound in 0.75 0.8; do
		begin
		ttft sglang:time_to_first_token_seconds 'engine_type="unified",model_name="m"' 0.4 $bound
		series 'sglang:num_requests_total{engine_type="unified",model_name="m"}' 100
		series 'sglang:num_aborted_requests_total{engine_type="unified",model_name="m"}' 10
		printf '    promql_expr_test:\n'
		expect sglang error_rate 0.1
		expect sglang burn_rate 4
	done
	begin
	ttft gen_ai_server_time_to_first_token_seconds 'service_name="m",gen_ai_request_model="x"' 0.5 0.75
	series 'gen_ai_server_request_duration_seconds_count{service_name="m"}' 90
	series 'gen_ai_server_request_duration_seconds_count{service_name="m",error_type="timeout"}' 10
	printf '    promql_expr_test:\n'
	expect otel ttft_p95_ms 744.792
	expect otel error_rate 0.1
	expect otel burn_rate 4
	begin
	ttft llm_slo_ttft_ms 'service="m"' 500 800
	series 'llm_slo_requests_total{service="m",status="ok"}' 90
	series 'llm_slo_requests_total{service="m",status="error"}' 10
	series 'llm_slo_errors_total{service="m"}' 10
	printf '      - series: '\''llm_slo_burn_rate{service="m",slo="ttft",window="1h"}'\''\n        values: 4x70\n'
	printf '      - series: '\''llm_slo_burn_rate{service="m",slo="ttft",window="5m"}'\''\n        values: 9x70\n'
	printf '    promql_expr_test:\n'
	expect ours error_rate 0.1
	expect ours burn_rate 4
	# Nobody failed yet: no series of failures. No traffic: no value, never a pass.
	begin
	series 'vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"}' 80
	printf '    promql_expr_test:\n'
	expect vllm error_rate 0
	begin
	series 'vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"}' 0
	printf '    promql_expr_test:\n'
	expect vllm error_rate NaN
} >"$out/test.yml"
promtool test rules "$out/test.yml" || { cat "$out/test.yml"; exit 1; }
