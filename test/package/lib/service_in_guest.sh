#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest of service.sh, once a boot: prints "ok CASE" or what it saw instead. Exit code 99 asks for a reboot.
events=/var/log/llm-slo/events.jsonl
state=/var/lib/slo-service-test

tell() { # CASE COMMAND...: 0 is ok
	name=$1
	shift
	if "$@"; then echo "ok $name"; else
		echo "FAIL $name"
		systemctl status --no-pager -l llm-slo-agent.service
		journalctl --no-pager -n 15 -u llm-slo-agent.service
	fi
}

# wait_for SECONDS COMMAND...
wait_for() {
	until=$(($(date +%s) + $1))
	shift
	while ! "$@" && [ "$(date +%s)" -lt "$until" ]; do sleep 1; done
	"$@"
}

main_pid() {
	systemctl show -p MainPID --value llm-slo-agent.service
}

is_up() {
	systemctl is-active -q llm-slo-agent.service
}

# Type=notify: active is what the agent itself said, with the number of its signals.
ready() {
	wait_for 120 is_up && systemctl show -p StatusText --value llm-slo-agent.service | tee /dev/stderr | grep -q '^[1-9][0-9]* of [0-9]* signals$'
}

# The hardening that the unit asks for is in force, seen from /proc; what stays is the agent's own choice after attaching.
runs_as_written() {
	status=/proc/$(main_pid)/status
	grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' "$status"
	grep -q '^NoNewPrivs:	1' "$status" && grep -q '^Seccomp:	2' "$status" &&
		grep -q '^CapEff:	000000c000001000' "$status" && grep -q '^CapBnd:	000000c000001000' "$status" &&
		[ "$(stat -c %G "/proc/$(main_pid)")" = llm-slo ] &&
		[ "$(cd /sys/fs/cgroup/system.slice/llm-slo-agent.service && cat memory.max cpu.max pids.max | xargs)" = "268435456 50000 100000 16" ] &&
		! nsenter -t "$(main_pid)" -m touch /usr/touched 2>/dev/null
}

lines() { # SIGNAL
	grep -c "\"signal\":\"$1\"" "$events" 2>/dev/null
}

more_than() { # COUNT SIGNAL
	[ "$(lines "$2")" -gt "$1" ]
}

# Work for the kernel while it looks: real run-queue waits of this shell and its children.
measures() {
	before=$(lines runqueue_delay_ms)
	(timeout 20 sh -c 'while :; do :; done' & timeout 20 sh -c 'while :; do :; done' & timeout 20 sh -c 'while :; do :; done' & wait) &
	wait_for 30 more_than "${before:-0}" runqueue_delay_ms && [ "$(stat -c '%a %G' "$events")" = "640 llm-slo" ]
}

told_by_prereq() {
	sloctl prereq check >/tmp/prereq && grep '^ok *signals' /tmp/prereq
}

is_another() { # OLD-PID
	is_up && [ "$(main_pid)" != "$1" ] && [ "$(main_pid)" != 0 ]
}

restarts() {
	old=$(main_pid)
	systemctl restart llm-slo-agent.service && is_another "$old" && measures
}

survives_sigkill() {
	old=$(main_pid)
	kill -KILL "$old"
	wait_for 90 is_another "$old" && measures
}

# A stopped process tells the watchdog nothing: systemd ends it within WatchdogSec and starts another.
survives_a_hang() {
	old=$(main_pid)
	kill -STOP "$old"
	wait_for 150 is_another "$old" && measures
}

# A changed key is in force, in the process that ran before.
reloads() {
	old=$(main_pid)
	sed -i 's/^\[agent\]$/&\nlog_level = debug/' /etc/llm-slo/agent.ini
	systemctl reload llm-slo-agent.service && wait_for 30 told_of_reload && is_up && [ "$(main_pid)" = "$old" ] && measures
	code=$?
	sed -i '/^log_level = debug$/d' /etc/llm-slo/agent.ini
	systemctl reload llm-slo-agent.service && return "$code"
}

told_of_reload() {
	journalctl --no-pager -o cat -u llm-slo-agent.service | grep 'reload key=agent.log_level .*to="debug"$'
}

# SIGTERM: it says goodbye by itself, long before TimeoutStopSec.
stops() {
	systemctl stop llm-slo-agent.service && [ "$(systemctl show -p Result --value llm-slo-agent.service)" = success ] &&
		[ "$(systemctl show -p ExecMainStatus --value llm-slo-agent.service)" = 0 ] && systemctl start llm-slo-agent.service && ready
}

# A wrong configuration is not tried for ever, and the log says which line.
refuses_bad_configuration() {
	cp /etc/llm-slo/agent.ini /tmp/good.ini
	echo 'interval_ms = soon' >>/etc/llm-slo/agent.ini
	systemctl restart llm-slo-agent.service 2>/dev/null && return 1
	systemctl is-failed -q llm-slo-agent.service && journalctl --no-pager -u llm-slo-agent.service | grep -q 'agent.ini:[0-9]*' || return 1
	cp /tmp/good.ini /etc/llm-slo/agent.ini
	systemctl reset-failed llm-slo-agent.service && systemctl start llm-slo-agent.service && is_up
}

# with_drop_in NAME COMMAND...: restarted with it, and without it afterwards.
with_drop_in() {
	drop=/etc/systemd/system/llm-slo-agent.service.d/$1
	shift
	mkdir -p "${drop%/*}"
	cp "/usr/share/slo-service-test/${drop##*/}" "$drop"
	systemctl daemon-reload && systemctl restart llm-slo-agent.service && ready && measures && "$@"
	code=$?
	rm "$drop"
	systemctl daemon-reload && systemctl restart llm-slo-agent.service && return "$code"
}

all_signals() {
	systemctl show -p StatusText --value llm-slo-agent.service | grep -qx '12 of 12 signals'
}

has_three_capabilities() {
	[ "$(systemctl show -p CapabilityBoundingSet --value llm-slo-agent.service | wc -w)" = 3 ] && all_signals
}

tighter_as_told() {
	with_drop_in tight.conf has_three_capabilities
}

runs_as_nobody() {
	grep -q '^Uid:	65534	65534' "/proc/$(main_pid)/status" && all_signals
}

without_root_as_told() {
	with_drop_in user.conf runs_as_nobody
}

mkdir -p "$state"
if [ ! -e "$state/rebooted" ]; then
	for case in ready runs_as_written measures told_by_prereq restarts reloads stops survives_sigkill survives_a_hang refuses_bad_configuration tighter_as_told without_root_as_told; do
		tell "$case" "$case"
	done
	touch "$state/rebooted"
	exit 99
fi
after_reboot() {
	ready && measures
}
tell after_reboot after_reboot
