#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One lane of the matrix, all truth tests of a series, in parts that may run at the same time:
# lane.sh SERIES a|b      a half of a guest's tests in a boot of its own
# lane.sh SERIES floor    of a kernel without BTF what it gives at the least, and no more
# lane.sh host a|b        a: what may have neighbours; b: what may not
# lane.sh SERIES join     the parts together in build/vm/SERIES; what failed once more, now alone on the machine
# What passes only at the second try says so, and the log of the first stays: build/vm/SERIES.first/. What passed before on the
# same content is not run again, and says so (recorded.sh). One result a line.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
tree=$(readlink -f "$here/../..")
vm=$tree/build/vm
series=$1 part=$2
name=$series.$part
# shellcheck source=test/vm/recorded.sh
. "$here/recorded.sh"

# As long as all the others.
readonly GUEST_B="guard reclaim retransmit storm story throttle trace"
# Of kernels without BTF, whose whole lanes are run by name.
readonly FLOOR="dns retransmit"
# What it tells of neighbours on the CPUs must hold for those that it made.
readonly HOST_B="story"

results() { # FILE
	grep -E '^(ok|FAIL|skip) ' "$1" || true
}

is_floor() {
	[[ $series == *-nobtf || $series == *-bcc ]]
}

# The part's tests, by name: b is listed, a has the others.
tests_of_part() {
	local listed=$GUEST_B file test
	if is_floor; then
		xargs -n1 <<<"$FLOOR"
		return
	fi
	[[ $series != host ]] || listed=$HOST_B
	for file in "$here"/truth/*.[sp][hy]; do
		test=$(basename "${file%.*}")
		[[ -x $file ]] || continue
		if [[ " $listed " == *" $test "* ]]; then [[ $part == a ]] || echo "$test"; else [[ $part == b ]] || echo "$test"; fi
	done
}

# One boot for those of the part that no record spares.
run_part() {
	local test tests=() line
	rm -rf "$vm/$name.lines" "${vm:?}/$name" "$vm/$name.before"
	mkdir -p "$vm/$name.before"
	record_open "$series"
	for test in $(tests_of_part); do
		if line=$(record_use "$test" "$vm/$name.before"); then echo "$line" >>"$vm/$name.lines"; else tests+=("$test"); fi
	done
	if ((${#tests[@]})); then
		SLO_LOGS=$name "$here/run.sh" "$series" "${tests[@]}" >"$vm/$name.run1" 2>&1
		results "$vm/$name.run1" | tee -a "$vm/$name.lines" | record_keep "$vm/$name"
	fi
	mkdir -p "$vm/$name"
	cp -r "$vm/$name.before/." "$vm/$name/"
	rm -rf "$vm/$name.before"
}

# What failed in build/vm/SERIES.
again() {
	local name=$series test took failed
	mapfile -t failed < <(awk '$1 == "FAIL" { print $3 }' "$vm/$name.lines")
	((${#failed[@]})) && [[ -d $vm/$name ]] || return 0
	rm -rf "$vm/$name.first"
	cp -r "$vm/$name" "$vm/$name.first"
	"$here/run.sh" "$series" "${failed[@]}" >"$vm/$name.run2" 2>&1
	for test in "${failed[@]}"; do
		took=$(results "$vm/$name.run2" | awk -v n="$test" '$1 == "ok" && $3 == n { print $4; exit }')
		[[ -n $took ]] || continue
		sed -i "s|^FAIL $series $test .*|ok $series $test $took second try, the first is in build/vm/$name.first/$test.log|" "$vm/$name.lines"
	done
	# What else the first run left, of the tests that were not run again.
	cp -rn "$vm/$name.first/." "$vm/$name/"
}

join() {
	local each lacking
	rm -rf "${vm:?}/$series"
	mkdir -p "$vm/$series"
	: >"$vm/$series.lines"
	for each in $(if is_floor; then echo floor; else echo a b; fi); do
		cat "$vm/$series.$each.lines" >>"$vm/$series.lines"
		cp -r "$vm/$series.$each/." "$vm/$series/"
		[[ ! -e $vm/$series.$each.run1 ]] || grep -h warning "$vm/$series.$each.run1" || true
	done
	lacking=$(comm -23 <(tests_of_part | LC_ALL=C sort) <(awk '{ print $3 }' "$vm/$series.lines" | LC_ALL=C sort) | xargs)
	[[ -z $lacking ]] || tail -q -n 15 "$vm/$series".{a,b,floor}.run1 2>/dev/null | sed 's/^/| /'
	again
	LC_ALL=C sort -k3,3 -o "$vm/$series.lines" "$vm/$series.lines"
	cp "$vm/$series.lines" "$vm/$series/results"
	cat "$vm/$series.lines"
	# Without the totals it failed as a whole.
	[[ -z $lacking ]] || { echo "$series: no result of $lacking" && exit 1; }
	echo "$series: $(grep -c '^ok' "$vm/$series.lines") passed, $(grep -c '^FAIL' "$vm/$series.lines") failed, $(grep -c '^skip' "$vm/$series.lines") skipped"
}

mkdir -p "$vm"
if [[ $part == join ]]; then join; else run_part; fi
