# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What passed before on the same content is not run again: sourced by lane.sh. A record is kept under a hash of all that can
# change the outcome: the sources, the agent as built, the tests and their libraries, the kernel, the programs of this machine;
# of the host also its boot. Nothing but a pass at the first try, or a skip, is recorded. SLO_FRESH=1 runs everything.
# needs: coreutils findutils

# The folders whose files make the binaries or run the tests; pages among them do neither, but for the one that is tested.
readonly RECORD_SOURCES="CMakeLists.txt backends core bpf bcc compat kernels packaging/static test/vm test/live test/peers/python.sh"
readonly RECORD_DAYS=14

# The bytes of the tree that every test depends on.
record_tree() {
	# shellcheck disable=SC2086 # words
	(cd "${tree:?}" && find $RECORD_SOURCES deploy/docs/capabilities.md -type f \( ! -path 'test/vm/truth/*' -o ! -perm -u+x \) ! -name '*.pyc' \
		\( ! -name '*.md' -o -path 'deploy/docs/*' \) -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
	sha256sum "$SLO_AGENT" | cut -d' ' -f1
}

# Guests run on this machine's root: its packages are theirs.
record_machine() {
	dpkg-query -W 2>/dev/null
	PATH=$PATH:/usr/local/go/bin go version 2>/dev/null || echo "no go"
	node --version 2>/dev/null || echo "no node"
	echo "python: ${SLO_OTEL_PYTHON:-none}"
	nproc
}

record_kernel() { # SERIES
	local dir
	if [[ $1 == host ]]; then
		cat /proc/sys/kernel/random/boot_id
	else
		dir=$("$tree/kernels/fetch.sh" "$1") && sha256sum "$dir"/vmlinu[xz]* | cut -d' ' -f1
	fi
}

# record_open SERIES: where its records are; empty where there are none and none are to be made.
record_open() {
	local cache key
	records=''
	[[ -z ${SLO_FRESH:-} ]] || return 0
	key=$({ record_tree && record_machine && record_kernel "$1"; } | sha256sum | cut -c1-20) || return 0
	cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/llm-slo/records
	records=$cache/$1.$key
	mkdir -p "$records"
	find "$cache" -mindepth 1 -maxdepth 1 -mtime +$RECORD_DAYS -exec rm -rf {} +
}

record_of() { # TEST
	echo "$records/$1.$(cat "$tree/test/vm/truth/$1".[sp][hy] | sha256sum | cut -c1-20)"
}

# record_use TEST LOGS: its result line of before, with what it left in LOGS; 1 where it has to be run.
record_use() {
	local from line
	[[ -n $records ]] && from=$(record_of "$1") && [[ -s $from/line ]] || return 1
	line=$(<"$from/line")
	# Behind a skip's reason, or the seconds of a pass.
	[[ $line != skip* ]] || line+=';'
	cp "$from/left/"* "$2/" && echo "$line as recorded on $(date -r "$from/line" '+%F %H:%M') for the same content"
}

# record_keep LOGS: the lines on stdin, of tests that were run there. Whole or not at all: two runs may do so at once.
record_keep() {
	local line word series test took rest to
	# Read to the end all the same: tee, which fills the list of results, would die of a pipe that nobody reads.
	[[ -n $records ]] || { cat >/dev/null && return 0; }
	while read -r line; do
		read -r word series test took rest <<<"$line"
		[[ $word != FAIL && -e $1/$test.log ]] || continue
		to=$(record_of "$test")
		rm -rf "$to.$$" && mkdir -p "$to.$$/left"
		cp "$1/$test."* "$to.$$/left/"
		echo "$word $series $test $took${rest:+ $rest}" >"$to.$$/line"
		rm -rf "$to" && mv "$to.$$" "$to"
	done
}
