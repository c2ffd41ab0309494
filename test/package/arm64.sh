#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# arm64: the unit suite under qemu-user, the static binaries on Debian's arm64 kernel under qemu-system, archive, BCC helper,
# packages and the images' index of both architectures.
# package-needs: mmdebstrap qemu-user-static qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross linux-libc-dev-arm64-cross cpio dpkg xz-utils kmod rpm skopeo binutils
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

# What qemu-user has not: fsopen(2) of a private mount, and the speed for hours of numbers.
readonly NOT_EMULATED="unit.compat.cgroup|unit.engine.attribute_fit"

emulated() { # TEST
	(cd "$tree/build/static-arm64/test" && timeout 120 qemu-aarch64-static "$1" >"$tmp/unit.log" 2>&1) && return
	echo "${1##*/} failed ($?)"
	grep -E 'FAILED|ERROR|error' "$tmp/unit.log" | head -5
	return 1
}

# What fails is tried once more when the others are through: some ask for an answer within seconds, and an emulator on a machine
# that does something else has seen that missed.
unit() {
	local test failed=0 ran=0 again=()
	for test in "$tree"/build/static-arm64/test/unit.*; do
		[[ ! ${test##*/} =~ ^($NOT_EMULATED)$ ]] || continue
		ran=$((ran + 1))
		emulated "$test" || again+=("$test")
	done
	for test in "${again[@]}"; do emulated "$test" || failed=$((failed + 1)); done
	echo "$ran test programs, ${#again[@]} tried again, $failed failed"
	((failed == 0 && ran > 90 && ${#again[@]} <= 3))
}

# All files of the two programs are of that architecture, and the package says the same.
is_aarch64() { # FOLDER
	local name
	for name in llm-slo-agent sloctl; do
		readelf -h "$(find "$1" -name "$name" -type f -perm -u+x | head -1)" | grep -q AArch64 || return 1
	done
}

archive_is_whole() {
	mkdir "$tmp/tar"
	tar -C "$tmp/tar" -xzf "$(product tar arm64)" || return 1
	(cd "$tmp/tar"/*/ && sha256sum -c --quiet SHA256SUMS) && is_aarch64 "$tmp/tar" || return 1
	grep -q '"name": "llm-slo-.*arm64' "$tmp/tar"/*/sbom.spdx.json
}

# Cross-built in a clean root: its reach, and that it starts with the libraries of that architecture's own release.
helper_runs() {
	local helper most
	helper=$(product bcc arm64)
	most=$(readelf -VW "$helper" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
	echo "needs $most"
	[[ $(printf '%s\n' "${most#GLIBC_}" 2.28 | sort -V | tail -1) == 2.28 ]] || return 1
	qemu-aarch64-static -L "${helper%/*}/image-root" "$helper" --help | grep 'Version' || return 1
	cp "$helper" "$tmp/first"
	cmp "$tmp/first" "$(product bcc arm64)"
}

# Unpacked, not installed: their scripts would need a root of that architecture.
deb_is_of_it() {
	local deb again
	deb=$(product deb arm64)
	[[ $(dpkg-deb -f "$deb" Architecture) == arm64 ]] || return 1
	dpkg-deb -x "$deb" "$tmp/deb" && is_aarch64 "$tmp/deb" || return 1
	qemu-aarch64-static "$tmp/deb/usr/bin/sloctl" config check --config "$tmp/deb/etc/llm-slo/agent.ini" || return 1
	[[ $(dpkg-deb -f "${deb/agent_/agent-bcc_}" Architecture) == arm64 ]] || return 1
	dpkg-deb -x "${deb/agent_/agent-bcc_}" "$tmp/bcc" && readelf -h "$tmp/bcc/usr/lib/llm-slo/llm-slo-bcc" | grep -q AArch64 || return 1
	cp "$deb" "$tmp/first.deb"
	again=$(product deb arm64)
	cmp "$tmp/first.deb" "$again"
}

rpm_is_of_it() {
	local rpm again
	rpm=$(product rpm arm64)
	[[ $(rpm -qp --qf '%{ARCH}' "$rpm") == aarch64 ]] || return 1
	mkdir "$tmp/rpm" && (cd "$tmp/rpm" && rpm2cpio "$rpm" | cpio --quiet -id) && is_aarch64 "$tmp/rpm" || return 1
	rpm -qp --requires "${rpm/agent-/agent-bcc-}" | grep -qxF 'ld-linux-aarch64.so.1()(64bit)' || return 1
	cp "$rpm" "$tmp/first.rpm"
	again=$(product rpm arm64)
	cmp "$tmp/first.rpm" "$again"
}

is_of_both() { # LAYOUT
	python3 - "$1" <<-'PYTHON'
		import json, sys
		layout = sys.argv[1]
		blob = lambda d: json.load(open(f"{layout}/blobs/{d['digest'].replace(':', '/')}"))
		index, = json.load(open(layout + "/index.json"))["manifests"]
		manifests = blob(index)["manifests"]
		assert [m["platform"]["architecture"] for m in manifests] == ["amd64", "arm64"], manifests
		for m in manifests:
		    assert blob(blob(m)["config"])["architecture"] == m["platform"]["architecture"]
		assert manifests[0]["digest"] != manifests[1]["digest"]
	PYTHON
}

# One index of both, whichever was made last; the same digest when they are made again, the other way round. The helper's
# image is one where the helper was made for both.
index_is_of_both() {
	local image first arch
	product oci arm64 >/dev/null
	image=$(product oci amd64)
	first=$(<"$image.digest")
	is_of_both "$image" || return 1
	[[ ! -d $products/helper-amd64/image-root ]] || is_of_both "${image/agent-/agent-bcc-}" || return 1
	rm -rf "$tree/build/package/oci-stage"
	product oci amd64 >/dev/null
	image=$(product oci arm64)
	echo "$first $(<"$image.digest")"
	[[ $first == "$(<"$image.digest")" ]] || return 1
	for arch in amd64 arm64; do
		skopeo --override-arch "$arch" copy -q "oci:$image" "dir:$tmp/of-$arch" || return 1
		grep -q "\"architecture\":\"$arch\"" "$tmp/of-$arch"/* || return 1
	done
}

guest() { # SERIES
	"$tree/build.sh" vm "$1"
}

main() {
	SLO_TESTS=ON "$tree/build.sh" build static-arm64 >"$tmp/build.log" 2>&1 || { cat "$tmp/build.log" && exit 1; }
	check "the unit suite under qemu-user" unit
	check "the archive: sums, SBOM, programs of aarch64" archive_is_whole
	check "the BCC helper: reach, starts with that release's libraries, the same bytes again" helper_runs
	check "deb: of arm64, the same bytes again" deb_is_of_it
	check "rpm: of aarch64, the same bytes again" rpm_is_of_it
	check "one image index of both architectures, the same digest again" index_is_of_both
	check "the agent measures on Debian's arm64 kernel, the self-test passes there" guest arm64-6.1
	check "the helper compiles on Debian's arm64 5.10, the agent measures by it, and by what was kept" guest arm64-5.10-bcc
	done_testing
}

main "$@"
