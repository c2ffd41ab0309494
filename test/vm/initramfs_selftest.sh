#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the static sloctl on a kernel where nothing else is: initramfs_selftest.sh SERIES [ARGS], default: its own self-test.
# needs: qemu-system-x86 busybox-static cpio kmod libc-bin
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
tree=$(readlink -f "$here/../..")
# shellcheck source=kernels/matrix.sh
. "$tree/kernels/matrix.sh"

main() {
	local series=${1:-} ctl=${SLO_STATIC_CTL:-$tree/build/static/sloctl}
	[[ -n $series && $series != -* ]] || die "usage: ${0##*/} SERIES [ARGS]   (one of: $(matrix_series | xargs))"
	shift
	(($#)) || set -- prereq check --self-test
	[[ -x $ctl ]] || die "no static sloctl at $ctl; run the static build or set SLO_STATIC_CTL"
	if ldd "$ctl" 2>/dev/null | grep -q '=>'; then die "$ctl is not static, it cannot run in a bare initramfs"; fi
	exec "$here/boot.sh" --kernel "$series" --mode initramfs --timeout "${SLO_TIMEOUT:-180}" \
		--add "$ctl" -- "/bin/${ctl##*/}" "$@"
}

main "$@"
