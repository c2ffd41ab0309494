#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Completion, man pages and reference are what the option tables print: docs.sh BUILD. UPDATE=1 writes them.
# Also: every --help fits a screen, each shell completes, man pages have no warnings.
# needs: zsh fish groff-base
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
sloctl=$(readlink -f "${1:-build/debug}")/sloctl
[[ -x $sloctl ]] || { echo "docs: no $sloctl" >&2; exit 2; }
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
bad=0

fail() {
	echo "docs: $*" >&2
	bad=1
}

same() { # FILE, then the words after `sloctl docs`
	local file=$1
	shift
	"$sloctl" docs "$@" >"$tmp/out" || fail "sloctl docs $* failed"
	if [[ ${UPDATE:-0} == 1 ]]; then
		cp "$tmp/out" "$file"
	elif ! diff -u "$file" "$tmp/out"; then
		fail "$file is not what 'sloctl docs $*' prints (UPDATE=1 $0)"
	fi
}

same packaging/completion/sloctl.bash completion bash
same packaging/completion/_sloctl completion zsh
same packaging/completion/sloctl.fish completion fish
same packaging/man/sloctl.1 man sloctl
same packaging/man/llm-slo-agent.8 man llm-slo-agent
same deploy/docs/reference.md reference

# --- help: what a screen holds
commands=$("$sloctl" --help | awk '/^  [a-z]/ { print $1 }')
[[ $(wc -w <<<"$commands") -ge 8 ]] || fail "sloctl --help lists too few commands"
while read -r words; do
	# shellcheck disable=SC2086
	"$sloctl" $words --help >"$tmp/help" || fail "sloctl $words --help: exit $?"
	[[ $(wc -l <"$tmp/help") -le 40 ]] || fail "sloctl $words --help: more than 40 lines"
	awk 'length > 100 { print; long = 1 } END { exit long }' "$tmp/help" || fail "sloctl $words --help: a line past 100 columns"
	grep -q -- "--help" "$tmp/help" || fail "sloctl $words --help does not tell of --help"
done < <(printf '%s\n' "$commands" 'slo burn' 'slo rules')

# --- completion, as the shells run it
for command in $commands; do
	grep -q "\"$command\")" packaging/completion/sloctl.bash || fail "bash does not complete $command"
done
by_bash() {
	bash -c 'source packaging/completion/sloctl.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_llm_slo
		echo "${COMPREPLY[*]-}"' bash "$@"
}
by_zsh() {
	timeout 60 zsh -f test/check/lib/complete.zsh packaging/completion "$*"
}
by_fish() {
	HOME=$tmp timeout 60 fish --no-config -c 'source packaging/completion/sloctl.fish; complete -C "$argv"' -- "$*" | cut -f1
}
shells=()
for shell in bash zsh fish; do
	if command -v "$shell" >/dev/null; then shells+=("$shell"); else echo "docs: no $shell here: its completion was not asked" >&2; fi
done
expect() { # ANSWER, then the words typed
	local answer=$1 got shell
	shift
	for shell in "${shells[@]}"; do
		got=$("by_$shell" "$@" | tr -s ' ' '\n' | LC_ALL=C sort | xargs)
		[[ $got == "$answer" ]] || fail "$shell: completion of '$*': '$got', expected '$answer'"
	done
}
expect "schema schemavalidate" sloctl sch
expect "burn" sloctl slo b
expect "json text" sloctl slo burn --output ""
expect "prometheus" sloctl slo rules --format pro
expect "--synthetic" sloctl collector --syn
expect "--self-test" sloctl prereq check --self
expect "all threshold" llm-slo-agent --emit ""
expect "" sloctl collector --count ""

# --- man pages
for page in packaging/man/*.[18]; do
	command -v groff >/dev/null || break
	out=$(groff -man -Tutf8 -ww -z "$page" 2>&1) && [[ -z $out ]] || fail "$page: $out"
done
exit $bad
