#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# In the guest of oci.sh and legacy.sh: runs bundles one after the other; what they wrote goes to $SLO_SHARE. An agent is given
# work, asked as the kubelet asks it, and ended.
set -uo pipefail

run() { # BUNDLE
	[[ ! -e $1/create ]] || xargs mkdir -p <"$1/create"
	crun --cgroup-manager=disabled run -b "$1" "slo-${1##*/}" >"$SLO_SHARE/${1##*/}.out" 2>"$SLO_SHARE/${1##*/}.err" </dev/null
}

work() { # SECONDS: run-queue waits and connections
	local _
	for _ in 1 2 3; do timeout "$1" sh -c 'while :; do :; done' & done
	timeout "$1" python3 -c '
import socket, time
while True:
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname()).close()
    server.close()
    time.sleep(0.1)' &
}

# In the pod's own network namespace, as the kubelet reaches the pod.
probes() { # PID
	local path
	nsenter -t "$1" -n ip link set lo up
	for path in healthz readyz metrics; do
		nsenter -t "$1" -n python3 -c '
import sys, urllib.request
with urllib.request.urlopen("http://127.0.0.1:2112/" + sys.argv[1], timeout=10) as answer:
    print(answer.status, sys.argv[1], len(answer.read()), "bytes")' "$path"
	done
}

status() { # PID
	grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$1/status"
	awk '$5 == "/" { print ($6 ~ /^ro/ ? "read-only root" : "writable root") }' "/proc/$1/mountinfo"
	pgrep -x llm-slo-bcc >/dev/null || echo "no helper"
}

is_agent() { # BUNDLE
	grep -q '"/usr/bin/llm-slo-agent"' "$1/config.json"
}

agent() { # BUNDLE
	local crun pid name=${1##*/}
	run "$1" &
	crun=$!
	until grep -q 'agent ready' "$SLO_SHARE/$name.err" 2>/dev/null; do
		kill -0 "$crun" 2>/dev/null || return
		sleep 1
	done
	pid=$(pgrep -x llm-slo-agent)
	work 10
	sleep 12
	status "$pid" >"$SLO_SHARE/$name.status"
	probes "$pid" >"$SLO_SHARE/$name.probes" 2>&1
	kill -TERM "$pid"
	wait "$crun"
}

for bundle; do
	if is_agent "$bundle"; then agent "$bundle"; else run "$bundle"; fi
done
exit 0
