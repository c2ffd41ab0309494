/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes one kind of event for some seconds on one CPU, as fast as it goes, and says how many there were and how long
 * they took:  load switch|connect|retransmit|block|read|reclaim CPU SECONDS [COMMAND...]. The time per event with and without a tool
 * attached is what that tool costs. block reads the file $SLO_BENCH_FILE directly, read by way of the page cache. reclaim takes nearly all memory there is (a
 * guest's, without swap) and reads on: each event is a direct reclaim.
 * Retransmits want a COMMAND that makes loopback lossy; it is run when all streams
 * are connected, for a lost SYN waits a second. LOAD_RATE=N in the environment: N switches or connects a second, not more.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/clock.h"

#define BATCH 64
#define STREAMS 64
#define PAGE 4096

struct result {
	uint64_t events;
	uint64_t ns;
};

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t rate; /* events a second; 0: as fast as it goes */

/* Sleeps until @done events are due. */
static void pace(uint64_t begin_ns, uint64_t done)
{
	uint64_t due = rate ? begin_ns + done * SLO_NS_PER_SEC / rate : 0;
	uint64_t now = rate ? slo_clock_monotonic_ns() : 0;

	if (due > now)
		(void)usleep((useconds_t)((due - now) / 1000));
}

/* --- context switches: two processes on one CPU wake each other ------------------------------------------------ */

static void echo_bytes(const int in[2], const int out[2])
{
	char byte;

	/* Else nobody would ever see the end of the pipe. */
	(void)close(in[1]);
	(void)close(out[0]);
	while (read(in[0], &byte, 1) == 1) {
		if (write(out[1], &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static uint64_t switches(int who)
{
	struct rusage usage;

	if (getrusage(who, &usage))
		die("getrusage");
	return (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw;
}

static struct result make_switches(uint64_t duration_ns, char **command)
{
	uint64_t begin, before, ns, done = 0;
	int there[2], back[2];
	char byte = 0;
	pid_t child;

	(void)command;
	if (pipe(there) || pipe(back))
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		echo_bytes(there, back);
	before = switches(RUSAGE_SELF);
	begin = slo_clock_monotonic_ns();
	do {
		for (int i = 0; i < BATCH; i++) {
			if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
				die("pipe");
		}
		done += 2 * BATCH;
		pace(begin, done);
		ns = slo_clock_monotonic_ns() - begin;
	} while (ns < duration_ns);
	(void)close(there[1]);
	if (waitpid(child, NULL, 0) < 0)
		die("waitpid");
	return (struct result){ switches(RUSAGE_SELF) - before + switches(RUSAGE_CHILDREN), ns };
}

/* --- connects to itself ------------------------------------------------------------------------------------------ */

static int listen_here(struct sockaddr_in *ret_addr, int backlog)
{
	socklen_t len = sizeof(*ret_addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_addr = (struct sockaddr_in){ .sin_family = AF_INET };
	ret_addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (const struct sockaddr *)ret_addr, len) || listen(fd, backlog) ||
	    getsockname(fd, (struct sockaddr *)ret_addr, &len))
		die("listen");
	return fd;
}

/* A reset leaves no TIME_WAIT behind, of which there are only as many as ports. */
static void reset(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) || close(fd))
		die("close");
}

static void connect_pair(int listener, const struct sockaddr_in *addr, int fds[2])
{
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fds[0] < 0 || connect(fds[0], (const struct sockaddr *)addr, sizeof(*addr)))
		die("connect");
	fds[1] = accept(listener, NULL, NULL);
	if (fds[1] < 0)
		die("accept");
}

static struct result make_connects(uint64_t duration_ns, char **command)
{
	struct result res = { 0 };
	struct sockaddr_in addr;
	int listener = listen_here(&addr, 8);
	uint64_t begin = slo_clock_monotonic_ns();
	int fds[2];

	(void)command;
	do {
		connect_pair(listener, &addr, fds);
		reset(fds[0]);
		reset(fds[1]);
		res.events++;
		if (res.events % 16 == 0)
			pace(begin, res.events);
		res.ns = slo_clock_monotonic_ns() - begin;
	} while (res.ns < duration_ns);
	return res;
}

/* --- retransmits: streams over a loopback that loses segments ----------------------------------------------------- */

/* RetransSegs of this network namespace. */
static uint64_t retransmits(void)
{
	FILE *f = fopen("/proc/net/snmp", "re");
	char line[1024];
	uint64_t n = 0;

	if (!f)
		die("/proc/net/snmp");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Tcp: %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %" SCNu64, &n) ==
		    1)
			break;
	}
	(void)fclose(f);
	return n;
}

static void run(char **command)
{
	int status = 0;
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (!child) {
		(void)execvp(command[0], command);
		die(command[0]);
	}
	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	if (status)
		exit(1);
}

static void stream(struct pollfd *fds, char *buf, size_t size)
{
	for (int i = 0; i < STREAMS * 2; i++) {
		if (fds[i].revents & POLLIN)
			(void)!recv(fds[i].fd, buf, size, MSG_DONTWAIT);
		else if (fds[i].revents & POLLOUT)
			(void)!send(fds[i].fd, buf, 4096, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static struct result make_retransmits(uint64_t duration_ns, char **command)
{
	static char buf[65536];
	struct pollfd fds[STREAMS * 2];
	struct sockaddr_in addr;
	int listener = listen_here(&addr, STREAMS);
	uint64_t begin, before, ns;

	for (int i = 0; i < STREAMS; i++) {
		int pair[2];

		connect_pair(listener, &addr, pair);
		fds[i] = (struct pollfd){ .fd = pair[0], .events = POLLOUT };
		fds[STREAMS + i] = (struct pollfd){ .fd = pair[1], .events = POLLIN };
	}
	if (command[0])
		run(command);
	before = retransmits();
	begin = slo_clock_monotonic_ns();
	do {
		if (poll(fds, STREAMS * 2, 100) < 0)
			die("poll");
		stream(fds, buf, sizeof(buf));
		ns = slo_clock_monotonic_ns() - begin;
	} while (ns < duration_ns);
	return (struct result){ retransmits() - before, ns };
}

/* --- reads of $SLO_BENCH_FILE ------------------------------------------------------------------------------------ */

static struct result make_reads(uint64_t duration_ns, int flags)
{
	const char *path = getenv("SLO_BENCH_FILE");
	int fd = open(path ? path : "", O_RDONLY | O_CLOEXEC | flags);
	void *page = aligned_alloc(PAGE, PAGE);
	struct result res = { 0 };
	uint64_t begin;

	if (fd < 0 || !page)
		die("SLO_BENCH_FILE");
	begin = slo_clock_monotonic_ns();
	do {
		for (int i = 0; i < BATCH; i++) {
			if (pread(fd, page, PAGE, (off_t)i * PAGE) != PAGE)
				die("read");
		}
		res.events += BATCH;
		res.ns = slo_clock_monotonic_ns() - begin;
	} while (res.ns < duration_ns);
	return res;
}

static struct result make_block_reads(uint64_t duration_ns, char **command)
{
	(void)command;
	return make_reads(duration_ns, O_DIRECT);
}

static struct result make_cached_reads(uint64_t duration_ns, char **command)
{
	(void)command;
	return make_reads(duration_ns, 0);
}

/* --- direct reclaim ---------------------------------------------------------------------------------------------- */

#define LEFT_BYTES (96ULL << 20)
#define CHUNK (1 << 20)

/* The sum of all numbers in @path whose name begins with @key. */
static uint64_t sum_of(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char line[256], *end;
	uint64_t sum = 0;

	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		end = strpbrk(line, " \t");
		if (end && strncmp(line, key, strlen(key)) == 0)
			sum += strtoull(end, NULL, 10);
	}
	(void)fclose(f);
	return sum;
}

/* All but LEFT_BYTES is held; it goes with the process. */
static void hold_memory(void)
{
	uint64_t free_bytes = sum_of("/proc/meminfo", "MemAvailable:") << 10;
	size_t size = free_bytes > LEFT_BYTES ? free_bytes - LEFT_BYTES : 0;
	void *held = size ? mmap(NULL, size, PROT_READ | PROT_WRITE,
	                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)
	                  : MAP_FAILED;

	if (held == MAP_FAILED)
		die("memory");
}

/* Ahead of kswapd, which is to be on this CPU too and has no time to reclaim: the reader does it itself. */
static struct result make_reclaims(uint64_t duration_ns, char **command)
{
	const struct sched_param first = { .sched_priority = 1 };
	const char *path = getenv("SLO_BENCH_FILE");
	int fd = open(path ? path : "", O_RDONLY | O_CLOEXEC);
	char *chunk = malloc(CHUNK);
	uint64_t begin, before, ns;

	(void)command;
	if (fd < 0 || !chunk)
		die("SLO_BENCH_FILE");
	hold_memory();
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		die("SCHED_FIFO");
	before = sum_of("/proc/vmstat", "allocstall");
	begin = slo_clock_monotonic_ns();
	do {
		if (read(fd, chunk, CHUNK) != CHUNK)
			die("read");
		ns = slo_clock_monotonic_ns() - begin;
	} while (ns < duration_ns);
	return (struct result){ sum_of("/proc/vmstat", "allocstall") - before, ns };
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		struct result (*make)(uint64_t duration_ns, char **command);
	} kinds[] = {
		{ "switch", make_switches },        { "connect", make_connects },
		{ "retransmit", make_retransmits }, { "block", make_block_reads },
		{ "read", make_cached_reads },      { "reclaim", make_reclaims },
	};
	cpu_set_t cpu;

	if (argc < 4) {
		(void)fprintf(
			stderr,
			"usage: load switch|connect|retransmit|block|read|reclaim CPU SECONDS [COMMAND...]\n");
		return 2;
	}
	rate = getenv("LOAD_RATE") ? strtoull(getenv("LOAD_RATE"), NULL, 10) : 0;
	CPU_ZERO(&cpu);
	CPU_SET(strtoul(argv[2], NULL, 10), &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		die("CPU");
	for (size_t i = 0; i < SLO_ARRAY_SIZE(kinds); i++) {
		struct result r;

		if (strcmp(kinds[i].name, argv[1]) != 0)
			continue;
		r = kinds[i].make((uint64_t)(strtod(argv[3], NULL) * 1e9), argv + 4);
		(void)printf("events=%" PRIu64 " ns=%" PRIu64 "\n", r.events, r.ns);
		return 0;
	}
	(void)fprintf(stderr, "load: no kind '%s'\n", argv[1]);
	return 2;
}
