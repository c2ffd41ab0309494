/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/store/sink.h"
#include "test/unit/base/fail_alloc.h"

#define CONTENT_MAX (4 << 20)

static char dir[32];
static char path[64];
static char content[CONTENT_MAX];

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/slo-sink-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/events.jsonl", dir);
	return 0;
}

static int remove_dir(void **state)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	(void)state;
	while (d && (e = readdir(d))) {
		if (unlinkat(dirfd(d), e->d_name, 0) < 0)
			(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	}
	if (d)
		(void)closedir(d);
	return rmdir(dir);
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

/* 100 bytes with their newline. */
static int write_line(struct slo_sink *s, unsigned int number, struct slo_err *err)
{
	char line[101];

	(void)snprintf(line, sizeof(line), "{\"n\":%-93u}\n", number);
	return slo_sink_write(s, line, 100, err);
}

static const char *read_file(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, content, sizeof(content) - 1);
	assert_true(n >= 0);
	content[n] = '\0';
	(void)close(fd);
	return content;
}

/* Every line of @text is whole and their numbers grow; *@ret_last is the last. How many. */
static unsigned int check_lines(const char *text, unsigned int *ret_last)
{
	unsigned int count = 0;
	unsigned int last = 0;

	for (; *text; text += 100) {
		unsigned int n;

		assert_int_equal(strcspn(text, "\n"), 99);
		assert_int_equal(text[98], '}');
		assert_memory_equal(text, "{\"n\":", 5);
		n = (unsigned int)strtoul(text + 5, NULL, 10);
		assert_true(count == 0 || n > last);
		last = n;
		count++;
	}
	*ret_last = last;
	return count;
}

static struct slo_sink *open_sink(const struct slo_sink_config *cfg)
{
	struct slo_sink *s = NULL;
	struct slo_err err = { 0 };

	if (slo_sink_open(&s, cfg, &err) < 0)
		fail_msg("%s", err.msg);
	return s;
}

static void assert_accounts(const struct slo_sink *s, uint64_t given)
{
	struct slo_sink_stats st;

	slo_sink_stats_get(s, &st);
	assert_int_equal(st.written_lines + st.lost_lines + st.pending_lines, given);
}

static void lines_wait_until_flushed(void **state)
{
	slo_sink_auto struct slo_sink *s = open_sink(&(struct slo_sink_config){ .path = path });
	struct slo_sink_stats st;
	struct stat file;
	unsigned int last;

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(write_line(s, i, NULL), 0);
	assert_string_equal(read_file(path), "");
	assert_int_equal(slo_sink_flush(s, NULL), 0);
	assert_int_equal(check_lines(read_file(path), &last), 10);
	slo_sink_stats_get(s, &st);
	assert_int_equal(st.written_lines, 10);
	assert_int_equal(st.written_bytes, 1000);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0640);
}

static void closing_writes_what_waits(void **state)
{
	struct slo_sink *s = open_sink(&(struct slo_sink_config){ .path = path });
	struct slo_sink_stats st;
	unsigned int last;

	(void)state;
	(void)write_line(s, 1, NULL);
	assert_int_equal(slo_sink_close(&s, &st, NULL), 0);
	assert_null(s);
	assert_int_equal(st.written_lines, 1);
	assert_int_equal(check_lines(read_file(path), &last), 1);
}

static void full_buffer_is_written_by_itself(void **state)
{
	slo_sink_auto struct slo_sink *s = open_sink(&(struct slo_sink_config){ .path = path });
	unsigned int last;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(write_line(s, i, NULL), 0);
	assert_true(check_lines(read_file(path), &last) >= 600);
	assert_accounts(s, 1000);
}

static void rotation_keeps_whole_lines_and_the_newest_files(void **state)
{
	const struct slo_sink_config cfg = { .path = path, .max_bytes = 1050, .keep = 3 };
	struct slo_sink *s = open_sink(&cfg);
	struct slo_sink_stats st;
	unsigned int next = 70; /* the older ones are gone */

	(void)state;
	for (unsigned int i = 0; i < 105; i++)
		assert_int_equal(write_line(s, i, NULL), 0);
	assert_int_equal(slo_sink_close(&s, &st, NULL), 0);
	assert_int_equal(st.rotations, 10);
	assert_int_equal(st.written_lines, 105);

	for (int n = 3; n >= 0; n--) {
		char name[80];
		unsigned int last = 0;

		(void)snprintf(name, sizeof(name), n ? "%s.%d" : "%s", path, n);
		next += check_lines(read_file(name), &last);
		assert_int_equal(last + 1, next);
		assert_true(strlen(content) <= cfg.max_bytes);
	}
	assert_int_equal(next, 105);
	(void)snprintf(content, sizeof(content), "%s.4", path);
	assert_int_equal(access(content, F_OK), -1);
}

static void rotation_counts_what_stood_in_the_file_before(void **state)
{
	const struct slo_sink_config cfg = { .path = path, .max_bytes = 1000, .keep = 1 };
	struct slo_sink *s = open_sink(&cfg);
	struct slo_sink_stats st;

	(void)state;
	for (unsigned int i = 0; i < 9; i++)
		(void)write_line(s, i, NULL);
	assert_int_equal(slo_sink_close(&s, NULL, NULL), 0);
	s = open_sink(&cfg);
	(void)write_line(s, 9, NULL);
	slo_sink_stats_get(s, &st);
	assert_int_equal(st.rotations, 0);
	(void)write_line(s, 10, NULL);
	slo_sink_stats_get(s, &st);
	assert_int_equal(st.rotations, 1);
	assert_int_equal(slo_sink_close(&s, NULL, NULL), 0);
}

static void keeping_none_empties_the_file(void **state)
{
	const struct slo_sink_config cfg = { .path = path, .max_bytes = 1000 };
	struct slo_sink *s = open_sink(&cfg);
	unsigned int last;

	(void)state;
	for (unsigned int i = 0; i < 25; i++)
		assert_int_equal(write_line(s, i, NULL), 0);
	assert_int_equal(slo_sink_close(&s, NULL, NULL), 0);
	assert_int_equal(check_lines(read_file(path), &last), 5);
	assert_int_equal(last, 24);
}

static void failed_rotation_is_told_once_and_stops_nothing(void **state)
{
	const struct slo_sink_config cfg = {
		.path = path, .max_bytes = 1000, .keep = 1, .retry_ns = 1
	};
	slo_sink_auto struct slo_sink *s = NULL;
	struct slo_err err = { 0 };
	char first[80];
	unsigned int last;
	int told = 0;

	(void)state;
	(void)snprintf(first, sizeof(first), "%s.1", path);
	assert_int_equal(mkdir(first, 0700), 0);
	s = open_sink(&cfg);
	for (unsigned int i = 0; i < 30; i++) {
		int r = write_line(s, i, &err);

		assert_true(r <= 0);
		told += r < 0;
	}
	assert_int_equal(told, 1);
	assert_int_equal(err.code, -EISDIR);
	assert_non_null(strstr(err.msg, "cannot rotate"));
	assert_int_equal(slo_sink_flush(s, NULL), 0);
	assert_int_equal(check_lines(read_file(path), &last), 30);
	assert_int_equal(rmdir(first), 0);
	assert_int_equal(write_line(s, 30, &err), 1);
	assert_int_equal(check_lines(read_file(first), &last), 30);
	assert_accounts(s, 31);
}

static void full_disk_is_told_once_and_counted(void **state)
{
	const struct slo_sink_config cfg = { .path = "/dev/full", .retry_ns = 1 };
	struct slo_sink *s = open_sink(&cfg);
	struct slo_sink_stats st;
	struct slo_err err = { 0 };
	int told = 0;

	(void)state;
	for (unsigned int i = 0; i < 2000; i++)
		told += write_line(s, i, &err) < 0;
	assert_int_equal(told, 1);
	assert_int_equal(err.code, -ENOSPC);
	assert_non_null(strstr(err.msg, "/dev/full"));
	assert_non_null(strstr(err.msg, "free space"));
	assert_int_equal(slo_sink_flush(s, &err), 0);
	assert_accounts(s, 2000);
	assert_int_equal(slo_sink_close(&s, &st, &err), -EIO);
	assert_int_equal(st.lost_lines, 2000);
	assert_int_equal(st.written_lines, 0);
}

static void output_is_not_tried_again_before_its_time(void **state)
{
	const struct slo_sink_config cfg = { .path = "/dev/full",
		                             .retry_ns = UINT64_C(3600000000000) };
	slo_sink_auto struct slo_sink *s = open_sink(&cfg);
	struct slo_sink_stats st;

	(void)state;
	(void)write_line(s, 0, NULL);
	assert_int_equal(slo_sink_flush(s, NULL), -ENOSPC);
	for (unsigned int i = 1; i < 3000; i++) {
		assert_int_equal(write_line(s, i, NULL), 0);
		assert_int_equal(slo_sink_flush(s, NULL), 0);
	}
	slo_sink_stats_get(s, &st);
	assert_int_equal(st.failures, 1);
	assert_accounts(s, 3000);
}

/* The limit cuts a write in the middle of a line, as a full disk does. */
static void torn_line_is_cut_off_and_written_again_later(void **state)
{
	const struct slo_sink_config cfg = { .path = path, .retry_ns = 1 };
	slo_sink_auto struct slo_sink *s = open_sink(&cfg);
	struct slo_err err = { 0 };
	struct rlimit old;
	struct rlimit tight;
	unsigned int last;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = (struct rlimit){ 1050, old.rlim_max };
	for (unsigned int i = 0; i < 30; i++)
		(void)write_line(s, i, NULL);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(slo_sink_flush(s, &err), -EFBIG);
	assert_int_equal(slo_sink_flush(s, NULL), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_non_null(strstr(err.msg, "LimitFSIZE"));
	assert_int_equal(check_lines(read_file(path), &last), 10);
	assert_accounts(s, 30);

	assert_int_equal(slo_sink_flush(s, NULL), 1);
	assert_int_equal(slo_sink_flush(s, NULL), 0);
	assert_int_equal(check_lines(read_file(path), &last), 30);
	assert_accounts(s, 30);
}

/*
 * Puts @fd in the place of stdout; returns the old one. cmocka prints to it, so it must come back.
 */
static int stdout_to(int fd)
{
	int old;

	(void)fflush(stdout);
	old = dup(STDOUT_FILENO);
	assert_true(old >= 0);
	assert_true(dup2(fd, STDOUT_FILENO) >= 0);
	return old;
}

static void stdout_back(int old)
{
	(void)dup2(old, STDOUT_FILENO);
	(void)close(old);
}

static void closed_pipe_is_told_once(void **state)
{
	struct slo_sink *s = NULL;
	struct slo_sink_stats st;
	struct slo_err err = { 0 };
	int results[4];
	int pipes[2];
	int old;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	(void)close(pipes[0]);
	old = stdout_to(pipes[1]);
	s = open_sink(&(struct slo_sink_config){ .retry_ns = 1 });
	results[0] = write_line(s, 0, &err);
	results[1] = slo_sink_flush(s, &err);
	results[2] = slo_sink_flush(s, NULL);
	results[3] = slo_sink_close(&s, &st, NULL);
	stdout_back(old);
	(void)close(pipes[1]);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], -EPIPE);
	assert_int_equal(results[2], 0);
	assert_int_equal(results[3], -EIO);
	assert_int_equal(st.lost_lines, 1);
	assert_non_null(strstr(err.msg, "stdout"));
}

struct slow_reader {
	uint64_t given;
	unsigned int told;
	unsigned int recovered;
	struct slo_sink_stats stats;
};

static size_t drain(int fd, char *to, size_t size)
{
	size_t n = 0;
	ssize_t r;

	while ((r = read(fd, to + n, size - n)) > 0)
		n += (size_t)r;
	return n;
}

/* Writes to fd 1 without anybody reading, then reads all, then goes on. */
static void write_past_a_slow_reader(int reader, struct slow_reader *ret)
{
	struct slo_sink *s = open_sink(&(struct slo_sink_config){ .path = "-" });
	size_t n;

	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < 5000; i++) {
			int r = write_line(s, (unsigned int)ret->given++, NULL);

			ret->told += r < 0;
			ret->recovered += r > 0;
		}
		if (round)
			break;
		n = drain(reader, content, CONTENT_MAX - 1);
		while (slo_sink_flush(s, NULL) > 0)
			ret->recovered++;
		n += drain(reader, content + n, CONTENT_MAX - 1 - n);
	}
	slo_sink_stats_get(s, &ret->stats);
	(void)slo_sink_flush(s, NULL);
	n += drain(reader, content + n, CONTENT_MAX - 1 - n);
	(void)slo_sink_flush(s, NULL);
	n += drain(reader, content + n, CONTENT_MAX - 1 - n);
	content[n] = '\0';
	(void)slo_sink_close(&s, &ret->stats, NULL);
}

static void check_slow_reader(int reader, int writer)
{
	struct slow_reader got = { 0 };
	unsigned int last;
	int old;

	assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	old = stdout_to(writer);
	(void)alarm(60);
	write_past_a_slow_reader(reader, &got);
	(void)alarm(0);
	stdout_back(old);
	assert_int_equal(got.told, 2);
	assert_int_equal(got.recovered, 1);
	assert_int_equal(check_lines(content, &last), got.stats.written_lines);
	assert_true(got.stats.written_lines > 1000);
	assert_int_equal(got.stats.written_lines + got.stats.lost_lines, got.given);
	(void)close(reader);
	(void)close(writer);
}

static void full_blocking_pipe_never_blocks_and_tears_no_line(void **state)
{
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	check_slow_reader(pipes[0], pipes[1]);
}

static void full_nonblocking_pipe_is_counted(void **state)
{
	int pipes[2];

	(void)state;
	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	check_slow_reader(pipes[0], pipes[1]);
}

static void full_socket_never_blocks(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	check_slow_reader(pair[0], pair[1]);
}

static void stdout_file_is_cut_as_well(void **state)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct slo_sink *s = NULL;
	struct rlimit limit;
	struct rlimit tight;
	unsigned int last;
	int results[2];
	int old;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	tight = (struct rlimit){ 1050, limit.rlim_max };
	old = stdout_to(fd);
	s = open_sink(&(struct slo_sink_config){ .retry_ns = 1 });
	for (unsigned int i = 0; i < 30; i++)
		(void)write_line(s, i, NULL);
	(void)setrlimit(RLIMIT_FSIZE, &tight);
	results[0] = slo_sink_flush(s, NULL);
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	(void)read_file(path);
	results[1] = slo_sink_flush(s, NULL);
	stdout_back(old);
	assert_int_equal(results[0], -EFBIG);
	assert_int_equal(results[1], 1);
	assert_int_equal(check_lines(content, &last), 10);
	assert_int_equal(check_lines(read_file(path), &last), 30);
	slo_sink_closep(&s);
	(void)close(fd);
}

static void put_file(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

/*
 * Where the file goes on behind the torn line, somebody else wrote there: the line is completed
 * later instead.
 */
static void foreign_output_behind_a_torn_line_stays(void **state)
{
	struct slo_sink *s = NULL;
	struct rlimit limit;
	struct rlimit tight;
	unsigned int last;
	struct stat st;
	int results[2];
	int old;
	int fd;

	(void)state;
	put_file("");
	assert_int_equal(truncate(path, 2000), 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	tight = (struct rlimit){ 1050, limit.rlim_max };
	old = stdout_to(fd);
	s = open_sink(&(struct slo_sink_config){ .retry_ns = 1 });
	for (unsigned int i = 0; i < 30; i++)
		(void)write_line(s, i, NULL);
	(void)setrlimit(RLIMIT_FSIZE, &tight);
	results[0] = slo_sink_flush(s, NULL);
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	(void)fstat(fd, &st);
	results[1] = slo_sink_flush(s, NULL);
	stdout_back(old);
	assert_int_equal(results[0], -EFBIG);
	assert_int_equal(results[1], 1);
	assert_int_equal(st.st_size, 2000);
	assert_int_equal(check_lines(read_file(path), &last), 30);
	assert_accounts(s, 30);
	slo_sink_closep(&s);
	(void)close(fd);
}

static void last_line_without_newline_is_repaired(void **state)
{
	static const struct {
		const char *before;
		const char *after;
	} cases[] = {
		{ "", "" },
		{ "{\"a\":1}\n", "{\"a\":1}\n" },
		{ "{\"a\":1}\n{\"a\":", "{\"a\":1}\n" }, /* torn by a crash */
		{ "{\"a\":", "" },
		{ "{\"a\":1}\n{\"a\":2}", "{\"a\":1}\n{\"a\":2}\n" }, /* by an editor */
		{ "notes of mine", "notes of mine\n" }, /* not ours: nothing is taken away */
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		struct slo_sink *s;

		put_file(cases[i].before);
		s = open_sink(&(struct slo_sink_config){ .path = path });
		assert_string_equal(read_file(path), cases[i].after);
		slo_sink_closep(&s);
	}
}

static void long_torn_line_is_found_across_blocks(void **state)
{
	char *text = malloc(20001);
	struct slo_sink *s;

	(void)state;
	memset(text, 'x', 20000);
	text[20000] = '\0';
	memcpy(text, "{}\n{", 4);
	put_file(text);
	s = open_sink(&(struct slo_sink_config){ .path = path });
	assert_string_equal(read_file(path), "{}\n");
	slo_sink_closep(&s);
	free(text);
}

static void reopening_follows_a_renamed_file(void **state)
{
	slo_sink_auto struct slo_sink *s = open_sink(&(struct slo_sink_config){ .path = path });
	char moved[80];
	unsigned int last;

	(void)state;
	(void)snprintf(moved, sizeof(moved), "%s.moved", path);
	(void)write_line(s, 1, NULL);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(slo_sink_reopen(s, NULL), 0);
	(void)write_line(s, 2, NULL);
	assert_int_equal(slo_sink_flush(s, NULL), 0);
	assert_int_equal(check_lines(read_file(moved), &last), 1);
	assert_int_equal(last, 1);
	assert_int_equal(check_lines(read_file(path), &last), 1);
	assert_int_equal(last, 2);
}

static void failed_reopening_keeps_the_old_file(void **state)
{
	slo_sink_auto struct slo_sink *s = open_sink(&(struct slo_sink_config){ .path = path });
	struct slo_err err = { 0 };
	char moved[80];
	unsigned int last;

	(void)state;
	(void)snprintf(moved, sizeof(moved), "%s.moved", path);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(slo_sink_reopen(s, &err), -EISDIR);
	assert_non_null(strstr(err.msg, path));
	(void)write_line(s, 1, NULL);
	assert_int_equal(slo_sink_flush(s, NULL), 0);
	assert_int_equal(check_lines(read_file(moved), &last), 1);
}

static void reopening_ends_an_outage(void **state)
{
	const struct slo_sink_config cfg = { .path = path, .retry_ns = UINT64_C(3600000000000) };
	slo_sink_auto struct slo_sink *s = NULL;
	unsigned int last;

	(void)state;
	assert_int_equal(symlink("/dev/full", path), 0);
	s = open_sink(&cfg);
	(void)write_line(s, 1, NULL);
	assert_int_equal(slo_sink_flush(s, NULL), -ENOSPC);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(slo_sink_reopen(s, NULL), 1);
	assert_int_equal(check_lines(read_file(path), &last), 1);
}

static void records_that_cannot_be_lines_are_refused(void **state)
{
	slo_sink_auto struct slo_sink *s = open_sink(&(struct slo_sink_config){ .path = path });
	char *big = calloc(1, SLO_SINK_BUFFER_BYTES + 1);
	struct slo_err err = { 0 };

	(void)state;
	memset(big, ' ', SLO_SINK_BUFFER_BYTES);
	big[SLO_SINK_BUFFER_BYTES] = '\n';
	assert_int_equal(slo_sink_write(s, big, SLO_SINK_BUFFER_BYTES + 1, &err), -EMSGSIZE);
	assert_int_equal(slo_sink_write(s, big + 1, SLO_SINK_BUFFER_BYTES, &err), 0);
	assert_int_equal(slo_sink_write(s, "{}", 2, &err), -EINVAL);
	assert_int_equal(slo_sink_write(s, "{}\n{}\n", 6, &err), -EINVAL);
	assert_int_equal(slo_sink_write(s, "", 0, &err), -EINVAL);
	assert_accounts(s, 5);
	free(big);
}

static void bad_outputs_are_refused_with_a_way_out(void **state)
{
	char *long_path = calloc(1, 5000);
	struct slo_sink_config bad[] = {
		{ .path = "" },
		{ .path = path, .keep = SLO_SINK_KEEP_MAX + 1 },
		{ .path = "/nonexistent-directory/x" },
		{ .path = "/tmp" },
		{ .path = long_path },
		{ .path = path }, /* a FIFO without a reader, below */
	};
	int before = open_fds();

	(void)state;
	memset(long_path, 'p', 4999);
	assert_int_equal(mkfifo(path, 0600), 0);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		struct slo_sink *s = NULL;
		struct slo_err err = { 0 };

		assert_true(slo_sink_open(&s, &bad[i], &err) < 0);
		assert_null(s);
		assert_true(strlen(err.msg) > 10);
	}
	assert_int_equal(open_fds(), before);
	free(long_path);
}

static void descriptors_are_not_leaked(void **state)
{
	const struct slo_sink_config cfg = { .path = path, .max_bytes = 500, .keep = 2 };
	int before = open_fds();
	struct slo_sink *s = open_sink(&cfg);

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		(void)write_line(s, i, NULL);
	assert_int_equal(slo_sink_reopen(s, NULL), 0);
	slo_sink_closep(&s);
	slo_sink_closep(&s);
	assert_int_equal(open_fds(), before);
}

static void each_failed_allocation_leaves_nothing(void **state)
{
	const struct slo_sink_config cfg = { .path = path };
	int before = open_fds();

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (int n = 0; n < 2; n++) {
		struct slo_sink *s = NULL;
		struct slo_err err = { 0 };

		fail_alloc_after = n;
		assert_int_equal(slo_sink_open(&s, &cfg, &err), -ENOMEM);
		fail_alloc_after = -1;
		assert_null(s);
		assert_true(strlen(err.msg) > 0);
	}
	assert_int_equal(open_fds(), before);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(lines_wait_until_flushed),
		IN_DIR(closing_writes_what_waits),
		IN_DIR(full_buffer_is_written_by_itself),
		IN_DIR(rotation_keeps_whole_lines_and_the_newest_files),
		IN_DIR(rotation_counts_what_stood_in_the_file_before),
		IN_DIR(keeping_none_empties_the_file),
		IN_DIR(failed_rotation_is_told_once_and_stops_nothing),
		IN_DIR(full_disk_is_told_once_and_counted),
		IN_DIR(output_is_not_tried_again_before_its_time),
		IN_DIR(torn_line_is_cut_off_and_written_again_later),
		IN_DIR(closed_pipe_is_told_once),
		IN_DIR(full_blocking_pipe_never_blocks_and_tears_no_line),
		IN_DIR(full_nonblocking_pipe_is_counted),
		IN_DIR(full_socket_never_blocks),
		IN_DIR(stdout_file_is_cut_as_well),
		IN_DIR(foreign_output_behind_a_torn_line_stays),
		IN_DIR(last_line_without_newline_is_repaired),
		IN_DIR(long_torn_line_is_found_across_blocks),
		IN_DIR(reopening_follows_a_renamed_file),
		IN_DIR(failed_reopening_keeps_the_old_file),
		IN_DIR(reopening_ends_an_outage),
		IN_DIR(records_that_cannot_be_lines_are_refused),
		IN_DIR(bad_outputs_are_refused_with_a_way_out),
		IN_DIR(descriptors_are_not_leaked),
		IN_DIR(each_failed_allocation_leaves_nothing),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)umask(022);
	return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
