#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the folder of the newest kernel of one series (vmlinuz, vmlinux, config, release, lib/modules), fetching it with apt, or
# its sources, which build.sh makes it of.
# needs: apt dpkg kmod xz-utils zstd mawk util-linux
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=kernels/matrix.sh
. "$here/matrix.sh"

readonly INDEX_DAYS=7
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

say() { echo "${0##*/}: $*" >&2; }

usage() {
	echo "usage: ${0##*/} [--refresh|--headers] SERIES   (one of: $(matrix_series | xargs))"
	echo "  --headers  the folder of its headers instead, as linux-headers packages lay them out (for BCC)"
}

# The host's own mirror of one suite: the security suites live under the security archive's URI.
# shellcheck disable=SC2016 # apt expands it, not the shell
mirror_uri() {
	local want=plain uri
	[[ $1 != *-security ]] || want=security
	while read -r uri; do
		[[ $uri == *security* ]] && [[ $want == plain ]] && continue
		[[ $uri != *security* ]] && [[ $want == security ]] && continue
		echo "$uri"
		return
	done < <(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Created-By: Packages' | sort -u)
	die "this host's apt has no Debian mirror for suite $1; add one to its sources and run 'apt-get update'"
}

write_sources() {
	local suite uri opt="arch=$arch"
	[[ ! -r $KEYRING ]] || opt+=" signed-by=$KEYRING"
	for suite in ${suites//,/ }; do
		uri=$(mirror_uri "$suite")
		echo "deb [$opt] $uri $suite main"
	done
}

# apt with private lists, cache and sources; the host's proxy and transport settings still hold.
private() {
	local tool=$1
	shift
	"$tool" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State="$apt/state" -o Dir::State::status=/dev/null -o Dir::Cache="$apt/cache" \
		-o Debug::NoLocking=1 -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false \
		-o APT::Sandbox::User=root -o APT::Architecture="$arch" -o APT::Architectures="$arch" "$@"
}

update_index() {
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
	write_sources >"$apt/sources.list"
	private apt-get -qq -o APT::Update::Error-Mode=any -o Acquire::Retries=2 -o Acquire::http::Timeout=20 update >&2
}

# "version release package" of the newest package that matches the row's pattern.
resolve() {
	local pkg version best='' best_line=''
	while read -r pkg version; do
		[[ $pkg =~ ^$pattern$ ]] || continue
		if [[ -z $best ]] || dpkg --compare-versions "$version" gt "$best"; then
			best=$version
			best_line="$version ${BASH_REMATCH[1]} $pkg"
		fi
	done < <(private apt-cache dumpavail | awk '/^Package: / { p = $2 } /^Version: / { print p, $2 }' | grep ^linux-)
	[[ -n $best ]] && echo "$best_line"
}

# Copies the listed modules and what they depend on, uncompressed, so that busybox can load them too.
trim_modules() {
	local from=$1 to=$2 release=$3 name path rel
	depmod -b "$from" "$release"
	while read -r name _; do
		[[ -n $name && $name != '#'* ]] || continue
		modprobe -d "$from" -S "$release" --show-depends "$name" 2>/dev/null | awk '$1 == "insmod" { print $2 }' || true
	done <"$here/modules.list" | sort -u | while read -r path; do
		rel=${path#"$from"}
		mkdir -p "$to${rel%/*}"
		case $rel in
		*.xz) xz -dc "$path" >"$to${rel%.xz}" ;;
		*.zst) zstd -qdc "$path" >"$to${rel%.zst}" ;;
		*) cp "$path" "$to$rel" ;;
		esac
	done
	mkdir -p "$to/lib/modules/$release"
	cp "$from/lib/modules/$release"/modules.{order,builtin*} "$to/lib/modules/$release/"
	depmod -b "$to" "$release"
}

# extract_vmlinux BZIMAGE FILE: the ELF kernel inside; QEMU starts it without firmware and unpacking, which halves the boot
# under TCG. No harm where there is none: the bzImage boots as well.
extract_vmlinux() {
	local magic tool at
	while IFS=: read -r magic tool; do
		while IFS=: read -r at _; do
			tail -c +$((at + 1)) "$1" | $tool >"$2" 2>/dev/null || true
			[[ $(head -c 4 "$2" | tr -d '\0') != $'\x7fELF' ]] || return 0
		done < <(LC_ALL=C grep -obUaP "$magic" "$1" | tr '\0' ' ')
	done <<-'TOOLS'
		\xfd7zXZ\x00:xz -dc --single-stream
		\x28\xb5\x2f\xfd:zstd -qdc
		\x1f\x8b\x08:gzip -dc
	TOOLS
	rm -f "$2"
}

# A package that lost an option the tests stand on is refused here, not by a puzzling test.
check_config() {
	local option
	for option in ${config//,/ }; do
		if [[ $option == !* ]]; then
			! grep -q "^${option#!}=[ym]" "$1" || die "kernel $series has ${option#!}, which its row in kernels/matrix.tsv excludes"
		else
			grep -q "^$option=[ym]" "$1" || die "kernel $series lacks $option; correct its row in kernels/matrix.tsv"
		fi
	done
}

# unpack DEST RELEASE DEB...: fills DEST from the packages; of sources the release is known when they are built.
unpack() {
	local dest=$1 release=$2 deb tree=$1.tree
	shift 2
	mkdir -p "$tree" "$dest"
	for deb in "$@"; do dpkg -x "$deb" "$tree"; done
	[[ -z $built ]] || release=$("$here/build.sh" "$tree")
	if [[ ! -d $tree/lib/modules && -d $tree/usr/lib/modules ]]; then
		mkdir -p "$tree/lib"
		mv "$tree/usr/lib/modules" "$tree/lib/modules"
	fi
	cp "$(find "$tree" -name "vmlinuz*" -type f | head -1)" "$dest/vmlinuz"
	cp "$(find "$tree" -type f \( -name "config-$release" -o -path "*/$release/config" \) | head -1)" "$dest/config" ||
		die "the packages of $release hold no kernel config; extend more_packages in kernels/matrix.tsv"
	extract_vmlinux "$dest/vmlinuz" "$dest/vmlinux"
	echo "$release" >"$dest/release"
	check_config "$dest/config"
	cp "$here/modules.list" "$dest/modules.list"
	trim_modules "$tree" "$dest" "$release"
	[[ -z $built ]] || { mkdir -p "$dest/headers/usr" && mv "$tree/usr/src" "$dest/headers/usr/src"; }
	rm -rf "$tree"
}

# get_debs FOLDER VERSION RELEASE PACKAGE
get_debs() {
	local pkgs=("$4=$2") name
	for name in ${more_packages//,/ }; do
		[[ $name == - ]] || pkgs+=("${name//@/$3}=$2")
	done
	say "downloading ${pkgs[*]}"
	cd "$1" && private apt-get -qq download "${pkgs[@]}" >&2
}

# What a kernel is built with, where the package holds sources, as the end of its folder's name.
built_by() {
	[[ $pattern != linux-source* ]] || echo "+built.$(cat "$here/build.sh" "$here/source.config" | sha256sum | cut -c1-12)"
}

# complete VERSION: cached, and with the modules that today's list names; what is built here has none.
complete() {
	if [[ -n $built ]]; then [[ -d $kernels/$1 ]]; else cmp -s "$here/modules.list" "$kernels/$1/modules.list"; fi
}

# make_version VERSION RELEASE PACKAGE: the cache folder of that version, all or nothing.
make_version() {
	local name=$1$built tmp
	! complete "$name" || return 0
	tmp=$(mktemp -d "$kernels/.tmp.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf '$tmp'" EXIT
	(get_debs "$tmp" "$@") || fall_back "cannot download $3"
	[[ -z $built ]] || flock -u 9
	unpack "$tmp/new" "$2" "$tmp"/*.deb
	chmod 755 "$tmp/new"
	[[ ! -d $kernels/$name ]] || mv -T "$kernels/$name" "$tmp/old"
	mv -T "$tmp/new" "$kernels/$name"
	rm -rf "$tmp"
	prune
}

# Versions that no series points to any more leave after a month (a guest may still run on a newer one).
prune() {
	local dir
	while read -r dir; do
		grep -qxF "${dir##*/}" "$indexes"/*.version || rm -rf "$dir"
	done < <(find "$kernels" -mindepth 1 -maxdepth 1 -ctime +30)
}

fresh() {
	[[ -s $known && $(<"$known") == *"$built" ]] && complete "$(<"$known")" && [[ -z $(find "$known" -mtime +$((INDEX_DAYS - 1))) ]]
}

# Ends with the cached kernel, or with an error where there is none.
fall_back() {
	[[ -s $known && -d $kernels/$(<"$known") ]] || die "series $series of $suites: $1, and nothing is cached; retry when it is in reach"
	say "$1: using the cached $(<"$known")"
	echo "$kernels/$(<"$known")"
	exit 0
}

# A suite that is gone (end of life) must not hide the others: a failed update ends in the cache only if nothing newer is seen.
refresh() {
	local line version release package updated=1
	update_index || updated=0
	line=$(resolve) || fall_back "no package matches '$pattern' (offline, or kernels/matrix.tsv is out of date)"
	read -r version release package <<<"$line"
	((updated)) || [[ ! -d $kernels/$version$built ]] || fall_back "the package index cannot be refreshed"
	make_version "$version" "$release" "$package"
	echo "$version$built" >"$known.new"
	mv "$known.new" "$known"
}

# headers FOLDER: the headers of the very kernel that is cached there; they go with it.
headers() {
	local dir=$1 release tmp
	release=$(<"$dir/release")
	if [[ ! -d $dir/headers ]]; then
		tmp=$(mktemp -d "$kernels/.tmp.XXXXXX")
		say "downloading linux-headers-$release"
		(cd "$tmp" && private apt-get -qq download "linux-headers-$release=${dir##*/}" \
			"linux-headers-${release%-*}-common=${dir##*/}" >&2) ||
			die "no headers of $release in the archive; fetch.sh --refresh $series gets a kernel that has them"
		for deb in "$tmp"/*.deb; do dpkg -x "$deb" "$tmp/new"; done
		mv -T "$tmp/new" "$dir/headers" 2>/dev/null || [[ -d $dir/headers ]]
		rm -rf "$tmp"
	fi
	echo "$dir/headers/usr/src/linux-headers-$release"
}

main() {
	local force=0 headers=0
	case ${1:-} in
	-h | --help) usage && exit 0 ;;
	--refresh) force=1 && shift ;;
	--headers) headers=1 && shift ;;
	esac
	[[ $# == 1 ]] || { usage >&2 && exit 2; }
	series=$1
	arch=$(matrix_get "$series" arch)
	suites=$(matrix_get "$series" suites)
	config=$(matrix_get "$series" config)
	pattern=$(matrix_get "$series" package)
	more_packages=$(matrix_get "$series" more_packages)
	built=$(built_by)
	cache=$(slo_cache_dir)
	# Versions, and the indexes of a suite, are the same for every architecture: each has folders of its own.
	kernels=$cache/kernels/$arch indexes=$cache/apt/$arch
	apt=$indexes/${suites//,/+} known=$indexes/$series.version
	mkdir -p "$kernels" "$apt"
	if ((force)) || ! fresh; then
		# Whoever wants the same kernel waits for it, the other series of the suites do not.
		[[ -z $built ]] || { exec 8>"$indexes/build.lock" && flock 8; }
		exec 9>"$apt/lock"
		flock 9
		if ((force)) || ! fresh; then refresh; fi
	fi
	if ((headers)); then headers "$kernels/$(<"$known")"; else echo "$kernels/$(<"$known")"; fi
}

main "$@"
