#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The three commands that README.md and the users' pages give for virtual machines and restricted hosts, as they stand there, in
# a guest with systemd: they end with a running agent. (Containers: podman.sh; Kubernetes: k8s.sh, as far as no kubelet is here.)
# package-needs: mmdebstrap debhelper dpkg-dev fakeroot qemu-system-x86 busybox-static cpio kmod
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

# WAY PAGE FOLDER HEADING: the indented lines below HEADING, run in FOLDER, where the files lie as the page has it.
readonly WAYS="readme_vm|README.md|/root|**Virtual machines
legacy_vm|deploy/docs/legacy-vm.md|/root/build/package|# On an old virtual machine
readme_restricted|README.md|/root|**Restricted hosts
restricted_host|deploy/docs/restricted-host.md|/root/build/package|# On a host with restrictions"

commands() { # PAGE HEADING
	awk -v heading="$2" 'index($0, heading) == 1 { on = 1; next } on && /^    / { print substr($0, 5); n++ } n && !/^    / { exit }' "$tree/$1"
}

main() {
	local root=$tmp/root way page folder heading files=$tmp/root/root/build/package
	debian_root bookworm "$root" systemd-sysv,procps,kmod || exit 1
	mkdir -p "$files" "$root/usr/share/slo-readme"
	cp "$(product deb)" "$(product tar)" "$files"
	while IFS='|' read -r way page folder heading; do
		commands "$page" "$heading" >"$tmp/commands"
		[[ $(wc -l <"$tmp/commands") == 3 ]] || { echo "$page has not three commands below '$heading'" && exit 1; }
		{ echo "$folder" && cat "$tmp/commands"; } >"$root/usr/share/slo-readme/$way"
	done <<<"$WAYS"
	cp "$tree/test/package/lib/readme_in_guest.sh" "$root/usr/bin/slo-readme-test"
	"$tree/test/vm/boot.sh" --kernel "${SLO_SERIES:-6.1}" --root "$root" --mem 1024 --timeout 900 --console "$tmp/console" -- \
		/usr/bin/slo-readme-test >"$tmp/guest.log" 2>&1 || true
	while IFS='|' read -r way page _; do check "$page: ${way//_/ }" grep -qx "ok $way" "$tmp/guest.log"; done <<<"$WAYS"
	((failures == 0)) || { cat "$tmp/guest.log" && tail -20 "$tmp/console"; }
	done_testing
}

main "$@"
