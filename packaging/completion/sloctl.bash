# Made by sloctl docs completion: the option tables are the source.
# shellcheck shell=bash disable=SC2034
_llm_slo() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=""
	local path=${COMP_WORDS[1]-}
	COMPREPLY=()
	[[ $(basename -- "${COMP_WORDS[0]}") == llm-slo-agent ]] && path=llm-slo-agent
	if [[ $path != llm-slo-agent && $COMP_CWORD -eq 1 ]]; then
		path=""
	fi
	case ${COMP_WORDS[1]-}/${COMP_WORDS[2]-} in
	slo/burn) [[ $COMP_CWORD -gt 2 ]] && path="slo burn" ;;
	slo/rules) [[ $COMP_CWORD -gt 2 ]] && path="slo rules" ;;
	esac
	case $path in
	"")
		words="prereq config schema correlationeval m5gate attributor benchgen explain calibrate schemavalidate collector slo cdgate faultreplay loadgen webhook top incidents support-bundle docs --help --version"
		;;
	llm-slo-agent)
		case $prev in
		--config | -c) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--backend | -b) mapfile -t COMPREPLY < <(compgen -W "auto libbpf procfs replay null bcc btf_free" -- "$cur") && return ;;
		--btf) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--kernel-headers) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--signals | -s) return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "auto table jsonl stdout" -- "$cur") && return ;;
		--output-path) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--seconds) return ;;
		--emit) mapfile -t COMPREPLY < <(compgen -W "threshold all" -- "$cur") && return ;;
		--record) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--replay) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--replay-speed) mapfile -t COMPREPLY < <(compgen -W "recorded max" -- "$cur") && return ;;
		--slo-input) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--cgroup) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--pid | -p) return ;;
		--comm) return ;;
		--pod-uid) return ;;
		--instance) return ;;
		--schema) mapfile -t COMPREPLY < <(compgen -W "v1beta1 v1alpha1" -- "$cur") && return ;;
		--log-level) mapfile -t COMPREPLY < <(compgen -W "err warn info debug" -- "$cur") && return ;;
		--host-root) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		esac
		words="--config --backend --btf --kernel-headers --signals --output --output-path --seconds --emit --record --replay --replay-speed --slo-input --cgroup --pid --comm --pod-uid --instance --schema --log-level --host-root --help --version"
		;;
	"prereq")
		case $prev in
		--output) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur") && return ;;
		--config | -c) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--backend) mapfile -t COMPREPLY < <(compgen -W "auto libbpf procfs replay null bcc btf_free" -- "$cur") && return ;;
		--btf) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--bcc-helper) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--kernel-headers) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--host-root) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--trace-map) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		esac
		words="check --output --strict --self-test --config --backend --btf --bcc-helper --kernel-headers --host-root --trace-map --help --version"
		;;
	"config")
		case $prev in
		--config | -c) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--set) return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur") && return ;;
		esac
		words="print check --config --set --output --template --help --version"
		;;
	"schema")
		case $prev in
		esac
		words="list print --help --version"
		;;
	"correlationeval")
		case $prev in
		--input | -i) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--out) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--predictions-out) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--window-ms) return ;;
		--threshold) return ;;
		--min-precision) return ;;
		--min-recall) return ;;
		--distance) mapfile -t COMPREPLY < <(compgen -W "point interval" -- "$cur") && return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur") && return ;;
		esac
		words="--input --out --predictions-out --window-ms --threshold --min-precision --min-recall --distance --output --help --version"
		;;
	"m5gate")
		case $prev in
		--candidate-root) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--baseline-root) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--baseline-manifest) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--candidate-ref) return ;;
		--candidate-commit) return ;;
		--scenarios) return ;;
		--gate) mapfile -t COMPREPLY < <(compgen -W "noninferiority reference" -- "$cur") && return ;;
		--margin-pct) return ;;
		--max-overhead-pct) return ;;
		--max-variance-pct) return ;;
		--min-runs) return ;;
		--bootstrap) return ;;
		--seed) return ;;
		--out-json) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--out-md) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur") && return ;;
		esac
		words="--candidate-root --baseline-root --baseline-manifest --require-manifest --candidate-ref --candidate-commit --scenarios --gate --margin-pct --max-overhead-pct --max-variance-pct --min-runs --bootstrap --seed --out-json --out-md --output --help --version"
		;;
	"attributor")
		case $prev in
		--input | -i) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--out) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--summary-out) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--confusion-out) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--attribution-mode | -m) mapfile -t COMPREPLY < <(compgen -W "noisy-or bayes rule" -- "$cur") && return ;;
		--model) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--config | -c) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--schema) mapfile -t COMPREPLY < <(compgen -W "v1beta1 v1" -- "$cur") && return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur") && return ;;
		esac
		words="--input --out --summary-out --confusion-out --attribution-mode --model --config --schema --output --help --version"
		;;
	"benchgen")
		case $prev in
		--input | -i) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--out) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--scenario) return ;;
		--attribution-mode | -m) mapfile -t COMPREPLY < <(compgen -W "noisy-or bayes rule" -- "$cur") && return ;;
		--model) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--seed) return ;;
		--commit) return ;;
		--time) return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur") && return ;;
		esac
		words="--input --out --scenario --attribution-mode --model --seed --commit --time --output --help --version"
		;;
	"explain")
		case $prev in
		--input | -i) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--control) return ;;
		--id) return ;;
		--model) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--config | -c) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json svg" -- "$cur") && return ;;
		esac
		words="--input --control --id --model --config --output --help --version"
		;;
	"calibrate")
		case $prev in
		--input | -i) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--out) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--model) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--name) return ;;
		--folds) return ;;
		--alpha) return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur") && return ;;
		esac
		words="--input --out --model --name --folds --alpha --keep-lambdas --output --help --version"
		;;
	"schemavalidate")
		case $prev in
		--schema | -s) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--input | -i) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--findings) return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur") && return ;;
		esac
		words="--schema --input --jsonl --json --findings --output --help --version"
		;;
	"collector")
		case $prev in
		--input | -i) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "jsonl stdout" -- "$cur") && return ;;
		--output-path) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--scenario) return ;;
		--count) return ;;
		--duration-sec) return ;;
		--rps) return ;;
		--seed) return ;;
		--start) return ;;
		esac
		words="--input --output --output-path --synthetic --scenario --count --duration-sec --rps --seed --start --help --version"
		;;
	"slo")
		case $prev in
		esac
		words="burn rules --help --version"
		;;
	"slo burn")
		case $prev in
		--input | -i) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--config | -c) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--name | -n) return ;;
		--preset) return ;;
		--service) return ;;
		--at) return ;;
		--min-valid) return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur") && return ;;
		esac
		words="--input --config --name --preset --service --at --min-valid --output --help --version"
		;;
	"slo rules")
		case $prev in
		--format | -f) mapfile -t COMPREPLY < <(compgen -W "prometheus sloth" -- "$cur") && return ;;
		--config | -c) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--name | -n) return ;;
		--preset) return ;;
		--service) return ;;
		--out | -o) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		esac
		words="--format --config --name --preset --service --out --help --version"
		;;
	"cdgate")
		case $prev in
		--prometheus-url | -u) return ;;
		--preset) mapfile -t COMPREPLY < <(compgen -W "ours vllm sglang otel" -- "$cur") && return ;;
		--timeout) return ;;
		--token-file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--ca-file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--control) return ;;
		--responses | -r) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--config | -c) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--ttft-p95-ms) return ;;
		--error-rate) return ;;
		--burn-rate) return ;;
		--service) return ;;
		--selector) return ;;
		--at) return ;;
		--max-age) return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json junit markdown" -- "$cur") && return ;;
		esac
		words="check --prometheus-url --preset --timeout --token-file --ca-file --explain --control --responses --config --ttft-p95-ms --error-rate --burn-rate --service --selector --at --max-age --fail-open --queries --output --help --version"
		;;
	"faultreplay")
		case $prev in
		--scenario) return ;;
		--count) return ;;
		--duration-sec) return ;;
		--rps) return ;;
		--seed) return ;;
		--start) return ;;
		--out | -o) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		esac
		words="--scenario --count --duration-sec --rps --seed --start --out --help --version"
		;;
	"loadgen")
		case $prev in
		--profile) return ;;
		--count) return ;;
		--duration-sec) return ;;
		--rps) return ;;
		--seed) return ;;
		--start) return ;;
		--out | -o) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		esac
		words="--profile --count --duration-sec --rps --seed --start --out --help --version"
		;;
	"webhook")
		case $prev in
		--url | -u) return ;;
		--format | -f) mapfile -t COMPREPLY < <(compgen -W "generic pagerduty opsgenie jsm alertmanager slack" -- "$cur") && return ;;
		--secret-file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--ca-file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--timeout) return ;;
		--config | -c) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		esac
		words="test --url --format --secret-file --ca-file --timeout --config --dry-run --help --version"
		;;
	"top")
		case $prev in
		--interval | -n) return ;;
		--control) return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur") && return ;;
		esac
		words="--once --interval --control --output --help --version"
		;;
	"incidents")
		case $prev in
		--service) return ;;
		--control) return ;;
		--output | -o) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur") && return ;;
		esac
		words="--open --service --control --output --help --version"
		;;
	"support-bundle")
		case $prev in
		--out | -O) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--config | -c) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		--control) return ;;
		--log) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
		esac
		words="--out --config --control --log --no-logs --help --version"
		;;
	"docs")
		case $prev in
		esac
		words="completion man reference --help --version"
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _llm_slo sloctl llm-slo-agent
