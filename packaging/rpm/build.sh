#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The RPM packages, from the static archive: rpm/build.sh BINARIES OUTPUT ARCH prints their paths.
# package-needs: rpm
set -euo pipefail
# shellcheck source=packaging/common.sh
. "$(dirname "$(readlink -f "$0")")/../common.sh"

# "Apache-2.0 AND MIT AND (A OR B)": ours and those of the rows of the lock, each once.
licence_expression() {
	{
		echo "Apache-2.0"
		echo "GPL-2.0-only/BSD-2-Clause"
		linked_sources | cut -d' ' -f3
	} | awk '!seen[$0]++' | sed 's|.*/.*|(&)|; s|/| OR |g' | paste -sd'&' | sed 's/&/ AND /g'
}

main() {
	local binaries=$1 out=$2 arch=$3 archive work helper=()
	archive=$("$tree/packaging/tar/build.sh" "$binaries" "$out" "$arch")
	work=$out/rpm-$arch
	rm -rf "$work"
	mkdir -p "$work/source"
	tar -C "$work/source" --strip-components=1 -xzf "$archive"
	if [[ -x $out/helper-$arch/llm-slo-bcc ]]; then
		helper=(--define "slo_helper $out/helper-$arch" --define "slo_bcc_conf $tree/packaging/systemd/bcc.conf"
			--define "slo_helper_requires $(<"$out/helper-$arch/rpm-requires")")
	fi
	rpmbuild -bb --target "$(arch_name rpm "$arch")" --define "_topdir $work" --define "_rpmdir $out" \
		--define "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" --define "slo_version $(project_version)" \
		--define "slo_source $work/source" --define "slo_licence $(licence_expression)" "${helper[@]}" \
		"$tree/packaging/rpm/llm-slo-agent.spec" >"$work.log" 2>&1 || {
		tail -20 "$work.log" >&2
		die "rpmbuild failed; all of it is in $work.log"
	}
	rm -rf "$work"
	# One a line; the agent itself is the last.
	((${#helper[@]} == 0)) || echo "$out/llm-slo-agent-bcc-$(project_version)-1.$(arch_name rpm "$arch").rpm"
	echo "$out/llm-slo-agent-$(project_version)-1.$(arch_name rpm "$arch").rpm"
}

main "$@"
