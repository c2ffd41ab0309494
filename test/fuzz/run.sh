#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds every test/fuzz/fuzz_*.c with libFuzzer and ASan and runs each for $1 seconds (default 20), from a corpus kept
# in the cache. A finding is left in build/fuzz/ and fails.
# needs: clang libclang-rt-dev
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
seconds=${1:-20}
out=$PWD/build/fuzz
corpus=${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo/fuzz
mkdir -p "$out"

cmake -S . -B "$out/tree" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang -DSLO_SANITIZE=ON -DSLO_FUZZ=ON \
	-DSLO_TESTS=ON >"$out/cmake.log" 2>&1 || { tail -20 "$out/cmake.log"; exit 1; }
ninja -C "$out/tree" fuzz >"$out/build.log" 2>&1 || { tail -30 "$out/build.log"; exit 1; }

run_one() {
	local name
	name=$(basename "$1")
	mkdir -p "$corpus/$name"
	(cd "$out" && "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 "$corpus/$name" >"$name.log" 2>&1) ||
		{ tail -30 "$out/$name.log"; echo "$name: a finding, see build/fuzz/"; return 1; }
	echo "$name: $(grep -oE 'number_of_executed_units: [0-9]+' "$out/$name.log")"
}
export -f run_one
export seconds out corpus
find "$out/tree/test" -maxdepth 1 -name 'fuzz_*' -type f -perm -u+x -print0 | xargs -0 -r -P2 -I{} bash -c 'run_one {}'
