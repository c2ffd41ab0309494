#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The matrix's records (test/vm/recorded.sh) on a tree of our own: what passed is found again, and nothing else: not a failure,
# not after a change of a source, of the agent, of the test, nor where everything is to be run.
# needs: coreutils findutils
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export XDG_CACHE_HOME=$tmp/cache tree=$tmp/tree SLO_AGENT=$tmp/agent
unset SLO_FRESH
# shellcheck source=test/vm/recorded.sh
. "$here/../vm/recorded.sh"

fail() {
	echo "recorded.sh: $*"
	exit 1
}

# found TEST: by a run that begins now.
found() {
	rm -rf "$tmp/before" && mkdir "$tmp/before"
	record_open host
	record_use "$1" "$tmp/before"
}

mkdir -p "$tree"/{backends,core,bpf,bcc,compat,kernels,packaging/static,test/vm/truth,test/live,test/peers,deploy/docs} "$tmp/logs"
touch "$tree"/{CMakeLists.txt,test/peers/python.sh,deploy/docs/capabilities.md} "$tmp"/logs/{dns,tls,disk}.log
for each in "$tree"/{core/a.c,core/a.md,bpf/b.c,test/vm/truth/dns.py,test/vm/truth/tls.py,test/vm/truth/disk.py} "$SLO_AGENT"; do
	echo one >"$each"
done
echo '{}' >"$tmp/logs/dns.json"

record_open host
printf '%s\n' 'ok host dns 1.5 ' 'FAIL host tls 2.0 exit code 1' 'skip host disk 0.1 no disk' | record_keep "$tmp/logs"
[[ $(found dns) == "ok host dns 1.5 as recorded on "*" for the same content" ]] || fail "a pass is not found again: $(found dns)"
[[ -e $tmp/before/dns.json && -e $tmp/before/dns.log ]] || fail "what the test left is not there"
[[ $(found disk) == "skip host disk 0.1 no disk; as recorded on "* ]] || fail "a skip is not found again"
! found tls || fail "a failure is taken for a result"

echo two >"$tree/core/a.md"
found dns >/dev/null || fail "a page makes tests run again"
for each in "$tree/core/a.c" "$tree/bpf/b.c" "$tree/test/vm/truth/dns.py" "$SLO_AGENT"; do
	echo two >"$each"
	! found dns || fail "found although ${each#"$tmp/"} is another"
	echo one >"$each"
	found dns >/dev/null || fail "not found although ${each#"$tmp/"} is as it was"
done
echo >"$tree/compat.h"
found dns >/dev/null || fail "a file beside the sources makes tests run again"
echo >"$tree/compat/new.h"
! found dns || fail "found although there is a new source"
rm "$tree/compat/new.h"
! SLO_FRESH=1 found dns || fail "found although everything is to be run"

# As lane.sh has it; each time, for what is killed by a pipe may have been fast enough.
SLO_FRESH=1 record_open host
for _ in {1..50}; do
	printf '%s\n' 'ok host dns 1.5 ' | tee -a "$tmp/lines" | record_keep "$tmp/logs" || true
done
[[ $(wc -l <"$tmp/lines") == 50 ]] || fail "$(wc -l <"$tmp/lines") of 50 results are left where everything is run"
echo "records: a pass and a skip are found, a failure and whatever changed are not"
