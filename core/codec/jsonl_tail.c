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
	struct slo_jsonl *now; /* NULL: not there */
	struct stat st; /* of @now when it was opened */
	struct slo_jsonl
		*later[SLO_JSONL_TAIL_ROTATIONS]; /* came between @now and @path, the oldest last */
	size_t later_count;
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
static void skip_backlog(struct slo_jsonl_tail *t, int fd, const struct stat *st,
                         struct slo_jsonl_mark *mark)
{
	uint64_t to;

	if (is_stdin(t) || !S_ISREG(st->st_mode) ||
	    (uint64_t)st->st_size < mark->offset + SLO_JSONL_TAIL_BACKLOG)
		return;
	to = next_line_at(fd, (uint64_t)st->st_size - SLO_JSONL_TAIL_BACKLOG);
	t->stats.skipped_bytes += to - mark->offset;
	mark->offset = to;
}

/* Once: whoever writes to a FIFO takes a reader that goes away again for the end. */
static int open_whole(const char *path, struct slo_jsonl **ret, struct stat *ret_st,
                      struct slo_err *err)
{
	slo_jsonl_auto struct slo_jsonl *j = NULL;
	int r = slo_jsonl_open_growing(&j, path, err);

	if (r < 0)
		return r;
	if (fstat(slo_jsonl_fd(j), ret_st))
		return slo_err_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	*ret = slo_take_ptr(j);
	return 0;
}

/* @j becomes the one that is read, from @mark on. */
static int begin(struct slo_jsonl_tail *t, struct slo_jsonl *j, const struct stat *st,
                 struct slo_jsonl_mark mark, struct slo_err *err)
{
	int r = 0;

	skip_backlog(t, slo_jsonl_fd(j), st, &mark);
	if (mark.offset)
		r = slo_jsonl_go_on(j, &mark, err);
	if (r < 0) {
		slo_jsonl_freep(&j);
		return r;
	}
	t->now = j;
	t->st = *st;
	t->last = false;
	return 0;
}

/* --- rotations ------------------------------------------------------------------------------------------------ */

/* @path, @path.1, ... NULL: out of memory. */
static char *name_of(const struct slo_jsonl_tail *t, int rotation)
{
	char *name = NULL;

	if (rotation == 0)
		return strdup(t->path);
	return asprintf(&name, "%s.%d", t->path, rotation) < 0 ? NULL : name;
}

/* By which rotation the file has got its name by now; negative: by none that is known here. */
static int rotation_of(const struct slo_jsonl_tail *t, uint64_t device, uint64_t inode)
{
	for (int i = 0; i <= SLO_JSONL_TAIL_ROTATIONS; i++) {
		slo_cleanup(slo_freep) char *name = name_of(t, i);
		struct stat st;

		if (name && stat(name, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == device &&
		    st.st_ino == inode)
			return i;
	}
	return -1;
}

/* Those that have had the name after the file of @rotation and have lost it, too. What is gone meanwhile is counted. */
static void open_between(struct slo_jsonl_tail *t, int rotation)
{
	for (int i = 1; i < rotation && t->later_count < SLO_JSONL_TAIL_ROTATIONS; i++) {
		slo_cleanup(slo_freep) char *name = name_of(t, i);
		struct slo_jsonl *j = NULL;
		struct stat st;

		if (name && open_whole(name, &j, &st, NULL) == 0)
			t->later[t->later_count++] = j;
		else
			t->stats.lost_files++;
	}
}

/* Whether @fd is the file of @from, as far as can be told: inodes are used again. */
static bool is_place(int fd, const struct stat *st, const struct slo_jsonl_tail_place *from)
{
	char before = '\0';

	return S_ISREG(st->st_mode) && st->st_dev == from->device && st->st_ino == from->inode &&
	       (uint64_t)st->st_size >= from->mark.offset &&
	       pread(fd, &before, 1, (off_t)from->mark.offset - 1) == 1 && before == '\n';
}

/* Where an earlier process left off; what it read and is found no more was not read to its end. */
static void go_on(struct slo_jsonl_tail *t, const struct slo_jsonl_tail_place *from)
{
	int rotation = rotation_of(t, from->device, from->inode);
	slo_cleanup(slo_freep) char *name = rotation < 0 ? NULL : name_of(t, rotation);
	slo_jsonl_auto struct slo_jsonl *j = NULL;
	struct stat st;

	if (!name || open_whole(name, &j, &st, NULL) < 0) {
		t->stats.lost_files++;
	} else if (!is_place(slo_jsonl_fd(j), &st, from)) {
		t->stats.truncations++;
	} else if (begin(t, slo_take_ptr(j), &st, from->mark, NULL) == 0) {
		open_between(t, rotation);
	}
}

int slo_jsonl_tail_open(struct slo_jsonl_tail **ret, const char *path,
                        const struct slo_jsonl_tail_place *from, struct slo_err *err)
{
	slo_jsonl_tail_auto struct slo_jsonl_tail *t = calloc(1, sizeof(*t));
	struct stat st;

	if (t)
		t->path = strdup(path);
	if (!t || !t->path)
		return slo_err_set(err, -ENOMEM, "out of memory");
	if (!is_stdin(t) && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return slo_err_set(err, -EISDIR, "cannot read %s: it is a folder", path);
	if (from && from->mark.offset)
		go_on(t, from);
	*ret = slo_take_ptr(t);
	return 0;
}

void slo_jsonl_tail_freep(struct slo_jsonl_tail **t)
{
	if (!*t)
		return;
	slo_jsonl_freep(&(*t)->now);
	while ((*t)->later_count)
		slo_jsonl_freep(&(*t)->later[--(*t)->later_count]);
	free((*t)->path);
	slo_freep(t);
}

/* --- following ------------------------------------------------------------------------------------------------ */

/* Behind @now: what had the name after it, else what has it now. */
static int open_next(struct slo_jsonl_tail *t, struct slo_err *err)
{
	static const struct slo_jsonl_mark beginning;
	struct slo_jsonl *j = NULL;
	struct stat st;
	int r;

	if (t->later_count) {
		j = t->later[--t->later_count];
		r = fstat(slo_jsonl_fd(j), &st) ? -errno : 0;
	} else {
		r = open_whole(t->path, &j, &st, err);
	}
	return r < 0 ? r : begin(t, j, &st, beginning, err);
}

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

	if (!t->later_count) {
		if (stat(t->path, &st) ||
		    (st.st_dev == t->st.st_dev && st.st_ino == t->st.st_ino) ||
		    (S_ISREG(st.st_mode) && st.st_size == 0))
			return false;
		open_between(t, rotation_of(t, t->st.st_dev, t->st.st_ino));
	}
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
	int r = 0;

	while (!t->ended) {
		if (!t->now)
			r = open_next(t, err);
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
