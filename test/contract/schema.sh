#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the agent writes is valid against the schemas it prints: a generated capture is replayed through both.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${1:-$here/../../build/debug}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$build/test/make_capture" "$work/capture" 20000
for version in v1beta1 v1alpha1; do
	"$build/sloctl" schema print "probe-event.$version" >"$work/$version.json"
	"$build/llm-slo-agent" --replay "$work/capture" --replay-speed max --output jsonl --output-path "$work/$version.jsonl" \
		--schema "$version" 2>"$work/log"
	[[ -s $work/$version.jsonl ]] || { cat "$work/log"; echo "nothing written"; exit 1; }
	python3 "$here/schema_valid.py" "$work/$version.json" <"$work/$version.jsonl"
	echo "$version: $(wc -l <"$work/$version.jsonl") lines valid"
done
