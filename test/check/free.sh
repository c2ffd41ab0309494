#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The objects for old kernels hold nothing that Linux 4.15 to 5.1 cannot take: global data, calls between functions,
# instructions of a later set, more than 4096 of them in a program; those without BTF read no kernel structure.
# needs: llvm
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
build=${1:-build/debug}
failed=0

complain() {
	echo "$1: $2"
	failed=1
}

shopt -s nullglob
objects=("$build"/bpf/*.free.o "$build"/bpf/*.ext.o)
((${#objects[@]} >= 10)) || complain "$build/bpf" "only ${#objects[@]} objects of this kind; is it built?"
for object in "${objects[@]}"; do
	data=$(llvm-objdump -h "$object" | awk '$2 ~ /^\.(rodata|data|bss)/ && $3 !~ /^0+$/ { print $2 }')
	[[ -z $data ]] || complain "$object" "global data: $data"
	code=$(llvm-objdump -d "$object")
	# v2 and v3: unsigned and signed less-than jumps, 32-bit registers
	later=$(grep -E 'if r[0-9] s?<=? |[^a-z0-9_]w[0-9] ' <<<"$code" | head -1)
	[[ -z $later ]] || complain "$object" "an instruction of a later set: $later"
	# the second byte of a call: source register 1 means a function of our own
	local_call=$(grep -E ':[[:space:]]+85 10 ' <<<"$code" | head -1)
	[[ -z $local_call ]] || complain "$object" "a call between functions: $local_call"
	long=$(llvm-objdump -t "$object" | awk '$3 == "F" || $4 == "F" { print }' | while read -r line; do
		size=$(awk '{ print $(NF - 1) }' <<<"$line")
		((16#$size / 8 <= 4096)) || awk '{ print $NF }' <<<"$line"
	done)
	[[ -z $long ]] || complain "$object" "more than 4096 instructions: $long"
	# CO-RE relocations want BTF: core_relo_len, byte 28 of the header of .BTF.ext
	if [[ $object == *.free.o ]]; then
		relocations=$(llvm-readelf -x .BTF.ext "$object" | awk '$1 == "0x00000010" { print $5 }')
		[[ $relocations == 00000000 ]] || complain "$object" "reads kernel structures (relocations: $relocations)"
	fi
done
exit "$failed"
