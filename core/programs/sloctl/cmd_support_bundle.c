/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl support-bundle`: what a report of a problem needs, in one file; what could not be had is told in it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/plain.h"
#include "core/codec/json_pool.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/control.h"
#include "core/programs/sloctl/ustar.h"

#define PROG "sloctl support-bundle"
#define PART_MAX ((size_t)8 << 20)
#define WAIT_NS (60 * SLO_NS_PER_SEC)
#define SELF "/proc/self/exe"

struct bundle_args {
	const char *out;
	const char *config;
	const char *control;
	const char *log;
	bool no_logs;
};

#define AT(field) offsetof(struct bundle_args, field)

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "out", .letter = 'O', .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(out),
	  .help = "the archive; - is stdout (llm-slo-support.tar)" },
	{ .name = "config", .letter = 'c', .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(config),
	  .help = "the agent's configuration (" SLO_CONFIG_DEFAULT_PATH ")" },
	{ .name = "control", .arg = "SOCKET", .type = SLO_OPT_STRING, .offset = AT(control),
	  .help = "the agent's socket ([agent] control)" },
	{ .name = "log", .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(log),
	  .help = "the agent's log, where it is not in the journal" },
	{ .name = "no-logs", .type = SLO_OPT_BOOL, .offset = AT(no_logs), .help = "leave the log out" },
};
/* clang-format on */

const struct slo_options slo_cmd_support_bundle_options = {
	.prog = PROG,
	.usage = "[options]",
	.about =
		"Writes one tar archive: versions, the report of `sloctl prereq check`, the configuration\n"
		"without its secrets, the agent's counters, signals and incidents, its last log lines. It\n"
		"holds names of processes, pods and services: read it before you give it away.\n"
		"Exit: 0 done, 2 usage, 4 cannot write, 5 done, but some parts could not be had.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

struct bundle {
	FILE *out;
	long long now_s;
	char *part; /* PART_MAX bytes */
	char missing[4096]; /* a line for each part that could not be had */
	unsigned int missed;
	int error;
};

static void miss(struct bundle *b, const char *name, const char *why)
{
	size_t n = strlen(b->missing);

	b->missed++;
	(void)snprintf(b->missing + n, sizeof(b->missing) - n, "%s: %s\n", name, why);
}

static void add(struct bundle *b, const char *name, const void *data, size_t len)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "llm-slo-support/%s", name);
	if (!b->error)
		b->error = slo_ustar_add(b->out, path, data, len, b->now_s);
}

/* --- what programs say ------------------------------------------------------------------------------------------ */

static _Noreturn void become(int out, const char *const argv[])
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char *words[16];
	size_t n = 0;

	for (; argv[n] && n + 1 < SLO_ARRAY_SIZE(words); n++)
		words[n] = strdup(argv[n]);
	words[n] = NULL;
	if (dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
	    dup2(out, STDERR_FILENO) >= 0)
		(void)execvp(words[0], words);
	_exit(127);
}

/* Up to PART_MAX bytes; what runs too long is ended. */
static size_t gather(int fd, char *buf)
{
	uint64_t end = slo_clock_monotonic_ns() + WAIT_NS;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	while (len < PART_MAX) {
		uint64_t now = slo_clock_monotonic_ns();
		ssize_t n;

		if (now >= end || poll(&p, 1, (int)((end - now) / SLO_NS_PER_MS) + 1) <= 0)
			break;
		n = read(fd, buf + len, PART_MAX - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	return len;
}

/* Webhooks' URLs are secrets of their own: of each URL scheme and host stay. What is left of @len. */
static size_t mask_urls(char *text, size_t len)
{
	const char *end;

	len = slo_plain_urls(text, len);
	end = text + len;
	for (char *at = text; (at = memmem(at, (size_t)(end - at), "://", 3));) {
		bool path = false;

		for (at += 3; at < end && !strchr(" \t\r\n\"", *at); at++) {
			if (path)
				*at = '*';
			path = path || strchr("/?#", *at);
		}
	}
	return len;
}

/* How journalctl says that it has nothing; it ends well all the same. */
static bool is_empty_journal(const char *text, size_t len)
{
	static const char *const words[] = { "-- No entries --", "No journal files were found" };

	for (size_t i = 0; i < SLO_ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i]);

		if (len >= n && memcmp(text, words[i], n) == 0)
			return true;
	}
	return false;
}

/* @hint: what to do about a part that could not be had; "": nothing to be said. */
static void add_output(struct bundle *b, const char *name, const char *const argv[],
                       const char *hint)
{
	char why[256];
	int pipe_fd[2], status = 0;
	size_t len;
	pid_t child;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0) {
		miss(b, name, strerror(errno));
		return;
	}
	child = fork();
	if (child == 0)
		become(pipe_fd[1], argv);
	(void)close(pipe_fd[1]);
	len = child > 0 ? gather(pipe_fd[0], b->part) : 0;
	(void)close(pipe_fd[0]);
	if (child > 0) {
		(void)kill(child, SIGTERM);
		(void)waitpid(child, &status, 0);
	}
	if (!len || is_empty_journal(b->part, len)) {
		(void)snprintf(why, sizeof(why), "%s: %s%s", argv[0],
		               WIFEXITED(status) && WEXITSTATUS(status) == 127
		                       ? "there is no such program here"
		                       : "it has nothing",
		               hint);
		miss(b, name, why);
		return;
	}
	add(b, name, b->part, mask_urls(b->part, len));
}

/* --- parts ------------------------------------------------------------------------------------------------------ */

static void add_versions(struct bundle *b)
{
	struct utsname u = { 0 };
	FILE *os = fopen("/etc/os-release", "re");
	size_t n;

	(void)uname(&u);
	n = (size_t)snprintf(b->part, PART_MAX, "sloctl %s\nkernel %s %s %s\n\n", SLO_VERSION,
	                     u.release, u.version, u.machine);
	if (os) {
		n += fread(b->part + n, 1, 4096, os);
		(void)fclose(os);
	}
	add(b, "versions.txt", b->part, n);
}

static void add_answers(struct bundle *b, const char *path)
{
	static const char *const asked[] = { "status", "top", "incidents" };

	for (size_t i = 0; i < SLO_ARRAY_SIZE(asked); i++) {
		struct slo_err err = { 0 };
		json_t *answer = NULL;
		char name[32];
		char *text;

		(void)snprintf(name, sizeof(name), "%s.json", asked[i]);
		if (slo_control_ask(path, asked[i], NULL, &answer, &err) < 0) {
			miss(b, name, err.msg);
			continue;
		}
		text = json_dumps(answer, JSON_INDENT(1));
		json_decref(answer);
		if (text)
			add(b, name, text, strlen(text));
		slo_json_pool_free(text); /* jansson's */
	}
}

/* Outside of systemd the log is the agent's standard error, and where that goes nobody here knows. */
#define LOG_HINT                                                                                \
	"; the agent logs to its standard error: add what kept it (docker logs, kubectl logs, " \
	"a supervisor's file) by --log FILE"

/* The last PART_MAX bytes. */
static void add_log_file(struct bundle *b, const char *path)
{
	slo_cleanup(slo_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	ssize_t n = -1;
	char why[256];

	if (size >= 0)
		n = pread(fd, b->part, PART_MAX,
		          size > (off_t)PART_MAX ? size - (off_t)PART_MAX : 0);
	if (n <= 0) {
		(void)snprintf(why, sizeof(why), "%.150s: %s", path,
		               n < 0 ? strerror(errno) : "it is empty");
		miss(b, "log.txt", why);
		return;
	}
	add(b, "log.txt", b->part, mask_urls(b->part, (size_t)n));
}

static void add_parts(struct bundle *b, const struct bundle_args *args, const char *path)
{
	const char *prereq[] = { SELF,   "prereq",   "check",      "--output",
		                 "json", "--config", args->config, NULL };
	const char *const logs[] = { "journalctl", "-u", "llm-slo-agent", "-n", "2000",
		                     "--no-pager", "-o", "short-iso",     NULL };
	const char *config[] = { SELF, "config", "print", "--config", args->config, NULL };

	if (!args->config)
		config[3] = prereq[5] = NULL;
	add_versions(b);
	add_output(b, "prereq.json", prereq, "");
	add_output(b, "config.ini", config, "");
	add_answers(b, path);
	if (args->log)
		add_log_file(b, args->log);
	else if (!args->no_logs)
		add_output(b, "log.txt", logs, LOG_HINT);
	if (b->missed)
		add(b, "missing.txt", b->missing, strlen(b->missing));
	if (!b->error)
		b->error = slo_ustar_end(b->out);
}

static int write_bundle(const struct bundle_args *args, const char *path)
{
	bool is_stdout = strcmp(args->out, "-") == 0;
	int fd = is_stdout ? -1
	                   : open(args->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	                          0600);
	slo_cleanup(slo_freep) char *part = malloc(PART_MAX);
	struct bundle b = { .now_s = (long long)time(NULL), .part = part };

	b.out = is_stdout ? stdout : fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!b.out || !part) {
		(void)fprintf(stderr, PROG ": %s: %s\n", args->out, strerror(errno));
		return SLO_EXIT_BACKEND;
	}
	add_parts(&b, args, path);
	if (is_stdout ? fflush(b.out) : fclose(b.out))
		b.error = -EIO;
	if (b.error) {
		(void)fprintf(stderr, PROG ": %s: %s\n", args->out, strerror(-b.error));
		return SLO_EXIT_BACKEND;
	}
	if (!is_stdout)
		(void)printf("%s\n", args->out);
	if (b.missed)
		(void)fprintf(stderr, PROG ": not in it:\n%s", b.missing);
	return b.missed ? SLO_EXIT_PARTIAL : SLO_EXIT_OK;
}

int slo_cmd_support_bundle(int argc, char **argv)
{
	struct bundle_args args = { .out = "llm-slo-support.tar" };
	char path[SLO_CONFIG_TEXT_LEN];
	int first, r = slo_options_parse(&slo_cmd_support_bundle_options, argc, argv, &args, NULL,
	                                 &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	/* A configuration that does not load is what the report may be about. */
	if (slo_control_path(PROG, args.config, args.control, path, sizeof(path)))
		(void)snprintf(path, sizeof(path), "/run/llm-slo/agent.sock");
	return write_bundle(&args, path);
}
