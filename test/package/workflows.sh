#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The workflows: actionlint finds nothing, and what they build they build by build.sh.
# package-needs: golang shellcheck
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

readonly VERSION=v1.7.12
tool=${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo/actionlint/$VERSION/actionlint

# Steps that build or test: build.sh or .ci/run; what else runs is git, apt and the release's own tools.
by_build_sh() {
	! grep -hE '^ *(- )?run: ' "$tree"/.github/workflows/*.yml | grep -vE 'run: (\./build\.sh|\.ci/run|apt-get update && apt-get install -y git|git config|cosign sign(-blob)? --yes|gh release create)'
}

# Each kernel of the matrix, those that plain `test` leaves out above all.
every_kernel_weekly() {
	local row
	while read -r row; do
		grep -E '^ *series: \[' "$tree/.github/workflows/kernels.yml" | grep -qE "[ \"[]${row//./\\.}[],\"]" || { echo "$row is not there" && return 1; }
	done < <(grep -v '^#' "$tree/kernels/matrix.tsv" | sed 1d | cut -f1)
}

main() {
	command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
	[[ -x $tool ]] || GOBIN=${tool%/*} timeout 300 go install "github.com/rhysd/actionlint/cmd/actionlint@$VERSION" >"$tmp/go.log" 2>&1 ||
		skip_all "actionlint cannot be built here: $(tail -1 "$tmp/go.log")"
	check "actionlint" "$tool" "$tree"/.github/workflows/*.yml
	check "nothing is built but by build.sh" by_build_sh
	check "every kernel of the matrix once a week" every_kernel_weekly
	done_testing
}

main "$@"
