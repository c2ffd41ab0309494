# shellcheck shell=bash disable=SC2034,SC2154 # who sources it uses, and gives, the variables
# SPDX-License-Identifier: Apache-2.0
# What the packagers share; sourced by packaging/{tar,deb,rpm,oci}/build.sh, which get: BINARIES-FOLDER OUTPUT-FOLDER ARCH.

tree=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/..")
export LC_ALL=C TZ=UTC
umask 022

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

project_version() {
	sed -n 's/^set(SLO_VERSION "\(.*\)")$/\1/p' "$tree/CMakeLists.txt"
}

# The one clock of everything packaged: given, or the commit's.
source_date() {
	if [[ -n ${SOURCE_DATE_EPOCH:-} ]]; then
		echo "$SOURCE_DATE_EPOCH"
	else
		git -C "$tree" log -1 --format=%ct 2>/dev/null || die "no commit here: set SOURCE_DATE_EPOCH"
	fi
}

# arch_name KIND ARCH: how a kind of package names the architecture.
arch_name() {
	case $1/$2 in
	rpm/amd64) echo x86_64 ;;
	rpm/arm64) echo aarch64 ;;
	*/amd64 | */arm64) echo "$2" ;;
	*) die "no architecture '$2' (amd64, arm64)" ;;
	esac
}

# The folder of static libraries that the binaries were linked with, as CMake wrote it down.
sysroot_of() { # BINARIES-FOLDER
	sed -n 's/^SLO_SYSROOT:PATH=//p' "$1/CMakeCache.txt"
}

# Rows of sources.lock that are in the binaries: all but the library of the tests.
linked_sources() {
	awk '!/^#/ && NF && $1 != "cmocka"' "$tree/packaging/static/sources.lock"
}

# All files with one owner, order and time, and modes of their own: the same bytes wherever it was made.
pack_tar() { # FOLDER FILE.tar.gz
	tar -C "${1%/*}" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu -cf - "${1##*/}" |
		gzip -9n >"$2"
}

SOURCE_DATE_EPOCH=$(source_date)
export SOURCE_DATE_EPOCH
