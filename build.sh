#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The one entry: installs what is missing, builds, runs, tests. Nothing is downloaded but through package managers.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

readonly BUILD_PACKAGES="clang llvm gcc libc6-dev linux-libc-dev cmake ninja-build pkg-config
	libbpf-dev libbpfcc-dev libelf-dev zlib1g-dev libinih-dev libjansson-dev libyaml-dev
	libcurl4-openssl-dev libmicrohttpd-dev libprotobuf-c-dev protobuf-c-compiler"
readonly TEST_PACKAGES="libcmocka-dev clang-format clang-tidy cppcheck shellcheck python3 python3-jsonschema
	git strace bpftool libbpf-tools bpfcc-tools prometheus"
readonly RESULTS=build/results.tsv
# Each test binary is also run under musl; these look at glibc-only things or at the network of the build machine.
readonly VM_SERIES="5.10 6.1 6.12 newest"
# An hour more: by name, and weekly.
readonly VM_BY_NAME="5.10-nobtf 5.10-bcc 5.10-source 5.10-source-bcc"
# Of these what a kernel without BTF gives at the least: DNS and retransmits.
readonly VM_FLOOR="5.10-nobtf 5.10-bcc"
# No distribution ships these any more: SLO_KERNELS/SERIES/{bzImage,modules,headers} gives them.
readonly VM_GIVEN="4.4 4.19 5.4"

usage() {
	cat <<-'USAGE'
	usage: ./build.sh VERB [...]
	  demo [--svg FILE]        two real faults on this machine and what the agent says of them (root, two minutes);
	                           FILE: a picture of the first verdict
	  run [agent options]      build, then run the agent on this machine's kernel (root): a live table
	  test [PART...]           everything, or: unit contract golden conformance check vm fuzz soak peers package hard
	  vm SERIES|host [test...] truth tests on one kernel: 5.10 6.1 6.12 newest host; its BTF hidden: 5.10-nobtf 5.10-bcc;
	                           built without, of linux-source, in some ten minutes: 5.10-source 5.10-source-bcc
	  vm --kernel BZIMAGE [--modules DIR] [--headers DIR] [test...]   on any kernel image
	  build [PRESET]           debug (ASan, UBSan), release (default), static (musl), static-arm64; into build/PRESET/
	  package KIND [ARCH]      tar, bcc, deb, rpm, oci or all; amd64 or arm64; into build/package/
	  package sums             what a release holds, with one list of sums; package push REGISTRY: its images
	  bench [PART...]          the figures: a table, and build/bench.json; bcc by its name alone
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
	static-arm64) deps static && packages=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross linux-libc-dev-arm64-cross) ;;
	package) read -ra packages <<<"$(packaging_needs "${@:2}")" ;;
	*) die "deps: test, or nothing" ;;
	esac
	install_packages "${packages[@]}"
}

# What the packagers (tar, deb, ...) or their tests (test) need: "# package-needs: a b c".
packaging_needs() {
	local kind=${1:-} folder=packaging/${1:-}
	[[ $kind != test ]] || folder=test/package
	[[ -n $kind && -d $folder ]] || die "package: no kind '$kind' (tar, bcc, deb, rpm, oci, all)"
	grep -rhs '^# package-needs:' "$folder" | sed 's/^# package-needs://' | tr '\n' ' '
}

# --- building --------------------------------------------------------------------------------------------------

host_arch() {
	dpkg --print-architecture
}

# static_arch PRESET: "static" is this machine's.
static_arch() {
	case $1 in
	static) host_arch ;;
	*) echo "${1#static-}" ;;
	esac
}

configure() {
	local preset=$1 sysroot=''
	shift
	case $preset in
	debug) set -- "$@" -DCMAKE_BUILD_TYPE=Debug -DSLO_SANITIZE=ON ;;
	release) set -- "$@" -DCMAKE_BUILD_TYPE=RelWithDebInfo ;;
	static | static-arm64)
		sysroot=$(SLO_ARCH=$(static_arch "$preset") packaging/static/build-deps.sh)
		set -- "$@" -DCMAKE_BUILD_TYPE=MinSizeRel --toolchain packaging/static/toolchain.cmake
		set -- "$@" "-DSLO_SYSROOT=$sysroot" "-DSLO_LIBBPF_INCLUDE=$sysroot/include"
		;;
	*) die "build: no preset '$preset' (debug, release, static, static-arm64)" ;;
	esac
	# Libraries found in another sysroot stay in CMake's cache, and so do an earlier toolchain's flags: two would be mixed.
	if [[ -n $sysroot ]] && { [[ packaging/static/toolchain.cmake -nt build/$preset/CMakeCache.txt ]] ||
		! grep -qsxF "SLO_SYSROOT:PATH=$sysroot" "build/$preset/CMakeCache.txt"; }; then set -- "$@" --fresh; fi
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
	if [[ $preset == static* ]]; then
		llvm-strip "build/$preset/llm-slo-agent" "build/$preset/sloctl"
		packaging/static/verify.sh "build/$preset/llm-slo-agent" "build/$preset/sloctl"
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
	step contract/streams test/contract/streams.sh build/debug
	step contract/terminal python3 test/contract/terminal.py build/debug/sloctl
	step contract/schema test/contract/schema.sh build/debug
	step contract/benchgen test/contract/benchgen.sh build/debug
	step contract/schema_peer test/contract/schema_peer.sh build/debug
	step contract/slo_rules test/contract/slo_rules.sh build/debug
	step contract/cdgate_presets test/contract/cdgate_presets.sh build/debug
	step contract/oracle test/contract/oracle.py build/debug/sloctl 10
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

# Each kernel in two boots, and a third for the bare initramfs. Three guests at a time: their tests mostly sleep and wait. The
# host's lane goes on beside them, but for what tells of neighbours on the CPUs: that comes after them, and then, one at a time,
# what failed.
test_vm() {
	local series host
	mkdir -p build/vm
	rm -f build/vm/*.{run1,run2,lines,out,code}
	build release # the helper that compiles in a guest
	export SLO_AGENT=$PWD/build/static/llm-slo-agent SLO_CTL=$PWD/build/static/sloctl SLO_STATIC_CTL=$PWD/build/static/sloctl
	SLO_OTEL_PYTHON=$(test/peers/python.sh || true)
	export SLO_OTEL_PYTHON
	test/vm/lane.sh host a &
	host=$!
	# shellcheck disable=SC2016 # words of the inner shell
	vm_jobs | xargs -P3 -L1 sh -c 'case $1 in
		self) test/vm/initramfs_selftest.sh "$0" >"build/vm/$0.self" 2>&1; echo $? >"build/vm/$0.self.code" ;;
		*) test/vm/lane.sh "$0" "$1" ;;
		esac' || true
	wait "$host" || true
	test/vm/lane.sh host b || true
	for series in $VM_SERIES $VM_FLOOR host; do
		test/vm/lane.sh "$series" join >"build/vm/$series.out" || true
	done
	for series in $VM_SERIES $VM_FLOOR host; do
		vm_results "$series"
	done
	for series in $VM_BY_NAME; do
		result skip "vm/$series" "not run whole: ./build.sh vm $series does"
	done
	for series in $VM_GIVEN; do
		if [[ -f ${SLO_KERNELS:-/nonexistent}/$series/bzImage ]]; then
			SLO_SERIES_NAME=$series given_kernel "$SLO_KERNELS/$series" >"build/vm/$series.out" 2>&1 || true
			vm_results "$series"
		else
			result skip "vm/$series" "not run: no SLO_KERNELS/$series/bzImage"
		fi
	done
	step vm/mechanisms test/vm/mechanisms.py --check
}

# SERIES PART. Halves that load a machine (b) alternate with those that wait: three of them at once starve each other.
vm_jobs() {
	local other series at=0 halves=(b a)
	for other in 0 1; do
		for series in $VM_SERIES; do
			echo "$series ${halves[(at++ + other) % 2]}"
		done
	done
	for series in $VM_FLOOR; do echo "$series floor"; done
	for series in $VM_SERIES; do echo "$series self"; done
}

# given_kernel FOLDER TEST...: the options of vm for what a folder holds.
given_kernel() {
	local dir=$1
	shift
	set -- --kernel "$dir/bzImage" "$@"
	[[ ! -d $dir/modules ]] || set -- --modules "$dir/modules" "$@"
	[[ ! -d $dir/headers ]] || set -- --headers "$dir/headers" "$@"
	vm_any "$@"
}

# vm_any [--kernel BZIMAGE] [--modules DIR] [--headers DIR] [SERIES|host] [test...]
vm_any() {
	local options=() given='' SLO_HEADERS=${SLO_HEADERS:-}
	while [[ ${1:-} == --* ]]; do
		(($# > 1)) || die "vm: $1 needs a value"
		case $1 in
		--kernel) given=$(readlink -e "$2") || die "vm: no kernel image $2" && options+=(--bzimage "$given") ;;
		--headers) SLO_HEADERS=$(readlink -e "$2") || die "vm: no headers $2" ;;
		*) options+=("$1" "$2") ;;
		esac
		shift 2
	done
	[[ -z ${SLO_HEADERS:-} ]] || export SLO_HEADERS
	[[ -z $given ]] || set -- "${SLO_SERIES_NAME:-given}" "$@"
	# The helper that compiles programs in the guest is in no static build.
	[[ -z ${SLO_HEADERS:-} && ${1:-} != *-bcc ]] || build release
	SLO_AGENT=$PWD/build/static/llm-slo-agent SLO_CTL=$PWD/build/static/sloctl test/vm/run.sh "${options[@]}" "$@"
}

# Another architecture's programs run on no root of this machine: a runner of its own.
vm_arm64() {
	deps static-arm64
	# shellcheck disable=SC2046 # words
	install_packages $(sed -n 's/^# package-needs://p' test/vm/arm64.sh)
	build static-arm64
	[[ $1 != *-bcc || -x build/package/helper-arm64/llm-slo-bcc ]] || package bcc arm64
	test/vm/arm64.sh "$1"
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
	[[ $series != host && " $VM_GIVEN $VM_FLOOR " != *" $series "* ]] || return 0
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

# The whole agent in bad surroundings (root), some ten minutes. A clock is set in a guest: a host's is not ours.
test_hard() {
	step hard test/live/hard.py "$PWD/build/debug/llm-slo-agent"
	step hard/clock env SLO_AGENT="$PWD/build/static/llm-slo-agent" SLO_CTL="$PWD/build/static/sloctl" test/vm/run.sh 6.1 clock
	step hard/learnt test/live/learnt.py "$PWD/build/debug/llm-slo-agent"
	step input test/live/input.py "$PWD/build/debug/llm-slo-agent"
	step ask test/live/ask.py "$PWD/build/debug/llm-slo-agent" "$PWD/build/debug/sloctl"
}

test_soak() {
	local python
	step soak test/soak.sh
	python=$(test/peers/python.sh || true)
	if [[ -n $python ]]; then
		step soak/story test/live/soak.py "$PWD/build/static/llm-slo-agent" "$python"
	else
		result skip soak/story "the OpenTelemetry SDK could not be installed (test/peers/python.sh)"
	fi
}

# Other people's programs over what we make; each script skips with its reason where its peer is not here.
test_peers() {
	local script
	for script in test/peers/*.sh; do
		# These only bring a peer and print its path.
		[[ ! $script =~ /(otelcol|python|node)\.sh$ ]] || continue
		step "peers/$(basename "$script" .sh)" "$script" build/debug
	done
}

# Each packager's product is really installed, started, compared: minutes, so not a part of plain `test`.
test_package() {
	local script
	deps package test
	for script in test/package/*.sh; do
		step "package/$(basename "$script" .sh)" "$script"
	done
}

totals() {
	local ok failed skipped recorded
	ok=$(grep -c '^ok' "$RESULTS" || true)
	recorded=$(grep -cP '^ok\t.*\t[0-9.]+ as recorded on ' "$RESULTS" || true)
	failed=$(grep -c '^FAIL' "$RESULTS" || true)
	skipped=$(grep -c '^skip' "$RESULTS" || true)
	echo
	grep '^FAIL' "$RESULTS" || true
	echo "$ok passed, $failed failed, $skipped skipped"
	((recorded == 0)) || echo "$recorded of them passed before on the same content and were not run again; SLO_FRESH=1 runs everything"
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

# What a release holds, in one folder with one list of sums.
release_sums() {
	local to=build/package/release
	rm -rf "$to" && mkdir -p "$to"
	find build/package -maxdepth 1 -type f \( -name '*.tar.gz' -o -name '*.deb' -o -name '*.rpm' -o -name '*.spdx.json' -o -name '*.digest' \) \
		-exec cp -t "$to" {} +
	(cd "$to" && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS .)
	echo "$to/SHA256SUMS"
}

# package KIND [ARCH]: prints what was made. The archive comes first: it is what the others are made of.
package() {
	local kind=${1:?"package: which kind? tar bcc deb rpm oci all sums push"} arch=${2:-$(host_arch)} preset kinds
	[[ $arch != "$(host_arch)" ]] && preset=static-$arch || preset=static
	[[ $kind != sums ]] || { release_sums && return; }
	if [[ $kind == push ]]; then
		exec packaging/oci/push.sh "$PWD/build/package/release" "${2:?"package push: to which registry?"}"
	fi
	kinds=$kind
	# The others take the BCC helper along, where it was made before.
	[[ $kind != all ]] || kinds="tar bcc deb rpm oci"
	deps "$preset"
	build "$preset"
	for kind in $kinds; do
		deps package "$kind"
		"packaging/$kind/build.sh" "$PWD/build/$preset" "$PWD/build/package" "$arch"
	done
}

demo() {
	local python
	[[ $EUID == 0 ]] || die "demo: needs root: it measures the kernel, and makes a cgroup"
	deps
	install_packages python3 python3-venv
	build release
	python=$(test/peers/python.sh) || die "demo: its application needs the OpenTelemetry SDK, by pip"
	exec test/live/demo.py build/release/llm-slo-agent "$python" "$@"
}

case ${1:-} in
"") usage ;;
-h | --help | help) usage ;;
demo) shift && demo "$@" ;;
run) shift && run "$@" ;;
deps) deps "${@:2}" ;;
package) shift && package "$@" ;;
build) if [[ ${2:-} == static* ]]; then deps "$2"; else deps; fi && build "${2:-release}" "${SLO_TESTS:-OFF}" && echo "build/${2:-release}/llm-slo-agent build/${2:-release}/sloctl" ;;
test) shift && run_tests "$@" ;;
vm)
	[[ -n ${2:-} ]] || die "vm: which kernel? 5.10 5.10-nobtf 5.10-bcc 5.10-source 5.10-source-bcc 6.1 6.12 newest arm64-6.1 arm64-5.10-bcc host, or --kernel BZIMAGE"
	if [[ $2 == arm64-* ]]; then vm_arm64 "$2"; exit; fi
	deps test
	build static ON
	shift
	SLO_OTEL_PYTHON=$(test/peers/python.sh || true)
	export SLO_OTEL_PYTHON
	vm_any "$@"
	;;
bench) shift && deps test && build release ON && build static ON && exec test/bench/run.sh "$@" ;;
fmt) sources | xargs clang-format -i ;;
lint) deps test && build debug ON && mkdir -p build && : >"$RESULTS" && test_check && totals ;;
clean) rm -rf build ;;
*) usage >&2 && exit 2 ;;
esac
