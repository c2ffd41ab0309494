#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest of readme.sh: each file of /usr/share/slo-readme is a folder and three commands. Prints "ok FILE" where all
# of them ended with 0, `prereq check` told of every signal, and the agent runs; then takes away what was installed.
sudo() { "$@"; }
export -f sudo

is_up() {
	[ "$(systemctl show -p StatusText --value llm-slo-agent.service)" = "12 of 12 signals" ]
}

way() { # FILE
	local line code failed=0
	{
		read -r folder
		cd "$folder" || return 1
		while read -r line; do
			bash -c "$line" </dev/null >/tmp/out 2>&1
			code=$?
			echo "\$ $line"
			tail -40 /tmp/out
			[ "$code" = 0 ] || { echo "exit code $code" && failed=1; }
			cat /tmp/out >>/tmp/all
		done
	} <"$1"
	for _ in $(seq 60); do is_up && break || sleep 1; done
	grep -qE '^ok +signals +12 of 12' /tmp/all && is_up && systemctl is-active llm-slo-agent.service && [ "$failed" = 0 ]
}

leave() {
	dpkg -P llm-slo-agent >/dev/null 2>&1
	for script in /root/llm-slo-*/install.sh /root/build/package/llm-slo-*/install.sh; do
		[ ! -x "$script" ] || "$script" --uninstall --purge
	done
	! systemctl is-active -q llm-slo-agent.service && [ ! -e /usr/bin/sloctl ] && [ ! -e /usr/local/bin/sloctl ]
}

for file in /usr/share/slo-readme/*; do
	: >/tmp/all
	if way "$file" && leave; then
		echo "ok ${file##*/}"
	else
		echo "FAIL ${file##*/}"
		systemctl status --no-pager -l llm-slo-agent.service
		leave
	fi
done
