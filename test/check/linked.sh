#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Programs of the build in $1 are linked to nothing that speaks HTTP or TLS, but say what they load: core/net/library.h.
# needs: binutils
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
build=${1:?a build folder}
bad=0

# program LIBRARY...: those that it loads.
program() {
	local path=$build/$1 library
	shift
	if readelf -dW "$path" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -E '^lib(curl|microhttpd|gnutls|ssl|crypto)'; then
		echo "linked: $path is linked to it, and to all that it is linked to: see core/net/library.h" >&2
		bad=1
	fi
	for library in "$@"; do
		readelf -p .note.dlopen "$path" 2>/dev/null | grep -qF "\"$library\"" && continue
		echo "linked: $path has no note that it loads $library (SLO_LIBRARY_NOTE)" >&2
		bad=1
	done
}

program llm-slo-agent libcurl.so.4 libmicrohttpd.so.12
program sloctl libcurl.so.4
exit $bad
