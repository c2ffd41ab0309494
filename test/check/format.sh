#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every C file is as clang-format leaves it. Releases differ in details, so only the pinned one judges.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
readonly PINNED=14
found=$(clang-format --version | sed -nE 's/.*version ([0-9]+).*/\1/p')
[[ $found == "$PINNED" ]] || { echo "clang-format $found here, the tree is kept by $PINNED"; exit 77; }
bad=$(git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror 2>&1 | sed -nE 's/^([^:]+):[0-9]+:[0-9]+: error:.*/\1/p' | sort -u)
[[ -z $bad ]] || { printf '%s\n' "$bad" "format: run ./build.sh fmt" >&2; exit 1; }
