#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fails when a folder includes what its layer may not. One call a rule: folder, forbidden includes.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
bad=0

forbid() {
	[[ -d $1 ]] || return 0
	if grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$2" "$1" --include='*.[ch]'; then
		echo "layers: $1 must not include $2" >&2
		bad=1
	fi
}

outside='(curl/|microhttpd|mbedtls/|ini\.h|yaml\.h|protobuf-c/|jansson|bpf/|bcc/|linux/bpf)'
for pure in core/base core/model core/engine; do
	forbid "$pure" '(backends/|compat/|core/(codec|config|store|net|export|programs)/|.*\.skel\.h)'
	forbid "$pure" "$outside"
done
forbid core/base 'core/(model|engine)/'
forbid core/model 'core/engine/'
for io in core/codec core/config core/store core/net core/export; do
	forbid "$io" '(backends/|compat/|core/programs/|bpf/)'
done
forbid core/net 'core/(codec|config|export)/'
forbid core/export '(curl/|microhttpd|ini\.h|yaml\.h|core/config/)'
forbid compat '(backends/|core/(model|engine|codec|config|store|programs)/|bpf/|jansson|ini\.h|yaml\.h)'
forbid backends '(curl/|microhttpd|ini\.h|yaml\.h|protobuf-c/|jansson|core/(codec|config|store|net|export|programs)/)'
for backend in libbpf procfs replay null; do
	others=$(printf '%s\n' libbpf procfs replay null bcc | grep -vx "$backend" | paste -sd'|')
	forbid "backends/$backend" "backends/($others)/"
done

# The one place that decodes the wire format, the only layer that logs, the only mains.
grep -rlE 'slo_log(_[a-z]+)?\(' core/model core/engine core/codec core/config core/store core/net core/export compat backends --include='*.c' &&
	{ echo "layers: only core/programs logs" >&2; bad=1; }
grep -rlE '^int main\(' core backends compat --include='*.c' | grep -v '^core/programs/' &&
	{ echo "layers: a main outside core/programs" >&2; bad=1; }
exit $bad
