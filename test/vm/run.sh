#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests of test/vm/truth in one boot of one kernel, or on this host, and prints one line per test.
# needs: qemu-system-x86 busybox-static cpio kmod iproute2 procps util-linux python3
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
tree=$(readlink -f "$here/../..")
# shellcheck source=kernels/matrix.sh
. "$tree/kernels/matrix.sh"
# shellcheck source=test/vm/in_guest.sh
. "$here/in_guest.sh"
set -e

readonly BOOT_SECONDS=120

usage() {
	cat <<-USAGE
	usage: ${0##*/} [boot options] SERIES|host [test...]
	  SERIES        one of: $(matrix_series | xargs); with --bzimage FILE [--modules DIR] any name
	  boot options  of boot.sh, as --cgroup LAYOUT, --mem MB, --mask-btf (${0##*/} --cgroup v1 6.1)
	  test...       names or files of test/vm/truth; all where none is given
	Logs: build/vm/SERIES/ (SLO_LOGS=NAME: build/vm/NAME/). Exit code 1 if a test failed.
	USAGE
}

parse() {
	boot=() given=''
	while [[ ${1:-} == -* ]]; do
		case $1 in
		-h | --help) usage && exit 0 ;;
		--mask-btf) boot+=("$1") && shift ;;
		*)
			(($# > 1)) || die "$1 needs a value; see --help"
			[[ $1 != --bzimage ]] || given=1
			boot+=("$1" "$2") && shift 2
			;;
		esac
	done
	(($#)) || { usage >&2 && exit 2; }
	series=$1
	shift
	find_tests "$@"
}

# Tests are the executable scripts; the others in the folder are their libraries.
find_tests() {
	local name file all=()
	tests=()
	while read -r file; do all+=("$file"); done < <(find "$here/truth" -maxdepth 1 -name '*.[sp][hy]' -perm -u+x | LC_ALL=C sort)
	(($#)) || { tests=("${all[@]}") && return; }
	for name in "$@"; do
		for file in "${all[@]}"; do
			[[ $(test_name "$file") == "$(test_name "$name")" ]] && tests+=("$file") && continue 2
		done
		die "no test '$name' in test/vm/truth; it has: $(for file in "${all[@]}"; do test_name "$file"; done | xargs)"
	done
}

# binary GIVEN NAME: where the build left it, unless it was given.
binary() {
	local found
	[[ -z $1 ]] || { readlink -f "$1" && return; }
	found=$(find "$tree/build/release" -maxdepth 3 -name "$2" -type f -perm -u+x 2>/dev/null | head -1)
	echo "${found:-$tree/build/release/$2}"
}

export_env() {
	local pair name
	export SLO_TREE=$tree SLO_SERIES=$series SLO_GIVEN=$given SLO_AGENT SLO_CTL
	SLO_AGENT=$(binary "${SLO_AGENT:-}" llm-slo-agent)
	SLO_CTL=$(binary "${SLO_CTL:-}" sloctl)
	[[ -x $SLO_AGENT && -x $SLO_CTL ]] ||
		echo "${0##*/}: warning: no $SLO_AGENT or no $SLO_CTL; build them, or set SLO_AGENT and SLO_CTL" >&2
	bcc_env
	other_btf_env
	while IFS= read -r pair; do
		name=${pair%%=*}
		export "SLO_ROW_${name^^}=${pair#*=}"
	done < <(matrix_signals "$series")
}

# With what programs are compiled at run time: for a series that ends so, whose truth tests ask for them, and for a given kernel
# whose headers are given.
bcc_env() {
	[[ $series == *-bcc || -n $given && -n ${SLO_HEADERS:-} ]] || return 0
	export SLO_BCC_HELPER SLO_BCC_KERNEL_HEADERS
	SLO_BCC_HELPER=$(binary "${SLO_BCC_HELPER:-}" llm-slo-bcc)
	if [[ -n $given ]]; then
		SLO_BCC_KERNEL_HEADERS=$SLO_HEADERS
	else
		export SLO_BACKEND=bcc
		SLO_BCC_KERNEL_HEADERS=${SLO_BCC_KERNEL_HEADERS:-$("$tree/kernels/fetch.sh" --headers "$series")}
	fi
	[[ -x $SLO_BCC_HELPER ]] ||
		echo "${0##*/}: warning: no $SLO_BCC_HELPER; './build.sh build release' makes it where libbpfcc-dev is" >&2
}

# A file that is right but for another kernel.
other_btf_env() {
	local other=6.1 dir
	[[ " ${tests[*]} " == *external_btf.py* && $series != host && -z ${SLO_OTHER_BTF:-} ]] || return 0
	[[ $series != 6.1* ]] || other=5.10
	dir=$("$tree/kernels/fetch.sh" "$other") || return 0 # the test says what it lacks
	export SLO_OTHER_BTF=$dir/vmlinux
}

# Programs that no guest can build; a test that misses one says so and is skipped.
build_helpers() {
	command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
	command -v go >/dev/null || return 0
	mkdir -p "$tree/build/vm"
	CGO_ENABLED=0 go build -o "$tree/build/vm/tls_client" "$here/tls_client.go" ||
		echo "${0##*/}: warning: tls_client was not built" >&2
}

total_limit() {
	local test sum=$BOOT_SECONDS
	for test in "${tests[@]}"; do sum=$((sum + $(test_limit "$test") + 10)); done
	echo "$sum"
}

run_on_host() {
	((EUID == 0)) || die "tests on the host need root (BPF, mounts); run it with sudo"
	SLO_SHARE=$logs unshare -m --propagation private "$here/in_guest.sh" "${tests[@]}" || true
}

run_in_guest() {
	local kernel=(--kernel "$series")
	[[ -z $given ]] || kernel=()
	for _ in 1 2 3 4; do
		boot_rc=0
		"$here/boot.sh" "${kernel[@]}" "${boot[@]}" --timeout "$(total_limit)" --out "$logs" --console "$logs/console.log" \
			-- "$here/in_guest.sh" "${tests[@]}" || boot_rc=$?
		((boot_rc == WRONG_CLOCK)) || break
	done
}

# A test that has no line did not come to its end: the guest died or never started.
account_for_missing() {
	local test name
	touch "$logs/results"
	for test in "${tests[@]}"; do
		name=$(test_name "$test")
		grep -q "^[a-zA-Z]* $series $name " "$logs/results" ||
			SLO_SHARE=$logs report FAIL "$name" 0.0 "no result: the guest ended first (exit code $boot_rc, see console.log)"
	done
}

count() {
	grep -c "^$1 " "$logs/results" || true
}

main() {
	local failed
	parse "$@"
	boot_rc=0
	logs=$tree/build/vm/${SLO_LOGS:-$series}
	((${#tests[@]})) || die "no tests in test/vm/truth"
	export_env
	build_helpers
	mkdir -p "${logs%/*}"
	exec 8>"$logs.lock"
	flock 8
	rm -rf "$logs"
	mkdir -p "$logs"
	if [[ $series == host ]]; then run_on_host; else run_in_guest; fi 8>&-
	account_for_missing
	failed=$(count FAIL)
	echo "$series: $(count ok) passed, $failed failed, $(count skip) skipped"
	((failed == 0))
}

main "$@"
