#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The BCC helper as packaged: its reach, its dependencies, in clean roots of two releases; in the image; and for real, under
# systemd on 5.10 without BTF: the agent of the package measures by what the helper of the package compiled there.
# package-needs: lintian mmdebstrap debhelper dpkg-dev fakeroot binutils rpm rpmlint umoci skopeo qemu-system-x86 busybox-static cpio kmod
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

readonly CASES="no_btf ready by_bcc helper_is_gone measures told_by_prereq from_the_cache"
readonly GLIBC_MOST=2.28 # as its package says

lints() {
	lintian --allow-root --fail-on error,warning,info --tag-display-limit 0 -EI "$deb" || return 1
	rpmlint -c "$tree/packaging/rpm/rpmlint.toml" "$rpm" | tee "$tmp/rpmlint"
	grep -q '0 errors, 0 warnings' "$tmp/rpmlint"
}

# Its root was made twice.
same_bytes_again() {
	local again
	cp "$helper" "$tmp/first"
	again=$(product bcc)
	cmp "$tmp/first" "$again"
}

reaches_old_glibc() {
	local most
	most=$(readelf -VW "$helper" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
	echo "needs $most"
	[[ $(printf '%s\n' "${most#GLIBC_}" $GLIBC_MOST | sort -V | tail -1) == "$GLIBC_MOST" ]]
}

# Each library that it is linked with is named by a package or, for rpm, by its soname.
dependencies_are_declared() {
	local soname
	dpkg-deb -f "$deb" Depends
	rpm -qp --requires "$rpm"
	dpkg-deb -f "$deb" Depends | grep -q 'llm-slo-agent (= .*libc6 (>= 2.28).*libbpfcc.*libelf1.*zlib1g' || return 1
	while read -r soname; do
		rpm -qp --requires "$rpm" | grep -qxF "$soname()(64bit)" || return 1
	done < <(readelf -dW "$helper" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
	rpm -qp --requires "$rpm" | grep -q "^llm-slo-agent = "
}

# Without the libraries dpkg refuses to set it up, and names what is missing.
refused_without() { # ROOT
	cp "$deb" "$1/tmp/bcc.deb"
	cp "$agent_deb" "$1/tmp/agent.deb"
	! in_root "$1" dpkg -i /tmp/agent.deb /tmp/bcc.deb >"$tmp/dpkg.log" 2>&1 || return 1
	cat "$tmp/dpkg.log"
	grep -q 'depends on libbpfcc' "$tmp/dpkg.log"
}

installs() { # ROOT
	cp "$deb" "$1/tmp/bcc.deb"
	cp "$agent_deb" "$1/tmp/agent.deb"
	in_root "$1" dpkg -i /tmp/agent.deb /tmp/bcc.deb || return 1
	in_root "$1" ldd /usr/lib/llm-slo/llm-slo-bcc | tee "$tmp/ldd"
	! grep -q 'not found' "$tmp/ldd" || return 1
	in_root "$1" /usr/lib/llm-slo/llm-slo-bcc --help | grep "Version $version" || return 1
	[[ -s $1/lib/systemd/system/llm-slo-agent.service.d/bcc.conf && -z $(in_root "$1" dpkg -V llm-slo-agent-bcc) ]]
}

# Of the agent's own package nothing goes with it.
removes() { # ROOT
	in_root "$1" dpkg -P llm-slo-agent-bcc || return 1
	[[ ! -e $1/usr/lib/llm-slo && -x $1/usr/bin/llm-slo-agent && ! -e $1/lib/systemd/system/llm-slo-agent.service.d/bcc.conf ]]
}

rpm_installs() { # ROOT
	cp "$rpm" "$1/tmp/bcc.rpm"
	in_root "$1" rpm --dbpath /var/lib/rpm-test --nodeps -i /tmp/bcc.rpm || return 1
	in_root "$1" rpm --dbpath /var/lib/rpm-test --nodeps -V llm-slo-agent-bcc || return 1
	in_root "$1" /usr/lib/llm-slo/llm-slo-bcc --help | grep "Version $version"
}

image_runs_it() {
	unpack_image "$image" "$version" "$tmp/bundle" || return 1
	in_root "$tmp/bundle/rootfs" /usr/lib/llm-slo/llm-slo-bcc --help | grep "Version $version" || return 1
	in_root "$tmp/bundle/rootfs" /usr/bin/llm-slo-agent --version
}

# A Debian 11 with its own kernel, whose BTF is hidden; the headers as its package lays them out.
guest() { # ROOT
	local headers
	in_root "$1" dpkg -i /tmp/agent.deb /tmp/bcc.deb || return 1
	umount -l "$1/proc"
	# This kernel's tracepoints would do without (btf_free); 4.4 to 4.14 is what it is for. The emulator costs too much.
	sed -i 's/^#backend = .*/backend = bcc/; s/^#max_overhead_pct = .*/max_overhead_pct = 100/' "$1/etc/llm-slo/agent.ini"
	[[ $(grep -cE '^(backend = bcc|max_overhead_pct = 100)$' "$1/etc/llm-slo/agent.ini") == 2 ]] || return 1
	headers=$("$tree/kernels/fetch.sh" --headers 5.10) || return 1
	tar -C "${headers%/usr/src/*}" -c . | tar -C "$1" --keep-directory-symlink -x || return 1
	cp "$tree/test/package/lib/bcc_in_guest.sh" "$1/usr/bin/slo-bcc-test"
	"$tree/test/vm/boot.sh" --kernel 5.10 --mask-btf --root "$1" --mem 2048 --timeout 1500 --console "$tmp/console" -- \
		/usr/bin/slo-bcc-test >"$tmp/guest.log" 2>&1 || true
	grep -q '^ok ' "$tmp/guest.log" || { cat "$tmp/guest.log" && tail -20 "$tmp/console" && return 1; }
}

main() {
	local suite root name
	helper=$(product bcc)
	agent_deb=$(product deb)
	deb=$(grep -h 'llm-slo-agent-bcc_' "$tmp/product.out")
	product rpm >/dev/null
	rpm=$(grep -h 'llm-slo-agent-bcc-' "$tmp/product.out")
	product oci >/dev/null
	image=$(grep -h 'llm-slo-agent-bcc-' "$tmp/product.out")
	version=${image##*-}
	version=${version%.oci}
	check "lintian and rpmlint" lints
	check "needs no newer glibc than $GLIBC_MOST" reaches_old_glibc
	check "its dependencies are declared" dependencies_are_declared
	debian_root bullseye "$tmp/bare" systemd || exit 1
	check "bullseye: refused without its libraries" refused_without "$tmp/bare"
	for suite in bookworm bullseye; do
		root=$tmp/$suite
		debian_root "$suite" "$root" systemd-sysv,procps,kmod,libbpfcc,rpm || exit 1
		check "$suite: installs, its libraries are found, it runs" installs "$root"
		check "$suite: goes alone" removes "$root"
	done
	check "rpm: installs, verifies, it runs" rpm_installs "$tmp/bookworm"
	check "the image runs it" image_runs_it
	check "5.10 without BTF, under systemd" guest "$tmp/bullseye"
	for name in $CASES; do check "there: ${name//_/ }" grep -qx "ok $name" "$tmp/guest.log"; done
	((failures == 0)) || cat "$tmp/guest.log"
	check "the same bytes when it is built again" same_bytes_again
	done_testing
}

main "$@"
