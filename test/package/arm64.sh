#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# arm64: the unit suite under qemu-user, and the static binaries on Debian's arm64 kernel under qemu-system.
# package-needs: qemu-user-static qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross linux-libc-dev-arm64-cross cpio dpkg xz-utils kmod
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

# Not the emulator's: it has no bpf(2), no memory to run out of, other limits; these ask the kernel for just that.
readonly NOT_EMULATED="none"

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

main() {
	SLO_TESTS=ON "$tree/build.sh" build static-arm64 >"$tmp/build.log" 2>&1 || { cat "$tmp/build.log" && exit 1; }
	check "binaries are static, of aarch64" sh -c "readelf -h '$tree/build/static-arm64/llm-slo-agent' | grep -q AArch64"
	check "the unit suite under qemu-user" unit
	done_testing
}

main "$@"
