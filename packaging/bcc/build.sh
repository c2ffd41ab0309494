#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds llm-slo-bcc in a clean root of the oldest Debian in reach, so that it runs from glibc 2.28 on (RHEL 8, Ubuntu 20.04):
# bcc/build.sh BINARIES OUTPUT ARCH.
# OUTPUT/helper-ARCH/ then holds the program, what it depends on, and the root of the -bcc image; deb, rpm and oci take it.
# package-needs: mmdebstrap dpkg-dev binutils
set -euo pipefail
# shellcheck source=packaging/common.sh
. "$(dirname "$(readlink -f "$0")")/../common.sh"

readonly SUITE=bullseye
readonly LIBRARIES="libc6-dev,linux-libc-dev,libbpfcc-dev,libelf-dev,zlib1g-dev"

# The mirror that apt uses here.
# shellcheck disable=SC2016 # apt expands it
mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sort -u | sed -n 1p
}

root() { # ARCH PACKAGES FOLDER
	local variant=minbase
	# Nothing of another architecture can be run here, so nothing of it is set up: libraries need no more than to lie there.
	[[ $1 == "$here" ]] || variant=extract
	mmdebstrap --variant=$variant --architectures="$1" --include="$2" --aptopt='Acquire::Check-Valid-Until "false"' \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$SUITE" "$3" "deb $(mirror) $SUITE main" >"$out.log" 2>&1 || {
		tail -5 "$out.log" >&2
		die "no root of $SUITE; all of it is in $out.log"
	}
}

# A root with a compiler for $arch, and in $tools the prefix of its names, in $cc how it is called.
compiler_root() { # FOLDER
	local triplet
	tools='' cc=gcc
	if [[ $arch == "$here" ]]; then
		root "$here" "gcc,make,pkg-config,$LIBRARIES" "$1"
		return
	fi
	triplet=$(arch_name rpm "$arch")-linux-gnu
	tools=$triplet- cc="$triplet-gcc --sysroot=/sysroot"
	root "$here" "gcc-${triplet//_/-},make,pkg-config" "$1"
	root "$arch" "$LIBRARIES" "$1/sysroot"
	# Where the absolute ones of its links lead.
	ln -s "/sysroot/lib/$triplet" "$1/lib/$triplet"
}

# That Debian's libbpf is of another age: the one of the static build, from its pinned source, linked into the helper.
libbpf_source() { # FOLDER
	local pin
	"$tree/packaging/static/build-deps.sh" >/dev/null
	pin=$(linked_sources | sed -n 's/^libbpf .*\.orig\.tar\.gz=\([0-9a-f]*\).*/\1/p')
	mkdir -p "$1"
	tar -C "$1" --strip-components=1 -xzf "${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo/sources/$pin"
}

compile() { # ROOT
	libbpf_source "$1/src/libbpf"
	mkdir -p "$1/src"
	(cd "$tree" && cp --parents -r backends/bcc bpf/slo_abi.h core compat -t "$1/src")
	# Hidden: libbcc brings a libbpf of its own, which must not get ours.
	# shellcheck disable=SC2016 # the shell there expands it
	chroot "$1" env "CC=$cc" "TOOLS=$tools" sh -ec 'cd /src && make -s -C libbpf/src install install_uapi_headers "CC=$CC" "AR=${TOOLS}ar" BUILD_STATIC_ONLY=1 PREFIX=/usr/local LIBDIR=/usr/local/lib &&
		$CC -std=gnu11 -O2 -fPIE -pie -fstack-protector-strong -D_FORTIFY_SOURCE=2 -D_GNU_SOURCE -DSLO_VERSION="\"'"$(project_version)"'\"" -I. -I/usr/local/include -ffile-prefix-map=/src=. \
		backends/bcc/helper/*.c backends/bcc/image.c backends/bcc/handover.c core/base/*.c -o /llm-slo-bcc \
		-Wl,--as-needed,-z,relro,-z,now -Wl,--exclude-libs,ALL -L/usr/local/lib -l:libbpf.a -lbcc -lelf -lz -lm && ${TOOLS}strip --remove-section=.comment --remove-section=.note /llm-slo-bcc' >>"$out.log" 2>&1 || {
		tail -20 "$out.log" >&2
		die "llm-slo-bcc does not compile in $SUITE; all of it is in $out.log"
	}
}

# One library, one dependency: by its package in Debian, by its soname for rpm.
dependencies() {
	local needed
	needed=$(readelf -dW "$out/llm-slo-bcc" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
	# shellcheck disable=SC2086 # words
	printf '%s()(64bit)\n' $needed | paste -sd, | sed 's/,/, /g' >"$out/rpm-requires"
	cat >"$out/control" <<-CONTROL

	Package: llm-slo-agent-bcc
	Architecture: amd64 arm64
	Depends: \${misc:Depends}, llm-slo-agent (= \${binary:Version}), libc6 (>= 2.28), libbpfcc, libelf1, zlib1g
	Recommends: linux-headers-amd64 | linux-headers-arm64 | linux-headers-generic
	Description: programs compiled on the host, for kernels without BTF
	 The helper that compiles the agent's programs with BCC where the kernel has no
	 BTF: Linux 4.4 to 5.7, and later kernels built without it. It needs the headers
	 of the running kernel.
	CONTROL
}

main() {
	local work
	arch=$3 here=$(dpkg --print-architecture)
	[[ -d $tree/backends/bcc/helper ]] || die "no helper in this tree (backends/bcc/helper)"
	out=$2/helper-$arch
	rm -rf "$out" && mkdir -p "$out"
	work=$(mktemp -d)
	# shellcheck disable=SC2064
	trap "rm -rf '$work'" EXIT
	compiler_root "$work/root"
	compile "$work/root"
	cp "$work/root/llm-slo-bcc" "$out"
	dependencies
	root "$arch" libbpfcc,libelf1 "$out/image-root"
	install -D -m 755 "$out/llm-slo-bcc" "$out/image-root/usr/lib/llm-slo/llm-slo-bcc"
	rm -rf "$out/image-root"/{dev,proc,sys,tmp,run,var/cache,var/lib/apt,var/log,usr/share/doc,usr/share/man}
	echo "$out/llm-slo-bcc"
}

main "$@"
