#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Calls that are never right here, over-long files, and words that may not stand in the tree.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
bad=0

refuse() { # TEXT, then a command whose output is the finding
	local text=$1 out
	shift
	out=$("$@") || return 0
	printf '%s\n' "$out"
	echo "banned: $text" >&2
	bad=1
}

code() { # lines of code, not of comments, that match
	git grep -nE "$1" -- '*.c' '*.h' | grep -vE '^[^:]+:[0-9]+:[[:space:]]*(/?\*|//)'
}

refuse "use the bounded form" code '\b(sprintf|strcpy|strcat|strtok|atoi|system|popen|alloca)\('
refuse "sscanf %s has no bound" code 'sscanf\([^;]*"[^"]*%s'
refuse "a path of one machine" git grep -nE '(^|[^A-Za-z0-9_.])/(work|farm)/[a-z]' -- . ':!test/check/banned.sh'
long_files() {
	git ls-files '*.c' '*.h' | xargs awk 'FNR == 801 { print FILENAME; found = 1 } END { exit !found }'
}
refuse "files past 800 lines are to be split" long_files
exit $bad
