#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The static arm64 binaries on an arm64 kernel of kernels/matrix.tsv: arm64.sh [SERIES]. An initramfs of three programs, for
# no interpreter of that architecture is here; its init makes the work. For a series that ends with -bcc the root of the -bcc
# image and the kernel's headers are in it, too. Prints what run.sh prints: one line a test, totals.
# package-needs: qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross cpio dpkg xz-utils kmod
set -euo pipefail

tree=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
series=${1:-arm64-6.1}
binaries=${SLO_ARM64:-$tree/build/static-arm64}
logs=$tree/build/vm/$series
helper=${SLO_ARM64_HELPER:-$tree/build/package/helper-arm64/image-root}
readonly LIMIT=900
passed=0 failed=0

tell() { # NAME COMMAND...
	local name=$1 begin=$SECONDS
	shift
	if "$@" >"$logs/$name.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok   $series $name $((SECONDS - begin)).0"
	else
		failed=$((failed + 1))
		echo "FAIL $series $name $((SECONDS - begin)).0 see $logs/$name.log"
		tail -15 "$logs/$name.log" | sed 's/^/  | /'
	fi
}

# Debian's kernels of one version exist for every architecture: neither may be taken for the other.
kernel_is_arm64() {
	kernel=$("$tree/kernels/fetch.sh" "$series")
	grep -qx 'CONFIG_ARM64=y' "$kernel/config"
}

# The headers as their package lays them out, below the root that the image has.
add_helper() { # ROOT
	local headers
	[[ -x $helper/usr/lib/llm-slo/llm-slo-bcc ]] || { echo "no helper: ./build.sh package bcc arm64" && return 1; }
	headers=$("$tree/kernels/fetch.sh" --headers "$series") || return 1
	cp -a "$helper/." "$1" && mkdir -p "$1"/{proc,sys,dev,tmp,run} || return 1
	tar -C "${headers%/usr/src/*}" -c . | tar -C "$1" --keep-directory-symlink -x
}

boots() {
	local root=$logs/initramfs memory=1024 append='' clock=()
	mkdir -p "$root"
	if [[ $series == *-bcc ]]; then
		add_helper "$root" || return 1
		# The emulator costs too much for a limit.
		memory=3072 append='SLO_AGENT_BACKEND=bcc SLO_SAFETY_MAX_OVERHEAD_PCT=0'
		# 8 ns an instruction: the helper has five minutes, and what else this machine does is not to be in them.
		clock=(-icount "shift=3,sleep=off")
	fi
	aarch64-linux-gnu-gcc -static -O2 -Wall "$tree/test/vm/arm64_init.c" -o "$root/init"
	cp "$binaries/llm-slo-agent" "$binaries/sloctl" "$root"
	(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc) >"$logs/initrd"
	timeout "$LIMIT" qemu-system-aarch64 -machine virt -cpu max,pauth-impdef=on -smp 2 -m "$memory" "${clock[@]}" -nodefaults -display none -no-reboot \
		-nic none -serial "file:$logs/console" -kernel "$kernel/vmlinuz" -initrd "$logs/initrd" \
		-append "console=ttyAMA0 quiet panic=-1 mitigations=off $append"
	rm -rf "$root" "$logs/initrd"
	tr -d '\r' <"$logs/console" | sed 's/\x1b\[[0-9]*m//g' >"$logs/guest"
	grep -v '^{' "$logs/guest" | tail -60
	grep -q '^machine aarch64$' "$logs/guest"
}

# As on amd64: none is missing on this kernel.
all_signals() {
	grep -E '^(ok|no) ' "$logs/guest"
	grep -qE '^ok +signals +12 of 12' "$logs/guest"
}

self_test() {
	sed -n '/^self-test/,$p' "$logs/guest" | head -30
	grep -q '^exit prereq 0' "$logs/guest"
}

ends_well() { # NAME
	grep -q "^exit $1 0" "$logs/guest"
}

# by_bcc N: the N-th agent's signals are measured by what was compiled there; the second has no compiler.
by_bcc() {
	grep 'agent ready' "$logs/guest"
	grep 'agent ready' "$logs/guest" | sed -n "$1p" | grep 'runqueue_delay_ms=bcc/' | grep 'dns_latency_ms=bcc/' | grep -q 'tcp_retransmits_total=bcc/'
}

# All that BCC has programs for.
bcc_signals() {
	grep -E '^(ok|no|warn) |^ +ok ' "$logs/guest"
	grep -qE '^ok +signals +7 of 12' "$logs/guest"
}

# What the init did, seen: two busy loops on one CPU wait for each other.
measures() { # SIGNAL
	grep -cE "^\{.*\"signal\":\"$1\"" "$logs/guest"
}

main() {
	exec 8>"$logs.lock"
	flock 8
	rm -rf "$logs"
	mkdir -p "$logs"
	tell kernel_of_arm64 kernel_is_arm64
	tell boots boots 8>&-
	if [[ $series == *-bcc ]]; then
		tell ends_well ends_well compiled
		tell compiled_there by_bcc 1
		tell ends_well_again ends_well kept
		tell by_what_was_kept by_bcc 2
		tell bcc_signals bcc_signals
	else
		tell all_signals all_signals
		tell ends_well ends_well agent
	fi
	tell self_test self_test
	tell measures_runqueue measures runqueue_delay_ms
	echo "$series: $passed passed, $failed failed, 0 skipped"
	((failed == 0))
}

mkdir -p "${logs%/*}"
main
