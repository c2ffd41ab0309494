/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/jsonl_tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct slo_jsonl_tail {
	char *path;
	char *rotated; /* @path.1 */
	struct slo_jsonl *now; /* NULL: not there */
	struct stat st; /* of @now when it was opened */
	bool last; /* @now grows no more: what is left in it, then the next one */
	bool ended;
	struct slo_jsonl_tail_stats stats;
};

static bool is_stdin(const struct slo_jsonl_tail *t)
{
	return strcmp(t->path, "-") == 0;
}

/* --- opening -------------------------------------------------------------------------------------------------- */

/* Behind the next newline from @at on. */
static uint64_t next_line_at(int fd, uint64_t at)
{
	char text[4096];
	ssize_t n;

	while ((n = pread(fd, text, sizeof(text), (off_t)at)) > 0) {
		const char *newline = memchr(text, '\n', (size_t)n);

		if (newline)
			return at + (uint64_t)(newline - text) + 1;
		at += (uint64_t)n;
	}
	return at;
}

/* A place beyond which there is too much to read moves on. */
static void skip_backlog(struct slo_jsonl_tail *t, const char *path, struct slo_jsonl_mark *mark)
{
	slo_cleanup(slo_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	uint64_t to;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size < mark->offset + SLO_JSONL_TAIL_BACKLOG)
		return;
	to = next_line_at(fd, (uint64_t)st.st_size - SLO_JSONL_TAIL_BACKLOG);
	t->stats.skipped_bytes += to - mark->offset;
	mark->offset = to;
}

static int open_at(struct slo_jsonl_tail *t, const char *path, const struct slo_jsonl_mark *from,
                   struct slo_err *err)
{
	slo_jsonl_auto struct slo_jsonl *j = NULL;
	struct slo_jsonl_mark mark = *from;
	int r;

	if (!is_stdin(t))
		skip_backlog(t, path, &mark);
	r = slo_jsonl_open_growing(&j, path, mark.offset ? &mark : NULL, err);
	if (r < 0)
		return r;
	if (fstat(slo_jsonl_fd(j), &t->st))
		return slo_err_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	t->now = slo_take_ptr(j);
	t->last = false;
	return 0;
}

/* Whether @path is the file of @from, as far as can be told: inodes are used again. */
static bool is_place(const char *path, const struct slo_jsonl_tail_place *from)
{
	slo_cleanup(slo_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char before = '\0';

	return from->mark.offset > 0 && fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_dev == from->device && st.st_ino == from->inode &&
	       (uint64_t)st.st_size >= from->mark.offset &&
	       pread(fd, &before, 1, (off_t)from->mark.offset - 1) == 1 && before == '\n';
}

int slo_jsonl_tail_open(struct slo_jsonl_tail **ret, const char *path,
                        const struct slo_jsonl_tail_place *from, struct slo_err *err)
{
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = calloc(1, sizeof(*t));
	struct stat st;

	if (t)
		t->path = strdup(path);
	if (!t || !t->path || asprintf(&t->rotated, "%s.1", path) < 0)
		return slo_err_set(err, -ENOMEM, "out of memory");
	if (!is_stdin(t) && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return slo_err_set(err, -EISDIR, "cannot read %s: it is a folder", path);
	if (from && is_place(path, from))
		(void)open_at(t, path, &from->mark, NULL);
	else if (from && is_place(t->rotated, from))
		(void)open_at(t, t->rotated, &from->mark, NULL);
	*ret = slo_take_ptr(t);
	return 0;
}

void slo_jsonl_tail_freep(struct slo_jsonl_tail **t)
{
	if (!*t)
		return;
	slo_jsonl_freep(&(*t)->now);
	free((*t)->path);
	free((*t)->rotated);
	slo_freep(t);
}

/* --- following ------------------------------------------------------------------------------------------------ */

/* Cut below what was read: all there is now is new. */
static bool is_truncated(struct slo_jsonl_tail *t)
{
	int fd = slo_jsonl_fd(t->now);
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size >= lseek(fd, 0, SEEK_CUR))
		return false;
	t->stats.truncations++;
	t->stats.cut_bytes += slo_jsonl_unfinished(t->now);
	slo_jsonl_freep(&t->now);
	return true;
}

/*
 * Another file has the name now, and something in it: whoever wrote to the old one has changed over. Until then the old
 * one, renamed, is where lines still come.
 */
static bool is_rotated(struct slo_jsonl_tail *t)
{
	struct stat st;

	if (stat(t->path, &st) || (st.st_dev == t->st.st_dev && st.st_ino == t->st.st_ino) ||
	    (S_ISREG(st.st_mode) && st.st_size == 0))
		return false;
	t->stats.rotations++;
	t->last = true;
	slo_jsonl_finish(t->now);
	return true;
}

/* Nothing is left in @now: whether there is somewhere else to look. */
static bool moves_on(struct slo_jsonl_tail *t)
{
	if (t->last) {
		slo_jsonl_freep(&t->now);
		t->ended = is_stdin(t);
		return !t->ended;
	}
	if (!is_stdin(t))
		return is_truncated(t) || is_rotated(t);
	if (!slo_jsonl_is_hung_up(t->now))
		return false;
	t->last = true;
	slo_jsonl_finish(t->now);
	return true;
}

int slo_jsonl_tail_next(struct slo_jsonl_tail *t, json_t **ret_object, struct slo_err *err)
{
	static const struct slo_jsonl_mark beginning;
	int r = 0;

	while (!t->ended) {
		if (!t->now)
			r = open_at(t, t->path, &beginning, err);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		r = slo_jsonl_next(t->now, ret_object, err);
		t->stats.lines += r > 0;
		t->stats.rejected += r == -EBADMSG;
		if (r != 0 || !moves_on(t))
			return r;
	}
	return 0;
}

int slo_jsonl_tail_reject(struct slo_jsonl_tail *t, struct slo_err *err)
{
	t->stats.lines--;
	t->stats.rejected++;
	return slo_jsonl_reject(t->now, err);
}

bool slo_jsonl_tail_is_ended(const struct slo_jsonl_tail *t)
{
	return t->ended;
}

bool slo_jsonl_tail_is_there(const struct slo_jsonl_tail *t)
{
	return t->now;
}

void slo_jsonl_tail_place(const struct slo_jsonl_tail *t, struct slo_jsonl_tail_place *ret)
{
	*ret = (struct slo_jsonl_tail_place){ 0 };
	if (!t->now || is_stdin(t) || !S_ISREG(t->st.st_mode))
		return;
	ret->device = t->st.st_dev;
	ret->inode = t->st.st_ino;
	ret->mark = (struct slo_jsonl_mark){ slo_jsonl_offset(t->now), slo_jsonl_line(t->now) };
}

void slo_jsonl_tail_stats(const struct slo_jsonl_tail *t, struct slo_jsonl_tail_stats *ret)
{
	*ret = t->stats;
}
