#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the static musl libraries that sources.lock pins and prints their sysroot, the only line on stdout.
# needs: apt bash binutils bzip2 cmake coreutils debian-archive-keyring dpkg-dev gawk gcc libc6-dev linux-libc-dev m4 make ninja-build patch pkg-config util-linux xz-utils
# shellcheck disable=SC2016,SC2119,SC2120 # apt and pkg-config have $() and ${} of their own; build_cmake's options are optional
set -euo pipefail
shopt -s inherit_errexit
unset CC CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG_PATH APT_CONFIG
export LC_ALL=C
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lock=$here/sources.lock
cache=${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo
jobs=${SLO_JOBS:-$(nproc)}
arch=${SLO_ARCH:-$(dpkg --print-architecture)}
suites=(bookworm bookworm-updates trixie trixie-updates sid)

# Source package -> build function and its arguments; the order is the order of building.
builds="
musl          build_musl
zlib          build_zlib
elfutils      build_elfutils
libbpf        build_libbpf
libinih       build_inih
jansson       build_cmake -DJANSSON_BUILD_DOCS=OFF -DJANSSON_EXAMPLES=OFF -DJANSSON_WITHOUT_TESTS=ON
libyaml       build_libyaml
protobuf-c    build_protobuf_c
libmicrohttpd build_libmicrohttpd
mbedtls       build_mbedtls
curl          build_curl
cmocka        build_cmocka
"

die() {
	printf 'build-deps.sh: %s\n' "$@" >&2
	exit 1
}

# --- sources: apt in private folders, every file checked against the lock -----------------------------------

# The mirror that the host's own apt uses, so that proxies and local mirrors keep working.
mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sort -u | sed -n 1p
}

# -c is read after the host's apt.conf.d, which is what lets #clear drop the host's update hooks.
write_apt_conf() {
	local uri keyring=/usr/share/keyrings/debian-archive-keyring.gpg suite signed=
	uri=$(mirror)
	[ -n "$uri" ] || die "apt knows no Debian mirror: run 'apt-get update' on a Debian host first"
	[ ! -e "$keyring" ] || signed="[signed-by=$keyring]"
	mkdir -p "$apt"/state/lists/partial "$apt"/cache/archives/partial
	for suite in "${suites[@]}"; do
		echo "deb-src $signed $uri $suite main"
	done > "$apt/sources.list"
	cat > "$apt/apt.conf" <<-EOF
		Dir::State "$apt/state";
		Dir::State::status "/dev/null";
		Dir::Cache "$apt/cache";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		APT::Sandbox::User "root";
		Acquire::Retries "3";
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	EOF
}

apt_update_once() {
	[ -z "${apt_fresh:-}" ] || return 0
	write_apt_conf
	apt-get -c "$apt/apt.conf" update > "$logs/apt.log" 2>&1 || fail_log apt "$logs/apt.log"
	apt_fresh=yes
}

known_versions() {
	apt-cache -c "$apt/apt.conf" showsrc --only-source "$1" 2>/dev/null |
		sed -n 's/^Version: //p' | sort -uV | paste -sd' '
}

apt_source() { # NAME VERSION: brings what the archive has into $tmp/download
	local log=$logs/$1.log
	apt_update_once
	mkdir -p "$tmp/download"
	(cd "$tmp/download" && apt-get -c "$apt/apt.conf" source --download-only --only-source "$1=$2") > "$log" 2>&1 || {
		grep '^E: ' "$log" >&2 || true
		die "$1: the archive does not give $2 (it may have holes)" \
			"$1: listed versions: $(known_versions "$1")" \
			"$1: way out: try another one, 'build-deps.sh --row $1=VERSION' prints its row for sources.lock"
	}
}

sha256_of() {
	sha256sum < "$1" | cut -d' ' -f1
}

is_cached() { # SHA256
	[ -e "$cache/sources/$1" ] && [ "$(sha256_of "$cache/sources/$1")" = "$1" ]
}

keep_file() { # NAME VERSION FILE SHA256: download -> cache, if it is the pinned one
	local file=$tmp/download/$3 sha
	[ -e "$file" ] || die "$1: $3 is not a file of $2: correct its row in sources.lock"
	sha=$(sha256_of "$file")
	[ "$sha" = "$4" ] || die "$1: SHA256 of $3 is $sha" "$1: but sources.lock pins $4" \
		"$1: way out: compare with 'build-deps.sh --row $1=$2'; correct sources.lock only if the archive is right"
	mv "$file" "$cache/sources/$4"
}

unpack() { # NAME VERSION FILE=SHA256...
	local name=$1 version=$2 pin dsc=
	shift 2
	for pin in "$@"; do
		is_cached "${pin#*=}" || {
			[ -e "$tmp/download/${pin%%=*}" ] || apt_source "$name" "$version"
			keep_file "$name" "$version" "${pin%%=*}" "${pin#*=}"
		}
		ln -s "$cache/sources/${pin#*=}" "$tmp/src/${pin%%=*}"
		case $pin in *.dsc=*) dsc=${pin%%=*} ;; esac
	done
	[ -n "$dsc" ] || die "$name: its row in sources.lock has no .dsc"
	(cd "$tmp/src" && dpkg-source --no-check -x "$dsc" "$name") >> "$logs/$name.log" 2>&1 ||
		fail_log "$name" "$logs/$name.log"
}

# --- builds: each runs in a subshell under errexit, in the unpacked source, output in the package's log ------

build_musl() {
	./configure --prefix="$root" --syslibdir="$root/lib" --disable-shared --enable-wrapper=gcc CC="${cross}gcc" \
		CFLAGS="$cflags"
	make -j"$jobs" install
	link_uapi_headers
}

# Kernel headers alone, for -idirafter: musl's own headers win, and glibc's stay out of sight.
link_uapi_headers() {
	local include=/usr/include asm
	mkdir "$root/uapi"
	asm=$include/$(gcc -print-multiarch)/asm
	if [ -n "$cross" ]; then include=/usr/${cross%-}/include asm=$include/asm; fi
	ln -s "$include/linux" "$include/asm-generic" "$asm" "$root/uapi"
}

build_zlib() {
	CC=$cc CFLAGS=$cflags ./configure --static --prefix="$root"
	make -j"$jobs" install
}

# musl has none of argp, obstack, fts: libelf needs none of them, only configure asks. libelf.a lacks eu-search.o.
build_elfutils() {
	./configure ${cross:+--host="${cross%-}"} --prefix="$root" --disable-nls --disable-demangler --disable-libdebuginfod --disable-debuginfod \
		--without-bzlib --without-lzma --without-zstd CC="$cc" CFLAGS="$cflags" LDFLAGS=-static \
		ac_cv_search_argp_parse='none required' ac_cv_search__obstack_free='none required' \
		ac_cv_search_fts_close='none required'
	make -C lib eu-search.o
	make -j"$jobs" -C libelf libelf.a
	"$AR" rs libelf/libelf.a lib/eu-search.o
	put libelf/libelf.a config/libelf.pc libelf/libelf.h libelf/gelf.h
}

# Its own linux/bpf.h and btf.h go in too: the host's may be years older than what the API can do.
build_libbpf() {
	mkdir -p obj/staticobjs
	make -j"$jobs" -C src install install_uapi_headers BUILD_STATIC_ONLY=1 NO_PKG_CONFIG=1 OBJDIR="$PWD/obj" \
		PREFIX="$root" LIBDIR="$root/lib" CC="$cc" AR="$AR" CFLAGS="$cflags"
}

# As Debian's: the line number is passed on, a handler compiled without -DINI_HANDLER_LINENO=1 does not see it.
build_inih() {
	# shellcheck disable=SC2086 # flags are words
	"$cc" $cflags -DINI_HANDLER_LINENO=1 -c ini.c
	"$AR" rcs libinih.a ini.o
	write_pc inih -linih
	put libinih.a inih.pc ini.h
}

configure_cmake() {
	cmake -S . -B obj -G Ninja -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$cflags" -DCMAKE_BUILD_TYPE=None \
		-DCMAKE_EXE_LINKER_FLAGS=-static -DCMAKE_INSTALL_PREFIX="$root" -DCMAKE_INSTALL_LIBDIR=lib \
		-DCMAKE_FIND_ROOT_PATH="$root" -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY \
		-DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=ONLY \
		-DCMAKE_AR="$(command -v "$AR")" -DCMAKE_RANLIB="$(command -v "$RANLIB")" \
		${cross:+-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="${cross%%-*}"} \
		-DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF "$@"
}

build_cmake() { # CMAKE-OPTION...
	configure_cmake "$@"
	ninja -C obj -j"$jobs" install
}

build_libyaml() { # its CMake files write no .pc
	build_cmake
	write_pc yaml-0.1 -lyaml
	put yaml-0.1.pc
}

# The run-time part alone: what protoc-c makes is the host's business. Newer than the compiler is fine, older is not.
build_protobuf_c() {
	# shellcheck disable=SC2086 # flags are words
	"$cc" $cflags -I. -c protobuf-c/protobuf-c.c -o protobuf-c.o
	"$AR" rcs libprotobuf-c.a protobuf-c.o
	write_pc libprotobuf-c -lprotobuf-c
	put libprotobuf-c.a libprotobuf-c.pc
	install -D -m 644 protobuf-c/protobuf-c.h -t "$root/include/protobuf-c"
}

build_libmicrohttpd() { # plain HTTP over epoll; of authentication, forms and upgrades we use none
	./configure ${cross:+--host="${cross%-}"} --prefix="$root" --disable-shared --disable-dependency-tracking --disable-nls --disable-https \
		--disable-curl --disable-doc --disable-examples --disable-tools --disable-bauth --disable-dauth \
		--disable-postprocessor --disable-cookie --disable-httpupgrade --disable-poll --enable-epoll \
		CC="$cc" CFLAGS="$cflags" LDFLAGS=-static
	make -j"$jobs" -C src/microhttpd libmicrohttpd.la
	put src/microhttpd/.libs/libmicrohttpd.a libmicrohttpd.pc src/include/microhttpd.h
}

build_mbedtls() {
	build_cmake -DENABLE_PROGRAMS=OFF -DENABLE_TESTING=OFF -DGEN_FILES=OFF
}

# No CA path: none is right on every distribution, the program looks for it. The resolver's thread keeps DNS off the loop.
build_curl() {
	PKG_CONFIG_LIBDIR=$root/lib/pkgconfig build_cmake -DHTTP_ONLY=ON -DCURL_USE_MBEDTLS=ON -DCURL_USE_OPENSSL=OFF \
		-DENABLE_THREADED_RESOLVER=ON -DCURL_CA_BUNDLE=none -DCURL_CA_PATH=none -DCURL_ZLIB=ON -DCURL_BROTLI=OFF \
		-DCURL_ZSTD=OFF -DUSE_NGHTTP2=OFF -DUSE_LIBIDN2=OFF -DCURL_USE_LIBPSL=OFF -DCURL_USE_LIBSSH2=OFF \
		-DCURL_DISABLE_NTLM=ON -DCURL_DISABLE_DIGEST_AUTH=ON -DCURL_DISABLE_NEGOTIATE_AUTH=ON -DCURL_DISABLE_COOKIES=ON -DCURL_DISABLE_ALTSVC=ON -DCURL_DISABLE_HSTS=ON \
		-DCURL_DISABLE_DOH=ON -DCURL_DISABLE_NETRC=ON -DCURL_DISABLE_AWS=ON -DCURL_DISABLE_MIME=ON \
		-DCURL_DISABLE_WEBSOCKETS=ON -DBUILD_CURL_EXE=OFF -DBUILD_LIBCURL_DOCS=OFF -DBUILD_MISC_DOCS=OFF \
		-DENABLE_CURL_MANUAL=OFF -DBUILD_EXAMPLES=OFF
}

build_cmocka() { # its install target wants the shared library, which a static libc cannot give
	# It takes every machine but x86 for one of 32 bits.
	sed -i 's/(defined(__x86_64__) && !defined(__ILP32__))/defined(__LP64__)/' include/cmocka.h
	configure_cmake -DWITH_STATIC_LIB=ON -DWITH_EXAMPLES=OFF
	ninja -C obj -j"$jobs" cmocka-static
	mv obj/src/libcmocka-static.a libcmocka.a
	put libcmocka.a obj/cmocka.pc include/cmocka.h
}

write_pc() { # NAME LIBS; $upstream is the version without Debian's epoch and revision
	printf '%s\n' "prefix=$root" 'libdir=${prefix}/lib' 'includedir=${prefix}/include' '' "Name: $1" \
		"Description: $1" "Version: $upstream" "Libs: -L\${libdir} $2" 'Cflags: -I${includedir}' > "$1.pc"
}

put() { # FILE...: into the sysroot, by kind
	local file
	for file; do
		case $file in
		*.a) install -D -m 644 "$file" -t "$root/lib" ;;
		*.pc) install -D -m 644 "$file" -t "$root/lib/pkgconfig" ;;
		*.h) install -D -m 644 "$file" -t "$root/include" ;;
		esac
	done
}

# --- driver -------------------------------------------------------------------------------------------------

fail_log() { # NAME LOG
	tail -n 25 "$2" >&2
	die "$1: failed; all of its output: $2"
}

lock_row() { # NAME -> "VERSION LICENCE FILE=SHA256..."
	awk -v n="$1" '$1 == n { sub(/^[^ ]+ +/, ""); print; found = 1 } END { exit !found }' "$lock"
}

build_package() { # NAME FUNCTION ARGUMENT...
	local name=$1 row upstream begin=$SECONDS status
	shift
	row=$(lock_row "$name") || die "$name: no row in sources.lock"
	read -r -a row <<< "$row"
	upstream=${row[0]#*:} upstream=${upstream%-*}
	rm -f "$logs/$name.log"
	unpack "$name" "${row[0]}" "${row[@]:2}"
	set +e # not `||`: that would switch errexit off inside the function too
	(set -e; cd "$tmp/src/$name"; "$@") >> "$logs/$name.log" 2>&1
	status=$?
	set -e
	[ "$status" -eq 0 ] || fail_log "$name" "$logs/$name.log"
	install -D -m 644 "$tmp/src/$name/debian/copyright" "$root/share/licenses/$name"
	printf '%-13s %-24s %3d s\n' "$name" "${row[0]}" $((SECONDS - begin)) >&2
}

# What was installed under the temporary name learns its final one; no binary may know either.
publish() {
	{ grep -rlIF "$root" "$root" || true; } | xargs -r sed -i "s|$root|$final|g"
	! grep -rlF "$tmp" "$root" >&2 || die "these name the build folder"
	cp "$lock" "$root/share/licenses/sources.lock"
	[ -z "$cross" ] || echo "${cross%-}" > "$root/cross" # for toolchain.cmake
	mv -T "$root" "$final"
	rm -rf "$tmp"
}

build_all() {
	local row
	rm -rf "$cache"/static/*.tmp # the lock is ours: what is left is of a killed run
	mkdir -p "$root" "$tmp/src" "$logs" "$cache/sources"
	while read -r -a row <&3; do
		[ "${#row[@]}" -eq 0 ] || build_package "${row[@]}"
	done 3<<< "$builds"
	publish
}

print_row() { # NAME=VERSION: a row for sources.lock, as the archive's signed index has it
	local name=${1%%=*} version=${1#*=} licence files
	mkdir -p "$logs"
	apt_update_once
	files=$(apt-cache -c "$apt/apt.conf" showsrc --only-source "$name" | awk -v v="$version" '
		/^[^ ]/ { hashes = /^Checksums-Sha256:/ }
		/^Package:/ { take = 0 }
		/^Version:/ { take = $2 == v && !done; done = done || take }
		take && hashes && NF == 3 { printf " %s=%s", $3, $1 }')
	[ -n "$files" ] || die "$name: no version '$version'; listed: $(known_versions "$name")"
	licence=$(lock_row "$name" | cut -d' ' -f2) || licence=LICENCE
	echo "$name $version $licence$files"
}

# Another architecture than this machine's is compiled by Debian's cross compiler, named by its prefix.
pick_compiler() {
	cross=
	case $arch in
	"$(dpkg --print-architecture)") ;;
	arm64) cross=aarch64-linux-gnu- ;;
	amd64) cross=x86_64-linux-gnu- ;;
	*) die "no architecture '$arch' (amd64, arm64)" ;;
	esac
	command -v "${cross}gcc" > /dev/null || die "no ${cross}gcc: apt-get install gcc-${cross%-}"
	AR=${cross}ar RANLIB=${cross}ranlib
	export AR RANLIB
}

main() {
	local key
	pick_compiler
	key=$({ cat "$lock" "${BASH_SOURCE[0]}"; "${cross}gcc" -dumpfullversion; "${cross}gcc" -dumpmachine; } | sha256sum | cut -c1-16)
	final=$cache/static/$key
	tmp=$final.tmp root=$tmp/root logs=$cache/static/logs/$key apt=$cache/static/apt
	cc=$root/bin/musl-gcc
	# -Os saves a tenth of the size; it costs jansson and zlib a quarter of their speed, and a handshake half.
	cflags="-O2 -ffunction-sections -fdata-sections -ffile-prefix-map=$tmp=. -idirafter $root/uapi"
	mkdir -p "$cache/static"
	exec 9> "$cache/static/lock"
	flock 9
	case ${1:-} in
	'') [ -d "$final" ] || build_all; echo "$final" ;;
	--row) print_row "${2:?NAME=VERSION}" ;;
	*) echo "usage: build-deps.sh [--row NAME=VERSION]" >&2; exit 2 ;;
	esac
}

main "$@"
