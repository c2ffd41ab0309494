#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a folder whose node_modules have OpenTelemetry's SDK for Node.js and its OTLP/HTTP exporters, kept in the cache. Exits
# 77 with the reason where that cannot be had; Node.js itself is not installed for it.
set -euo pipefail

readonly SDK=2.12.1 EXPORTERS=0.223.1
readonly FOLDER=${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo/peers/node-otel-$SDK-$EXPORTERS

for need in node npm; do
	command -v "$need" >/dev/null || { echo "node.sh: no $need here" >&2 && exit 77; }
done
if [[ ! -e $FOLDER/ready ]]; then
	rm -rf "$FOLDER"
	mkdir -p "$FOLDER"
	npm install --prefix "$FOLDER" --no-audit --no-fund --ignore-scripts "@opentelemetry/sdk-trace-node@$SDK" \
		"@opentelemetry/exporter-trace-otlp-proto@$EXPORTERS" "@opentelemetry/exporter-trace-otlp-http@$EXPORTERS" \
		>"$FOLDER/log" 2>&1 || {
		tail -3 "$FOLDER/log" >&2
		echo "node.sh: the OpenTelemetry SDK could not be installed by npm" >&2
		exit 77
	}
	touch "$FOLDER/ready"
fi
echo "$FOLDER"
