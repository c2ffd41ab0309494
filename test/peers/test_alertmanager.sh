#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real Alertmanager is told of an incident, its change of severity and its end, and shows each by its API; then the test
# message of sloctl. $1: a build folder. Skips (77) where there is none.
# needs: prometheus-alertmanager curl python3
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
build=${1:-build/debug}

command -v prometheus-alertmanager >/dev/null || {
	echo "no prometheus-alertmanager on this machine"
	exit 77
}
work=$(mktemp -d)
pid=
cleanup() {
	[[ -z $pid ]] || kill "$pid" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
printf 'route: {receiver: none}\nreceivers: [{name: none}]\n' >"$work/config.yml"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
prometheus-alertmanager --config.file="$work/config.yml" --storage.path="$work/data" --cluster.listen-address= \
	--web.listen-address="127.0.0.1:$port" >"$work/log" 2>&1 &
pid=$!
for _ in {1..100}; do
	curl -sf "$url/-/ready" >/dev/null && break
	sleep 0.1
done
curl -sf "$url/-/ready" >/dev/null || {
	tail -5 "$work/log"
	exit 1
}

# shows WHAT: severities of the alerts that are active, and the summary of the first.
shows() {
	local seen
	seen=$(curl -sf "$url/api/v2/alerts" | python3 -c '
import json, sys
alerts = json.load(sys.stdin)
print(",".join(sorted(a["labels"]["severity"] + ":" + a["labels"]["service"] + ":" + a["annotations"]["predicted_fault_domain"]
                      for a in alerts)))')
	echo "active: ${seen:-none}"
	[[ $seen == "$1" ]] || {
		echo "expected: ${1:-none}"
		exit 1
	}
}

shows ""
"$build/test/webhook_send" alertmanager "$url" open error
shows error:gateway:network_dns
"$build/test/webhook_send" alertmanager "$url/" update critical
shows critical:gateway:network_dns
"$build/test/webhook_send" alertmanager "$url/api/v2/alerts" resolve warning
shows ""
"$build/sloctl" webhook test --format alertmanager --url "$url"
shows ""
