#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The receiver against senders that are not ours. $1: a build folder. Skips (77) where there are none.
# needs: curl
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
build=${1:-build/debug}

python=$(test/peers/python.sh)
collector=$(test/peers/otelcol.sh) || { [[ $? == 77 ]] && collector=""; }
node=$(test/peers/node.sh) || { [[ $? == 77 ]] && node=""; }
ulimit -n 4096
exec "$python" test/peers/otlp_in.py "$build/test/otlp_receiver" "$collector" "$node"
