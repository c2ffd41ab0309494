#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The users' pages against the programs and the tree: pages.sh BUILD. Commands and options exist, so do paths, configuration
# keys, metrics and messages, and every line of `sloctl prereq check` is explained.
# needs: python3
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
exec python3 -B test/check/lib/pages.py "$(readlink -f "${1:-build/debug}")"
