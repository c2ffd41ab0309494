#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The archive: the same bytes from two folders; installs and leaves nothing; runs where there is nothing but a kernel.
# package-needs: coreutils diffutils git python3 qemu-system-x86 busybox-static cpio kmod
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

# The tree's files as git knows them, elsewhere and without its history.
copy_tree() {
	mkdir -p "$1"
	git -C "$tree" ls-files -z | (cd "$tree" && xargs -0 cp --parents -t "$1")
}

# built_in FOLDER: the archive made from a copy of the tree there, without the compiler's cache.
built_in() {
	copy_tree "$1"
	(cd "$1" && unset CMAKE_C_COMPILER_LAUNCHER && SOURCE_DATE_EPOCH=1700000000 ./build.sh package tar) >"$1.log" 2>&1 ||
		{ cat "$1.log" && return 1; }
}

reproducible() {
	built_in "$tmp/a/tree" && built_in "$tmp/another/deeper/tree" || return 1
	sha256sum "$tmp"/a/tree/build/package/*.tar.gz "$tmp"/another/deeper/tree/build/package/*.tar.gz
	cmp "$tmp"/a/tree/build/package/*.tar.gz "$tmp"/another/deeper/tree/build/package/*.tar.gz
}

sums_hold() {
	(cd "$unpacked" && sha256sum -c --quiet SHA256SUMS)
}

# A byte that changed on the way stops the installation before a file is in place.
damage_is_noticed() {
	cp -r "$unpacked" "$tmp/damaged"
	echo >>"$tmp/damaged/sloctl"
	! "$tmp/damaged/install.sh" --root "$tmp/nothing" || return 1
	[[ ! -e $tmp/nothing ]]
}

installs_and_leaves() {
	local root=$tmp/root
	mkdir "$root"
	"$unpacked/install.sh" --root "$root" || return 1
	[[ -x $root/usr/local/bin/llm-slo-agent && -s $root/etc/llm-slo/agent.ini ]] || return 1
	grep -q '^ExecStart=/usr/local/bin/llm-slo-agent ' "$root/etc/systemd/system/llm-slo-agent.service" || return 1
	echo '# mine' >>"$root/etc/llm-slo/agent.ini"
	"$unpacked/install.sh" --root "$root" && grep -q '^# mine' "$root/etc/llm-slo/agent.ini" || return 1
	"$unpacked/install.sh" --root "$root" --uninstall || return 1
	[[ $(cd "$root" && find . -type f) == ./etc/llm-slo/agent.ini ]] || { find "$root" -type f && return 1; }
	"$unpacked/install.sh" --root "$root" --uninstall --purge && [[ -z $(find "$root" -type f) ]]
}

shipped_configuration_is_valid() {
	"$unpacked/sloctl" config check --config "$unpacked/agent.ini" &&
		"$unpacked/sloctl" config print --config "$unpacked/agent.ini" | grep -q 'events.jsonl'
}

# SPDX: every element that a relationship names is there, every linked row of the lock is a package with its sum.
sbom_is_whole() {
	python3 - "$unpacked" <<-'PYTHON'
		import hashlib, json, sys
		folder = sys.argv[1]
		sbom = json.load(open(folder + "/sbom.spdx.json"))
		ids = {x["SPDXID"] for x in sbom["packages"] + sbom["files"]} | {"SPDXRef-DOCUMENT"}
		for r in sbom["relationships"]:
		    assert r["spdxElementId"] in ids and r["relatedSpdxElement"] in ids, r
		rows = [l.split() for l in open(folder + "/licenses/sources.lock") if l.strip() and l[0] != "#"]
		packages = {p["name"]: p for p in sbom["packages"]}
		for name, version, *_ in rows:
		    assert name == "cmocka" or packages[name]["versionInfo"] == version, name
		    assert name == "cmocka" or open(f"{folder}/licenses/{name}").read().strip(), name
		for f in sbom["files"]:
		    data = open(folder + "/" + f["fileName"], "rb").read()
		    assert {"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()} in f["checksums"]
		print(len(packages), "packages")
	PYTHON
}

# A folder with two binaries and /proc, read-only, without /etc, /run, /tmp: what an image FROM scratch is.
bare_container() {
	local root=$tmp/bare
	mkdir -p "$root/proc" "$root/sys"
	cp "$unpacked/llm-slo-agent" "$unpacked/sloctl" "$root"
	unshare -m bash -c '
		mount --bind "$0" "$0" && mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" &&
		mount -o remount,bind,ro "$0" && exec chroot "$0" /llm-slo-agent --seconds 3 --output jsonl --emit all' "$root" \
		>"$tmp/bare.jsonl" 2>"$tmp/bare.log" || { cat "$tmp/bare.log" && return 1; }
	cat "$tmp/bare.log"
	grep -q 'no folder for a lock' "$tmp/bare.log" && grep -q '"signal"' "$tmp/bare.jsonl"
}

# Nothing but a kernel and busybox: the agent says what it lacks, and measures.
bare_initramfs() {
	"$tree/test/vm/boot.sh" --kernel 6.1 --mode initramfs --timeout 200 --add "$unpacked/llm-slo-agent" -- \
		/bin/sh -c '/bin/llm-slo-agent --seconds 6 --output jsonl --emit all >/out.jsonl; echo "exit $?"; grep -c signal /out.jsonl' \
		>"$tmp/initramfs.out" 2>&1 || true
	cat "$tmp/initramfs.out"
	grep -q '^exit 0' "$tmp/initramfs.out" && tail -1 "$tmp/initramfs.out" | grep -qE '^[1-9]'
}

main() {
	local archive
	archive=$(product tar)
	tar -C "$tmp" -xzf "$archive"
	unpacked=$(echo "$tmp"/llm-slo-*)
	check "checksums hold" sums_hold
	check "a damaged archive is not installed" damage_is_noticed
	check "installs, keeps a changed configuration, leaves nothing" installs_and_leaves
	check "the configuration is valid" shipped_configuration_is_valid
	check "the SBOM names all that is linked" sbom_is_whole
	check "runs in a container without /etc, and says what it lacks" bare_container
	check "runs in a bare initramfs" bare_initramfs
	check "two builds in different folders give identical bytes" reproducible
	done_testing
}

main "$@"
