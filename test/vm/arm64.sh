#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The static arm64 binaries on an arm64 kernel of kernels/matrix.tsv: arm64.sh [SERIES]. An initramfs of three programs, for
# no interpreter of that architecture is here; its init makes the work. Prints what run.sh prints: one line a test, totals.
# package-needs: qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross cpio dpkg xz-utils kmod
set -euo pipefail

tree=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
series=${1:-arm64-6.1}
binaries=${SLO_ARM64:-$tree/build/static-arm64}
logs=$tree/build/vm/$series
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

boots() {
	local root=$logs/initramfs
	mkdir -p "$root"
	aarch64-linux-gnu-gcc -static -O2 -Wall "$tree/test/vm/arm64_init.c" -o "$root/init"
	cp "$binaries/llm-slo-agent" "$binaries/sloctl" "$root"
	(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc) >"$logs/initrd"
	timeout "$LIMIT" qemu-system-aarch64 -machine virt -cpu max,pauth-impdef=on -smp 2 -m 1024 -nodefaults -display none -no-reboot \
		-nic none -serial "file:$logs/console" -kernel "$kernel/vmlinuz" -initrd "$logs/initrd" \
		-append 'console=ttyAMA0 quiet panic=-1 mitigations=off'
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

agent_ends_well() {
	grep -q '^exit agent 0' "$logs/guest"
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
	tell all_signals all_signals
	tell self_test self_test
	tell agent_ends_well agent_ends_well
	tell measures_runqueue measures runqueue_delay_ms
	echo "$series: $passed passed, $failed failed, 0 skipped"
	((failed == 0))
}

mkdir -p "${logs%/*}"
main
