#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Our validator against python3-jsonschema: the same verdict on mutated records of every embedded schema, and on random
# small schemas. schema_peer.sh BUILD [SEED]; 77 where the peer is missing.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${1:-$here/../../build/debug}")
exec python3 "$here/schema_peer.py" "$build/sloctl" "${2:-1}"
