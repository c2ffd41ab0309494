# shellcheck shell=bash disable=SC2034,SC2154 # who sources it uses, and gives, the variables
# SPDX-License-Identifier: Apache-2.0
# A real API server, built from its Go module once (minutes) and kept, with an etcd of the distribution. Sourced after common.sh.

readonly KUBERNETES=1.34.4
kube_tools=${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo/kubernetes/$KUBERNETES

# The module's own replacements point into its source tree: the same modules are served by themselves.
kube_build() {
	local work=$kube_tools.build mod name
	[[ ! -x $kube_tools/kube-apiserver ]] || return 0
	rm -rf "$work" && mkdir -p "$work" && cd "$work" || return
	go mod init kubetools && go mod edit -require "k8s.io/kubernetes@v$KUBERNETES"
	mod=$(go mod download -json "k8s.io/kubernetes@v$KUBERNETES" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
	while read -r name; do go mod edit -replace "k8s.io/$name=k8s.io/$name@v0${KUBERNETES#1}"; done < <(
		grep -oE '=> ./staging/src/k8s.io/[a-z0-9-]+' "$mod" | sed 's|.*/||')
	printf 'package tools\n\nimport (\n\t_ "k8s.io/kubernetes/cmd/kube-apiserver"\n\t_ "k8s.io/kubernetes/cmd/kubectl"\n)\n' >tools.go
	sed -i '1i //go:build tools\n' tools.go
	go mod tidy
	for name in kubectl kube-apiserver; do
		go build -mod=mod -trimpath -ldflags='-s -w' -o bin/ "k8s.io/kubernetes/cmd/$name" || return 1
	done
	mv bin "$kube_tools"
	cd / && rm -rf "$work"
}

free_ports() {
	python3 -c 'import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in held))' "$1"
}

# kube_start: etcd and API server below $tmp/kube, and `kube` as kubectl of an administrator. The caller's trap ends them.
# Started again it is the same server: of the same data, at the same port.
kube_start() {
	# shellcheck disable=SC2154 # of common.sh
	local dir=$tmp/kube deadline=$((SECONDS + 120)) etcd peer
	[[ -n ${kube_ports:-} ]] || kube_ports=$(free_ports 3)
	read -r kube_port etcd peer <<<"$kube_ports"
	mkdir -p "$dir"
	openssl genrsa -out "$dir/sa.key" 2048 2>/dev/null
	echo 'admin-token,admin,1,system:masters' >"$dir/tokens"
	etcd --data-dir "$dir/etcd" --listen-client-urls http://127.0.0.1:$etcd --advertise-client-urls http://127.0.0.1:$etcd \
		--listen-peer-urls http://127.0.0.1:$peer >"$dir/etcd.log" 2>&1 &
	kube_pids=$!
	"$kube_tools/kube-apiserver" --etcd-servers=http://127.0.0.1:$etcd --secure-port="$kube_port" --bind-address=127.0.0.1 \
		--cert-dir="$dir" --service-cluster-ip-range=10.96.0.0/16 --service-account-issuer=https://kubernetes.default.svc \
		--service-account-key-file="$dir/sa.key" --service-account-signing-key-file="$dir/sa.key" --authorization-mode=RBAC \
		--token-auth-file="$dir/tokens" --disable-admission-plugins=ServiceAccount >"$dir/apiserver.log" 2>&1 &
	kube_pids+=" $!"
	while ! kube get --raw /readyz >/dev/null 2>&1; do
		((SECONDS < deadline)) || { tail -5 "$dir/apiserver.log" >&2 && return 1; }
		sleep 1
	done
}

kube() {
	HOME=$tmp "$kube_tools/kubectl" --server "https://127.0.0.1:$kube_port" --insecure-skip-tls-verify --token admin-token "$@"
}

kube_stop() {
	local pid
	for pid in ${kube_pids:-}; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	kube_pids=
}
