/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "test/unit/base/remove_dir.h"

#define KILLS 100

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/slo_spool.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	(void)state;
	empty_dir(dir);
	return rmdir(dir);
}

static struct slo_spool *open_spool(uint64_t max_bytes, uint64_t max_age_ms)
{
	const struct slo_spool_config cfg = { .dir = dir,
		                              .max_bytes = max_bytes,
		                              .max_age_ms = max_age_ms };
	struct slo_spool *s = NULL;
	struct slo_err err = { 0 };

	if (slo_spool_open(&s, &cfg, &err) < 0)
		fail_msg("%s", err.msg);
	return s;
}

static void put(struct slo_spool *s, const char *text)
{
	assert_int_equal(slo_spool_append(s, 7, text, strlen(text), false, NULL), 0);
}

/* The oldest record is this one; acknowledged then. */
static void take(struct slo_spool *s, const char *text)
{
	struct slo_spool_record r;

	assert_int_equal(slo_spool_peek(s, &r), 0);
	assert_int_equal(r.len, strlen(text));
	assert_memory_equal(r.data, text, r.len);
	assert_int_equal(r.tag, 7);
	slo_spool_ack(s, r.position);
}

static void assert_empty(struct slo_spool *s)
{
	struct slo_spool_record r;

	assert_int_equal(slo_spool_peek(s, &r), -ENOENT);
}

static struct slo_spool_stats stats_of(const struct slo_spool *s)
{
	struct slo_spool_stats st;

	slo_spool_stats(s, &st);
	return st;
}

/* The only segment, or the nth. */
static void segment_path(char *path, size_t size, unsigned int nth)
{
	char name[8][32];
	unsigned int n = 0;
	DIR *d = opendir(dir);
	const struct dirent *e;

	while ((e = readdir(d)) && n < 8) {
		if (strstr(e->d_name, ".spool"))
			(void)snprintf(name[n++], sizeof(name[0]), "%s", e->d_name);
	}
	(void)closedir(d);
	assert_true(n > nth);
	qsort(name, n, sizeof(name[0]), (int (*)(const void *, const void *))strcmp);
	(void)snprintf(path, size, "%s/%s", dir, name[nth]);
}

static void records_come_back_in_order(void **state)
{
	struct slo_spool *s = open_spool(1 << 20, 0);

	(void)state;
	assert_empty(s);
	put(s, "one");
	put(s, "");
	put(s, "three");
	assert_int_equal(stats_of(s).records, 3);
	take(s, "one");
	take(s, "");
	assert_int_equal(stats_of(s).records, 1);
	put(s, "four");
	take(s, "three");
	take(s, "four");
	assert_empty(s);
	assert_int_equal(stats_of(s).bytes, 0);
	slo_spool_freep(&s);
	assert_null(s);
}

static void restart_forgets_nothing_and_repeats_nothing(void **state)
{
	struct slo_spool *s = open_spool(1 << 20, 0);
	uint64_t first, second;

	(void)state;
	assert_int_equal(slo_spool_append(s, 7, "a", 1, true, NULL), 0);
	first = slo_spool_last(s);
	put(s, "b");
	take(s, "a");
	slo_spool_freep(&s);
	s = open_spool(1 << 20, 0);
	assert_int_equal(stats_of(s).records, 1);
	put(s, "c");
	take(s, "b");
	take(s, "c");
	assert_empty(s);
	slo_spool_freep(&s);
	s = open_spool(1 << 20, 0);
	assert_empty(s);
	assert_int_equal(slo_spool_append(s, 7, "d", 1, false, NULL), 0);
	second = slo_spool_last(s);
	assert_int_equal(second, first + 3); /* no position twice, though nothing was left */
	take(s, "d");
	slo_spool_freep(&s);
}

static void one_owner_at_a_time(void **state)
{
	const struct slo_spool_config cfg = { .dir = dir, .max_bytes = 1 << 20 };
	struct slo_spool *s = open_spool(1 << 20, 0), *other = NULL;
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_spool_open(&other, &cfg, &err), -EBUSY);
	assert_null(other);
	assert_non_null(strstr(err.msg, dir));
	slo_spool_freep(&s);
	s = open_spool(1 << 20, 0);
	slo_spool_freep(&s);
}

static void oldest_go_first_past_the_cap(void **state)
{
	static char big[1000];
	struct slo_spool *s = open_spool(SLO_SPOOL_BYTES_MIN, 0);
	struct slo_spool_record r;
	struct slo_spool_stats st;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		memcpy(big, &i, sizeof(i));
		assert_int_equal(slo_spool_append(s, 0, big, sizeof(big), false, NULL), 0);
		assert_true(stats_of(s).bytes <= SLO_SPOOL_BYTES_MIN);
	}
	st = stats_of(s);
	assert_int_equal(st.dropped + st.records, 1000);
	assert_true(st.records > 50);
	assert_int_equal(slo_spool_peek(s, &r), 0);
	assert_int_equal(r.position, st.dropped + 1);
	assert_memory_equal(r.data, &(uint32_t){ (uint32_t)st.dropped }, 4);
	slo_spool_ack(s, 1000);
	assert_empty(s);
	assert_int_equal(stats_of(s).dropped, st.dropped);
	slo_spool_freep(&s);
}

static void count_lost(void *user, uint32_t tag)
{
	*(uint64_t *)user += tag;
}

static void each_lost_record_is_told(void **state)
{
	static char big[1000];
	uint64_t lost = 0;
	const struct slo_spool_config cfg = { .dir = dir,
		                              .max_bytes = SLO_SPOOL_BYTES_MIN,
		                              .max_age_ms = 1000,
		                              .on_lost = count_lost,
		                              .user = &lost };
	struct slo_spool *s = NULL;

	(void)state;
	assert_int_equal(slo_spool_open(&s, &cfg, NULL), 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(slo_spool_append(s, 3, big, sizeof(big), false, NULL), 0);
	assert_true(lost > 0);
	assert_int_equal(lost, 3 * stats_of(s).dropped);
	slo_spool_ack(s, 450);
	slo_spool_expire(s, (int64_t)(slo_clock_realtime_ns() / SLO_NS_PER_MS) + 5000);
	assert_int_equal(stats_of(s).records, 0);
	assert_int_equal(lost, 3 * stats_of(s).dropped);
	slo_spool_freep(&s);
}

static void record_larger_than_the_spool_is_refused(void **state)
{
	static char big[SLO_SPOOL_BYTES_MIN];
	struct slo_spool *s = open_spool(SLO_SPOOL_BYTES_MIN, 0);
	struct slo_err err = { 0 };

	(void)state;
	put(s, "small");
	assert_int_equal(slo_spool_append(s, 0, big, sizeof(big), false, &err), -EMSGSIZE);
	assert_int_equal(stats_of(s).failed, 1);
	assert_int_equal(slo_spool_append(s, 7, big, sizeof(big) - 56, false, &err), 0);
	assert_int_equal(stats_of(s).dropped, 1); /* the small one made room */
	slo_spool_ack(s, 2);
	assert_empty(s);
	slo_spool_freep(&s);
}

static void old_ones_are_given_up(void **state)
{
	struct slo_spool *s = open_spool(1 << 20, 60000);
	int64_t now = (int64_t)(slo_clock_realtime_ns() / SLO_NS_PER_MS);

	(void)state;
	put(s, "a");
	put(s, "b");
	slo_spool_expire(s, now + 59000);
	assert_int_equal(stats_of(s).records, 2);
	slo_spool_expire(s, now - 90000); /* a clock set back */
	assert_int_equal(stats_of(s).records, 2);
	slo_spool_expire(s, now + 70000);
	assert_int_equal(stats_of(s).records, 0);
	assert_int_equal(stats_of(s).dropped, 2);
	slo_spool_freep(&s);
}

static void torn_tail_is_cut_at_every_byte(void **state)
{
	char path[128];
	struct stat st;

	(void)state;
	for (off_t cut = 1;; cut++) {
		struct slo_spool *s;

		empty_dir(dir);
		s = open_spool(1 << 20, 0);
		put(s, "first");
		put(s, "second");
		slo_spool_freep(&s);
		segment_path(path, sizeof(path), 0);
		assert_int_equal(stat(path, &st), 0);
		if (cut >= 40 + 6)
			break;
		assert_int_equal(truncate(path, st.st_size - cut), 0);
		s = open_spool(1 << 20, 0);
		assert_int_equal(stats_of(s).records, 1);
		assert_int_equal(stats_of(s).torn_bytes, 40 + 6 - cut);
		put(s, "third");
		take(s, "first");
		take(s, "third");
		assert_empty(s);
		slo_spool_freep(&s);
	}
	empty_dir(dir);
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

static void damage_costs_what_was_damaged(void **state)
{
	char path[128];
	struct slo_spool *s = open_spool(1 << 20, 0);

	(void)state;
	put(s, "first");
	put(s, "second");
	put(s, "third");
	segment_path(path, sizeof(path), 0);
	flip(path, 16 + 40 + 5 + 40); /* data of the second */
	take(s, "first");
	take(s, "third");
	assert_empty(s);
	assert_int_equal(stats_of(s).damaged, 1);
	put(s, "fourth");
	put(s, "fifth");
	segment_path(path, sizeof(path), 0);
	flip(path, 16 + 8); /* head of the fourth: where the fifth begins is not known any more */
	assert_empty(s);
	assert_int_equal(stats_of(s).damaged, 3);
	put(s, "sixth");
	take(s, "sixth");
	slo_spool_freep(&s);
}

/* The process has no descriptor left until it is undone. */
static struct rlimit no_more_descriptors(void)
{
	struct rlimit was;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, was.rlim_max }), 0);
	return was;
}

static struct slo_spool *open_counted(uint64_t max_age_ms, uint64_t *lost)
{
	const struct slo_spool_config cfg = { .dir = dir,
		                              .max_bytes = SLO_SPOOL_BYTES_MIN,
		                              .max_age_ms = max_age_ms,
		                              .on_lost = count_lost,
		                              .user = lost };
	struct slo_spool *s = NULL;

	assert_int_equal(slo_spool_open(&s, &cfg, NULL), 0);
	return s;
}

/* Of 1040 bytes: three in a segment. */
static void put_big(struct slo_spool *s, unsigned int n)
{
	static const char big[1000];

	while (n--)
		assert_int_equal(slo_spool_append(s, 1, big, sizeof(big), false, NULL), 0);
}

static void what_cannot_be_opened_now_is_read_later(void **state)
{
	uint64_t lost = 0;
	struct slo_spool *s = open_counted(0, &lost);
	struct slo_spool_record r;
	struct rlimit was;
	int first, again;

	(void)state;
	put_big(s, 10);
	was = no_more_descriptors();
	first = slo_spool_peek(s, &r);
	again = slo_spool_peek(s, &r);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(first, -EMFILE);
	assert_int_equal(again, -EMFILE);
	assert_int_equal(stats_of(s).unread, EMFILE);
	assert_int_equal(stats_of(s).records, 10);
	assert_int_equal(stats_of(s).damaged + lost, 0);
	for (uint64_t i = 1; i <= 10; i++) {
		assert_int_equal(slo_spool_peek(s, &r), 0);
		assert_int_equal(r.position, i);
		slo_spool_ack(s, i);
	}
	assert_int_equal(stats_of(s).unread, 0);
	assert_empty(s);
	slo_spool_freep(&s);
}

static void what_is_done_stays_done_where_nothing_can_be_opened(void **state)
{
	uint64_t lost = 0;
	struct slo_spool *s = open_counted(0, &lost);
	struct slo_spool_record r;
	struct rlimit was;

	(void)state;
	put_big(s, 10);
	was = no_more_descriptors();
	slo_spool_ack(s, 5);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(stats_of(s).records, 5);
	assert_int_equal(slo_spool_peek(s, &r), 0);
	assert_int_equal(r.position, 6);
	slo_spool_freep(&s);
}

/* The age of what cannot be read is not known: it goes when it could not be for as long. */
static void what_cannot_be_read_for_long_is_given_up(void **state)
{
	uint64_t lost = 0;
	struct slo_spool *s = open_counted(60000, &lost);
	int64_t now = (int64_t)(slo_clock_realtime_ns() / SLO_NS_PER_MS);
	struct slo_spool_stats st;
	struct rlimit was;

	(void)state;
	put_big(s, 3);
	was = no_more_descriptors();
	slo_spool_expire(s, now);
	slo_spool_expire(s, now + 60000);
	st = stats_of(s);
	slo_spool_expire(s, now + 60001);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(st.records, 3);
	assert_int_equal(stats_of(s).dropped, 3);
	assert_int_equal(lost, 3); /* the descriptor it is written through told of them */
	assert_empty(s);
	slo_spool_freep(&s);
}

static void segment_that_is_gone_is_counted(void **state)
{
	uint64_t lost = 0;
	struct slo_spool *s = open_counted(0, &lost);
	struct slo_spool_record r;
	char path[128];

	(void)state;
	put_big(s, 10);
	segment_path(path, sizeof(path), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(slo_spool_peek(s, &r), 0);
	assert_int_equal(r.position, 4);
	assert_int_equal(stats_of(s).damaged, 3);
	slo_spool_freep(&s);
}

static void damage_is_stepped_over_at_a_restart(void **state)
{
	uint64_t lost = 0;
	struct slo_spool *s = open_counted(0, &lost);
	char path[128];

	(void)state;
	put(s, "first");
	put(s, "second");
	put(s, "third");
	put(s, "fourth");
	segment_path(path, sizeof(path), 0);
	slo_spool_freep(&s);
	flip(path, 16 + 40 + 5 + 40); /* data of the second */
	s = open_counted(0, &lost);
	assert_int_equal(stats_of(s).records, 4);
	assert_int_equal(stats_of(s).torn_bytes, 0);
	put(s, "fifth");
	take(s, "first");
	take(s, "third");
	take(s, "fourth");
	take(s, "fifth");
	assert_empty(s);
	assert_int_equal(stats_of(s).damaged, 1);
	assert_int_equal(lost, 7); /* its tag */
	slo_spool_freep(&s);
}

/* How many follow a broken head tells the next segment, where there is one. */
static void what_a_restart_cuts_off_is_counted(void **state)
{
	uint64_t lost = 0;
	struct slo_spool *s = open_counted(0, &lost);
	struct slo_spool_record r;
	char path[128];

	(void)state;
	put_big(s, 10);
	slo_spool_freep(&s);
	segment_path(path, sizeof(path), 0);
	flip(path, 16 + 1040 + 8); /* head of the second */
	segment_path(path, sizeof(path), 1);
	flip(path, 0); /* the segment's own: 4 to 6 */
	s = open_counted(0, &lost);
	assert_int_equal(stats_of(s).damaged, 5);
	assert_int_equal(stats_of(s).torn_bytes, 2 * 1040 + 3 * 1040);
	assert_int_equal(stats_of(s).records, 5);
	assert_int_equal(slo_spool_peek(s, &r), 0);
	assert_int_equal(r.position, 1);
	slo_spool_ack(s, 1);
	assert_int_equal(slo_spool_peek(s, &r), 0);
	assert_int_equal(r.position, 7);
	slo_spool_freep(&s);
	s = open_counted(0, &lost); /* counted once */
	slo_spool_ack(s, 7);
	assert_int_equal(stats_of(s).records, 3);
	slo_spool_freep(&s);
}

static void files_of_others_are_refused_or_ignored(void **state)
{
	static const char *const names[] = { "0000000000000001.spool", "0000000000000005.spool",
		                             "notes" };
	struct slo_spool *s;
	char path[128];

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(names); i++) {
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		f = fopen(path, "we");
		assert_non_null(f);
		(void)fputs(i ? "this is not a segment at all, is it" : "", f);
		(void)fclose(f);
	}
	s = open_spool(1 << 20, 0);
	assert_empty(s);
	put(s, "a");
	take(s, "a");
	slo_spool_freep(&s);
	assert_int_equal(access(path, F_OK), 0); /* "notes" is left alone */
	empty_dir(dir);
}

/* --- kill -9 -------------------------------------------------------------------------------------------------- */

struct told {
	uint64_t position;
	uint64_t content;
};

/* Appends for ever; tells each that was kept. */
static void write_until_killed(int fd, uint64_t seed)
{
	static uint8_t data[6000];
	struct slo_spool *s = open_spool(1 << 30, 0);
	uint64_t content = seed;

	for (;;) {
		struct told told = { .content = content };
		size_t len = 8 + content * 2654435761U % (sizeof(data) - 8);

		memset(data, (int)(content & 0xff), len);
		memcpy(data, &content, 8);
		if (slo_spool_append(s, 1, data, len, content % 64 == 0, NULL) != 0)
			_exit(3);
		told.position = slo_spool_last(s);
		if (write(fd, &told, sizeof(told)) != (ssize_t)sizeof(told))
			_exit(4);
		content++;
	}
}

static size_t read_told(int fd, struct told *told, size_t max)
{
	size_t n = 0;

	while (n < max && read(fd, &told[n], sizeof(told[0])) == (ssize_t)sizeof(told[0]))
		n++;
	return n;
}

static size_t one_kill(unsigned int round, uint64_t *next_content, struct told *told, size_t max)
{
	struct pollfd p = { .events = POLLIN };
	int fds[2];
	pid_t pid;
	size_t n;

	assert_int_equal(pipe(fds), 0);
	(void)fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(fds[0]);
		write_until_killed(fds[1], *next_content);
	}
	(void)close(fds[1]);
	p.fd = fds[0];
	(void)poll(&p, 1, 10000);
	(void)usleep(round * 7919 % 6000);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	n = read_told(fds[0], told, max);
	(void)close(fds[0]);
	*next_content += n + 1000000; /* what was kept but not told stays apart */
	return n;
}

/* What was told is there, in order, under its position; what is there beyond that was appended, whole. */
static uint64_t check_all(struct slo_spool *s, const struct told *told, size_t n)
{
	struct slo_spool_record r;
	uint64_t last = 0, extra = 0, content;
	size_t i = 0;

	while (slo_spool_peek(s, &r) == 0) {
		assert_true(r.position > last);
		last = r.position;
		memcpy(&content, r.data, 8);
		for (size_t k = 8; k < r.len; k++) {
			if (r.data[k] != (content & 0xff))
				fail_msg("record %" PRIu64 " is not as it was written", r.position);
		}
		if (i < n && told[i].position == r.position) {
			assert_true(told[i].content == content);
			i++;
		} else {
			extra++;
		}
		slo_spool_ack(s, r.position);
	}
	assert_int_equal(i, n);
	return extra;
}

static void kill_loses_nothing_that_was_kept(void **state)
{
	static struct told told[1 << 20];
	uint64_t content = 1, extra;
	size_t n = 0;
	struct slo_spool *s;
	struct slo_spool_stats st;

	(void)state;
	for (unsigned int round = 0; round < KILLS; round++)
		n += one_kill(round, &content, told + n, SLO_ARRAY_SIZE(told) - n);
	assert_true(n > KILLS);
	s = open_spool(1 << 30, 0);
	extra = check_all(s, told, n);
	st = stats_of(s);
	assert_int_equal(st.damaged, 0);
	assert_int_equal(st.dropped, 0);
	assert_true(extra <= KILLS); /* appended, killed before it was told */
	print_message("%d kills, %zu records told and there, %" PRIu64 " there untold\n", KILLS, n,
	              extra);
	slo_spool_freep(&s);
}

/* --- a full disk ---------------------------------------------------------------------------------------------- */

static void full_disk(void)
{
	static char big[3000];
	struct slo_spool *s = open_spool(1 << 20, 0);
	struct slo_err err = { 0 };
	struct slo_spool_stats st;
	unsigned int kept = 0;

	while (kept < 1000 && slo_spool_append(s, 7, big, sizeof(big), true, &err) == 0)
		kept++;
	assert_int_equal(err.code, -ENOSPC);
	assert_true(kept > 20 && kept < 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(slo_spool_append(s, 7, big, sizeof(big), false, NULL), -ENOSPC);
	st = stats_of(s);
	assert_int_equal(st.failed, 101);
	assert_int_equal(st.records, kept);
	slo_spool_ack(s, kept); /* room again */
	assert_empty(s);
	put(s, "room");
	slo_spool_freep(&s);
	s = open_spool(1 << 20, 0);
	assert_int_equal(stats_of(s).torn_bytes, 0);
	take(s, "room");
	slo_spool_freep(&s);
}

static void full_disk_is_told_and_survived(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("slo_spool", dir, "tmpfs", 0, "size=128k") < 0) {
		print_message("cannot mount a small disk here: %s\n", strerror(errno));
		skip();
	}
	full_disk();
	assert_int_equal(umount(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_come_back_in_order, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(restart_forgets_nothing_and_repeats_nothing,
		                                make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(one_owner_at_a_time, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(oldest_go_first_past_the_cap, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(each_lost_record_is_told, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(record_larger_than_the_spool_is_refused, make_dir,
		                                drop_dir),
		cmocka_unit_test_setup_teardown(old_ones_are_given_up, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(torn_tail_is_cut_at_every_byte, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(damage_costs_what_was_damaged, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(what_cannot_be_opened_now_is_read_later, make_dir,
		                                drop_dir),
		cmocka_unit_test_setup_teardown(what_is_done_stays_done_where_nothing_can_be_opened,
		                                make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_for_long_is_given_up, make_dir,
		                                drop_dir),
		cmocka_unit_test_setup_teardown(segment_that_is_gone_is_counted, make_dir,
		                                drop_dir),
		cmocka_unit_test_setup_teardown(damage_is_stepped_over_at_a_restart, make_dir,
		                                drop_dir),
		cmocka_unit_test_setup_teardown(what_a_restart_cuts_off_is_counted, make_dir,
		                                drop_dir),
		cmocka_unit_test_setup_teardown(files_of_others_are_refused_or_ignored, make_dir,
		                                drop_dir),
		cmocka_unit_test_setup_teardown(kill_loses_nothing_that_was_kept, make_dir,
		                                drop_dir),
		cmocka_unit_test_setup_teardown(full_disk_is_told_and_survived, make_dir, drop_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
