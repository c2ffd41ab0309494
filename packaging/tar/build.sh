#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The static archive: tar/build.sh BINARIES OUTPUT ARCH prints its path. Also the source of the deb, the rpm and the images.
# package-needs: coreutils gzip python3 tar
set -euo pipefail
# shellcheck source=packaging/common.sh
. "$(dirname "$(readlink -f "$0")")/../common.sh"

# Texts that the copyright files only point to, on Debian.
common_licences() { # FOLDER
	local name
	grep -rhoE '/usr/share/common-licenses/[A-Za-z]+(-[0-9.]*[0-9])?' "$1" | sort -u | while read -r name; do
		[[ -r $name ]] || die "no licence text $name"
		cp -L "$name" "$1/${name##*/}.txt"
	done
}

# One text for each library that is linked; a row without one is an error.
licences() { # BINARIES FOLDER
	local from name
	from=$(sysroot_of "$1")/share/licenses
	mkdir -p "$2"
	while read -r name _; do
		[[ -r $from/$name ]] || die "no licence text of $name in $from"
		cp "$from/$name" "$2/$name"
	done < <(linked_sources)
	common_licences "$2"
	cp "$tree/packaging/static/sources.lock" "$2/sources.lock"
}

# The configuration as shipped: the template, but records go to a file, for a service has no terminal.
configuration() {
	sed '/^\[output\]/,/^\[/s|^#path =$|path = /var/log/llm-slo/events.jsonl|' "$tree/packaging/agent.ini" >"$1"
	[[ $(diff "$tree/packaging/agent.ini" "$1" | grep -c '^>') == 1 ]] || die "the template's [output] path is not where it was"
}

gather() { # BINARIES FOLDER ARCH
	local p=$tree/packaging
	mkdir -p "$2/completion"
	install -m 755 "$1/llm-slo-agent" "$1/sloctl" "$p/install.sh" "$p/systemd/drop-in.sh" "$2"
	install -m 644 "$p/systemd/"{llm-slo-agent.service,llm-slo-agent.sysusers,llm-slo-agent.tmpfiles,before-232.conf} \
		"$p/man/llm-slo-agent.8" "$p/man/sloctl.1" "$tree/LICENSE" "$p/tar/README" "$2"
	# Looked up by the name of the program; fish would offer twice what two files give.
	install -m 644 "$p/completion/sloctl.bash" "$p/completion/_sloctl" "$2/completion"
	ln -s sloctl.bash "$2/completion/llm-slo-agent.bash"
	sed '/^complete -c llm-slo-agent /d' "$p/completion/sloctl.fish" >"$2/completion/sloctl.fish"
	sed '/^complete -c sloctl /d' "$p/completion/sloctl.fish" >"$2/completion/llm-slo-agent.fish"
	configuration "$2/agent.ini"
	licences "$1" "$2/licenses"
	linked_sources | python3 "$p/sbom.py" "$(project_version)" "$3" "$SOURCE_DATE_EPOCH" "$2/llm-slo-agent" "$2/sloctl" \
		>"$2/sbom.spdx.json"
	(cd "$2" && find . -type f ! -name SHA256SUMS | sort | xargs sha256sum >SHA256SUMS)
}

main() {
	local binaries=$1 out=$2 arch=$3 name
	"$tree/packaging/static/verify.sh" "$binaries/llm-slo-agent" "$binaries/sloctl"
	name=llm-slo-$(project_version)-linux-$(arch_name tar "$arch")
	mkdir -p "$out"
	rm -rf "${out:?}/$name"
	gather "$binaries" "$out/$name" "$arch"
	pack_tar "$out/$name" "$out/$name.tar.gz"
	cp "$out/$name/sbom.spdx.json" "$out/$name.spdx.json"
	rm -rf "${out:?}/$name"
	(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
	echo "$out/$name.tar.gz"
}

main "$@"
