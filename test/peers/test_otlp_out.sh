#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The exporter against an OpenTelemetry Collector that goes down meanwhile. $1: a build folder. Skips (77) where there is
# none.
# needs: python3
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
build=${1:-build/debug}

collector=$(test/peers/otelcol.sh)
exec python3 test/peers/otlp_out.py "$collector" "$build/test/otlp_send"
