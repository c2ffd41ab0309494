#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Shell scripts pass shellcheck, Python scripts compile.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
bad=0
git ls-files '*.sh' .ci/run | xargs shellcheck -S warning -x -P SCRIPTDIR -e SC1091 || bad=1
git ls-files '*.py' | xargs -r python3 -c 'import ast, sys
for f in sys.argv[1:]: ast.parse(open(f).read(), f)' || bad=1
exit $bad
