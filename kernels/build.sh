#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes of a distribution's kernel sources what a package of a kernel would have brought: build.sh TREE, in which linux-source-*
# was unpacked, puts boot/, lib/modules/ and the headers there, takes the sources away and prints the release. fetch.sh calls it.
# What is built: source.config. The same sources, with the same compiler, give the same kernel.
# needs: gcc libc6-dev make bc bison flex libelf-dev tar xz-utils
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")

say() { echo "${0##*/}: $*" >&2; }

die() {
	say "$*"
	exit 2
}

# The surroundings' ARCH, CFLAGS and the like build another kernel than the cache is told.
kmake() {
	env -i PATH="$PATH" HOME="${HOME:-/root}" LC_ALL=C KBUILD_BUILD_USER=llm-slo KBUILD_BUILD_HOST=llm-slo \
		KBUILD_BUILD_TIMESTAMP="$made" nice make -s -C "$build" "$@"
}

unpack() {
	local archive
	archive=$(find "$tree/usr/src" -name 'linux-source-*.tar.xz')
	[[ -f $archive ]] || die "one linux-source-*.tar.xz is to be in $tree/usr/src, and there is: ${archive:-none}"
	say "unpacking ${archive##*/}, 1.1 GB, half a minute"
	made=$(date -u -r "$archive" '+%F %T UTC')
	mkdir "$build"
	tar -C "$build" --strip-components=1 -xJf "$archive"
	rm -rf "$tree/usr/src"
}

# Whatever depends on what is not there, or is called otherwise in these sources, is left out by make without a word.
configure() {
	local line
	kmake KCONFIG_ALLCONFIG="$here/source.config" allnoconfig >"$log" 2>&1 || failed
	while read -r line; do
		case $line in
		CONFIG_*) grep -qxF "$line" "$build/.config" ;;
		'# CONFIG_'*' is not set') ! grep -q "^${line:2:-11}=" "$build/.config" ;;
		esac || die "these sources do not take '$line': kernels/source.config"
	done < <(grep -E '^(# )?CONFIG_' "$here/source.config")
}

failed() {
	tail -n 25 "$log" | sed 's/^/  | /' >&2
	die "the kernel was not built"
}

compile() {
	local begin=$SECONDS
	say "compiling $release with $(nproc) CPUs: with two some ten minutes"
	kmake -j"$(nproc)" bzImage >"$log" 2>&1 || failed
	say "compiled in $((SECONDS - begin)) s"
}

place() {
	local to=$tree/lib/modules/$release
	mkdir -p "$tree/boot" "$to"
	cp "$build/arch/x86/boot/bzImage" "$tree/boot/vmlinuz-$release"
	cp "$build/.config" "$tree/boot/config-$release"
	cp "$build"/modules.builtin{,.modinfo} "$to"
	: >"$to/modules.order"
}

# What a program compiled against this kernel reads, as linux-headers has it, with no Makefiles: no module is built with them.
place_headers() {
	local to=$tree/usr/src/linux-headers-$release
	mkdir -p "$to/arch/x86"
	cp -a "$build/include" "$build/.config" "$to"
	cp -a "$build/arch/x86/include" "$to/arch/x86"
	find "$to" -name '.*.cmd' -delete
}

main() {
	[[ $# == 1 && -d $1 ]] || die "usage: ${0##*/} TREE, where a linux-source package was unpacked"
	[[ $(uname -m) == x86_64 ]] || die "kernels are built for x86-64 on x86-64 alone"
	tree=$(readlink -f "$1") build=$tree/build log=$tree/build.log
	unpack
	configure
	release=$(kmake kernelrelease)
	compile
	place
	place_headers
	rm -rf "$build" "$log"
	echo "$release"
}

main "$@"
