#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# arm64: the unit suite under qemu-user, and the static binaries on Debian's arm64 kernel under qemu-system.
# package-needs: qemu-user-static qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross linux-libc-dev-arm64-cross cpio dpkg xz-utils kmod
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

# What qemu-user has not: fsopen(2) of a private mount, and the speed for hours of numbers.
readonly NOT_EMULATED="unit.compat.cgroup|unit.engine.attribute_fit"

unit() {
	local test failed=0 ran=0
	for test in "$tree"/build/static-arm64/test/unit.*; do
		[[ ! ${test##*/} =~ ^($NOT_EMULATED)$ ]] || continue
		ran=$((ran + 1))
		(cd "$tree/build/static-arm64/test" && timeout 120 qemu-aarch64-static "$test" >"$tmp/unit.log" 2>&1) || {
			echo "${test##*/} failed ($?)"
			grep -E 'FAILED|ERROR|error' "$tmp/unit.log" | head -5
			failed=$((failed + 1))
		}
	done
	echo "$ran test programs, $failed failed"
	((failed == 0 && ran > 20))
}

# Debian's arm64 kernel, with nothing but an init and the two programs. Kernels of another machine have a cache of their own,
# for their versions are the same.
guest() {
	local cache=${XDG_CACHE_HOME:-$HOME/.cache} kernel
	kernel=$(XDG_CACHE_HOME=$cache/llm-slo/arm64 SLO_MATRIX=$tree/test/package/lib/arm64.tsv "$tree/kernels/fetch.sh" 6.1-arm64)
	mkdir -p "$tmp/initramfs"
	aarch64-linux-gnu-gcc -static -O2 -Wall "$tree/test/package/lib/arm64_init.c" -o "$tmp/initramfs/init" || return 1
	cp "$tree/build/static-arm64/llm-slo-agent" "$tree/build/static-arm64/sloctl" "$tmp/initramfs"
	(cd "$tmp/initramfs" && find . | cpio --quiet -o -H newc) >"$tmp/initrd"
	timeout 240 qemu-system-aarch64 -machine virt -cpu max,pauth-impdef=on -smp 2 -m 1024 -nodefaults -display none -no-reboot -nic none \
		-serial "file:$tmp/console" -kernel "$kernel/vmlinuz" -initrd "$tmp/initrd" -append 'console=ttyAMA0 quiet panic=-1' || return 1
	tr -d '\r' <"$tmp/console" | sed 's/\x1b\[[0-9]*m//g' >"$tmp/guest"
	grep -vE '^\{' "$tmp/guest" | tail -60
	grep -q '^exit agent 0' "$tmp/guest"
}

guest_measures() {
	grep -cE '^\{.*"signal":"runqueue_delay_ms"' "$tmp/guest" && grep -E '^ok +signals +1[0-2] of' "$tmp/guest"
}

guest_self_test() {
	sed -n '/^self-test/,$p' "$tmp/guest" | head -30
	grep -q '^exit prereq 0' "$tmp/guest"
}

main() {
	SLO_TESTS=ON "$tree/build.sh" build static-arm64 >"$tmp/build.log" 2>&1 || { cat "$tmp/build.log" && exit 1; }
	check "binaries are static, of aarch64" sh -c "readelf -h '$tree/build/static-arm64/llm-slo-agent' | grep -q AArch64"
	check "the unit suite under qemu-user" unit
	check "the agent runs on Debian's arm64 kernel" guest
	check "and measures there" guest_measures
	check "the self-test passes there" guest_self_test
	done_testing
}

main "$@"
