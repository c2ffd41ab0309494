#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Puts the agent, sloctl, unit, configuration, manual and licences of this folder in place; needs no network. The packages
# use it too, so that it alone knows where a file goes.
set -eu
LC_ALL=C
export LC_ALL
umask 022

prefix=/usr/local root='' units='' action=install start=yes purge=no
here=$(cd "$(dirname "$0")" && pwd)

usage() {
	cat <<-USAGE
	usage: install.sh [options]
	  --prefix DIR    programs go to DIR/bin, manual and licences to DIR/share (default /usr/local)
	  --units DIR     where the systemd unit goes (default /etc/systemd/system)
	  --root DIR      install below DIR, start nothing
	  --no-start      do not enable and start the service
	  --uninstall     remove what was installed; configuration and records stay
	  --purge         with --uninstall: configuration and records too
	USAGE
}

die() {
	echo "install.sh: $*" >&2
	exit 1
}

while [ $# -gt 0 ]; do
	case $1 in
	--prefix | --units | --root)
		[ $# -gt 1 ] || die "$1 needs a value; see --help"
		case $1 in
		--prefix) prefix=$2 ;;
		--units) units=$2 ;;
		--root) root=$2 ;;
		esac
		shift
		;;
	--no-start) start=no ;;
	--uninstall) action=uninstall ;;
	--purge) purge=yes ;;
	-h | --help) usage && exit 0 ;;
	*) echo "install.sh: unknown option $1; see --help" >&2 && exit 2 ;;
	esac
	shift
done
[ -z "$root" ] || start=no
: "${units:=/etc/systemd/system}"

# Rows: file or folder here, where it goes, mode. A configuration that is there already is left alone.
rows() {
	cat <<-ROWS
	llm-slo-agent $prefix/bin/llm-slo-agent 755
	sloctl $prefix/bin/sloctl 755
	llm-slo-agent.service $units/llm-slo-agent.service 644
	before-232.conf $prefix/share/llm-slo/before-232.conf 644
	drop-in.sh $prefix/share/llm-slo/drop-in.sh 755
	llm-slo-agent.sysusers $lib/sysusers.d/llm-slo-agent.conf 644
	llm-slo-agent.tmpfiles $lib/tmpfiles.d/llm-slo-agent.conf 644
	llm-slo-agent.8 $prefix/share/man/man8/llm-slo-agent.8 644
	sloctl.1 $prefix/share/man/man1/sloctl.1 644
	completion/sloctl.bash $prefix/share/bash-completion/completions/sloctl 644
	completion/llm-slo-agent.bash $prefix/share/bash-completion/completions/llm-slo-agent 644
	completion/_sloctl $prefix/share/zsh/site-functions/_sloctl 644
	completion/sloctl.fish $fish/sloctl.fish 644
	completion/llm-slo-agent.fish $fish/llm-slo-agent.fish 644
	LICENSE $prefix/share/doc/llm-slo-agent/LICENSE 644
	licenses $prefix/share/doc/llm-slo-agent/licenses 644
	sbom.spdx.json $prefix/share/doc/llm-slo-agent/sbom.spdx.json 644
	ROWS
}

# What systemd reads below /usr/lib is read below /etc too, for who does not install in /usr; fish looks below its own prefix alone.
if [ "$prefix" = /usr ]; then
	lib=/usr/lib fish=/usr/share/fish/vendor_completions.d
else
	lib=/etc fish=/etc/fish/completions
fi

put() { # FILE DEST MODE
	mkdir -p "$(dirname "$2")"
	cp "$1" "$2.new"
	chmod "$3" "$2.new"
	case $1 in
	*.service) sed "s|/usr/bin/|$prefix/bin/|" "$1" >"$2.new" ;;
	esac
	mv "$2.new" "$2"
}

put_all() {
	rows | while read -r from to mode; do
		if [ -d "$here/$from" ]; then
			for file in "$here/$from"/*; do put "$file" "$root$to/${file##*/}" "$mode"; done
		else
			put "$here/$from" "$root$to" "$mode"
		fi
	done
	[ -e "$root/etc/llm-slo/agent.ini" ] || put "$here/agent.ini" "$root/etc/llm-slo/agent.ini" 644
}

verify() {
	[ -e "$here/SHA256SUMS" ] && command -v sha256sum >/dev/null || return 0
	(cd "$here" && sha256sum -c --quiet SHA256SUMS) || die "files differ from SHA256SUMS: fetch the archive again"
}

has_systemd() {
	[ -d /run/systemd/system ] && command -v systemctl >/dev/null
}

make_group() {
	[ -z "$root" ] || return 0
	if getent group llm-slo >/dev/null 2>&1; then return 0; fi
	groupadd --system llm-slo 2>/dev/null || addgroup -S llm-slo 2>/dev/null ||
		echo "install.sh: no group llm-slo could be made: make it by hand, the unit wants it" >&2
}

start_service() {
	[ "$start" = yes ] || return 0
	has_systemd || { echo "no systemd here: start $prefix/bin/llm-slo-agent by your own means" && return 0; }
	"$prefix/share/llm-slo/drop-in.sh" install
	systemd-tmpfiles --create "$lib/tmpfiles.d/llm-slo-agent.conf" || true
	systemctl daemon-reload
	systemctl enable llm-slo-agent.service
	systemctl restart llm-slo-agent.service
}

uninstall() {
	if [ -z "$root" ] && has_systemd; then systemctl disable --now llm-slo-agent.service 2>/dev/null || true; fi
	[ -n "$root" ] || [ ! -x "$prefix/share/llm-slo/drop-in.sh" ] || "$prefix/share/llm-slo/drop-in.sh" remove
	rows | while read -r from to mode; do rm -rf "$root$to"; done
	rmdir "$root$prefix/share/llm-slo" "$root$prefix/share/doc/llm-slo-agent" 2>/dev/null || true
	[ "$purge" = no ] || rm -rf "$root/etc/llm-slo" "$root/var/lib/llm-slo" "$root/var/log/llm-slo"
	if [ -z "$root" ] && has_systemd; then systemctl daemon-reload; fi
}

[ -n "$root" ] || [ "$(id -u)" = 0 ] || die "not root: run it by sudo, or give --root DIR"
if [ "$action" = uninstall ]; then
	uninstall
	exit 0
fi
verify
put_all
make_group
start_service
[ -n "$root" ] || echo "installed; look at this host: $prefix/bin/sloctl prereq check"
