#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The overlay for nodes without BTF as a kubelet would run it: a Debian 11 with its own kernel, whose BTF is hidden, and its own
# headers; the image with the helper, the DaemonSet's security context and mounts. First as it stands, then with the
# configuration that asks for compiled programs, replaced as deploy/docs/kubernetes.md tells.
# package-needs: mmdebstrap umoci skopeo python3 python3-yaml golang qemu-system-x86 busybox-static cpio kmod
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
# shellcheck source=test/package/lib/kubernetes.sh
. "$tree/test/package/lib/kubernetes.sh"

# bundle_for NAME FOLDER ARG...: on the node, at /pods/NAME, of the manifests in FOLDER; one root serves them all.
bundle_for() {
	local name=$1 folder=$2 bundle=$node/pods/$1
	shift 2
	mkdir -p "$bundle"
	ln -s ../rootfs "$bundle/rootfs"
	"$kube_tools/kubectl" kustomize "$folder" >"$tmp/$name.yaml" || return 1
	SLO_NODE=$node python3 "$tree/test/package/lib/pod_bundle.py" "$tmp/$name.yaml" "$bundle" "$tree/deploy/k8s/seccomp/llm-slo.json" "$@"
}

# An overlay of one's own, by the page's own lines.
overlay_of_ones_own() { # FOLDER
	local page=$tree/deploy/docs/kubernetes.md
	cp -r "$tree/deploy/k8s" "$1"
	mkdir "$1/own"
	sed -n '/^## Configuration, secrets/,/^Secrets/s/^    //p' "$page" | sed 's|\.\./base|../legacy|' >"$1/own/kustomization.yaml"
	# This kernel's tracepoints would do without; 4.4 to 4.14 is what it is for. The emulator costs too much.
	sed 's/^\[agent\]$/&\nbackend = bcc/' "$1/base/agent.ini" >"$1/own/agent.ini"
	printf '\n[safety]\nmax_overhead_pct = 100\n' >>"$1/own/agent.ini"
	cat "$1/own/kustomization.yaml"
}

make_node() {
	local headers
	debian_root bullseye "$node" systemd-sysv,procps,kmod,crun,iproute2,python3 || return 1
	headers=$("$tree/kernels/fetch.sh" --headers 5.10) || return 1
	tar -C "${headers%/usr/src/*}" -c . | tar -C "$node" --keep-directory-symlink -x || return 1
	unpack_image "$image" "$version" "$tmp/bundle" || return 1
	mkdir "$node/pods"
	mv "$tmp/bundle/rootfs" "$node/pods/rootfs"
	cp "$tree/test/package/lib/pods_in_guest.sh" "$node/usr/bin/slo-pods"
	overlay_of_ones_own "$tmp/k8s" || return 1
	bundle_for agent "$tree/deploy/k8s/legacy" && bundle_for compiled "$tmp/k8s/own" &&
		bundle_for prereq "$tmp/k8s/own" /usr/bin/sloctl prereq check --host-root /host --backend bcc
}

run_on_node() {
	mkdir -p "$tmp/out"
	"$tree/test/vm/boot.sh" --kernel 5.10 --mask-btf --root "$node" --mem 2048 --timeout 1200 --out "$tmp/out" --console "$tmp/console" -- \
		/usr/bin/slo-pods /pods/agent /pods/compiled /pods/prereq || { tail -20 "$tmp/console" && return 1; }
}

# flows NAME MODE SOURCE: signals that the work makes, by the mechanism that was to measure them; the kubelet is answered.
flows() {
	local signal
	grep 'agent ready' "$tmp/out/$1.err" || { tail -20 "$tmp/out/$1.err" && return 1; }
	grep -q "agent ready mode=$2 " "$tmp/out/$1.err" || return 1
	for signal in runqueue_delay_ms connect_latency_ms; do
		[[ $(grep "\"signal\":\"$signal\"" "$tmp/out/$1.out" | grep -c "\"source\":\"$3\"") -gt 0 ]] || { echo "no $signal by $3" && return 1; }
	done
	cat "$tmp/out/$1.probes"
	[[ $(grep -c '^200 ' "$tmp/out/$1.probes") == 3 ]]
}

# What is in force: SYS_ADMIN, NET_ADMIN, SYS_RESOURCE at most, and of these what attaching again takes.
context_is_in_force() { # NAME
	cat "$tmp/out/$1.status"
	grep -qx 'CapBnd:	0000000001201000' "$tmp/out/$1.status" && grep -qx 'CapEff:	0000000000201000' "$tmp/out/$1.status" && grep -qx 'NoNewPrivs:	1' "$tmp/out/$1.status" &&
		grep -qx 'Seccomp:	2' "$tmp/out/$1.status" && grep -qx 'read-only root' "$tmp/out/$1.status"
}

compiled_in_the_pod() {
	grep 'agent ready' "$tmp/out/compiled.err"
	grep 'agent ready' "$tmp/out/compiled.err" | grep 'runqueue_delay_ms=bcc/' | grep -q 'tcp_retransmits_total=bcc/' &&
		grep -qx 'no helper' "$tmp/out/compiled.status"
}

prereq_tells() {
	cat "$tmp/out/prereq.out"
	grep -E '^ +ok +bcc ' "$tmp/out/prereq.out" && grep -q '^backend bcc' "$tmp/out/prereq.out"
}

main() {
	command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
	[[ -x $kube_tools/kubectl ]] || (kube_build) >"$tmp/kube_build.log" 2>&1 || skip_all "kubectl, which renders the manifests, cannot be built here"
	product bcc >/dev/null
	product oci >/dev/null
	image=$(grep -h 'llm-slo-agent-bcc-' "$tmp/product.out")
	version=${image##*-}
	version=${version%.oci}
	node=$tmp/node
	check "a node: Debian 11, its headers, the image" make_node
	check "its pods run there" run_on_node
	check "as it stands: signals flow" flows agent btf_free tracepoint
	check "as it stands: the security context is in force" context_is_in_force agent
	check "compiled: by the image's helper, from the node's headers; it is gone" compiled_in_the_pod
	check "compiled: signals flow" flows compiled bcc_full bcc
	check "compiled: the security context is in force" context_is_in_force compiled
	check "prereq check in the pod tells of it" prereq_tells
	done_testing
}

main "$@"
