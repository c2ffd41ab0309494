#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The service as systemd runs it, in a guest with systemd as PID 1: ready, measuring, alive, after restart, SIGKILL, a hang, a reboot.
# package-needs: mmdebstrap debhelper dpkg-dev fakeroot qemu-system-x86 busybox-static cpio kmod
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

readonly CASES="ready runs_as_written measures told_by_prereq restarts reloads stops survives_sigkill survives_a_hang refuses_bad_configuration tighter_as_told without_root_as_told after_reboot"

# The drop-ins that the page for restricted hosts gives, each headed by its path.
drop_ins() { # FOLDER
	local name
	mkdir -p "$1"
	for name in tight user; do
		sed -n "/^    # .*\/$name.conf\$/,/^\$/s/^    //p" "$tree/deploy/docs/restricted-host.md" >"$1/$name.conf"
		grep -qx '\[Service\]' "$1/$name.conf" || { echo "the page gives no $name.conf" && exit 1; }
	done
}

main() {
	local deb root=$tmp/root name
	deb=$(product deb)
	debian_root bookworm "$root" systemd-sysv,procps,kmod || exit 1
	cp "$deb" "$root/tmp/agent.deb"
	in_root "$root" dpkg -i /tmp/agent.deb >"$tmp/dpkg.log" 2>&1 || { cat "$tmp/dpkg.log" && exit 1; }
	# By the emulator's clock the agent is too dear as it comes.
	sed -i 's/^\[safety\]$/&\nmax_overhead_pct = 100/' "$root/etc/llm-slo/agent.ini"
	grep -qx 'max_overhead_pct = 100' "$root/etc/llm-slo/agent.ini" || exit 1
	umount -l "$root/proc"
	cp "$tree/test/package/lib/service_in_guest.sh" "$root/usr/bin/slo-service-test"
	drop_ins "$root/usr/share/slo-service-test"
	"$tree/test/vm/boot.sh" --kernel "${SLO_SERIES:-6.1}" --root "$root" --mem 1024 --timeout 900 --console "$tmp/console" -- \
		/usr/bin/slo-service-test >"$tmp/guest.log" 2>&1 || true
	for name in $CASES; do check "${name//_/ }" grep -qx "ok $name" "$tmp/guest.log"; done
	((failures == 0)) || { cat "$tmp/guest.log" && tail -20 "$tmp/console"; }
	done_testing
}

main "$@"
