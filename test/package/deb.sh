#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian package: lintian, and install, upgrade, remove and purge in clean roots of two releases.
# package-needs: lintian mmdebstrap debhelper dpkg-dev fakeroot
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

lints() {
	lintian --allow-root --fail-on error,warning,info --tag-display-limit 0 -EI "$deb" && return
	lintian --allow-root --version
	return 1
}

same_bytes_again() {
	local again
	cp "$deb" "$tmp/first.deb"
	again=$(product deb)
	cmp "$tmp/first.deb" "$again"
}

installs() { # ROOT
	cp "$deb" "$1/tmp/agent.deb"
	in_root "$1" dpkg -i /tmp/agent.deb || return 1
	in_root "$1" getent group llm-slo || return 1
	in_root "$1" sh -c 'test -x /usr/bin/llm-slo-agent && test -s /etc/llm-slo/agent.ini && sloctl config check' || return 1
	[[ $(stat -c '%a %G' "$1/var/log/llm-slo") == "750 $(stat -c %G "$1/var/log/llm-slo")" ]] || return 1
	in_root "$1" stat -c '%G' /var/log/llm-slo | grep -qx llm-slo || return 1
	[[ -L $1/etc/systemd/system/multi-user.target.wants/llm-slo-agent.service ]] || return 1
	[[ -z $(in_root "$1" dpkg -V llm-slo-agent) ]]
}

# The unit as that release's systemd reads it: not one line that it refuses. (Older ones do not know newer settings.)
unit_is_read() { # ROOT
	mkdir -p "$1/run/systemd"
	in_root "$1" systemd-analyze verify /lib/systemd/system/llm-slo-agent.service 2>&1 | grep -i llm-slo-agent |
		grep -v 'Unknown key\|Unknown lvalue' && return 1
	return 0
}

# A changed configuration stays, an old version's file goes, the service's state of enabling stays.
upgrades() { # ROOT
	local work=$tmp/next
	echo '# mine' >>"$1/etc/llm-slo/agent.ini"
	rm -rf "$work"
	dpkg-deb -R "$deb" "$work"
	sed -i 's/^Version: .*/Version: 9.0-1/' "$work/DEBIAN/control"
	dpkg-deb --root-owner-group -Zxz -b "$work" "$1/tmp/next.deb" || return 1
	in_root "$1" systemctl disable llm-slo-agent.service || return 1
	in_root "$1" dpkg -i /tmp/next.deb || return 1
	grep -qx '# mine' "$1/etc/llm-slo/agent.ini" || return 1
	[[ ! -e $1/etc/systemd/system/multi-user.target.wants/llm-slo-agent.service ]] || return 1
	in_root "$1" dpkg-query -W -f '${Version}' llm-slo-agent | grep -qx 9.0-1
}

removes() { # ROOT
	touch "$1/var/log/llm-slo/events.jsonl"
	in_root "$1" dpkg -r llm-slo-agent || return 1
	[[ ! -e $1/usr/bin/sloctl && -s $1/etc/llm-slo/agent.ini && -e $1/var/log/llm-slo/events.jsonl ]]
}

purges() { # ROOT
	in_root "$1" dpkg -P llm-slo-agent || return 1
	in_root "$1" find /etc /var/lib /var/log /usr /lib /run -name '*llm-slo*' -o -name 'sloctl*' | grep -v '^/usr/share/doc' |
		grep . && return 1
	return 0
}

# A systemd that calls itself 229 gets the drop-in, and loses it with the purge.
old_systemd() { # ROOT
	local drop=$1/etc/systemd/system/llm-slo-agent.service.d/before-232.conf
	mv "$1/bin/systemctl" "$1/bin/systemctl.real"
	printf '#!/bin/sh\n[ "$1" != --version ] || { echo "systemd 229" && exit; }\nexec systemctl.real "$@"\n' >"$1/bin/systemctl"
	chmod 755 "$1/bin/systemctl"
	in_root "$1" dpkg -i /tmp/agent.deb && [[ -s $drop ]] && in_root "$1" dpkg -P llm-slo-agent && [[ ! -e $drop ]]
}

main() {
	local suite root
	deb=$(product deb)
	check "lintian" lints
	check "the same bytes when it is built again" same_bytes_again
	for suite in bullseye bookworm; do
		root=$tmp/$suite
		debian_root "$suite" "$root" systemd,bash-completion,zsh,fish || exit 1
		check "$suite: installs, enabled, its folders belong to the group" installs "$root"
		check "$suite: its systemd reads the unit" unit_is_read "$root"
		check "$suite: its shells complete" shells_find_completions "$root"
		check "$suite: upgrade keeps a changed configuration and a disabled service" upgrades "$root"
		check "$suite: remove keeps configuration and records" removes "$root"
		check "$suite: purge leaves nothing" purges "$root"
		check "$suite: a systemd before 232 gets its drop-in" old_systemd "$root"
	done
	done_testing
}

main "$@"
