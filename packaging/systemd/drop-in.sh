#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Puts before-232.conf, which lies beside this script, in place for a systemd that needs it, and away for one that does not.
set -eu
drop=/etc/systemd/system/llm-slo-agent.service.d/before-232.conf
version=$(systemctl --version 2>/dev/null | sed -n 's/^systemd \([0-9]*\).*/\1/p')

if [ "${1:-}" != remove ] && [ "${version:-999}" -lt 232 ]; then
	mkdir -p "${drop%/*}"
	cp "$(dirname "$0")/before-232.conf" "$drop"
else
	rm -f "$drop"
	rmdir "${drop%/*}" 2>/dev/null || true
fi
