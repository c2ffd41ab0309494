#!/bin/busybox sh
# shellcheck shell=dash disable=SC2013,SC1091
# SPDX-License-Identifier: Apache-2.0
# PID 1 of the guest: "boot" in the initramfs makes the system, "run" in the final root runs the command. busybox ash only.
# Settings come from /slo/share/guest.env, which boot.sh writes; results go to /slo/share.

BB=/bin/busybox
SHARE=/slo/share

fail() {
	echo "slo-guest: $*" >/dev/console
	echo "$*" >>$SHARE/guest_error 2>/dev/null
	echo o >/proc/sysrq-trigger
	sleep 60
}

load_boot_modules() {
	while read -r ko; do insmod "$ko" || echo "slo-guest: insmod $ko failed" >/dev/console; done </modules.order
}

mount_9p() { # TAG DIR OPTIONS
	mount -t 9p -o "trans=virtio,version=9p2000.L,msize=262144,$3" "$1" "$2" || fail "cannot mount the 9p share $1"
}

# cgroup v1 hierarchies, joined and named as distributions do it, of the controllers that this kernel still has there.
mount_cgroup1() {
	mount -t tmpfs -o mode=755 cgroup "$1"
	for c in $(sed -n '/^#/!s/\t.*//p' "$root/proc/cgroups"); do
		case $c in
		cpuacct | net_prio) continue ;;
		cpu) set -- "$1" cpu,cpuacct ;;
		net_cls) set -- "$1" net_cls,net_prio ;;
		*) set -- "$1" "$c" ;;
		esac
		mkdir -p "$1/$2"
		mount -t cgroup -o "$2" cgroup "$1/$2" 2>/dev/null || { rmdir "$1/$2" && continue; }
		[ "$2" = "$c" ] || for link in "$c" "${2#*,}"; do ln -s "$2" "$1/$link"; done
	done
	mkdir -p "$1/systemd" && mount -t cgroup -o none,name=systemd systemd "$1/systemd"
}

mount_cgroup() {
	case $SLO_CGROUP in
	v1) mount_cgroup1 "$1" ;;
	hybrid)
		mount_cgroup1 "$1"
		mkdir -p "$1/unified" && mount -t cgroup2 cgroup2 "$1/unified"
		;;
	*)
		# Before 4.5 there is none.
		mount -t cgroup2 cgroup2 "$1" || { mount_cgroup1 "$1" && return; }
		for c in $(cat "$1/cgroup.controllers"); do echo "+$c" >"$1/cgroup.subtree_control"; done
		;;
	esac
}

hide_btf() { # ROOT
	if [ "$SLO_MASK_BTF" = 1 ] && [ -d "$1/sys/kernel/btf" ]; then mount -t tmpfs nobtf "$1/sys/kernel/btf"; fi
}

# The file systems every test expects, below ROOT ('' for the initramfs itself).
mount_system() {
	root=$1
	mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp"
	if [ -n "$root" ]; then
		for d in proc sys dev; do mount --move "/$d" "$root/$d"; done
	fi
	mkdir -p "$root/dev/pts" "$root/dev/shm"
	mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts "$root/dev/pts"
	mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
	mount -t tmpfs -o mode=755 run "$root/run"
	[ "$SLO_KEEP_TMP" = 1 ] || mount -t tmpfs -o mode=1777 tmp "$root/tmp"
	[ -e "$root/dev/fd" ] || ln -s /proc/self/fd "$root/dev/fd"
	for n in 0:stdin 1:stdout 2:stderr; do ln -sf /proc/self/fd/${n%:*} "$root/dev/${n#*:}"; done
	mount -t debugfs debugfs "$root/sys/kernel/debug"
	mount -t tracefs tracefs "$root/sys/kernel/tracing"
	mount -t bpf bpf "$root/sys/fs/bpf"
	mount_cgroup "$root/sys/fs/cgroup"
	hide_btf "$root"
}

# The host's root read-only, a tmpfs over it, the cached modules where modprobe looks.
make_host_root() {
	mkdir -p /lower /rw /newroot
	mount_9p root /lower ro,cache=loose
	mount -t tmpfs -o size=75% rw /rw
	mkdir -p /rw/upper /rw/work
	mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work overlay /newroot || fail "cannot mount the overlay root"
	release=$(uname -r)
	mkdir -p "/newroot/lib/modules/$release"
	[ -z "$SLO_MODULES" ] || mount --bind "/lower$SLO_MODULES" "/newroot/lib/modules/$release"
}

# The system on the 9p root with the share in it, and a service for the command. Code 99: reboot, and once more.
make_system_root() {
	mkdir -p /newroot
	# Nobody else changes it meanwhile; without its names cached, the compiler's headers alone take minutes.
	mount_9p root /newroot rw,cache=loose
	for d in proc sys dev; do mount --move "/$d" "/newroot/$d"; done
	mount -t tmpfs -o mode=755 run /newroot/run
	hide_btf /newroot
	mkdir -p /newroot$SHARE /newroot/run/systemd/system/graphical.target.wants
	mount --move $SHARE /newroot$SHARE
	# No udev brings the console's device: multi-user.target would wait 90 s for its getty.
	ln -s /dev/null /newroot/run/systemd/system/serial-getty@ttyS0.service
	cat >/newroot/run/slo-command <<-COMMAND
		sh $SHARE/command </dev/null >>$SHARE/stdout 2>>$SHARE/stderr
		code=\$?
		sync
		[ \$code != 99 ] || exec systemctl reboot
		echo \$code >$SHARE/exit.new
		mv $SHARE/exit.new $SHARE/exit
		exec systemctl poweroff --force
	COMMAND
	printf '[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/sh /run/slo-command\n' \
		>/newroot/run/systemd/system/slo-command.service
	ln -sf ../slo-command.service /newroot/run/systemd/system/graphical.target.wants/slo-command.service
}

phase_boot() {
	$BB mkdir -p /proc /sys /dev /sbin /usr/bin /usr/sbin $SHARE
	$BB mount -t proc proc /proc
	$BB --install -s
	export PATH=/usr/sbin:/usr/bin:/sbin:/bin
	mount -t sysfs sysfs /sys
	grep -q ' /dev ' /proc/mounts || mount -t devtmpfs dev /dev
	load_boot_modules
	mount_9p share $SHARE cache=none
	. $SHARE/guest.env
	if [ "$SLO_MODE" = probe ]; then echo 0 >$SHARE/exit && poweroff -f; fi
	hostname slo-guest
	ip link set lo up
	if [ "$SLO_MODE" = system ]; then
		make_system_root
		exec switch_root /newroot /lib/systemd/systemd
	fi
	if [ "$SLO_MODE" != host ]; then
		mount_system ''
		exec /init run
	fi
	make_host_root
	mount_system /newroot
	mkdir -p /newroot/run/slo/bin /newroot$SHARE
	mount --move $SHARE /newroot$SHARE
	cp $BB /newroot/run/slo/bin/ && cp /init /newroot/run/slo/init
	exec switch_root /newroot /run/slo/bin/busybox sh /run/slo/init run
}

phase_run() {
	. $SHARE/guest.env
	cd "$SLO_CWD" 2>/dev/null || cd /
	/bin/sh $SHARE/command </dev/null >$SHARE/stdout 2>$SHARE/stderr
	echo $? >$SHARE/exit.new
	sync
	mv $SHARE/exit.new $SHARE/exit
	echo o >/proc/sysrq-trigger
	sleep 60
}

if [ "$1" = run ]; then phase_run; else phase_boot; fi
