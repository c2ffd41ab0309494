#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fails when a binary is not fit to ship as the static agent: one line per cause, exit 1.
set -euo pipefail
export LC_ALL=C

max_bytes=$((4 * 1024 * 1024))
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

complain() {
	printf '%s: %s\n' "$binary" "$*" >&2
	failed=1
}

build_folder() { # the nearest folder above the binary that CMake configured, if any
	local dir
	dir=$(cd "$(dirname "$1")" && pwd -P)
	while [ "$dir" != / ] && [ ! -e "$dir/CMakeCache.txt" ]; do
		dir=$(dirname "$dir")
	done
	[ "$dir" = / ] || echo "$dir"
}

check_linkage() {
	local interp needed
	interp=$(readelf -lW "$1" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
	[ -z "$interp" ] || complain "has an INTERP ($interp): it is dynamic"
	needed=$(readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | paste -sd' ')
	[ -z "$needed" ] || complain "NEEDs $needed"
}

check_size() {
	local bytes
	llvm-strip -o "$tmp/stripped" "$1"
	bytes=$(stat -c %s "$tmp/stripped")
	[ "$bytes" -le "$max_bytes" ] || complain "$bytes bytes stripped, more than $max_bytes"
}

check_paths() {
	local folder
	for folder in "$repo/" "$(build_folder "$1")" /llm-slo/static/; do
		[ -z "$folder" ] || ! grep -qaF -- "$folder" "$1" || complain "names the build folder $folder"
	done
}

[ $# -gt 0 ] || { echo "usage: verify.sh BINARY..." >&2; exit 2; }
for binary; do
	if ! readelf -h "$binary" > "$tmp/header" 2>&1 || grep -q Error "$tmp/header"; then
		complain "no ELF file"
		continue
	fi
	check_linkage "$binary"
	check_size "$binary"
	check_paths "$binary"
done
exit "$failed"
