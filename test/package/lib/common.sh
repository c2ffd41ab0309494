# shellcheck shell=bash disable=SC2034,SC2154 # who sources it uses, and gives, the variables
# SPDX-License-Identifier: Apache-2.0
# What the tests of packages share: a scratch folder, one line a case, the product under test. Sourced.

tree=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../../..")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/slo-package.XXXXXX")
# shellcheck disable=SC2034 # of those who source this
products=$tree/build/package
failures=0

# shellcheck disable=SC2317 # called by the trap
clean_up() {
	local at
	while read -r at; do umount -l "$at" 2>/dev/null || true; done < <(awk -v t="$tmp/" 'index($2, t) == 1 { print $2 }' /proc/mounts | sort -r)
	rm -rf "$tmp"
}
trap clean_up EXIT

# check WHAT COMMAND...: one line, and the command's output where it failed.
check() {
	local what=$1
	shift
	if "$@" >"$tmp/check.log" 2>&1; then
		echo "ok    $what"
	else
		echo "FAIL  $what"
		tail -15 "$tmp/check.log" | sed 's/^/    | /'
		failures=$((failures + 1))
	fi
}

skip_all() {
	echo "$*"
	exit 77
}

done_testing() {
	echo "${0##*/}: $failures failed"
	((failures == 0))
}

# product KIND [ARCH]: builds it, prints the path that it printed last: one path a line, the agent's after the helper's.
product() {
	"$tree/build.sh" package "$@" >"$tmp/product.out" 2>"$tmp/product.log" || {
		cat "$tmp/product.log" >&2
		return 1
	}
	tail -1 "$tmp/product.out"
}

# unpack_image LAYOUT VERSION FOLDER: this machine's architecture of it, which umoci does not choose by itself out of two.
unpack_image() {
	skopeo copy -q "oci:$1" "oci:$tmp/one-architecture:$2" && umoci unpack --image "$tmp/one-architecture:$2" "$3" || return 1
	rm -rf "$tmp/one-architecture"
}

# debian_root SUITE FOLDER PACKAGES: a clean root, from a cached archive of it. The mirror is the one that apt uses here.
# shellcheck disable=SC2016 # apt expands it
debian_root() {
	local suite=$1 folder=$2 packages=$3 uri cache keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo/roots/$suite-$(sha256sum <<<"$packages" | cut -c1-12).tar
	mkdir -p "${cache%/*}"
	exec 7>"$cache.lock"
	flock 7
	if [[ ! -s $cache || -n $(find "$cache" -mtime +7) ]]; then
		uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sort -u | sed -n 1p)
		mmdebstrap --variant=minbase --keyring="$keyring" --include="$packages" --aptopt='Acquire::Check-Valid-Until "false"' \
			"$suite" "$cache.new.tar" "deb $uri $suite main" >"$tmp/mmdebstrap.log" 2>&1 7>&- || {
			tail -20 "$tmp/mmdebstrap.log" >&2
			return 1
		}
		mv "$cache.new.tar" "$cache"
	fi
	exec 7>&-
	mkdir -p "$folder"
	tar -C "$folder" --exclude='./dev/*' -xpf "$cache"
}

# Each shell of a root finds both programs' completions where they were installed, by its own rules; fish, which has a file for
# each, offers a thing once.
shells_find_completions() { # ROOT
	local program typed answer
	for program in sloctl llm-slo-agent; do
		typed='llm-slo-agent --ver' answer=--version
		[[ $program != sloctl ]] || typed='sloctl schemav' answer=schemavalidate
		# shellcheck disable=SC2016 # the shells there expand it
		in_root "$1" bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader "$1"; complete -p "$1"' bash $program |
			grep '_llm_slo' || { echo "not in bash: $program" && return 1; }
		# shellcheck disable=SC2016
		in_root "$1" zsh -fc 'autoload -Uz compinit && compinit -u -D && print -r -- $_comps[$1]' zsh $program |
			grep -x _sloctl || { echo "not in zsh: $program" && return 1; }
		in_root "$1" fish -c "complete -C 'sloctl '; complete -C 'llm-slo-agent --'; echo; complete -C '$typed'" >"$tmp/fish" || return 1
		[[ $(sed '1,/^$/d' "$tmp/fish" | grep -c -- "^$answer") == 1 ]] || { cat "$tmp/fish" && echo "not in fish, or twice: $program" && return 1; }
	done
}

# in_root FOLDER COMMAND...: with its own /proc and /dev, and with no service manager running, as in an image's build.
in_root() {
	local root=$1
	shift
	mkdir -p "$root/proc" "$root/dev"
	mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
	[[ -e $root/dev/null ]] || mknod -m 666 "$root/dev/null" c 1 3
	[[ -e $root/dev/urandom ]] || mknod -m 666 "$root/dev/urandom" c 1 9
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}
