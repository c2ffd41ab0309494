#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The manifests: taken by a real API server (kube-apiserver and etcd), least capabilities, a configuration whose change rolls.
# package-needs: etcd-server golang openssl python3 python3-yaml
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
# shellcheck source=test/package/lib/kubernetes.sh
. "$tree/test/package/lib/kubernetes.sh"

readonly OVERLAYS="base min-capability legacy"

render() { # OVERLAY
	"$kube_tools/kubectl" kustomize "$tree/deploy/k8s/$1"
}

# Every object created for real, its fields checked strictly, and once more: nothing changes.
server_takes() { # OVERLAY
	render "$1" >"$tmp/$1.yaml"
	kube apply --server-side --validate=strict -f "$tmp/$1.yaml" || return 1
	kube apply --server-side --validate=strict --dry-run=server -f "$tmp/$1.yaml"
}

# No controller runs here: the pod that it would make of the DaemonSet goes by the pod security admission too.
server_takes_its_pod() { # OVERLAY
	python3 - "$tmp/$1.yaml" >"$tmp/$1.pod.yaml" <<-'PYTHON'
		import sys, yaml
		ds = next(d for d in yaml.safe_load_all(open(sys.argv[1])) if d["kind"] == "DaemonSet")
		t = ds["spec"]["template"]
		t["metadata"].update(name="llm-slo-agent-x", namespace="llm-slo")
		print(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", **t}))
	PYTHON
	kube create --validate=strict --dry-run=server -f "$tmp/$1.pod.yaml"
}

# The security context as told: rows of what may be added, and what must not stand anywhere.
least() { # OVERLAY CAPABILITIES
	python3 - "$tmp/$1.yaml" "$2" <<-'PYTHON'
		import sys, yaml
		path, allowed = sys.argv[1:]
		docs = list(yaml.safe_load_all(open(path)))
		pod = next(d for d in docs if d["kind"] == "DaemonSet")["spec"]["template"]["spec"]
		c, = pod["containers"]
		sc = c["securityContext"]
		assert sc["capabilities"]["drop"] == ["ALL"] and sc["capabilities"]["add"] == allowed.split(","), sc["capabilities"]
		assert not sc["privileged"] and not sc["allowPrivilegeEscalation"] and sc["readOnlyRootFilesystem"], sc
		assert not pod.get("hostNetwork") and not pod.get("hostIPC")
		assert sc["seccompProfile"]["type"] in ("RuntimeDefault", "Localhost")
		writable = {m["mountPath"] for m in c["volumeMounts"] if not m.get("readOnly")}
		assert writable <= {"/run/llm-slo", "/var/lib/llm-slo", "/tmp", "/host/sys/kernel/tracing"}, writable
		rules = next(d for d in docs if d["kind"] == "ClusterRole")["rules"]
		assert rules == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}], rules
	PYTHON
}

no_host_pids() {
	! grep -q 'hostPID: true' "$tmp/min-capability.yaml"
}

# Authorisation as the server decides it.
account_may_only_read_pods() {
	local as=system:serviceaccount:llm-slo:llm-slo-agent verb
	for verb in get list watch; do [[ $(kube auth can-i "$verb" pods -A --as "$as") == yes ]] || return 1; done
	[[ $(kube auth can-i delete pods -A --as "$as") == no && $(kube auth can-i get secrets -A --as "$as") == no &&
		$(kube auth can-i create pods --subresource=exec -A --as "$as") == no ]]
}

config_name() { # FOLDER
	"$kube_tools/kubectl" kustomize "$1" | sed -n 's/^  name: \(llm-slo-agent-[a-z0-9]*\)$/\1/p'
}

change_rolls() {
	local before after
	cp -r "$tree/deploy/k8s" "$tmp/k8s"
	before=$(config_name "$tmp/k8s/base")
	echo '# changed' >>"$tmp/k8s/base/agent.ini"
	after=$(config_name "$tmp/k8s/base")
	[[ -n $before && -n $after && $before != "$after" ]] && "$kube_tools/kubectl" kustomize "$tmp/k8s/base" | grep -q "^ *name: $after$"
}

# The page's indented blocks: the N-th that begins with the words given.
block() { # WORDS N
	awk -v words="$1" -v want="$2" '/^    / { if (!on) { on = 1; hit = index($0, "    " words) == 1; n += hit }; if (hit && n == want) print substr($0, 5); next } { on = 0 }' \
		"$tree/deploy/docs/kubernetes.md"
}

# Overlays as it tells to write them: another registry's image, another configuration.
overlays_of_the_page() {
	local own=$tmp/page
	mkdir -p "$own"
	cp -r "$tree/deploy/k8s" "$own"
	mkdir "$own/k8s/image" "$own/k8s/config"
	block 'resources: [../base]' 1 | sed 's/REGISTRY/registry.test/' >"$own/k8s/image/kustomization.yaml"
	block 'resources: [../base]' 2 >"$own/k8s/config/kustomization.yaml"
	sed 's/^listen = :2112$/listen = :9464/' "$own/k8s/base/agent.ini" >"$own/k8s/config/agent.ini"
	"$kube_tools/kubectl" kustomize "$own/k8s/image" | grep 'image: registry.test/llm-slo-agent:[0-9]' || return 1
	"$kube_tools/kubectl" kustomize "$own/k8s/config" >"$own/config.yaml" || return 1
	grep '9464' "$own/config.yaml" && [[ $(config_name "$own/k8s/config") != "$(config_name "$own/k8s/base")" ]]
}

# The secret by the page's command; its keys are those that the DaemonSet asks for.
secret_of_the_page() {
	local line
	line=$(block 'kubectl -n llm-slo create secret' 1)
	eval "kube ${line#kubectl }" || return 1
	kube -n llm-slo get secret llm-slo-agent -o json | python3 -c '
import json, sys, yaml
have = set(json.load(sys.stdin)["data"])
ds = next(d for d in yaml.safe_load_all(open(sys.argv[1])) if d["kind"] == "DaemonSet")
env = ds["spec"]["template"]["spec"]["containers"][0]["env"]
want = {e["valueFrom"]["secretKeyRef"]["key"] for e in env if "secretKeyRef" in e.get("valueFrom", {})}
print(have, want)
assert have == want and want' "$tmp/base.yaml"
}

localhost_profile() {
	mkdir -p "$tmp/k8s/own"
	printf 'resources: [../base]\ncomponents: [../seccomp]\n' >"$tmp/k8s/own/kustomization.yaml"
	"$kube_tools/kubectl" kustomize "$tmp/k8s/own" | grep -q 'localhostProfile: llm-slo.json' && python3 -m json.tool "$tmp/k8s/seccomp/llm-slo.json"
}

nothing_synthetic() {
	! grep -rniE 'synthetic|loadgen|faultreplay|--replay' "$tree/deploy/k8s"
}

configuration_is_valid() {
	local ctl=$tree/build/static/sloctl
	"$ctl" config check --config "$tree/deploy/k8s/base/agent.ini"
}

main() {
	local overlay
	# shellcheck disable=SC2054 # the values are lists
	local -A allowed=([base]=BPF,PERFMON,NET_ADMIN,SYS_RESOURCE [min-capability]=BPF,PERFMON [legacy]=SYS_ADMIN,NET_ADMIN,SYS_RESOURCE)
	command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
	(kube_build) >"$tmp/kube_build.log" 2>&1 || { tail -5 "$tmp/kube_build.log" && skip_all "kube-apiserver cannot be built here"; }
	trap 'kube_stop; clean_up' EXIT
	kube_start
	for overlay in $OVERLAYS; do
		check "$overlay: the API server takes it" server_takes "$overlay"
		check "$overlay: and its pod" server_takes_its_pod "$overlay"
		check "$overlay: no more than ${allowed[$overlay]}" least "$overlay" "${allowed[$overlay]}"
	done
	check "min-capability has no pids of the host" no_host_pids
	check "the account may read pods, and nothing else" account_may_only_read_pods
	check "a changed configuration has another name: it rolls" change_rolls
	check "the page's overlays: another image, another configuration" overlays_of_the_page
	check "the page's secret has the keys that the DaemonSet asks for" secret_of_the_page
	check "the seccomp component names the profile" localhost_profile
	check "nothing synthetic" nothing_synthetic
	check "the configuration is valid" configuration_is_valid
	done_testing
}

main "$@"
