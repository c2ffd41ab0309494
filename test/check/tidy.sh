#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy and cppcheck over every source of the build in $1. A file whose preprocessed text passed once is not looked
# at again: the cache is keyed by that text, the tools and the rules.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
build=${1:-build/debug}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo/tidy
mkdir -p "$cache"
rules=$({ clang-tidy --version; cppcheck --version; cat .clang-tidy test/check/tidy.sh; } | sha256sum | cut -c1-16)
export build cache rules

judge() {
	local file=$1 key flags
	flags=$(python3 - "$build" "$file" <<-'PY'
	import json, os, shlex, sys
	for c in json.load(open(sys.argv[1] + "/compile_commands.json")):
	    if os.path.realpath(os.path.join(c["directory"], c["file"])) == os.path.realpath(sys.argv[2]):
	        args = shlex.split(c["command"])
	        print(" ".join(a for a in args[1:] if a[:2] in ("-I", "-D") or a.startswith(("-std", "-isystem"))))
	        break
	PY
	)
	[[ -n $flags ]] || { echo "$file: not in $build/compile_commands.json"; return 1; }
	# shellcheck disable=SC2086
	key=$(gcc -E -P $flags "$file" 2>/dev/null | sha256sum | cut -c1-32)-$rules
	[[ ! -e $cache/$key ]] || return 0
	# shellcheck disable=SC2086
	clang-tidy --quiet -p "$build" "$file" 2>/dev/null &&
		cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
			--suppress=missingIncludeSystem --suppress=unknownMacro --suppress=ctuuninitvar --suppress=memleak --suppress=resourceLeak --suppress=normalCheckLevelMaxBranches --std=c11 -I. "$file" &&
		touch "$cache/$key"
}
export -f judge
find "$cache" -type f -mtime +30 -delete
git ls-files 'core/*.c' 'backends/*.c' 'compat/*.c' | xargs -P2 -I{} bash -c 'judge {}' || exit 1
