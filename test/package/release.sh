#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the release workflow does, done here: its own build.sh steps, the files it attaches, the images in a registry (a real
# one, on this machine). Signing and provenance need the forge's identity and are not run.
# package-needs: docker-registry skopeo python3 rpm dpkg-dev
set -euo pipefail
# shellcheck source=test/package/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

readonly WORKFLOW=$tree/.github/workflows/release.yml
release=$products/release

# The steps as they stand there, but for the tests (this is one of them) and the push, which is to another registry.
steps() {
	sed -n 's/^ *\(- \)\?run: \.\/build\.sh //p' "$WORKFLOW" | grep -v '^test \|^package push '
}

runs_its_steps() {
	local step
	[[ $(steps | wc -l) -ge 3 ]] || return 1
	while read -r step; do
		echo "./build.sh $step"
		# shellcheck disable=SC2086 # words
		"$tree/build.sh" $step || return 1
	done < <(steps)
}

# Every file that a release page promises, for both architectures.
is_complete() {
	local arch file v=$version
	for file in "llm-slo-agent-bcc-$v-1.x86_64.rpm" "llm-slo-agent-bcc-$v-1.aarch64.rpm" "llm-slo-agent-$v.oci.tar.gz" "llm-slo-agent-$v.oci.digest" \
		"llm-slo-agent-bcc-$v.oci.tar.gz" "llm-slo-agent-$v-1.x86_64.rpm" "llm-slo-agent-$v-1.aarch64.rpm"; do
		[[ -s $release/$file ]] || { echo "no $file" && return 1; }
	done
	for arch in amd64 arm64; do
		for file in "llm-slo-$v-linux-$arch.tar.gz" "llm-slo-$v-linux-$arch.spdx.json" "llm-slo-agent_$v-1_$arch.deb" "llm-slo-agent-bcc_$v-1_$arch.deb"; do
			[[ -s $release/$file ]] || { echo "no $file" && return 1; }
		done
		python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["spdxVersion"].startswith("SPDX-2")' \
			"$release/llm-slo-$v-linux-$arch.spdx.json" || return 1
	done
}

sums_are_of_all() {
	(cd "$release" && sha256sum -c --quiet SHA256SUMS) || return 1
	[[ $(wc -l <"$release/SHA256SUMS") == "$(find "$release" -type f ! -name SHA256SUMS | wc -l)" ]] || return 1
	# And a changed byte is found.
	cp -r "$release" "$tmp/changed"
	printf x >>"$tmp/changed/llm-slo-$version-linux-amd64.tar.gz"
	! (cd "$tmp/changed" && sha256sum -c --quiet SHA256SUMS)
}

start_registry() {
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	printf 'version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: %s/registry\nhttp:\n  addr: 127.0.0.1:%s\n' "$tmp" "$port" >"$tmp/registry.yml"
	docker-registry serve "$tmp/registry.yml" >"$tmp/registry.log" 2>&1 &
	registry=$!
	trap 'kill "$registry" 2>/dev/null; clean_up' EXIT
}

# What a cluster pulls by the tag has the digest that the release page names.
images_are_pushed() {
	local name digest arch
	until python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; do
		kill -0 "$registry" || { cat "$tmp/registry.log" && return 1; }
		sleep 0.2
	done
	"$tree/build.sh" package push "127.0.0.1:$port/llm-slo" >"$tmp/outputs" || return 1
	cat "$tmp/outputs"
	for name in llm-slo-agent llm-slo-agent-bcc; do
		digest=$(skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$port/llm-slo/$name:$version" | sha256sum)
		[[ "sha256:${digest%% *}" == "$(<"$release/$name-$version.oci.digest")" ]] || return 1
		grep -qx "$name=sha256:${digest%% *}" "$tmp/outputs" || return 1
	done
	for name in llm-slo-agent llm-slo-agent-bcc; do
		for arch in amd64 arm64; do
			skopeo inspect --override-arch "$arch" --tls-verify=false "docker://127.0.0.1:$port/llm-slo/$name:$version" |
				grep -q "\"Architecture\": \"$arch\"" || return 1
		done
	done
}

# The outputs that later steps take are names that the push prints.
outputs_have_names() {
	local name
	while read -r name; do grep -q "^$name=sha256:" "$tmp/outputs" || { echo "no output $name" && return 1; }; done \
		< <(grep -o 'steps\.push\.outputs\.[a-z-]*' "$WORKFLOW" | sed 's/.*\.//' | sort -u)
}

main() {
	version=$(sed -n 's/^set(SLO_VERSION "\(.*\)")$/\1/p' "$tree/CMakeLists.txt")
	check "each of its build.sh steps" runs_its_steps
	check "archives, packages, SBOMs, images of both architectures" is_complete
	check "one list of sums, of all of them" sums_are_of_all
	start_registry
	check "the images in a registry, by their digests" images_are_pushed
	check "the workflow's outputs are what the push prints" outputs_have_names
	done_testing
}

main "$@"
