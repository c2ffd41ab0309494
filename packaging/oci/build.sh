#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The container images as OCI layouts, from the static archive: oci/build.sh BINARIES OUTPUT ARCH prints their paths. The
# index holds every architecture that was staged for the same commit: package oci amd64, then package oci arm64.
# package-needs: ca-certificates python3
set -euo pipefail
# shellcheck source=packaging/common.sh
. "$(dirname "$(readlink -f "$0")")/../common.sh"

readonly CA=/etc/ssl/certs/ca-certificates.crt

# Programs, licences, the certificates that exporters need; no shell, no libraries.
stage() { # SOURCE ROOT
	rm -rf "$2"
	mkdir -p "$2/etc/ssl/certs"
	"$1/install.sh" --root "$2" --prefix /usr --units /usr/lib/systemd/system
	rm -r "$2/usr/lib" "$2/usr/share/llm-slo" "$2/usr/share/man" "$2/usr/share/bash-completion" "$2/usr/share/zsh" \
		"$2/usr/share/fish" "$2/etc/llm-slo"
	[[ -s $CA ]] || die "no $CA: install ca-certificates"
	install -m 644 "$CA" "$2$CA"
	# Where volumes go in a read-only root; the agent looks for its configuration and its host there.
	mkdir -p "$2/etc/llm-slo" "$2/host/proc" "$2/host/sys" "$2/run/llm-slo" "$2/var/lib/llm-slo" "$2/tmp" "$2/proc" "$2/sys" "$2/dev"
}

# The roots of NAME, as arguments of image.py; a stage of another commit is left out.
staged() { # NAME
	local folder
	for folder in "$out/oci-stage/$1"/*; do
		[[ $(<"$folder/stamp") != "$SOURCE_DATE_EPOCH" ]] || echo "${folder##*/}=$(paste -sd, "$folder/layers")"
	done
}

image() { # NAME
	local layout roots digest
	layout=$out/$1-$(project_version).oci
	mapfile -t roots < <(staged "$1")
	rm -rf "$layout"
	digest=$(python3 "$tree/packaging/oci/image.py" "$layout" "$1" "$(project_version)" "$SOURCE_DATE_EPOCH" "$revision" "${roots[@]}")
	echo "$digest" >"$layout.digest"
	pack_tar "$layout" "$layout.tar.gz"
	echo "$layout"
}

stage_layers() { # NAME ARCH ROOT...
	local folder=$out/oci-stage/$1/$2
	mkdir -p "$folder"
	printf '%s\n' "${@:3}" >"$folder/layers"
	echo "$SOURCE_DATE_EPOCH" >"$folder/stamp"
}

# The variant with the BCC helper and the libraries that it needs, where it was built (packaging/bcc/build.sh).
bcc_image() {
	[[ -x $out/helper-$arch/llm-slo-bcc && -d $out/helper-$arch/image-root ]] || return 0
	stage_layers llm-slo-agent-bcc "$arch" "$out/helper-$arch/image-root" "$out/oci-stage/root-$arch"
	image llm-slo-agent-bcc
}

main() {
	local binaries=$1 archive
	out=$2 arch=$3
	revision=$(git -C "$tree" rev-parse HEAD 2>/dev/null || echo unknown)
	archive=$("$tree/packaging/tar/build.sh" "$binaries" "$out" "$arch")
	rm -rf "$out/oci-source"
	mkdir -p "$out/oci-source" "$out/oci-stage"
	tar -C "$out/oci-source" --strip-components=1 -xzf "$archive"
	stage "$out/oci-source" "$out/oci-stage/root-$arch"
	rm -rf "$out/oci-source"
	stage_layers llm-slo-agent "$arch" "$out/oci-stage/root-$arch"
	bcc_image
	image llm-slo-agent
}

main "$@"
