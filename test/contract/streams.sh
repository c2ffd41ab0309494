#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whatever sloctl prints: where standard output takes nothing (a full disk, a closed descriptor) it exits with 4 and says why,
# once, and a reader that leaves early ends it without a word. No file that a program opens takes the place of a closed one.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
build=$(readlink -f "${1:-build/debug}")
sloctl=$build/sloctl
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$sloctl" loadgen --count 400 --out "$out/raw"
"$sloctl" faultreplay --scenario mixed --count 400 --out "$out/faults"
"$sloctl" collector --input "$out/raw" --output-path "$out/events"
failed=0

wrong() {
	echo "streams.sh: sloctl $1: $2" >&2
	failed=1
}

judge() { # WORDS EXIT CAUSE
	[[ $2 == 4 ]] || wrong "$1" "exit $2 where standard output takes nothing"
	[[ $(grep -c . "$out/err") == 1 ]] || wrong "$1" "expected one line, got: $(head -3 "$out/err")"
	grep -q "$3" "$out/err" || wrong "$1" "no word of '$3': $(head -3 "$out/err")"
}

while IFS= read -r words; do
	# shellcheck disable=SC2086 # words, on purpose
	set -- ${words//OUT/$out}
	code=0
	"$sloctl" "$@" >/dev/full 2>"$out/err" || code=$?
	judge "$words >/dev/full" "$code" "No space left on device"
	code=0
	"$sloctl" "$@" >&- 2>"$out/err" || code=$?
	judge "$words >&-" "$code" "Bad file descriptor"
	"$sloctl" "$@" 2>"$out/err" | true || true
	[[ ! -s $out/err ]] || wrong "$words | true" "$(head -3 "$out/err")"
done <<'EOF'
--help
--version
attributor --help
attributor --input OUT/faults
attributor --input OUT/faults --out OUT/verdicts
benchgen --input OUT/faults
calibrate --input OUT/faults
collector --input OUT/raw
config print
config print --template
docs reference
explain --input OUT/faults
faultreplay --count 400
loadgen --count 400
schema list
schema print slo-event.v1
schemavalidate --schema slo-event.v1 --input OUT/events
slo burn --input OUT/events
slo rules
EOF

# The agent's first file is its lock: what it prints and what it logs must not end up there.
for closed in 1 2; do
	instance=streams$$-$closed
	words=(--config "$out/agent.ini" --backend procfs --signals cpu_steal_pct --instance "$instance" --seconds 2)
	printf '[agent]\ncontrol =\nstate_dir = %s\n[receiver]\nlisten =\n[metrics]\nlisten =\n' "$out/state" >"$out/agent.ini"
	if [[ $closed == 1 ]]; then
		"$build/llm-slo-agent" "${words[@]}" --output stdout >&- 2>"$out/err" || true
	else
		"$build/llm-slo-agent" "${words[@]}" --output stdout >/dev/null 2>&- || true
	fi
	lock=$(ls {/run/llm-slo,/run,/var/run,/tmp}/llm-slo-agent-"$instance".lock 2>/dev/null | head -1 || true)
	[[ -n $lock && $(grep -cv '^[0-9]*$' "$lock") == 0 ]] ||
		wrong "(the agent) $closed>&-" "${lock:-no lock}: $(head -c 200 "${lock:-/dev/null}")"
	rm -f "$lock"
done
"$build/llm-slo-agent" "${words[@]}" --output stdout 2>"$out/err" >&- || true
grep -q "Bad file descriptor" "$out/err" ||
	wrong "(the agent) >&-" "no word of lost records"

# One error is one line, and says what to do.
printf '[agent]\nemitt = all\n' >"$out/wrong.ini"
"$build/llm-slo-agent" --config "$out/wrong.ini" 2>"$out/err" && wrong "(the agent)" "takes a wrong configuration"
[[ $(grep -c . "$out/err") == 1 ]] || wrong "(the agent) --config wrong.ini" "expected one line, got: $(head -3 "$out/err")"
(ulimit -n 8 && "$build/llm-slo-agent" "${words[@]}" --output stdout >/dev/null 2>"$out/err") && wrong "(the agent) at 8 files" "starts"
tail -1 "$out/err" | grep -q 'ulimit -n' || wrong "(the agent) at 8 files" "no way out: $(tail -1 "$out/err")"
exit "$failed"
