#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The one entry: installs what is missing, builds, runs, tests. Nothing is downloaded but through package managers.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

readonly BUILD_PACKAGES="clang llvm gcc libc6-dev linux-libc-dev cmake ninja-build pkg-config
	libbpf-dev libelf-dev zlib1g-dev libinih-dev libjansson-dev libyaml-dev
	libcurl4-openssl-dev libmicrohttpd-dev libprotobuf-c-dev protobuf-c-compiler"
readonly TEST_PACKAGES="libcmocka-dev clang-format clang-tidy cppcheck shellcheck python3 python3-jsonschema
	git strace bpftool libbpf-tools bpfcc-tools prometheus"
readonly RESULTS=build/results.tsv
# Each test binary is also run under musl; these look at glibc-only things or at the network of the build machine.
readonly VM_SERIES="5.10 6.1 6.12 newest"

usage() {
	cat <<-'USAGE'
	usage: ./build.sh VERB [...]
	  demo                     two real faults on this machine and what the agent says of them (root, two minutes)
	  run [agent options]      build, then run the agent on this machine's kernel (root): a live table
	  test [PART...]           everything, or: unit contract golden conformance check vm fuzz soak peers hard
	  vm SERIES|host [test...] truth tests on one kernel: 5.10 6.1 6.12 newest host
	  build [PRESET]           debug (ASan, UBSan), release (default), static (musl); into build/PRESET/
	  bench                    the figures: a table, and build/bench.json
	  deps [test]              install what building (and testing) needs
	  fmt | lint | clean       format the sources; check them; remove build/
	USAGE
}

die() {
	echo "build.sh: $*" >&2
	exit 1
}

# --- packages --------------------------------------------------------------------------------------------------

# The scripts name what they need themselves: "# needs: a b c".
script_packages() {
	grep -rhs '^# needs:' kernels packaging test --include='*.sh' --include='*.py' | sed 's/^# needs://'
}

install_packages() {
	local missing=() p
	command -v apt-get >/dev/null || die "only apt is known here; install by hand: $*"
	for p in "$@"; do
		[[ $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) == *" installed" ]] || missing+=("$p")
	done
	((${#missing[@]})) || return 0
	[[ $EUID == 0 ]] || die "not root: install these first: ${missing[*]}"
	echo "installing: ${missing[*]}" >&2
	apt-get update -qq >&2 || echo "build.sh: apt-get update failed; trying with the lists at hand" >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

deps() {
	local packages=()
	read -ra packages <<<"$(tr '\n\t' '  ' <<<"$BUILD_PACKAGES")"
	case ${1:-} in
	"") ;;
	test) read -ra packages <<<"$(tr '\n\t' '  ' <<<"$BUILD_PACKAGES $TEST_PACKAGES $(script_packages)")" ;;
	static) read -ra packages <<<"$(tr '\n\t' '  ' <<<"$BUILD_PACKAGES $(sed -n 's/^# needs://p' packaging/static/build-deps.sh)")" ;;
	*) die "deps: test, or nothing" ;;
	esac
	install_packages "${packages[@]}"
}

# --- building --------------------------------------------------------------------------------------------------

configure() {
	local preset=$1 sysroot
	shift
	case $preset in
	debug) set -- "$@" -DCMAKE_BUILD_TYPE=Debug -DSLO_SANITIZE=ON ;;
	release) set -- "$@" -DCMAKE_BUILD_TYPE=RelWithDebInfo ;;
	static)
		sysroot=$(packaging/static/build-deps.sh)
		set -- "$@" -DCMAKE_BUILD_TYPE=MinSizeRel --toolchain packaging/static/toolchain.cmake
		set -- "$@" "-DSLO_SYSROOT=$sysroot" "-DSLO_LIBBPF_INCLUDE=$sysroot/include"
		;;
	*) die "build: no preset '$preset' (debug, release, static)" ;;
	esac
	cmake -S . -B "build/$preset" -G Ninja "$@" >"build/$preset.log" 2>&1 || {
		tail -20 "build/$preset.log" >&2
		die "cmake failed; all of it is in build/$preset.log"
	}
}

build() {
	local preset=${1:-release} tests=${2:-OFF}
	mkdir -p build
	configure "$preset" "-DSLO_TESTS=$tests"
	ninja -C "build/$preset" >"build/$preset.log" 2>&1 || {
		grep -A12 -m3 -E 'FAILED|error' "build/$preset.log" >&2 || tail -30 "build/$preset.log" >&2
		die "build failed; all of it is in build/$preset.log"
	}
	if [[ $preset == static ]]; then
		strip -o "build/static/llm-slo-agent.stripped" build/static/llm-slo-agent
		mv build/static/llm-slo-agent.stripped build/static/llm-slo-agent
		strip build/static/sloctl
		packaging/static/verify.sh build/static/llm-slo-agent build/static/sloctl
	fi
}

# --- tests -----------------------------------------------------------------------------------------------------

# result ok|FAIL|skip NAME [REASON]
result() {
	printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >>"$RESULTS"
	printf '%-5s%s%s\n' "$1" "$2" "${3:+  ($3)}"
}

# step NAME COMMAND...: 0 ok, 77 skipped with the last line as reason, else failed with the log's tail.
step() {
	local name=$1 log code=0
	shift
	log="build/log/${name//\//_}.log"
	mkdir -p build/log
	"$@" >"$log" 2>&1 </dev/null || code=$?
	case $code in
	0) result ok "$name" ;;
	77) result skip "$name" "$(tail -1 "$log")" ;;
	*)
		tail -25 "$log" | sed 's/^/     | /'
		result FAIL "$name" "exit $code, see $log"
		;;
	esac
}

# ctest's cases, each a result of its own. A test binary that could not run at all here exits 77.
run_ctest() {
	local preset=$1 pattern=$2 status name
	ctest --test-dir "build/$preset" -R "$pattern" --output-on-failure -j2 >"build/ctest.$preset.log" 2>&1 || true
	while read -r status name; do
		case $status in
		Passed) result ok "$preset/$name" ;;
		*Skipped) result skip "$preset/$name" ;;
		*)
			{ grep -A30 "^test .*$name\|\[  FAILED\|ERROR: " "build/ctest.$preset.log" || tail -30 "build/ctest.$preset.log"; } |
				sed -n '1,40s/^/     | /p'
			result FAIL "$preset/$name" "see build/ctest.$preset.log"
			;;
		esac
	done < <(sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) [. ]*(\*{0,3}[A-Za-z]+).*$/\2 \1/p' "build/ctest.$preset.log")
	grep -q 'Test *#' "build/ctest.$preset.log" || result FAIL "$preset/$pattern" "no test found"
}

test_unit() {
	run_ctest debug '^unit\.'
	run_ctest static '^unit\.'
}

test_contract() {
	run_ctest debug '^contract\.'
	run_ctest static '^contract\.'
	step contract/schema test/contract/schema.sh build/debug
	step contract/benchgen test/contract/benchgen.sh build/debug
	step contract/schema_peer test/contract/schema_peer.sh build/debug
	step contract/slo_rules test/contract/slo_rules.sh build/debug
	step contract/https python3 test/contract/https.py build/debug/sloctl
	step contract/https_static python3 test/contract/https.py build/static/sloctl
}

# Labelled data and expected outputs of the earlier design, beside the tree; skipped where they are not.
test_conformance() {
	local script
	for script in test/conformance/*.sh; do
		step "conformance/$(basename "$script" .sh)" "$script" build/debug
	done
}

test_golden() {
	step golden test/golden/run.sh build/debug
}

test_check() {
	local check
	for check in test/check/*.sh; do
		step "check/$(basename "$check" .sh)" "$check" build/debug
	done
}

# Two guests at a time: their tests mostly sleep and wait; four fail now and then for want of CPU.
test_vm() {
	local series
	mkdir -p build/vm
	export SLO_AGENT=$PWD/build/static/llm-slo-agent SLO_CTL=$PWD/build/static/sloctl SLO_STATIC_CTL=$PWD/build/static/sloctl
	SLO_OTEL_PYTHON=$(test/peers/python.sh || true)
	export SLO_OTEL_PYTHON
	# shellcheck disable=SC2086
	printf '%s\n' $VM_SERIES | xargs -P2 -I{} sh -c 'test/vm/lane.sh {} >build/vm/{}.out 2>&1;
		test/vm/initramfs_selftest.sh {} >build/vm/{}.self 2>&1; echo $? >build/vm/{}.self.code'
	test/vm/lane.sh host >build/vm/host.out 2>&1 || true
	for series in $VM_SERIES host; do
		vm_results "$series"
	done
	step vm/mechanisms test/vm/mechanisms.py --check
}

# The lines of one run.sh as results; one that ended without its totals failed as a whole.
vm_results() {
	local series=$1 status name rest code
	while read -r status _ name rest; do
		# A host whose kernel leaves out tracepoint calls (seen: perf misses the same ones) cannot match counters exactly.
		# Only there, only for the two tests that compare to the last event; the guests judge those.
		if [[ $status == FAIL && $series == host && $name =~ ^(retransmit|runqueue)$ ]]; then
			result skip "vm/host/$name" "differs from this host's counters, see build/vm/host/$name.log; the guests judge"
			continue
		fi
		[[ $status != FAIL ]] || tail -25 "build/vm/$series/$name.log" 2>/dev/null | sed 's/^/     | /' || true
		result "$status" "vm/$series/$name" "$rest"
	done < <(grep -E '^(ok|FAIL|skip) ' "build/vm/$series.out" || true)
	grep -qE '[0-9]+ passed' "build/vm/$series.out" || {
		tail -15 "build/vm/$series.out" | sed 's/^/     | /' || true
		result FAIL "vm/$series" "see build/vm/$series.out"
	}
	[[ $series != host ]] || return 0
	code=$(cat "build/vm/$series.self.code" 2>/dev/null || echo none)
	if [[ $code == 0 ]]; then
		result ok "vm/$series/static-in-initramfs"
	else
		tail -25 "build/vm/$series.self" | sed 's/^/     | /'
		result FAIL "vm/$series/static-in-initramfs" "see build/vm/$series.self"
	fi
}

test_fuzz() {
	step fuzz test/fuzz/run.sh "${SLO_FUZZ_SECONDS:-20}"
}

# The whole agent in bad surroundings (root).
test_hard() {
	step hard test/live/hard.py "$PWD/build/debug/llm-slo-agent"
}

test_soak() {
	step soak test/soak.sh
}

# Other people's programs over what we make; each script skips with its reason where its peer is not here.
test_peers() {
	local script
	for script in test/peers/*.sh; do
		[[ $script != *_venv.sh ]] || continue
		step "peers/$(basename "$script" .sh)" "$script" build/debug
	done
}

totals() {
	local ok failed skipped
	ok=$(grep -c '^ok' "$RESULTS" || true)
	failed=$(grep -c '^FAIL' "$RESULTS" || true)
	skipped=$(grep -c '^skip' "$RESULTS" || true)
	echo
	grep '^FAIL' "$RESULTS" || true
	echo "$ok passed, $failed failed, $skipped skipped"
	[[ $failed == 0 && $ok != 0 ]]
}

run_tests() {
	local parts=("$@") part begin=$SECONDS
	((${#parts[@]})) || parts=(unit contract golden conformance check fuzz vm)
	for part in "${parts[@]}"; do
		declare -F "test_$part" >/dev/null || die "test: no part '$part'"
	done
	mkdir -p build
	: >"$RESULTS"
	deps test
	build debug ON
	build static ON
	for part in "${parts[@]}"; do
		echo "--- $part ($((SECONDS - begin)) s)"
		"test_$part"
	done
	echo "--- $((SECONDS - begin)) s"
	totals
}

# --- verbs -----------------------------------------------------------------------------------------------------

sources() {
	git ls-files '*.c' '*.h' | grep -E '^(core|backends|bpf|bcc|compat|test)/'
}

run() {
	[[ $EUID == 0 ]] || die "run: needs root (or build, then run build/release/llm-slo-agent with CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN)"
	deps
	build release
	exec build/release/llm-slo-agent --output table "$@"
}

demo() {
	local python
	[[ $EUID == 0 ]] || die "demo: needs root: it measures the kernel, and makes a cgroup"
	deps
	install_packages python3 python3-venv
	build release
	python=$(test/peers/python.sh) || die "demo: its application needs the OpenTelemetry SDK, by pip"
	exec test/live/demo.py build/release/llm-slo-agent "$python"
}

case ${1:-} in
"") usage ;;
-h | --help | help) usage ;;
demo) demo ;;
run) shift && run "$@" ;;
deps) deps "${2:-}" ;;
build) if [[ ${2:-} == static ]]; then deps static; else deps; fi && build "${2:-release}" "${SLO_TESTS:-OFF}" && echo "build/${2:-release}/llm-slo-agent build/${2:-release}/sloctl" ;;
test) shift && run_tests "$@" ;;
vm)
	[[ -n ${2:-} ]] || die "vm: which kernel? 5.10 6.1 6.12 newest host"
	deps test
	build static ON
	shift
	SLO_OTEL_PYTHON=$(test/peers/python.sh || true)
	export SLO_OTEL_PYTHON
	SLO_AGENT=$PWD/build/static/llm-slo-agent SLO_CTL=$PWD/build/static/sloctl exec test/vm/run.sh "$@"
	;;
bench) shift && deps test && build release ON && build static ON && exec test/bench/run.sh "$@" ;;
fmt) sources | xargs clang-format -i ;;
lint) deps test && build debug ON && mkdir -p build && : >"$RESULTS" && test_check && totals ;;
clean) rm -rf build ;;
*) usage >&2 && exit 2 ;;
esac
