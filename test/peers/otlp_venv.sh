#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a Python that has OpenTelemetry's SDK, its OTLP/HTTP exporter and messages; kept in the cache. Exits 77 with the
# reason where that cannot be had.
# needs: python3 python3-venv curl
set -euo pipefail

readonly VERSION=1.45.2
readonly VENV=${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo/peers/otel-python-$VERSION

if [[ ! -e $VENV/complete ]]; then
	mkdir -p "$(dirname "$VENV")"
	exec 9>"$VENV.lock"
	flock 9
	if [[ ! -e $VENV/complete ]]; then
		rm -rf "$VENV"
		{ python3 -m venv "$VENV" && "$VENV/bin/pip" install -q "opentelemetry-sdk==$VERSION" "opentelemetry-proto==$VERSION" \
			"opentelemetry-exporter-otlp-proto-http==$VERSION"; } >"$VENV.log" 2>&1 || {
			echo "${0##*/}: OpenTelemetry's Python SDK $VERSION cannot be had: $(tail -1 "$VENV.log")" >&2
			exit 77
		}
		touch "$VENV/complete"
	fi
fi
echo "$VENV/bin/python"
