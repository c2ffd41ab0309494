/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/codec/jsonl.h"
#include "test/unit/base/fail_alloc.h"

static char path[64];
static struct slo_err error;

static void write_file(const char *bytes, size_t len)
{
	int fd;

	(void)snprintf(path, sizeof(path), "/tmp/slo-jsonl-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	(void)close(fd);
}

static struct slo_jsonl *open_bytes(const char *bytes, size_t len)
{
	struct slo_jsonl *j = NULL;

	write_file(bytes, len);
	assert_int_equal(slo_jsonl_open(&j, path, &error), 0);
	(void)unlink(path);
	return j;
}

static struct slo_jsonl *open_text(const char *text)
{
	return open_bytes(text, strlen(text));
}

/* The next object's "n". */
static int next_n(struct slo_jsonl *j)
{
	json_t *object = NULL;
	int r = slo_jsonl_next(j, &object, &error);

	if (r != 1) {
		assert_null(object);
		return r;
	}
	r = (int)json_integer_value(json_object_get(object, "n"));
	json_decref(object);
	return r;
}

static void objects_come_line_by_line(void **state)
{
	slo_jsonl_auto struct slo_jsonl *j =
		open_text("\xef\xbb\xbf{\"n\":1}\r\n\n  \t\r\n{\"n\":2}\n{\"n\":3}");

	(void)state;
	assert_int_equal(slo_jsonl_line(j), 0);
	assert_int_equal(next_n(j), 1);
	assert_int_equal(slo_jsonl_line(j), 1);
	assert_int_equal(next_n(j), 2);
	assert_int_equal(slo_jsonl_line(j), 4);
	assert_int_equal(next_n(j), 3);
	assert_int_equal(next_n(j), 0);
	assert_int_equal(next_n(j), 0);
	assert_int_equal(slo_jsonl_rejected(j), 0);
	assert_int_equal(slo_jsonl_offset(j), slo_jsonl_size(j));
}

static void bad_line_is_told_and_the_next_one_read(void **state)
{
	static const char *const bad[] = {
		"{\"n\":1",
		"[1]",
		"{\"n\":NaN}",
		"{\"n\":1,\"n\":2}",
		"{\"n\":1} x",
		"\"n\"",
		"{\"n\":1e999}",
		"{\"n\":\xff}",
		"{n:1}",
		"{\"n\":99999999999999999999}",
		"{\"n\":\"\\u0000\"}",
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		char text[128];
		char place[80];
		slo_jsonl_auto struct slo_jsonl *j = NULL;

		(void)snprintf(text, sizeof(text), "{\"n\":7}\n%s\n{\"n\":8}\n", bad[i]);
		j = open_text(text);
		assert_int_equal(next_n(j), 7);
		assert_int_equal(next_n(j), -EBADMSG);
		(void)snprintf(place, sizeof(place), "%s:2: ", path);
		assert_memory_equal(error.msg, place, strlen(place));
		assert_non_null(strstr(error.msg, "expected one"));
		assert_null(strstr(error.msg, "ALLOW")); /* a flag of the parser's is no way out */
		assert_int_equal(next_n(j), 8);
		assert_int_equal(next_n(j), 0);
		assert_int_equal(slo_jsonl_rejected(j), 1);
	}
}

static void refused_object_counts_with_its_place(void **state)
{
	slo_jsonl_auto struct slo_jsonl *j = open_text("{\"n\":1}\n{\"n\":2}\n");
	char expected[128];

	(void)state;
	assert_int_equal(next_n(j), 1);
	assert_int_equal(next_n(j), 2);
	(void)slo_err_set(&error, -EINVAL, "field \"n\" is not a string");
	assert_int_equal(slo_jsonl_reject(j, &error), -EBADMSG);
	(void)snprintf(expected, sizeof(expected), "%s:2: field \"n\" is not a string", path);
	assert_string_equal(error.msg, expected);
	assert_int_equal(error.code, -EBADMSG);
	assert_int_equal(slo_jsonl_rejected(j), 1);
}

static void nothing_is_no_error(void **state)
{
	slo_jsonl_auto struct slo_jsonl *empty = open_text("");
	slo_jsonl_auto struct slo_jsonl *mark = open_text("\xef\xbb\xbf");
	slo_jsonl_auto struct slo_jsonl *blank = open_text("\n\r\n  ");

	(void)state;
	assert_int_equal(next_n(empty), 0);
	assert_int_equal(next_n(mark), 0);
	assert_int_equal(next_n(blank), 0);
}

/* Around buffer sizes: one object of @len bytes between two small ones. */
static int read_long(size_t len)
{
	static const char head[] = "{\"n\":1}\n{\"n\":2,\"s\":\"";
	static const char tail[] = "\"}\r\n{\"n\":3}\n";
	size_t pad = len - strlen("{\"n\":2,\"s\":\"\"}");
	size_t size = strlen(head) + pad + strlen(tail);
	char *text slo_cleanup(slo_freep) = malloc(size);
	slo_jsonl_auto struct slo_jsonl *j = NULL;
	int r;

	assert_non_null(text);
	memcpy(text, head, strlen(head));
	memset(text + strlen(head), 'x', pad);
	memcpy(text + strlen(head) + pad, tail, strlen(tail));
	j = open_bytes(text, size);
	assert_int_equal(next_n(j), 1);
	r = next_n(j);
	assert_int_equal(slo_jsonl_line(j), 2);
	assert_int_equal(next_n(j), 3);
	assert_int_equal(next_n(j), 0);
	assert_int_equal(slo_jsonl_offset(j), size);
	assert_int_equal(slo_jsonl_rejected(j), r < 0);
	return r;
}

static void line_may_be_16_mib_long_and_no_longer(void **state)
{
	(void)state;
	assert_int_equal(read_long(65536), 2);
	assert_int_equal(read_long((256 << 10) - 8), 2);
	assert_int_equal(read_long(256 << 10), 2);
	assert_int_equal(read_long(SLO_JSONL_LINE_MAX), 2);
	assert_int_equal(read_long(SLO_JSONL_LINE_MAX + 1), -EBADMSG);
	assert_non_null(strstr(error.msg, ":2: longer than 16777216 bytes"));
	assert_int_equal(read_long(SLO_JSONL_LINE_MAX + 2), -EBADMSG);
	assert_int_equal(read_long(3 * SLO_JSONL_LINE_MAX), -EBADMSG);
}

static void too_long_last_line_without_newline_counts_once(void **state)
{
	size_t size = SLO_JSONL_LINE_MAX + 3;
	char *text slo_cleanup(slo_freep) = malloc(size);
	slo_jsonl_auto struct slo_jsonl *j = NULL;

	(void)state;
	assert_non_null(text);
	memset(text, '{', size);
	j = open_bytes(text, size);
	assert_int_equal(next_n(j), -EBADMSG);
	assert_int_equal(next_n(j), 0);
	assert_int_equal(slo_jsonl_line(j), 1);
	assert_int_equal(slo_jsonl_rejected(j), 1);
}

static void pipe_is_read_as_it_comes(void **state)
{
	int fds[2];
	int saved = dup(STDIN_FILENO);
	slo_jsonl_auto struct slo_jsonl *j = NULL;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[0], STDIN_FILENO) >= 0);
	(void)close(fds[0]);
	assert_int_equal(slo_jsonl_open(&j, "-", &error), 0);
	assert_true(dup2(saved, STDIN_FILENO) >= 0);
	(void)close(saved);
	assert_int_equal(slo_jsonl_size(j), -1);
	assert_int_equal(write(fds[1], "{\"n\":1}\n{\"n\"", 12), 12);
	assert_int_equal(next_n(j), 1);
	assert_int_equal(write(fds[1], ":2}\nx\n", 6), 6);
	assert_int_equal(next_n(j), 2);
	(void)close(fds[1]);
	assert_int_equal(next_n(j), -EBADMSG);
	assert_memory_equal(error.msg, "stdin:3: ", 9);
	assert_int_equal(next_n(j), 0);
}

/* As long as somebody writes, there is more; whoever asks has other work, too. */
static void one_call_of_a_file_that_grows_reads_so_much_and_no_more(void **state)
{
	const size_t size = (size_t)1 << 20;
	slo_cleanup(slo_freep) char *text = malloc(size);
	int calls[2] = { 0 };

	(void)state;
	assert_non_null(text);
	for (int line = 0; line < 2; line++) {
		slo_jsonl_auto struct slo_jsonl *j = NULL;
		int r;

		/* Blank lines, and one long line. */
		memset(text, line ? ' ' : '\n', size);
		memcpy(text + size - 8, "{\"n\":3}\n", 8);
		write_file(text, size);
		assert_int_equal(slo_jsonl_open_growing(&j, path, &error), 0);
		(void)unlink(path);
		while ((r = next_n(j)) == -EAGAIN)
			calls[line]++;
		assert_int_equal(r, 3);
		assert_int_equal(slo_jsonl_line(j), line ? 1 : size - 7);
		assert_int_equal(slo_jsonl_offset(j), size);
		assert_int_equal(slo_jsonl_rejected(j), 0);
		assert_in_range(calls[line], 2, 8);
	}
}

static void what_cannot_be_opened_says_why(void **state)
{
	struct slo_jsonl *j = NULL;

	(void)state;
	assert_int_equal(slo_jsonl_open(&j, "/no/such/file", &error), -ENOENT);
	assert_string_equal(error.msg, "cannot read /no/such/file: No such file or directory");
	assert_int_equal(slo_jsonl_open(&j, "/tmp", &error), -EISDIR);
	assert_null(j);
}

static void long_path_keeps_its_end(void **state)
{
	char name[300];
	struct slo_jsonl *j = NULL;

	(void)state;
	memset(name, 'd', sizeof(name));
	memcpy(name + sizeof(name) - 12, "/file.jsonl", 12);
	assert_true(slo_jsonl_open(&j, name, &error) < 0);
	assert_non_null(strstr(error.msg, "ddd/file.jsonl: "));
	assert_non_null(strstr(error.msg, "read ...ddd"));
}

/*
 * Fails the n-th allocation in turn: an error and nothing left behind, at last the result. Within
 * a string jansson takes want of memory for bad JSON; the line is refused and counted all the same.
 */
static void every_allocation_may_fail(void **state)
{
	int failures = 0;
	static const char head[] = "{\"n\":1,\"s\":[1,2.5,\"x\"]";
	char line[300 << 10];
	bool done = false;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	memset(line, ' ', sizeof(line));
	memcpy(line, head, strlen(head));
	line[sizeof(line) - 1] = '}';
	for (int n = 0; !done; n++) {
		slo_jsonl_auto struct slo_jsonl *keep = open_bytes(line, sizeof(line));
		slo_jsonl_auto struct slo_jsonl *j = NULL;
		json_t *object = NULL;
		int r;

		assert_true(n < 1000);
		fail_alloc_after = n;
		r = slo_jsonl_open(&j, "/dev/null", &error);
		if (r == 0)
			r = slo_jsonl_next(keep, &object, &error);
		fail_alloc_after = -1;
		assert_true(r == 1 || r == -ENOMEM || (r == -EBADMSG && slo_jsonl_rejected(keep)));
		assert_true((r == 1) == (object != NULL));
		done = r == 1;
		failures += r < 0;
		json_decref(object);
	}
#if defined(__SANITIZE_ADDRESS__)
	assert_true(failures > 5);
#else
	assert_true(failures > 2); /* small pieces are the pool's, see json_pool.h */
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_come_line_by_line),
		cmocka_unit_test(bad_line_is_told_and_the_next_one_read),
		cmocka_unit_test(refused_object_counts_with_its_place),
		cmocka_unit_test(nothing_is_no_error),
		cmocka_unit_test(line_may_be_16_mib_long_and_no_longer),
		cmocka_unit_test(too_long_last_line_without_newline_counts_once),
		cmocka_unit_test(pipe_is_read_as_it_comes),
		cmocka_unit_test(one_call_of_a_file_that_grows_reads_so_much_and_no_more),
		cmocka_unit_test(what_cannot_be_opened_says_why),
		cmocka_unit_test(long_path_keeps_its_end),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
