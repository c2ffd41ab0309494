#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The RPM package: rpmlint, and install, upgrade and erase in a root with rpm's own database.
# package-needs: rpm rpmlint mmdebstrap
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

lints() {
	rpmlint -c "$tree/packaging/rpm/rpmlint.toml" "$rpm" | tee "$tmp/rpmlint"
	grep -q '0 errors, 0 warnings' "$tmp/rpmlint"
}

same_bytes_again() {
	local again
	cp "$rpm" "$tmp/first.rpm"
	again=$(product rpm)
	cmp "$tmp/first.rpm" "$again"
}

# What rpm of RHEL 7 (4.11) can read.
old_rpm_reads_it() {
	[[ $(rpm -qp --qf '%{PAYLOADCOMPRESSOR}' "$rpm") == gzip ]] && ! rpm -qp --requires "$rpm" | grep -q 'rpmlib(.*Zstd\|rpmlib(RichDep'
}

# rpm without its dependencies' database: the root is of another family, it has what they stand for.
in_rpm() {
	in_root "$root" rpm --dbpath /var/lib/rpm-test "$@"
}

installs() {
	cp "$rpm" "$root/tmp/agent.rpm"
	in_rpm --nodeps -i /tmp/agent.rpm || return 1
	in_root "$root" sloctl config check || return 1
	[[ $(in_root "$root" stat -c '%a %G' /var/log/llm-slo) == "750 llm-slo" ]] || return 1
	in_rpm --nodeps -V llm-slo-agent
}

# The next version: the same spec, another number. A configuration that was changed stays.
upgrades() {
	echo '# mine' >>"$root/etc/llm-slo/agent.ini"
	sed 's/^set(SLO_VERSION .*/set(SLO_VERSION "9.0.0")/' "$tree/CMakeLists.txt" >"$tmp/CMakeLists.txt"
	mkdir -p "$tmp/tree" && cp -r "$tree/packaging" "$tree/LICENSE" "$tmp/tree" && cp "$tmp/CMakeLists.txt" "$tmp/tree"
	SOURCE_DATE_EPOCH=1700000001 "$tmp/tree/packaging/rpm/build.sh" "$tree/build/static" "$tmp/next" amd64 || return 1
	cp "$tmp/next"/*.rpm "$root/tmp/next.rpm"
	in_rpm --nodeps -U /tmp/next.rpm || return 1
	grep -qx '# mine' "$root/etc/llm-slo/agent.ini" && [[ $(in_rpm -q --qf '%{VERSION}' llm-slo-agent) == 9.0.0 ]] &&
		[[ -x $root/usr/bin/llm-slo-agent && -x $root/usr/share/llm-slo/drop-in.sh ]]
}

erases() {
	in_rpm --nodeps -e llm-slo-agent || return 1
	[[ ! -e $root/usr/bin/sloctl && ! -e $root/usr/lib/systemd/system/llm-slo-agent.service ]] || return 1
	[[ -s $root/etc/llm-slo/agent.ini.rpmsave ]]
}

main() {
	rpm=$(product rpm)
	root=$tmp/root
	debian_root bookworm "$root" systemd,rpm || exit 1
	check "rpmlint" lints
	check "the same bytes when it is built again" same_bytes_again
	check "an old rpm can read it" old_rpm_reads_it
	check "installs, verifies, its folders belong to the group" installs
	check "upgrade keeps a changed configuration" upgrades
	check "erase removes all but the changed configuration" erases
	done_testing
}

main "$@"
