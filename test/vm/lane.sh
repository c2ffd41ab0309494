#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One lane of the matrix: all truth tests, and what failed once more in a boot of its own, for the guests share two busy CPUs
# with each other. What passes only then says so, and the first log stays: build/vm/SERIES.first/. One result a line.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
vm=$(readlink -f "$here/../..")/build/vm
series=$1

results() { # FILE
	grep -E '^(ok|FAIL|skip) ' "$1" || true
}

mkdir -p "$vm"
"$here/run.sh" "$series" >"$vm/$series.run1" 2>&1
results "$vm/$series.run1" >"$vm/$series.lines"
mapfile -t failed < <(awk '$1 == "FAIL" { print $3 }' "$vm/$series.lines")
if ((${#failed[@]})) && [[ -d $vm/$series ]]; then
	rm -rf "$vm/$series.first"
	cp -r "$vm/$series" "$vm/$series.first"
	"$here/run.sh" "$series" "${failed[@]}" >"$vm/$series.run2" 2>&1
	for name in "${failed[@]}"; do
		again=$(results "$vm/$series.run2" | awk -v n="$name" '$1 == "ok" && $3 == n { print $4; exit }')
		[[ -n $again ]] || continue
		sed -i "s|^FAIL $series $name .*|ok $series $name $again second try, the first is in build/vm/$series.first/$name.log|" "$vm/$series.lines"
	done
	# What else the first run left, of the tests that were not run again.
	cp -rn "$vm/$series.first/." "$vm/$series/"
	cp "$vm/$series.lines" "$vm/$series/results"
fi
cat "$vm/$series.lines"
tail -n 5 "$vm/$series.run1" | grep -E 'passed|warning|fail' || tail -n 15 "$vm/$series.run1"
[[ -s $vm/$series.lines ]] || exit 1
echo "$series: $(grep -c '^ok' "$vm/$series.lines") passed, $(grep -c '^FAIL' "$vm/$series.lines") failed, $(grep -c '^skip' "$vm/$series.lines") skipped"
