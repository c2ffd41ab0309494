#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs one command on a real kernel in QEMU and exits as it did: 124 = time limit, 125 = the guest died or did not start.
# needs: qemu-system-x86 busybox-static cpio kmod util-linux
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
tree=$(readlink -f "$here/../..")
# shellcheck source=kernels/matrix.sh
. "$tree/kernels/matrix.sh"

readonly SHARE=/slo/share      # as in guest_init.sh
readonly CMDLINE='console=ttyS0 quiet panic=-1 oops=panic nokaslr mitigations=off tsc=reliable no_timer_check
	random.trust_cpu=on audit=0 apparmor=0 nowatchdog cryptomgr.notests rcupdate.rcu_expedited=1 8250.nr_uarts=1'

# Kernel and libraries copy by "rep movsb" where a CPU says that it is fast; an emulator does it byte by byte, and so spends a fifth
# of its time on that.
readonly CPU=max,erms=off,fsrm=off

usage() {
	cat <<-USAGE
	usage: ${0##*/} [options] -- COMMAND [args]
	  --kernel SERIES     a row of kernels/matrix.tsv (default 6.1)
	  --bzimage FILE      any kernel image; with --modules DIR, its lib/modules/RELEASE folder
	  --mode MODE         host: the host's files under a throw-away overlay (default); initramfs: busybox and --add files only
	  --root DIR          boot the system in DIR, which it may change: systemd is PID 1, the command a service; after exit
	                      code 99 it reboots and runs the command again
	  --add FILE[:DEST]   a file for the initramfs mode (default DEST: /bin/NAME)
	  --cgroup LAYOUT     v2 (default), v1 or hybrid
	  --mask-btf          hide /sys/kernel/btf (a row of the matrix with btf "no" does so by itself)
	  --mem MB            default 2048
	  --timeout SECONDS   for boot and command together, default 300
	  --env NAME=VALUE    for the command; SLO_* variables are passed anyway
	  --out DIR           copy of what the command wrote to \$SLO_SHARE/out
	  --console FILE      copy of the console
	  --append TEXT       more kernel command line
	USAGE
}

parse() {
	kernel=6.1 bzimage='' modules='' mode=host cgroup=v2 mask_btf=0 mem=2048 limit=300 out='' console='' append='' root=/ reboot=-no-reboot
	add=() env=()
	while (($#)); do
		case $1 in
		-h | --help) usage && exit 0 ;;
		--mask-btf) mask_btf=1 && shift && continue ;;
		--) shift && break ;;
		-*) (($# > 1)) || die "$1 needs a value; see --help" ;;
		*) die "put '--' before the command; see --help" ;;
		esac
		case $1 in
		--kernel) kernel=$2 ;;
		--bzimage) bzimage=$(readlink -e "$2") || die "no kernel image $2" ;;
		--modules) modules=$(readlink -e "$2") || die "no modules folder $2" ;;
		--mode) mode=$2 ;;
		--root) mode=system reboot='' root=$(readlink -e "$2") || die "no folder $2" ;;
		--add) add+=("$2") ;;
		--cgroup) cgroup=$2 ;;
		--mem) mem=$2 ;;
		--timeout) limit=$2 ;;
		--env) env+=("$2") ;;
		--out) out=$2 ;;
		--console) console=$2 ;;
		--append) append=$2 ;;
		*) die "unknown option $1; see --help" ;;
		esac
		shift 2
	done
	(($#)) || die "no command given; see --help"
	[[ $mode =~ ^(host|initramfs|system)$ ]] || die "--mode is host or initramfs, not $mode"
	[[ $cgroup =~ ^(v1|v2|hybrid)$ ]] || die "--cgroup is v1, v2 or hybrid, not $cgroup"
	[[ $limit =~ ^[0-9]+$ && $mem =~ ^[0-9]+$ ]] || die "--timeout and --mem take whole numbers"
	command=("$@")
}

# bzimage and modules from the series; a given image stands by itself.
pick_kernel() {
	local dir
	[[ -z $bzimage ]] || return 0
	[[ $(matrix_get "$kernel" arch) == amd64 ]] || die "$kernel is of another architecture: ./build.sh vm $kernel"
	dir=$("$tree/kernels/fetch.sh" "$kernel")
	bzimage=$dir/vmlinux
	[[ -e $bzimage ]] || bzimage=$dir/vmlinuz
	[[ $(matrix_get "$kernel" btf) != no ]] || mask_btf=1
	modules=$dir/lib/modules/$(<"$dir/release")
}

# stage_modules ROOT: the modules that the boot needs, in load order; those built in drop out.
stage_modules() {
	local name flag path base=${modules%/lib/modules/*} order=$1/modules.order
	: >"$order"
	[[ -n $modules ]] || return 0
	while read -r name flag; do
		[[ $flag == boot ]] || continue
		while read -r _ path; do
			grep -q "^/m/${path##*/}$" "$order" && continue
			install -D -m 644 "$path" "$1/m/${path##*/}"
			echo "/m/${path##*/}" >>"$order"
		done < <(modprobe -d "$base" -S "${modules##*/}" --show-depends "$name" 2>/dev/null | grep ^insmod || true)
	done <"$tree/kernels/modules.list"
}

pack() { # DIR FILE
	(cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc) >"$2"
}

# The initramfs depends on kernel, modules and init only, so one image serves every run; printed is its path.
base_initramfs() {
	local key file root=$tmp/initramfs dir
	dir=$(slo_cache_dir)/initramfs
	key=$(stat -Lc '%n %Y %s' "$bzimage" ${modules:+"$modules/modules.dep"} /bin/busybox "$here/guest_init.sh" \
		"$tree/kernels/modules.list" | sha256sum | cut -c1-20)
	file=$dir/$key.cpio
	if [[ ! -s $file ]]; then
		mkdir -p "$dir" "$root"/{bin,dev,proc,sys}
		find "$dir" -name '*.cpio' -mtime +14 -delete
		install -m 755 /bin/busybox "$root/bin/busybox"
		install -m 755 "$here/guest_init.sh" "$root/init"
		ln -s busybox "$root/bin/sh"
		stage_modules "$root"
		pack "$root" "$tmp/base.cpio"
		mv "$tmp/base.cpio" "$file.$$" && mv "$file.$$" "$file"
	fi
	echo "$file"
}

# initrd FILE: the cached base, and behind it the --add files.
make_initrd() {
	local item from to
	cp "$(base_initramfs)" "$1"
	((${#add[@]})) || return 0
	for item in "${add[@]}"; do
		from=${item%%:*} to=/bin/${item##*/}
		[[ $item != *:* ]] || to=${item#*:}
		[[ -r $from ]] || die "--add: cannot read $from"
		install -D -m 755 "$from" "$tmp/add$to"
	done
	pack "$tmp/add" "$tmp/add.cpio"
	cat "$tmp/add.cpio" >>"$1"
}

write_share() {
	local share=$tmp/share name pair
	mkdir -p "$share/out"
	touch "$share/stdout" "$share/stderr"
	{
		printf '%s=%q\n' SLO_MODE "$mode" SLO_CGROUP "$cgroup" SLO_MASK_BTF "$mask_btf" SLO_MODULES "$modules" SLO_CWD "$PWD"
	} >"$share/guest.env"
	{
		echo "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb"
		for name in "${!SLO_@}"; do [[ $name == SLO_MATRIX ]] || printf 'export %s=%q\n' "$name" "${!name}"; done
		((${#env[@]} == 0)) || for pair in "${env[@]}"; do printf 'export %s=%q\n' "${pair%%=*}" "${pair#*=}"; done
		echo "export SLO_SHARE=$SHARE/out"
		printf 'exec'
		printf ' %q' "${command[@]}"
		echo
	} >"$share/command"
	# A fresh /tmp would hide what the command needs from the host's.
	if grep -q '[= ]/tmp/' "$share/command" "$share/guest.env"; then echo SLO_KEEP_TMP=1 >>"$share/guest.env"; fi
}

# qemu SECONDS ACCEL SHARE CONSOLE: QEMU under a hard time limit of its own, should this script be killed.
qemu() {
	local readonly=on
	[[ $mode != system ]] || readonly=off
	# shellcheck disable=SC2086 # no word, or one
	exec timeout -k 2 "$1" qemu-system-x86_64 -accel "$2" -cpu "$CPU" -smp 2 -m "$mem" -nodefaults -no-user-config -display none \
		$reboot -nic none -serial "file:$4" -kernel "$bzimage" -initrd "$tmp/initrd" -append "$(xargs <<<"$CMDLINE $append")" \
		-fsdev "local,id=root,path=$root,security_model=none,readonly=$readonly,multidevs=remap" -device virtio-9p-pci,fsdev=root,mount_tag=root \
		-fsdev "local,id=share,path=$3,security_model=none" -device virtio-9p-pci,fsdev=share,mount_tag=share
}

# KVM where a guest really starts on it (the device may exist and still hang), asked once per boot of this host.
pick_accel() {
	local verdict
	accel=tcg,thread=single
	[[ -w /dev/kvm ]] || return 0
	verdict=$(slo_cache_dir)/kvm.$(</proc/sys/kernel/random/boot_id)
	if [[ ! -e $verdict ]]; then
		mkdir -p "$tmp/probe"
		echo SLO_MODE=probe >"$tmp/probe/guest.env"
		# The outer group hides bash's own word on a QEMU that aborts.
		{ (ulimit -c 0 && qemu 10 kvm "$tmp/probe" "$tmp/probe.console") || true; } >"$tmp/probe.log" 2>&1
		if [[ -e $tmp/probe/exit ]]; then echo kvm >"$verdict"; else echo tcg >"$verdict"; fi
	fi
	[[ $(<"$verdict") != kvm ]] || accel=kvm
}

# shellcheck disable=SC2317 # called by the trap
cleanup() {
	[[ -z ${vm:-} ]] || kill "$vm" 2>/dev/null || true
	[[ -z ${vm:-} ]] || wait "$vm" 2>/dev/null || true
	[[ -z ${console:-} || ! -e $tmp/console ]] || cp "$tmp/console" "$console"
	rm -rf "$tmp"
}

relay() {
	cat <&3
	cat <&4 >&2
}

# Passes the output on as it comes, until the exit code stands in the share, QEMU has gone or time is up.
watch() {
	local deadline=$((SECONDS + limit))
	exec 3<"$tmp/share/stdout" 4<"$tmp/share/stderr"
	while [[ ! -e $tmp/share/exit ]] && kill -0 "$vm" 2>/dev/null && ((SECONDS < deadline)); do
		relay
		sleep 0.2
	done
	relay
}

finish() {
	local what="the guest ended without an exit code (panic, or it did not boot)" code=125
	[[ -z $out ]] || { mkdir -p "$out" && cp -r "$tmp/share/out/." "$out/"; }
	[[ ! -e $tmp/share/exit ]] || exit "$(<"$tmp/share/exit")"
	if kill -0 "$vm" 2>/dev/null; then what="time limit of $limit s reached; raise --timeout if the command needs longer" code=124; fi
	[[ ! -s $tmp/share/guest_error ]] || what=$(<"$tmp/share/guest_error")
	{
		echo "${0##*/}: $what; kernel $bzimage; end of its console:"
		{ grep -am3 -E 'panic|BUG:|Oops|Out of memory' "$tmp/console" && echo ...; tail -n 25 "$tmp/console"; } 2>/dev/null |
			tr -d '\r' | sed 's/^/  | /'
		cat "$tmp/qemu.log"
	} >&2
	exit "$code"
}

main() {
	parse "$@"
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/slo-vm.XXXXXX")
	trap cleanup EXIT
	trap 'exit 130' INT TERM HUP
	pick_kernel
	make_initrd "$tmp/initrd"
	write_share
	pick_accel
	qemu $((limit + 30)) "$accel" "$tmp/share" "$tmp/console" >"$tmp/qemu.log" 2>&1 &
	vm=$!
	watch
	finish
}

main "$@"
