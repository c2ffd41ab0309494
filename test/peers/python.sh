#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the path of a Python that has the OpenTelemetry SDK and its OTLP/HTTP exporter, in a venv kept in the cache. Exits
# 77 with the reason where that cannot be had.
# needs: python3-venv
set -euo pipefail

readonly VERSION=1.38.0
readonly VENV=${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo/peers/python-otel-$VERSION

if [[ ! -x $VENV/bin/ready ]]; then
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	rm -rf "$VENV"
	mkdir -p "${VENV%/*}"
	{ python3 -m venv "$VENV" && "$VENV/bin/pip" install -q --disable-pip-version-check \
		"opentelemetry-sdk==$VERSION" "opentelemetry-exporter-otlp-proto-http==$VERSION"; } >"$log" 2>&1 || {
		tail -3 "$log" >&2
		echo "python.sh: the OpenTelemetry SDK could not be installed by pip" >&2
		exit 77
	}
	ln -s python3 "$VENV/bin/ready"
fi
echo "$VENV/bin/python3"
