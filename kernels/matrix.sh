# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Reads kernels/matrix.tsv; sourced by fetch.sh and the runners of test/vm.
# needs: mawk

SLO_MATRIX=${SLO_MATRIX:-$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/matrix.tsv}

die() {
	echo "${0##*/}: $*" >&2
	exit 2
}

# matrix_series: the names of all rows, one per line.
matrix_series() {
	awk -F'\t' '/^#/ || !NF { next } !head { head = 1; next } { print $1 }' "$SLO_MATRIX"
}

# matrix_row SERIES: "column=value" lines of one row; nothing for a series that has no row.
matrix_row() {
	awk -F'\t' -v want="$1" '
		/^#/ || !NF { next }
		!cols { cols = split($0, name); next }
		$1 == want { for (i = 1; i <= cols; i++) print name[i] "=" $i }' "$SLO_MATRIX"
}

# matrix_get SERIES COLUMN
matrix_get() {
	local row
	row=$(matrix_row "$1")
	[[ -n $row ]] || die "no series '$1' in ${SLO_MATRIX##*/}; it has: $(matrix_series | xargs)"
	sed -n "s/^$2=//p" <<<"$row"
}

# matrix_signals SERIES: "signal=mechanism" of every column behind config; "-" is not settled yet and left out.
matrix_signals() {
	matrix_row "$1" | sed '1,/^config=/d; /=-$/d'
}

slo_cache_dir() {
	echo "${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/llm-slo"
}
