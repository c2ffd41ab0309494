#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The guest's part of the benchmarks; run.sh starts it.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
"$here/footprint.py"
"$here/overhead.py" "$@"
