#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs tests one after another on the kernel it finds itself on: in_guest.sh TEST...; logs and results go to $SLO_SHARE.
# needs: coreutils procps util-linux
set -uo pipefail

readonly DEFAULT_LIMIT=120
readonly COMPILE_LIMIT=180 # under emulation, beside other guests; 2 s otherwise
readonly WRONG_CLOCK=96 # boot again

# test_limit TEST: seconds; a "# timeout: N" line in the test overrides the default.
test_limit() {
	local n
	n=$(sed -n 's/^# timeout: *\([0-9][0-9]*\).*/\1/p;20q' "$1" | head -1)
	n=${n:-$DEFAULT_LIMIT}
	[[ ${SLO_BACKEND:-} != bcc ]] || n=$((n + COMPILE_LIMIT))
	echo "$n"
}

test_name() {
	local name=${1##*/}
	echo "${name%.*}"
}

seconds_since() {
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'
}

# report WORD TEST SECONDS REASON: the one line per test, on stdout and in the results file.
report() {
	echo "$1 $SLO_SERIES $2 $3 $4" | tee -a "$SLO_SHARE/results"
}

# In a session of its own, so that what a test leaves running ends with it.
run_limited() {
	local limit=$1 test=$2 log=$3 session rc
	setsid timeout -k 5 "$limit" "$test" </dev/null >"$log" 2>&1 &
	session=$!
	wait "$session"
	rc=$?
	pkill -KILL -s "$session"
	return "$rc"
}

run_test() {
	local test=$1 name log limit started took rc
	name=$(test_name "$test")
	log=$SLO_SHARE/$name.log
	limit=$(test_limit "$test")
	started=$EPOCHREALTIME
	run_limited "$limit" "$test" "$log"
	rc=$?
	took=$(seconds_since "$started")
	case $rc in
	0) report ok "$name" "$took" '' ;;
	77) report skip "$name" "$took" "$(tail -n 1 "$log")" ;;
	124 | 137) report FAIL "$name" "$took" "time limit of $limit s" ;;
	*) report FAIL "$name" "$took" "exit code $rc" ;;
	esac
	[[ $rc == 0 || $rc == 77 ]] || tail -n 20 "$log" | sed 's/^/    | /'
}

# Headers given for a kernel that no package has, where programs look for them. Only in a guest: the overlay is thrown away.
place_headers() {
	local dir
	dir=/lib/modules/$(uname -r)
	[[ -n ${SLO_HEADERS:-} && ! -e $dir/build ]] || return 0
	mkdir -p "$dir"
	ln -s "$SLO_HEADERS" "$dir/build"
}

# Old kernels find out how fast the TSC runs by timers that an emulator on a busy machine delivers late: seen was a clock five
# times too fast. The host dates what is written to the share.
clock_is_right() {
	local file=$SLO_SHARE/clock host guest
	echo begin >"$file"
	host=$(stat -c %.9Y "$file") guest=$EPOCHREALTIME
	sleep 5
	echo end >"$file"
	awk -v a="$host" -v b="$(stat -c %.9Y "$file")" -v c="$guest" -v d="$EPOCHREALTIME" \
		'BEGIN { r = (d - c) / (b - a); printf "the guest'\''s clock runs %.3f times the host'\''s\n", r; exit !(r > 0.96 && r < 1.04) }'
}

# Before 4.19 nothing makes random numbers for an idle guest, and programs that ask for some wait for ever. What is no secret will do.
fill_random_pool() {
	python3 -c 'import fcntl, struct
with open("/dev/urandom", "rb") as known, open("/dev/random", "wb") as pool:
    for _ in range(32):  # one of two pools behind it has its share in turn
        fcntl.ioctl(pool, 0x40085203, struct.pack("ii", 512, 64) + known.read(64))  # RNDADDENTROPY'
}

main() {
	local test
	[[ $SLO_SERIES == host ]] || place_headers
	[[ -z ${SLO_GIVEN:-} ]] || fill_random_pool
	[[ -z ${SLO_GIVEN:-} ]] || clock_is_right || exit "$WRONG_CLOCK"
	: >"$SLO_SHARE/results"
	for test in "$@"; do run_test "$test"; done
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
