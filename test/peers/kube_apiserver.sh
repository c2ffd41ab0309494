#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Names of pods from a real API server: kube-apiserver built from its Go module (test/package/lib/kubernetes.sh, minutes once)
# over Debian's etcd. 120 pods in pages, one more by the watch, its container, its end, and a server that comes back.
# needs: etcd-server golang openssl
# shellcheck disable=SC2154 # kube_tools is of the library
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
build=$(readlink -f "${1:-build/debug}")
lib=test/package/lib/kubernetes.sh
[[ -e $lib ]] || { echo "no $lib: nothing here builds kube-apiserver"; exit 77; }
for need in etcd openssl; do
	command -v "$need" >/dev/null || { echo "no $need here (Debian: etcd-server, openssl)"; exit 77; }
done
tmp=$(mktemp -d)
names=
: >"$tmp/names"
trap '[[ -z $names ]] || kill "$names" 2>/dev/null || true; kube_stop || true; rm -rf "$tmp"' EXIT
# shellcheck source=/dev/null disable=SC2154
. "$PWD/$lib"
[[ -x $kube_tools/kube-apiserver ]] || command -v go >/dev/null || { echo "no kube-apiserver, and no go to build it"; exit 77; }
(kube_build >"$tmp/build.log" 2>&1) || { tail -1 "$tmp/build.log"; echo "kube-apiserver cannot be built here"; exit 77; }

fail() {
	printf 'kube_apiserver.sh: %s\n' "$*" >&2
	tail -2 "$tmp/names" >&2
	exit 1
}

pod() { # NAME MORE-METADATA NODE
	printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%s","namespace":"default"%s},"spec":{"nodeName":"%s","containers":[{"name":"app","image":"none"}]}}\n' "$1" "$2" "$3"
}

await() { # TEXT WHAT
	local i
	for i in $(seq 150); do
		! tail -1 "$tmp/names" | grep -qE "$1" || return 0
		sleep 0.2
	done
	fail "$2"
}

kube_start || fail "the API server does not start"
server=https://127.0.0.1:$kube_port
for i in $(seq 120); do pod "many-$i" "" node-1; done >"$tmp/pods.json"
pod elsewhere "" node-2 >>"$tmp/pods.json"
kube create -f "$tmp/pods.json" >/dev/null
echo admin-token >"$tmp/token"
uid=$(kube get pod many-7 -o 'jsonpath={.metadata.uid}')
far=$(kube get pod elsewhere -o 'jsonpath={.metadata.uid}')
id=$(printf 'c0ffee%.0s' {1..10})c0ff
"$build/test/kube_names" "$server" "$tmp/token" "$tmp/kube/apiserver.crt" node-1 "$uid" "$far" "$id" >"$tmp/names" &
names=$!
await "synced=1 pods=120 .*$uid=default/many-7//many-7( |$)" "a list of 120 pods"
grep -q "$far=" "$tmp/names" && fail "a pod of another node is known"

pod late ',"labels":{"app.kubernetes.io/name":"chat"}' node-1 | kube create -f - >/dev/null
await "pods=121 " "a pod made while it watches"
kube patch pod late --subresource=status --type=merge \
	-p "{\"status\":{\"containerStatuses\":[{\"name\":\"app\",\"image\":\"none\",\"imageID\":\"\",\"ready\":true,\"restartCount\":0,\"containerID\":\"containerd://$id\"}]}}" >/dev/null
await "$id=default/late/app/chat( |$)" "a container by its id"

kube_stop || true
await "failures=[1-9]" "that the server went away"
kube_start || fail "the API server does not start again"
pod after "" node-1 | kube create -f - >/dev/null
await "pods=122 " "a pod made after the server came back"
kube delete pod after --grace-period=0 --force >/dev/null 2>&1
await "pods=122 .*$id=default/late/app/chat" "names of the gone are kept for a while"
echo "kube_apiserver.sh: 120 pods in pages, watch, container, restart: $(tail -1 "$tmp/names" | cut -d' ' -f1-5)"
