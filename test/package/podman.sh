#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The commands that deploy/docs/restricted-host.md gives for podman, run as they stand there, on this machine; and the
# Dockerfile, built.
# package-needs: podman crun util-linux
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

# The commands of the page's section, one a line.
commands() {
	sed -n '/^## In a container/,$p' "$tree/deploy/docs/restricted-host.md" | sed -n 's/^    //p' | sed -e ':a' -e '/\\$/N; s/\\\n *//; ta'
}

# podman with a store of its own. Where no systemd runs, it can make no cgroup, and then wants pids of its own.
shim() {
	mkdir -p "$tmp/bin"
	cat >"$tmp/bin/podman" <<-SHIM
		#!/usr/bin/env bash
		export STORAGE_DRIVER=vfs
		own=(--root "$tmp/store" --runroot "$tmp/store.run" --tmpdir "$tmp/store.tmp" --volumepath "$tmp/volumes" --cgroup-manager=cgroupfs --runtime=/usr/bin/crun)
		verb=\$1
		shift
		if [[ \$verb == run && ! -d /run/systemd/system ]]; then
			args=(--cgroups=disabled --ulimit nofile=1024:1024 --ulimit nproc=4096:4096)
			for a; do [[ \$a == --pid=host ]] || args+=("\$a"); done
			set -- "\${args[@]}"
		fi
		exec /usr/bin/podman "\${own[@]}" "\$verb" "\$@"
	SHIM
	chmod 755 "$tmp/bin/podman"
}

# run N: in a mount namespace that stays, with cgroup2 alone at its place, as on a host of today.
run() {
	local line
	line=$(commands | sed -n "$1p")
	echo "$line"
	nsenter --mount="$tmp/mnt/ns" env "PATH=$tmp/bin:$PATH" sh -ec "cd '$tree'; $line"
}

host() {
	mkdir -p "$tmp/mnt"
	mount -t tmpfs -o mode=755 none "$tmp/mnt" && mount --make-private "$tmp/mnt"
	touch "$tmp/mnt/ns"
	# shellcheck disable=SC2016
	unshare --mount="$tmp/mnt/ns" sh -ec '[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || { umount -lR /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup; }
		mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing'
}

prereq() {
	run 3 | tee "$tmp/prereq"
	grep -E '^ok +signals +1[12] of' "$tmp/prereq" && grep -E '^ +ok +BTF .*<- this host' "$tmp/prereq"
}

logs_hold_signals() {
	local _
	for _ in $(seq 30); do
		nsenter --mount="$tmp/mnt/ns" "$tmp/bin/podman" logs llm-slo-agent >"$tmp/out" 2>"$tmp/err" || return 1
		if grep -q '"signal":"runqueue_delay_ms"' "$tmp/out" && grep -q 'agent ready' "$tmp/err"; then return 0; fi
		sleep 1
	done
	tail -15 "$tmp/err"
	return 1
}

# inside COMMAND...: podman with the store of this test.
inside() {
	nsenter --mount="$tmp/mnt/ns" "$tmp/bin/podman" "$@"
}

# The command in its head; what it makes is started as what we make is, and holds the same programs.
dockerfile_builds() {
	local id at
	id=$(inside build -q --isolation chroot -f "$tree/packaging/oci/Dockerfile" "$products/oci-stage") || return 1
	[[ $(inside inspect --format '{{.Config.User}} {{.Config.Entrypoint}}' "$id") == "0:0 [/usr/bin/llm-slo-agent]" ]] || return 1
	at=$(inside image mount "$id") || return 1
	nsenter --mount="$tmp/mnt/ns" diff -r "$at" "$products/oci-stage/root-$(dpkg --print-architecture)"
}

ends() {
	[[ ! -e $tmp/mnt/ns ]] || nsenter --mount="$tmp/mnt/ns" "$tmp/bin/podman" rm -f -t 10 llm-slo-agent
}

main() {
	[[ -e /sys/kernel/btf/vmlinux ]] || skip_all "this machine's kernel has no BTF"
	product oci >/dev/null
	[[ $(commands | wc -l) == 3 ]] || { echo "the page has not three commands" && exit 1; }
	shim
	host
	trap 'ends >/dev/null 2>&1; clean_up' EXIT
	check "the image is taken" run 1
	check "it runs" run 2
	check "prereq check in it: all that this kernel gives, by BTF" prereq
	check "its log holds signals" logs_hold_signals
	check "it ends" ends
	check "the Dockerfile makes the same" dockerfile_builds
	done_testing
}

main "$@"
