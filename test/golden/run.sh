#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Golden cases of sloctl: run.sh SLOCTL [COMMAND [CASE]]; SLOCTL may be the build folder that holds it.
# UPDATE=1 writes what came out as what is expected.
#
# <command>/<case>/ holds
#   args             words after the command's name, one a line (a line is one word, blanks and all)
#   stdin            optional; else empty
#   env              optional, NAME=VALUE lines; nothing else is in the environment
#   skip_without     optional; a path: the case is skipped where it is absent
#   expected_stdout  optional, as are the next two; compared byte by byte
#   expected_stderr
#   expected_exit    0 where absent
# and any input files: the command runs in that folder, so that messages name them by their bare names.
set -u

die() {
	printf 'run.sh: %s\n' "$1" >&2
	exit 2
}

[ $# -ge 1 ] || die "usage: run.sh SLOCTL [COMMAND [CASE]]"
sloctl=$(realpath "$1") || die "$1: no such program"
[ -d "$sloctl" ] && sloctl=$sloctl/sloctl
[ -x "$sloctl" ] || die "$1: not a program"
here=$(dirname "$(realpath "$0")")
only=${2:-*}/${3:-*}
out=$(mktemp -d) || die "no temporary folder"
trap 'rm -rf "$out"' EXIT
ran=0 failed=0 skipped=0

# Words into the positional parameters, so that blanks in a word survive.
run_case() { # COMMAND
	command=$1
	shift
	while IFS= read -r word || [ -n "$word" ]; do
		set -- "$@" "$word"
	done <./args
	input=/dev/null
	[ -e stdin ] && input=stdin
	# The environment's lines go before the program, in one list with it.
	set -- "$sloctl" "$command" "$@"
	if [ -e env ]; then
		while IFS= read -r line || [ -n "$line" ]; do
			set -- "$line" "$@"
		done <./env
	fi
	env -i LC_ALL=C PATH="$PATH" ${ASAN_OPTIONS:+"ASAN_OPTIONS=$ASAN_OPTIONS"} "$@" \
		<"$input" >"$out/stdout" 2>"$out/stderr"
	printf '%s\n' $? >"$out/exit"
}

update_case() {
	for part in stdout stderr; do
		[ -e "expected_$part" ] || [ -s "$out/$part" ] || continue
		cp "$out/$part" "expected_$part"
	done
	rm -f expected_exit
	[ "$(cat "$out/exit")" = 0 ] || cp "$out/exit" expected_exit
}

compare_case() { # NAME
	good=1
	[ -e expected_exit ] || printf '0\n' >"$out/expected_exit"
	[ -e expected_exit ] && cp expected_exit "$out/expected_exit"
	for part in stdout stderr exit; do
		expected=expected_$part
		[ "$part" = exit ] && expected=$out/expected_exit
		[ -e "$expected" ] || continue
		diff -u "$expected" "$out/$part" >"$out/diff" && continue
		good=0
		printf 'FAIL %s: %s\n' "$1" "$part"
		cat "$out/diff"
		[ "$part" = exit ] && cat "$out/stderr"
	done
	[ "$good" = 1 ]
}

for args in "$here"/$only/args; do
	[ -e "$args" ] || continue
	folder=$(dirname "$args")
	name=${folder#"$here"/}
	cd "$folder" || die "$folder: cannot enter"
	if [ -e skip_without ] && [ ! -e "$(cat skip_without)" ]; then
		skipped=$((skipped + 1))
		printf 'skip %s: no %s here\n' "$name" "$(cat skip_without)"
		continue
	fi
	ran=$((ran + 1))
	run_case "${name%%/*}"
	if [ "${UPDATE:-0}" = 1 ]; then
		update_case
	elif ! compare_case "$name"; then
		failed=$((failed + 1))
	fi
done

printf '%d cases, %d failed, %d skipped\n' "$ran" "$failed" "$skipped"
[ $((ran + skipped)) -gt 0 ] || die "no case matches $only"
[ "$failed" = 0 ]
