#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [SECONDS [TARGET...]]: builds every test/fuzz/fuzz_*.c with libFuzzer, ASan and UBSan and runs each, or those named (state,
# control, ...), for SECONDS (20; ten minutes each: SLO_FUZZ_SECONDS=600 ./build.sh test fuzz), SLO_FUZZ_JOBS (2) at a time, from a
# corpus kept in the cache. Prints executions, edges covered and findings of each. A finding is left in build/fuzz/ and fails; so does a
# target that reaches next to nothing: 174 million inputs of which none is JSON have tested no reader of JSON.
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

readonly EDGES_MIN=25 # without seeds labeled_pair stayed at 18, fault_sample at 21
export EDGES_MIN

# Files of which each line is where TARGET begins: random bytes do not become the JSON that its reader takes.
seed_files() {
	case $1 in
	fault_sample) echo test/golden/attributor/own.jsonl test/golden/benchgen/data/incidents.jsonl ;;
	labeled_pair) echo test/golden/correlationeval/*/pairs.jsonl ;;
	sli_records) echo test/golden/collector/*/raw.jsonl test/golden/schemavalidate/*/ev.jsonl test/fuzz/seeds/sli_records.jsonl ;;
	event_json) echo test/fuzz/seeds/event_json.jsonl ;;
	baseline_manifest) echo test/fuzz/seeds/baseline_manifest.jsonl ;;
	esac
}

make_seeds() { # TARGET FOLDER
	local file line n=0
	rm -rf "$2"
	mkdir -p "$2"
	for file in $(seed_files "$1"); do
		while IFS= read -r line; do
			n=$((n + 1))
			printf '%s' "$line" >"$2/$n"
		done <"$file"
	done
}

# Field names and values that the readers know, in libFuzzer's syntax.
grep -ohE '"[A-Za-z][A-Za-z0-9_./-]{1,40}"' core/codec/*.c core/model/*.c core/codec/schema/*.json | sort -u >"$out/words.dict"

run_one() {
	local name=fuzz_$1 log=$out/fuzz_$1.log finding=0
	mkdir -p "$corpus/$name"
	make_seeds "$1" "$out/seeds/$1"
	(cd "$out" && nice -n "${SLO_FUZZ_NICE:-0}" "tree/test/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-dict=words.dict -artifact_prefix="$name-" "$corpus/$name" "seeds/$1" >"$log" 2>&1) || finding=1
	echo "$1: $seconds s, $(said "$log" number_of_executed_units:) executions, $(said "$log" cov:) edges, $(said "$log" ft:) features, findings: $finding"
	((finding == 0)) || { tail -30 "$log"; echo "$1: see build/fuzz/$name-*"; return 1; }
	(($(said "$log" cov:) >= EDGES_MIN)) || { echo "$1: fewer than $EDGES_MIN edges: its reader is not reached, give it seeds (test/fuzz/run.sh)"; return 1; }
}
export -f run_one said seed_files make_seeds
export seconds out corpus
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(find test/fuzz -name 'fuzz_*.c' -printf '%f\n' | sed 's/^fuzz_//; s/\.c$//' | sort)
for target in "${targets[@]}"; do
	[[ -x $out/tree/test/fuzz_$target ]] || { echo "no fuzz target $target: one of $(cd test/fuzz && echo fuzz_*.c)"; exit 2; }
done
printf '%s\0' "${targets[@]}" | xargs -0 -P"${SLO_FUZZ_JOBS:-2}" -I{} bash -c 'run_one {}'
