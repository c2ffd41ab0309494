#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures, each figure anew: run.sh [PART...] with the parts throughput pipeline footprint mixed nginx host 6.1 6.12 (all), and by name bcc; prints a table and writes build/bench.json.
# needs: fio nginx-light wrk python3 iproute2 procps util-linux coreutils kmod dpkg apt libbpf-tools bpfcc-tools bpftrace qemu-system-x86
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
tree=$(readlink -f "$here/../..")
# shellcheck source=kernels/matrix.sh disable=SC1091
. "$tree/kernels/matrix.sh"

readonly GUEST_SECONDS=600

say() { echo "bench: $*" >&2; }

# Builds may go on meanwhile: what is measured are copies.
copy_binaries() {
	local release=${SLO_BENCH_RELEASE:-$tree/build/release} static=${SLO_BENCH_STATIC:-$tree/build/static} from=static tool
	mkdir -p "$SLO_BENCH_BIN"/{release,static}
	[[ ! -x $release/llm-slo-agent ]] || cp "$release/llm-slo-agent" "$SLO_BENCH_BIN/release/"
	[[ ! -x $release/llm-slo-bcc ]] || cp "$release/llm-slo-bcc" "$SLO_BENCH_BIN/release/"
	[[ ! -x $static/llm-slo-agent ]] || cp "$static/llm-slo-agent" "$SLO_BENCH_BIN/static/"
	[[ ! -x $release/test/bench_jsonw ]] || from=release
	for tool in load empty_program make_capture bench_jsonw bench_schema pipeline_load pipeline_sink; do
		cp "${!from}/test/$tool" "$SLO_BENCH_BIN/" || die "no $tool: configure build/$from with -DSLO_TESTS=ON and build it"
	done
	export SLO_BENCH_TOOLS=$from
}

# Headers of the guest's own kernel, for BCC, where the host's apt has them: prints a folder with the links build and source.
kernel_headers() {
	local kernel release version dir tmp common
	kernel=$("$tree/kernels/fetch.sh" "$1") || return 1
	release=$(<"$kernel/release") version=${kernel##*/}
	dir=$(slo_cache_dir)/headers/$version
	common=${release%-amd64}-common
	if [[ ! -d $dir ]]; then
		tmp=$(mktemp -d)
		(cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download "linux-headers-$release=$version" \
			"linux-headers-$common=$version" "linux-kbuild-$1=$version") >&2 || { rm -rf "$tmp" && return 1; }
		mkdir -p "${dir%/*}" "$tmp/new"
		for deb in "$tmp"/*.deb; do dpkg -x "$deb" "$tmp/new"; done
		ln -s "$dir/usr/src/linux-headers-$release" "$tmp/new/build"
		ln -s "$dir/usr/src/linux-headers-$common" "$tmp/new/source"
		chmod 755 "$tmp/new"
		mv -T "$tmp/new" "$dir"
		rm -rf "$tmp"
	fi
	echo "$dir"
}

# guest SERIES WORKLOAD...; SLO_BENCH_LOADS: others instead.
guest() {
	local series=$1 loads=()
	shift
	[[ -z ${SLO_BENCH_LOADS:-} ]] || read -ra loads <<<"$SLO_BENCH_LOADS"
	((${#loads[@]})) || loads=("$@")
	guest_runs "$series" "$series" "$here/in_guest.sh" "${loads[@]}"
}

# guest_runs PART SERIES COMMAND...
guest_runs() {
	local out=$SLO_BENCH_OUT/$1 series=$2 code=0
	shift 2
	"$tree/test/vm/boot.sh" --kernel "$series" --timeout "$GUEST_SECONDS" --out "$out" -- "$@" >"$out.log" 2>&1 || code=$?
	[[ $code == 0 ]] || {
		mkdir -p "$out"
		python3 -c 'import json, sys
print(json.dumps({"where": "guest " + sys.argv[1], "kind": "absent", "name": "what is missing above", "reason": sys.argv[2]}))' \
			"$series" "the guest ended with code $code, see $out.log" >>"$out/figures.jsonl"
	}
}

# Where no Collector is to be had, the agent alone.
pipeline() {
	local collector
	collector=$("$tree/test/peers/otelcol.sh") || collector=
	"$here/pipeline.py" "$collector"
}

# part NAME: workloads are KIND:ROUNDS:SECONDS:REPEAT.
part() {
	local begin=$SECONDS
	case $1 in
	throughput) "$here/throughput.py" ;;
	pipeline) pipeline ;;
	footprint) "$here/footprint.py" start cpu ;;
	mixed) "$here/mixed.py" ;;
	nginx) "$here/nginx.py" ;;
	host) "$here/overhead.py" switch:5:0.4:3 connect:3:0.4:3 block:3:0.4:3 read:3:0.4:3 ;;
	6.1)
		SLO_BENCH_HEADERS=$(kernel_headers 6.1) || say "no headers of the 6.1 kernel: bpftrace's tcpretrans.bt stands in for bcc's"
		export SLO_BENCH_HEADERS
		guest 6.1 switch:3:0.6:2 connect:3:0.6:2 block:3:0.6:2 read:3:0.6:2 retransmit:1:3:1 reclaim:1:2:1
		unset SLO_BENCH_HEADERS
		;;
	bcc)
		[[ -x $SLO_BENCH_BIN/release/llm-slo-bcc ]] || die "no llm-slo-bcc: './build.sh build release' makes it where libbpfcc-dev is"
		SLO_BCC_KERNEL_HEADERS=$("$tree/kernels/fetch.sh" --headers 5.10-bcc)
		export SLO_BCC_KERNEL_HEADERS
		"$here/bcc.py"
		guest_runs bcc 5.10-bcc "$here/bcc.py"
		;;
	6.12) guest 6.12 switch:3:0.6:2 connect:3:0.6:2 block:3:0.6:2 read:3:0.6:2 retransmit:1:3:1 reclaim:1:2:1 ;;
	*) die "no part '$1'; there are: throughput pipeline footprint mixed nginx host 6.1 6.12 bcc" ;;
	esac
	say "$1: $((SECONDS - begin)) s"
}

main() {
	local parts=("$@") p sources=()
	((${#parts[@]})) || parts=(throughput pipeline footprint mixed nginx host 6.1 6.12)
	[[ $EUID == 0 ]] || die "BPF needs root"
	export SLO_BENCH_OUT=$tree/build/bench SLO_BENCH_BIN=$tree/build/bench/bin
	rm -rf "$SLO_BENCH_OUT"
	mkdir -p "$SLO_BENCH_OUT"
	copy_binaries
	sources=("$SLO_BENCH_OUT/figures.jsonl")
	for p in "${parts[@]}"; do
		part "$p"
		sources+=("$SLO_BENCH_OUT/$p/figures.jsonl")
	done
	"$here/report.py" "${sources[@]}" "$tree/build/bench.json"
}

main "$@"
