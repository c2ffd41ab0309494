#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest of bcc.sh: prints "ok CASE" or what it saw instead.
events=/var/log/llm-slo/events.jsonl
unit=llm-slo-agent.service

tell() { # CASE
	if "$1"; then echo "ok $1"; else
		echo "FAIL $1"
		systemctl status --no-pager -l "$unit"
		journalctl --no-pager -n 25 -u "$unit"
	fi
}

# wait_for SECONDS COMMAND...
wait_for() {
	until=$(($(date +%s) + $1))
	shift
	while ! "$@" && [ "$(date +%s)" -lt "$until" ]; do sleep 1; done
	"$@"
}

no_btf() {
	[ -d /sys/kernel/btf ] && [ ! -e /sys/kernel/btf/vmlinux ]
}

is_up() {
	systemctl is-active -q "$unit"
}

# The clock is the emulator's: the unit's own limit is what counts.
ready() {
	wait_for 420 is_up
}

by_bcc() {
	journalctl --no-pager -o cat -u "$unit" | grep 'agent ready' | tail -1 | grep 'runqueue_delay_ms=bcc/' | grep 'tcp_retransmits_total=bcc/'
}

# With LLVM's memory.
helper_is_gone() {
	! pgrep -x llm-slo-bcc && [ "$(cat /sys/fs/cgroup/system.slice/$unit/pids.current)" -le 2 ]
}

more_than() { # COUNT
	[ "$(grep -c '"signal":"runqueue_delay_ms".*"source":"bcc"\|"source":"bcc".*"signal":"runqueue_delay_ms"' "$events")" -gt "$1" ]
}

measures() {
	before=$(grep -c runqueue_delay_ms "$events" 2>/dev/null)
	(timeout 20 sh -c 'while :; do :; done' & timeout 20 sh -c 'while :; do :; done' & timeout 20 sh -c 'while :; do :; done' & wait) &
	wait_for 40 more_than "${before:-0}"
}

told_by_prereq() {
	sloctl prereq check >/tmp/prereq
	grep -E '^ +ok +bcc ' /tmp/prereq && grep '^backend bcc' /tmp/prereq || { cat /tmp/prereq && return 1; }
}

# What was compiled is kept: the next start needs neither helper nor headers.
from_the_cache() {
	ls -la /var/lib/llm-slo/bcc/*.slobcc || return 1
	mv /usr/lib/llm-slo/llm-slo-bcc /root/away
	systemctl restart "$unit" && by_bcc && measures
}

for case in no_btf ready by_bcc helper_is_gone measures told_by_prereq from_the_cache; do tell "$case"; done
