#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The images of a release into a registry, by the digests they were built with: push.sh FOLDER REGISTRY. Prints NAME=DIGEST.
# FOLDER holds NAME-VERSION.oci.tar.gz and the .digest beside each; who may push is in the usual auth file (REGISTRY_AUTH_FILE).
# package-needs: skopeo
set -euo pipefail
# shellcheck source=packaging/common.sh
. "$(dirname "$(readlink -f "$0")")/../common.sh"

push() { # LAYOUT.tar.gz REGISTRY
	local file=${1##*/} name digest options=()
	name=${file%-"$(project_version)".oci.tar.gz}
	digest=$(<"${1%.tar.gz}.digest")
	tar -C "$work" -xzf "$1"
	case $2 in 127.0.0.1:* | localhost:*) options=(--dest-tls-verify=false) ;; esac
	skopeo copy --quiet --all --preserve-digests "${options[@]}" "oci:$work/${file%.tar.gz}" "docker://$2/$name:$(project_version)" >&2 ||
		die "$file: not taken by $2"
	echo "$name=$digest"
}

main() {
	local image
	command -v skopeo >/dev/null || die "no skopeo: apt-get install skopeo"
	work=$(mktemp -d)
	# shellcheck disable=SC2064
	trap "rm -rf '$work'" EXIT
	for image in "$1"/*-"$(project_version)".oci.tar.gz; do
		[[ -s $image ]] || die "no images of $(project_version) in $1: package all, then package sums, makes them"
		push "$image" "$2"
	done
}

[[ $# == 2 ]] || die "usage: push.sh FOLDER REGISTRY"
main "$@"
