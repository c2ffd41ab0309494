#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The pictures that are kept and those of the golden cases are well-formed, stand by themselves, are whole: svg.sh BUILD.
# A picture that is not is found: one is broken here.
set -uo pipefail
sloctl=$(readlink -f "${1:-build/debug}")/sloctl
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
[[ -x $sloctl ]] || { echo "svg: no $sloctl" >&2; exit 2; }
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
bad=0
good=test/golden/explain/svg/expected_stdout

test/check/lib/svg.py "$sloctl" test/golden/explain/svg*/expected_stdout deploy/docs/*.svg || bad=1

refused() { # WHAT, then a sed expression that breaks the picture
	sed "$2" "$good" >"$tmp/broken.svg"
	! cmp -s "$good" "$tmp/broken.svg" || { echo "svg: nothing to break: $1" >&2; bad=1; }
	test/check/lib/svg.py "$sloctl" "$tmp/broken.svg" >/dev/null && { echo "svg: not found: $1" >&2; bad=1; }
	return 0
}
refused "an element that does not end" '0,/<\/text>/s///'
refused "a bare ampersand" '0,/<\/text>/s//\&<\/text>/'
refused "a script" 's/<\/svg>/<script\/><\/svg>/'
refused "a link" '0,/<rect /s//<rect href="x" /'
refused "a font of elsewhere" 's/<style>/<style>@import "x";/'
refused "a text past the edge" 's/x="24.0"/x="870.0"/'
exit $bad
