#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages, from the static archive: deb/build.sh BINARIES OUTPUT ARCH prints their paths.
# package-needs: debhelper dpkg-dev fakeroot
set -euo pipefail
# shellcheck source=packaging/common.sh
. "$(dirname "$(readlink -f "$0")")/../common.sh"

# What dh_* look for by name, from the archive's files and the binary's licences.
debian_folder() { # SOURCE
	local debian=$1/debian name
	cp -r "$tree/packaging/deb/debian" "$debian"
	for name in service sysusers tmpfiles; do cp "$1/llm-slo-agent.$name" "$debian/llm-slo-agent.$name"; done
	copyright >"$debian/copyright"
	[[ $(dpkg-parsechangelog -l "$debian/changelog" -S Version) == "$(project_version)"-* ]] ||
		die "packaging/deb/debian/changelog does not begin with $(project_version)"
}

# DEP-5, its paragraphs of the libraries from the lock; each one's own copyright file is beside it in licenses/.
copyright() {
	local name version licence _
	cat <<-COPYRIGHT
	Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
	Upstream-Name: llm-slo
	Comment: The binaries are linked statically. What is in them, by Debian source package; the complete
	 copyright file of each is /usr/share/doc/llm-slo-agent/licenses/NAME:
	COPYRIGHT
	while read -r name version licence _; do echo " $name $version, ${licence//\// or }"; done < <(linked_sources)
	cat <<-COPYRIGHT

	Files: *
	Copyright: 2026 The llm-slo authors
	License: Apache-2.0
	 The full text is in /usr/share/common-licenses/Apache-2.0.
	COPYRIGHT
}

# add_helper SOURCE ARCH: the BCC helper for this architecture, where it was built in its clean root (packaging/bcc/build.sh).
add_helper() {
	local helper=$out/helper-$2
	[[ -x $helper/llm-slo-bcc ]] || return 0
	mkdir "$1/helper"
	cp "$helper/llm-slo-bcc" "$1/helper"
	cp "$tree/packaging/systemd/bcc.conf" "$1"
	cat "$helper/control" >>"$1/debian/control"
}

main() {
	local binaries=$1 arch=$3 archive source version
	out=$2
	archive=$("$tree/packaging/tar/build.sh" "$binaries" "$out" "$arch")
	source=$out/deb-$arch/llm-slo-$(project_version)
	rm -rf "$out/deb-$arch"
	mkdir -p "$source"
	tar -C "$source" --strip-components=1 -xzf "$archive"
	debian_folder "$source"
	add_helper "$source" "$arch"
	(cd "$source" && dpkg-buildpackage -b -d -us -uc -a"$arch") >"$out/deb-$arch.log" 2>&1 || {
		tail -20 "$out/deb-$arch.log" >&2
		die "dpkg-buildpackage failed; all of it is in $out/deb-$arch.log"
	}
	mv "$out/deb-$arch"/*.deb "$out"
	version=$(dpkg-parsechangelog -l "$tree/packaging/deb/debian/changelog" -S Version)
	rm -rf "$out/deb-$arch"
	# One a line; the agent itself is the last.
	[[ ! -x $out/helper-$arch/llm-slo-bcc ]] || echo "$out/llm-slo-agent-bcc_${version}_$arch.deb"
	echo "$out/llm-slo-agent_${version}_$arch.deb"
}

main "$@"
