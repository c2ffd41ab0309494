/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/codec/jsonl_tail.h"

#define NOTHING 0

static char dir[64], path[96], old[112], older[112];
static struct slo_err error;

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/slo-tail-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/app.log", dir);
	(void)snprintf(old, sizeof(old), "%s.1", path);
	(void)snprintf(older, sizeof(older), "%s.2", path);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)unlink(old);
	(void)unlink(older);
	return rmdir(dir);
}

static void append(const char *to, const char *text)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static struct slo_jsonl_tail *follow(const struct slo_jsonl_tail_place *from)
{
	struct slo_jsonl_tail *t = NULL;

	assert_int_equal(slo_jsonl_tail_open(&t, path, from, &error), 0);
	return t;
}

/* The next object's "n", 0 for now, or an errno. */
static int next_n(struct slo_jsonl_tail *t)
{
	json_t *object = NULL;
	int r = slo_jsonl_tail_next(t, &object, &error);

	if (r == 1) {
		r = (int)json_integer_value(json_object_get(object, "n"));
		json_decref(object);
	}
	return r;
}

static struct slo_jsonl_tail_stats stats(const struct slo_jsonl_tail *t)
{
	struct slo_jsonl_tail_stats st;

	slo_jsonl_tail_stats(t, &st);
	return st;
}

static void a_file_that_is_not_there_yet_is_waited_for(void **state)
{
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = follow(NULL);

	(void)state;
	assert_int_equal(next_n(t), NOTHING);
	assert_false(slo_jsonl_tail_is_there(t));
	append(path, "{\"n\":1}\n");
	assert_int_equal(next_n(t), 1);
	assert_true(slo_jsonl_tail_is_there(t));
	assert_int_equal(next_n(t), NOTHING);
}

static void an_unfinished_line_waits_for_its_end(void **state)
{
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = follow(NULL);

	(void)state;
	append(path, "{");
	assert_int_equal(next_n(t), NOTHING);
	append(path, "\"n\":1}\n{\"n\"");
	assert_int_equal(next_n(t), 1);
	assert_int_equal(next_n(t), NOTHING);
	assert_int_equal(next_n(t), NOTHING);
	append(path, ":2}\n");
	assert_int_equal(next_n(t), 2);
	assert_int_equal(stats(t).rejected, 0);
}

static void a_rotated_file_is_read_to_its_end_first(void **state)
{
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = follow(NULL);

	(void)state;
	append(path, "{\"n\":1}\n");
	assert_int_equal(next_n(t), 1);
	assert_int_equal(rename(path, old), 0);
	assert_int_equal(next_n(t), NOTHING); /* no other one has the name */
	append(path, "");
	append(old, "{\"n\":2}\n"); /* whoever writes has not changed over */
	assert_int_equal(next_n(t), 2);
	append(old, "{\"n\":3}");
	append(path, "{\"n\":4}\n");
	assert_int_equal(next_n(t), 3); /* nobody will end that line */
	assert_int_equal(next_n(t), 4);
	assert_int_equal(stats(t).rotations, 1);
	assert_int_equal(stats(t).lines, 4);
}

static void a_truncated_file_is_read_from_its_beginning(void **state)
{
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = follow(NULL);

	(void)state;
	append(path, "{\"n\":1}\n{\"n\":2}\n{\"half");
	assert_int_equal(next_n(t), 1);
	assert_int_equal(next_n(t), 2);
	assert_int_equal(next_n(t), NOTHING);
	assert_int_equal(truncate(path, 0), 0);
	append(path, "{\"n\":3}\n");
	assert_int_equal(next_n(t), 3);
	assert_int_equal(stats(t).truncations, 1);
	assert_int_equal(stats(t).cut_bytes, 6);
}

static void a_bad_line_is_told_with_its_place_and_the_next_one_read(void **state)
{
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = follow(NULL);
	json_t *object = NULL;

	(void)state;
	append(path, "{\"n\":1}\nnonsense\n{\"n\":3}\n");
	assert_int_equal(next_n(t), 1);
	assert_int_equal(next_n(t), -EBADMSG);
	assert_non_null(strstr(error.msg, "app.log:2: not JSON"));
	assert_int_equal(slo_jsonl_tail_next(t, &object, &error), 1);
	(void)slo_err_set(&error, -EINVAL, "no event");
	assert_int_equal(slo_jsonl_tail_reject(t, &error), -EBADMSG);
	assert_non_null(strstr(error.msg, "app.log:3: no event"));
	json_decref(object);
	assert_int_equal(stats(t).lines, 1);
	assert_int_equal(stats(t).rejected, 2);
}

/* What one process read, the next one does not read again, nor miss. */
static void it_goes_on_where_it_left_off(void **state)
{
	struct slo_jsonl_tail_place place;
	struct slo_jsonl_tail *t = follow(NULL);

	(void)state;
	append(path, "{\"n\":1}\n{\"n\":2}\n");
	assert_int_equal(next_n(t), 1);
	slo_jsonl_tail_place(t, &place);
	assert_int_equal(place.mark.line, 1);
	slo_jsonl_tail_freep(&t);

	t = follow(&place);
	assert_int_equal(next_n(t), 2);
	assert_int_equal(next_n(t), NOTHING);
	append(path, "nonsense\n");
	assert_int_equal(next_n(t), -EBADMSG);
	assert_non_null(strstr(error.msg, "app.log:3:"));
	slo_jsonl_tail_freep(&t);

	assert_int_equal(rename(path, old), 0);
	append(path, "{\"n\":4}\n");
	t = follow(&place);
	assert_int_equal(next_n(t), 2); /* of the rotated one */
	assert_int_equal(next_n(t), -EBADMSG);
	assert_int_equal(next_n(t), 4);
	slo_jsonl_tail_freep(&t);
}

static void rotate(void)
{
	(void)rename(old, older);
	assert_int_equal(rename(path, old), 0);
}

static struct slo_jsonl_tail_place place_after(const char *text)
{
	struct slo_jsonl_tail_place place;
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = follow(NULL);

	append(path, text);
	assert_int_equal(next_n(t), 1);
	slo_jsonl_tail_place(t, &place);
	return place;
}

static void files_rotated_twice_meanwhile_are_read_in_their_order(void **state)
{
	struct slo_jsonl_tail_place place = place_after("{\"n\":1}\n{\"n\":2}\n");
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = NULL;

	(void)state;
	rotate();
	append(path, "{\"n\":3}\n");
	rotate();
	append(path, "{\"n\":4}\n");
	t = follow(&place);
	assert_int_equal(next_n(t), 2);
	assert_int_equal(next_n(t), 3);
	/* Killed here, it goes on in the file between. */
	slo_jsonl_tail_place(t, &place);
	slo_jsonl_tail_freep(&t);
	t = follow(&place);
	assert_int_equal(next_n(t), 4);
	append(path, "{\"n\":5}\n");
	rotate();
	append(path, "{\"n\":6}\n");
	rotate(); /* twice between two looks */
	append(path, "{\"n\":7}\n");
	for (int n = 5; n <= 7; n++)
		assert_int_equal(next_n(t), n);
	assert_int_equal(next_n(t), NOTHING);
	assert_int_equal(stats(t).lost_files, 0);
}

static void a_file_that_is_found_no_more_is_counted(void **state)
{
	struct slo_jsonl_tail_place place = place_after("{\"n\":1}\n{\"n\":2}\n");
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = NULL;
	char packed[sizeof(old) + 3];

	(void)state;
	(void)snprintf(packed, sizeof(packed), "%s.gz", old);
	assert_int_equal(rename(path, packed), 0);
	append(path, "{\"n\":3}\n");
	t = follow(&place);
	assert_int_equal(stats(t).lost_files, 1);
	assert_int_equal(next_n(t), 3);
	(void)unlink(packed);
}

static void another_file_of_the_name_is_read_from_its_beginning(void **state)
{
	struct slo_jsonl_tail_place place;
	struct slo_jsonl_tail *t = follow(NULL);
	struct stat st;

	(void)state;
	append(path, "{\"n\":1}\n");
	assert_int_equal(next_n(t), 1);
	slo_jsonl_tail_place(t, &place);
	slo_jsonl_tail_freep(&t);
	/* As if the inode had been used again: the place is no line's end there. */
	assert_int_equal(truncate(path, 0), 0);
	append(path, "{\"n\":12345678}\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_ino, place.inode);
	t = follow(&place);
	assert_int_equal(next_n(t), 12345678);
	slo_jsonl_tail_freep(&t);
}

static void of_a_long_past_the_last_part_is_read(void **state)
{
	char line[4096];
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = NULL;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), n;

	(void)state;
	/* The cut falls into a line. */
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	memset(line, ' ', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_true(lseek(fd, 0, SEEK_END) > 0);
	for (size_t i = 0; i < SLO_JSONL_TAIL_BACKLOG / sizeof(line); i++)
		assert_int_equal(write(fd, line, sizeof(line)), sizeof(line));
	assert_int_equal(write(fd, "{\"n\":7}\n", 8), 8);
	(void)close(fd);
	t = follow(NULL);
	while ((n = next_n(t)) == -EAGAIN)
		;
	assert_int_equal(n, 7);
	assert_int_equal(stats(t).rejected, 0);
	assert_int_equal(stats(t).skipped_bytes, (1 << 20) + sizeof(line));
}

static void a_fifo_may_have_no_writer(void **state)
{
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = NULL;
	struct slo_jsonl_tail_place place;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	t = follow(NULL);
	assert_int_equal(next_n(t), NOTHING);
	for (int n = 1; n <= 2; n++) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		assert_int_equal(next_n(t), NOTHING);
		(void)dprintf(fd, "{\"n\":%d}\n", n);
		assert_int_equal(next_n(t), n);
		(void)close(fd);
	}
	assert_int_equal(next_n(t), NOTHING);
	slo_jsonl_tail_place(t, &place);
	assert_int_equal(place.mark.offset, 0);
}

/* Its writer would take the first reader's end for its own. */
static void a_fifo_is_opened_once(void **state)
{
	_Alignas(struct inotify_event) char events[16 * (sizeof(struct inotify_event) + 32)];
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = NULL;
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(inotify_add_watch(watch, path, IN_OPEN | IN_CLOSE) >= 0);
	t = follow(NULL);
	assert_int_equal(next_n(t), NOTHING);
	assert_int_equal(next_n(t), NOTHING);
	assert_true(slo_jsonl_tail_is_there(t));
	/* Equal events behind one another are merged into one: an open and a close would not be. */
	assert_int_equal(read(watch, events, sizeof(events)), sizeof(struct inotify_event));
	assert_int_equal(((const struct inotify_event *)(const void *)events)->mask, IN_OPEN);
	(void)close(watch);
}

static void standard_input_ends(void **state)
{
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = NULL;
	int ends[2], saved = dup(STDIN_FILENO);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(slo_jsonl_tail_open(&t, "-", NULL, &error), 0);
	assert_int_equal(next_n(t), NOTHING);
	assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0); /* others read it, too */
	(void)dprintf(ends[1], "{\"n\":1}\nx\n{\"n\":2}");
	assert_int_equal(next_n(t), 1);
	assert_int_equal(next_n(t), -EBADMSG);
	assert_non_null(strstr(error.msg, "stdin:2:"));
	assert_int_equal(next_n(t), NOTHING);
	assert_false(slo_jsonl_tail_is_ended(t));
	(void)close(ends[1]);
	assert_int_equal(next_n(t), 2);
	assert_int_equal(next_n(t), NOTHING);
	assert_true(slo_jsonl_tail_is_ended(t));
	(void)dup2(saved, STDIN_FILENO);
	(void)close(saved);
	(void)close(ends[0]);
}

static void a_folder_is_refused(void **state)
{
	struct slo_jsonl_tail *t = NULL;

	(void)state;
	assert_int_equal(slo_jsonl_tail_open(&t, dir, NULL, &error), -EISDIR);
	assert_null(t);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_is_not_there_yet_is_waited_for),
		TEST(an_unfinished_line_waits_for_its_end),
		TEST(a_rotated_file_is_read_to_its_end_first),
		TEST(a_truncated_file_is_read_from_its_beginning),
		TEST(a_bad_line_is_told_with_its_place_and_the_next_one_read),
		TEST(it_goes_on_where_it_left_off),
		TEST(files_rotated_twice_meanwhile_are_read_in_their_order),
		TEST(a_file_that_is_found_no_more_is_counted),
		TEST(another_file_of_the_name_is_read_from_its_beginning),
		TEST(of_a_long_past_the_last_part_is_read),
		TEST(a_fifo_may_have_no_writer),
		TEST(a_fifo_is_opened_once),
		TEST(standard_input_ends),
		TEST(a_folder_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
