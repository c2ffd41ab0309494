#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The cached modules load and shape loopback of a network namespace: without netem no delay or loss is real.
# timeout: 60
# needs: iproute2 kmod
set -euo pipefail

ns=slo-boot-$$
modprobe sch_netem 2>/dev/null || true
ip netns add "$ns"
trap 'ip netns del "$ns"' EXIT
ip -n "$ns" link set lo up
if ! ip netns exec "$ns" tc qdisc add dev lo root netem delay 2ms; then
	echo "this kernel has no sch_netem"
	exit 77
fi
ip netns exec "$ns" tc qdisc show dev lo | grep netem
