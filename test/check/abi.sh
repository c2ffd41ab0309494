#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Programs read kernel memory by typed access: bpf_probe_read is refused where lockdown is confidentiality, so the
# objects may hold it only in the rungs that say so.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
bad=0
for object in "${1:-build/debug}"/bpf/*.bpf.o; do
	name=$(basename "$object" .bpf.o)
	# bpf_probe_read_kernel is helper 113, bpf_probe_read 4.
	count=$(llvm-objdump -d "$object" | grep -cE 'call (4|0x4|113|0x71)$' || true)
	case $name in
	dns | connect | retransmit | reclaim) ;; # the old-kernel branches, cut off by constants elsewhere
	*) [[ $count == 0 ]] || { echo "$name: $count untyped kernel reads"; bad=1; } ;;
	esac
done
exit $bad
