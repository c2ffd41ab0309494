/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/minute_ring.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/slo-minute-ring-XXXXXX";
static char path[128], aside[160];
static const struct slo_minute_ring_key key = { "chat|gateway|ttft_ms|800", 60000 };
static struct slo_minute_ring_report report;
static struct slo_err err;

static int setup_group(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/ring", folder);
	(void)snprintf(aside, sizeof(aside), "%s.refused", path);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)unlink(aside);
	return 0;
}

static int teardown_group(void **state)
{
	clean(state);
	return rmdir(folder); /* fails where something was left behind */
}

static void count(struct slo_burn_bucket *b, uint32_t period, uint32_t good, uint32_t valid)
{
	b[period % SLO_BURN_BUCKETS] =
		(struct slo_burn_bucket){ .period = period, .good = good, .valid = valid };
	slo_burn_bucket_seal(&b[period % SLO_BURN_BUCKETS]);
}

/* A file with two minutes counted. */
static void make_ring(void)
{
	struct slo_minute_ring *ring slo_minute_ring_auto = NULL;

	assert_int_equal(slo_minute_ring_open(&ring, path, &key, &report, &err), 0);
	count(slo_minute_ring_buckets(ring), 5000, 1, 2);
	count(slo_minute_ring_buckets(ring), 5001, 3, 4);
}

static void damage(off_t at, size_t len)
{
	char noise[256];
	int fd = open(path, O_WRONLY);

	memset(noise, 0x5a, sizeof(noise));
	assert_int_equal(pwrite(fd, noise, len, at), len);
	(void)close(fd);
}

static void assert_refused(const char *why)
{
	struct slo_minute_ring *ring slo_minute_ring_auto = NULL;
	struct stat st;

	assert_int_equal(slo_minute_ring_open(&ring, path, &key, &report, &err), 0);
	assert_true(report.made);
	assert_string_equal(report.set_aside, aside);
	if (!strstr(report.why, why))
		print_error("%s\n", report.why);
	assert_non_null(strstr(report.why, why));
	assert_int_equal(stat(aside, &st), 0);
	for (int i = 0; i < SLO_BURN_BUCKETS; i++)
		assert_int_equal(slo_minute_ring_buckets(ring)[i].period, 0);
}

static void what_was_counted_is_there_again(void **state)
{
	struct slo_minute_ring *ring slo_minute_ring_auto = NULL;

	(void)state;
	make_ring();
	assert_true(report.made);
	assert_int_equal(slo_minute_ring_open(&ring, path, &key, &report, &err), 0);
	assert_false(report.made || report.repaired);
	assert_int_equal(slo_minute_ring_buckets(ring)[5001 % SLO_BURN_BUCKETS].good, 3);
	assert_int_equal(slo_minute_ring_sync(ring, &err), 0);
}

static void it_survives_kill_9(void **state)
{
	struct slo_minute_ring *ring slo_minute_ring_auto = NULL;
	const struct slo_burn_bucket *b;
	int gate[2], status;
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(gate), 0);
	pid = fork();
	if (pid == 0) {
		struct slo_minute_ring *mine = NULL;

		if (slo_minute_ring_open(&mine, path, &key, &report, &err) < 0)
			_exit(1);
		for (uint32_t n = 1;; n++) {
			count(slo_minute_ring_buckets(mine), 6000 + n % 10, n, n);
			if (n == 1000 && write(gate[1], "x", 1) != 1)
				_exit(1);
		}
	}
	assert_int_equal(read(gate[0], &c, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(slo_minute_ring_open(&ring, path, &key, &report, &err), 0);
	assert_false(report.made);
	/* At most the bucket of the moment is lost. */
	b = slo_minute_ring_buckets(ring);
	for (uint32_t p = 6000, lost = 0; p < 6010; p++) {
		lost += b[p % SLO_BURN_BUCKETS].valid == 0;
		assert_true(lost <= report.repaired);
		assert_true(b[p % SLO_BURN_BUCKETS].valid == 0 ||
		            b[p % SLO_BURN_BUCKETS].valid >= 990);
	}
	(void)close(gate[0]);
	(void)close(gate[1]);
}

static void one_torn_bucket_is_emptied(void **state)
{
	struct slo_minute_ring *ring slo_minute_ring_auto = NULL;

	(void)state;
	make_ring();
	damage(128 + (5001 % SLO_BURN_BUCKETS) * 16 + 4, 3);
	assert_int_equal(slo_minute_ring_open(&ring, path, &key, &report, &err), 0);
	assert_true(report.repaired);
	assert_false(report.made);
	assert_int_equal(slo_minute_ring_buckets(ring)[5001 % SLO_BURN_BUCKETS].period, 0);
	assert_int_equal(slo_minute_ring_buckets(ring)[5000 % SLO_BURN_BUCKETS].valid, 2);
}

static void damaged_buckets_are_set_aside(void **state)
{
	(void)state;
	make_ring();
	damage(128 + 160, 64);
	assert_refused("4 of 4320 buckets");
}

static void a_bucket_in_a_wrong_place_is_damage(void **state)
{
	struct slo_burn_bucket wrong[2] = { { 5000, 1, 1, 0 }, { 5000, 1, 1, 0 } };
	int fd;

	(void)state;
	make_ring();
	slo_burn_bucket_seal(&wrong[0]);
	slo_burn_bucket_seal(&wrong[1]);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, wrong, sizeof(wrong), 128), sizeof(wrong));
	(void)close(fd);
	assert_refused("2 of 4320 buckets");
}

static void damaged_header_is_set_aside(void **state)
{
	(void)state;
	make_ring();
	damage(0, 4);
	assert_refused("not a file of burn-rate minutes");
	make_ring();
	damage(60, 1);
	assert_refused("header is damaged");
	make_ring();
	damage(8, 1);
	assert_refused("version");
}

static void cut_file_is_set_aside(void **state)
{
	(void)state;
	make_ring();
	assert_int_equal(truncate(path, 1000), 0);
	assert_refused("size");
	assert_int_equal(truncate(path, 0), 0);
	assert_refused("size");
}

static void another_slo_is_set_aside(void **state)
{
	const struct slo_minute_ring_key other = { "chat|gateway|ttft_ms|900", 60000 };
	struct slo_minute_ring *ring slo_minute_ring_auto = NULL;

	(void)state;
	assert_int_equal(slo_minute_ring_open(&ring, path, &other, &report, &err), 0);
	slo_minute_ring_freep(&ring);
	assert_refused("ttft_ms|900");
}

static void second_process_is_refused(void **state)
{
	struct slo_minute_ring *ring slo_minute_ring_auto = NULL, *second = NULL;

	(void)state;
	assert_int_equal(slo_minute_ring_open(&ring, path, &key, &report, &err), 0);
	assert_int_equal(slo_minute_ring_open(&second, path, &key, &report, &err), -EBUSY);
	assert_null(second);
	assert_non_null(strstr(err.msg, "another process"));
}

static void places_that_cannot_be_are_errors(void **state)
{
	struct slo_minute_ring *ring = NULL;
	char link[160];

	(void)state;
	assert_int_equal(slo_minute_ring_open(&ring, "/nonexistent/ring", &key, &report, &err),
	                 -ENOENT);
	assert_int_equal(slo_minute_ring_open(&ring, folder, &key, &report, &err), -EISDIR);
	/* Nobody who may write the folder leads us to another file. */
	(void)snprintf(link, sizeof(link), "%s", path);
	assert_int_equal(symlink("/dev/null", link), 0);
	assert_int_equal(slo_minute_ring_open(&ring, path, &key, &report, &err), -ELOOP);
	assert_null(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_was_counted_is_there_again, clean),
		cmocka_unit_test_teardown(it_survives_kill_9, clean),
		cmocka_unit_test_teardown(one_torn_bucket_is_emptied, clean),
		cmocka_unit_test_teardown(damaged_buckets_are_set_aside, clean),
		cmocka_unit_test_teardown(a_bucket_in_a_wrong_place_is_damage, clean),
		cmocka_unit_test_teardown(damaged_header_is_set_aside, clean),
		cmocka_unit_test_teardown(cut_file_is_set_aside, clean),
		cmocka_unit_test_teardown(another_slo_is_set_aside, clean),
		cmocka_unit_test_teardown(second_process_is_refused, clean),
		cmocka_unit_test_teardown(places_that_cannot_be_are_errors, clean),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
