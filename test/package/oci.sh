#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The image: small, reproducible, read by other tools; run with the DaemonSet's security context, in a guest.
# package-needs: skopeo umoci crun python3 python3-yaml golang qemu-system-x86 busybox-static cpio kmod iproute2
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
# shellcheck source=test/package/lib/kubernetes.sh
. "$tree/test/package/lib/kubernetes.sh"

readonly MOST_BYTES=$((10 * 1024 * 1024))

same_digest_again() {
	local first again
	first=$(<"$image.digest")
	again=$(product oci)
	echo "$first $(<"$again.digest")"
	[[ $first == "$(<"$again.digest")" ]]
}

small() {
	[[ $(du -sb "$image" | cut -f1) -le $MOST_BYTES ]]
}

# Config, labels and layers as skopeo and umoci read them; no shell, no library in it.
others_read_it() {
	skopeo inspect "oci:$image" | grep -q '"org.opencontainers.image.revision"' || return 1
	unpack_image "$image" "$version" "$tmp/bundle" || return 1
	[[ -x $tmp/bundle/rootfs/usr/bin/llm-slo-agent && -s $tmp/bundle/rootfs/etc/ssl/certs/ca-certificates.crt ]] || return 1
	[[ $(find "$tmp/bundle/rootfs" -type f -perm /111 | wc -l) == 2 ]]
}

# bundle_for NAME OVERLAY ARG...: the container that a kubelet would make of the overlay's DaemonSet.
bundle_for() {
	local name=$1 overlay=$2 bundle=$tmp/$1
	shift 2
	mkdir -p "$bundle"
	cp -a "$tmp/bundle/rootfs" "$bundle/rootfs"
	"$kube_tools/kubectl" kustomize "$tree/deploy/k8s/$overlay" >"$tmp/$name.yaml"
	python3 "$tree/test/package/lib/pod_bundle.py" "$tmp/$name.yaml" "$bundle" "$tree/deploy/k8s/seccomp/llm-slo.json" "$@"
}

# In a guest, for its cgroup2 root, tracefs and PID 1 are a node's, and nothing of this machine is in the way.
run_in_guest() {
	bundle_for agent base && bundle_for base base /usr/bin/sloctl prereq check --host-root /host &&
		bundle_for min-capability min-capability /usr/bin/sloctl prereq check --host-root /host || return 1
	mkdir -p "$tmp/out"
	"$tree/test/vm/boot.sh" --kernel "${SLO_SERIES:-6.1}" --timeout 400 --out "$tmp/out" -- \
		"$tree/test/package/lib/pods_in_guest.sh" "$tmp/agent" "$tmp/base" "$tmp/min-capability"
}

# The manifest's own arguments and configuration; records in the container's log; the probes of the kubelet answered.
signals_flow() {
	local signal
	grep -v '^{' "$tmp/out/agent.err" | tail -30
	for signal in runqueue_delay_ms connect_latency_ms cpu_steal_pct; do
		grep -q "\"signal\":\"$signal\"" "$tmp/out/agent.out" || { echo "no $signal" && return 1; }
	done
	grep -q '"node":"node-1"' "$tmp/out/agent.out" && grep -q 'agent ready' "$tmp/out/agent.err"
}

probes_are_answered() {
	cat "$tmp/out/agent.probes"
	[[ $(grep -c '^200 ' "$tmp/out/agent.probes") == 3 ]]
}

# What is in force in the process, not what was asked for.
context_is_in_force() {
	cat "$tmp/out/agent.status"
	grep -qx 'CapEff:	000000c000001000' "$tmp/out/agent.status" && grep -qx 'NoNewPrivs:	1' "$tmp/out/agent.status" &&
		grep -qx 'Seccomp:	2' "$tmp/out/agent.status" && grep -qx 'read-only root' "$tmp/out/agent.status"
}

# What each overlay leaves, by the command that tells it; the numbers are those of deploy/docs/capabilities.md.
prereq_lists() { # OVERLAY SIGNALS
	grep -E '^ok +|^  (ok|no) ' "$tmp/out/$1.out"
	grep -qE "^ok +signals +$2 of" "$tmp/out/$1.out"
}

main() {
	command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
	[[ -x $kube_tools/kubectl ]] || (kube_build) >"$tmp/kube_build.log" 2>&1 || skip_all "kubectl, which renders the manifests, cannot be built here"
	image=$(product oci)
	version=${image##*-}
	version=${version%.oci}
	check "at most 10 MB" small
	check "the same digest when it is built again" same_digest_again
	check "skopeo and umoci read it; two programs are all that runs" others_read_it
	check "containers run in a guest" run_in_guest
	check "base: signals flow with the DaemonSet's security context" signals_flow
	check "base: the security context is in force" context_is_in_force
	check "base: the kubelet's probes and Prometheus are answered" probes_are_answered
	check "base: prereq check in the pod" prereq_lists base 12
	check "min-capability: prereq check lists what is left" prereq_lists min-capability 9
	done_testing
}

main "$@"
