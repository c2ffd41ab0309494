#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [SECONDS [TARGET...]]: builds every test/fuzz/fuzz_*.c with libFuzzer, ASan and UBSan and runs each, or those named (state,
# control, ...), for SECONDS (20; ten minutes each: SLO_FUZZ_SECONDS=600 ./build.sh test fuzz), SLO_FUZZ_JOBS (2) at a time, from a
# corpus kept in the cache. Prints executions, edges covered and findings of each. A finding is left in build/fuzz/ and fails.
# needs: clang libclang-rt-dev
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
seconds=${1:-20}
shift $(($# ? 1 : 0))
out=$PWD/build/fuzz
corpus=${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo/fuzz
mkdir -p "$out"

cmake -S . -B "$out/tree" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang -DSLO_SANITIZE=ON -DSLO_FUZZ=ON \
	-DSLO_TESTS=ON >"$out/cmake.log" 2>&1 || { tail -20 "$out/cmake.log"; exit 1; }
ninja -C "$out/tree" fuzz >"$out/build.log" 2>&1 || { tail -30 "$out/build.log"; exit 1; }

# The last word for KEY in a target's log: libFuzzer's own counts.
said() { grep -oE "$2 [0-9]+" "$1" | tail -1 | grep -oE '[0-9]+$' || echo 0; }

run_one() {
	local name=fuzz_$1 log=$out/fuzz_$1.log finding=0
	mkdir -p "$corpus/$name"
	(cd "$out" && nice -n "${SLO_FUZZ_NICE:-0}" "tree/test/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="$name-" "$corpus/$name" >"$log" 2>&1) || finding=1
	echo "$1: $seconds s, $(said "$log" number_of_executed_units:) executions, $(said "$log" cov:) edges, $(said "$log" ft:) features, findings: $finding"
	((finding == 0)) || { tail -30 "$log"; echo "$1: see build/fuzz/$name-*"; return 1; }
}
export -f run_one said
export seconds out corpus
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(find test/fuzz -name 'fuzz_*.c' -printf '%f\n' | sed 's/^fuzz_//; s/\.c$//' | sort)
for target in "${targets[@]}"; do
	[[ -x $out/tree/test/fuzz_$target ]] || { echo "no fuzz target $target: one of $(cd test/fuzz && echo fuzz_*.c)"; exit 2; }
done
printf '%s\0' "${targets[@]}" | xargs -0 -P"${SLO_FUZZ_JOBS:-2}" -I{} bash -c 'run_one {}'
