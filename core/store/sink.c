/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/store/output.h"

/* Begun when something fails, over when it works again. */
struct outage {
	bool on;
	bool told;
	uint64_t retry_at_ns; /* CLOCK_MONOTONIC; not before */
};

struct slo_sink {
	char *path; /* NULL: stdout */
	uint64_t max_bytes;
	unsigned int keep;
	int wait_ms;
	uint64_t retry_ns;
	struct slo_output out;
	struct outage writing;
	struct outage rotating;
	struct slo_sink_stats stats;
	bool torn; /* buf begins with the rest of a line whose beginning is out */
	size_t used;
	char buf[SLO_SINK_BUFFER_BYTES];
};

static const struct {
	int code;
	const char *way_out;
} ways_out[] = {
	{ ENOSPC, "free space there, or rotate smaller and keep fewer" },
	{ EDQUOT, "raise the quota, or rotate smaller and keep fewer" },
	{ EFBIG, "raise the file size limit (ulimit -f, LimitFSIZE=), or rotate below it" },
	{ EIO, "look at the device (dmesg), or write elsewhere" },
	{ EPIPE, "the reader has gone; start it again, or write to a file" },
	{ EAGAIN, "the reader is too slow; filter more, or write to a file" },
	{ EROFS, "the file system is read-only; remount it, or write elsewhere" },
	{ EACCES, "grant write access to the directory and the file, or write elsewhere" },
	{ EPERM, "look for the immutable or append-only attribute (lsattr)" },
	{ ENOENT, "make the directory" },
	{ ENXIO, "nobody reads the pipe; start the reader first" },
	{ EISDIR, "name a file" },
	{ EMFILE, "raise the limit of open files (ulimit -n, LimitNOFILE=)" },
};

static const char *way_out(int code)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(ways_out); i++) {
		if (ways_out[i].code == code)
			return ways_out[i].way_out;
	}
	return "write elsewhere";
}

static const char *target(const struct slo_sink *s)
{
	return s->path ? s->path : "stdout";
}

/* @code is a positive errno. */
static int say(const struct slo_sink *s, const char *what, int code, struct slo_err *err)
{
	return slo_err_set(err, -code, "%s %.100s: %s; %s", what, target(s), strerror(code),
	                   way_out(code));
}

/*
 * The failure @code where it is news, else 0. A slow reader may be tried again at once: asking it
 * costs nothing.
 */
static int outage_begins(struct slo_sink *s, struct outage *o, const char *what, int code,
                         struct slo_err *err)
{
	s->stats.failures++;
	o->retry_at_ns = code == EAGAIN ? 0 : slo_clock_monotonic_ns() + s->retry_ns;
	o->on = true;
	if (o->told)
		return 0;
	o->told = true;
	return say(s, what, code, err);
}

/* 1 where it had been told, else 0. */
static int outage_ends(struct outage *o)
{
	int told = o->told;

	*o = (struct outage){ 0 };
	return told;
}

static bool outage_pauses(const struct outage *o)
{
	return o->on && o->retry_at_ns && slo_clock_monotonic_ns() < o->retry_at_ns;
}

static uint64_t count_lines(const char *p, size_t n)
{
	uint64_t lines = 0;

	for (const char *end = p + n; p < end; p++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			break;
		lines++;
	}
	return lines;
}

static void drop_front(struct slo_sink *s, size_t n)
{
	memmove(s->buf, s->buf + n, s->used - n);
	s->used -= n;
}

/* Writes as much of the buffer as goes; *@ret_done is how much. 0 or a positive errno. */
static int write_buffer(const struct slo_sink *s, size_t *ret_done)
{
	size_t done = 0;
	int code = 0;

	while (done < s->used && !code) {
		ssize_t n = slo_output_write(&s->out, s->buf + done, s->used - done, s->wait_ms);

		if (n >= 0) {
			done += (size_t)n;
		} else if (n != -EINTR) {
			code = (int)-n;
		}
	}
	*ret_done = done;
	return code;
}

/*
 * Books the first @done bytes of the buffer as written, but for a partial line that could be taken
 * back.
 */
static void settle(struct slo_sink *s, size_t done)
{
	size_t partial = 0;
	bool cut;

	while (partial < done && s->buf[done - partial - 1] != '\n')
		partial++;
	cut = partial && slo_output_cut(&s->out, partial);
	if (cut)
		done -= partial;
	if (done)
		s->torn = partial && !cut;
	s->stats.written_lines += count_lines(s->buf, done);
	s->stats.written_bytes += done;
	s->out.size += done;
	drop_front(s, done);
}

int slo_sink_flush(struct slo_sink *s, struct slo_err *err)
{
	size_t done = 0;
	int code;

	if (!s->used || outage_pauses(&s->writing))
		return 0;
	code = write_buffer(s, &done);
	settle(s, done);
	if (!code)
		return outage_ends(&s->writing);
	/* A reader that is slow for a moment loses nothing: told once lines are lost. */
	if (code == EAGAIN && !s->writing.on) {
		s->stats.failures++;
		return 0;
	}
	return outage_begins(s, &s->writing, "cannot write to", code, err);
}

/* path.N; N 0 is the path itself. */
static void rotated_name(const struct slo_sink *s, unsigned int n, char name[PATH_MAX])
{
	if (n) {
		(void)snprintf(name, PATH_MAX, "%s.%u", s->path, n);
	} else {
		(void)snprintf(name, PATH_MAX, "%s", s->path);
	}
}

/*
 * Moves path to path.1, path.1 to path.2 and so on; the last goes. Only up to the first gap: where
 * rotating fails halfway and is tried again each second, the older files do not move on each time.
 * 0 or a positive errno.
 */
static int shift_files(const struct slo_sink *s)
{
	char from[PATH_MAX];
	char to[PATH_MAX];
	struct stat st;
	unsigned int gap = 1;

	for (; gap < s->keep; gap++) {
		rotated_name(s, gap, to);
		if (lstat(to, &st) < 0)
			break;
	}
	for (unsigned int n = gap; n > 0; n--) {
		rotated_name(s, n - 1, from);
		rotated_name(s, n, to);
		if (rename(from, to) < 0 && errno != ENOENT)
			return errno;
	}
	return 0;
}

/*
 * 0 or a positive errno; then the old file stays in use, under its old name where that can be had.
 */
static int begin_new_file(struct slo_sink *s)
{
	struct slo_output next;
	char first[PATH_MAX];
	int code = 0;
	int r;

	if (!s->keep) {
		if (ftruncate(s->out.fd, 0) < 0) {
			code = errno;
		} else {
			s->out.size = 0;
		}
		return code;
	}
	code = shift_files(s);
	if (code)
		return code;
	r = slo_output_open(&next, s->path);
	if (r < 0) {
		rotated_name(s, 1, first);
		(void)rename(first, s->path);
		return -r;
	}
	slo_output_close(&s->out);
	s->out = next;
	return 0;
}

/* As slo_sink_write() returns. Called with an empty buffer. */
static int rotate(struct slo_sink *s, struct slo_err *err)
{
	int code = begin_new_file(s);

	if (code)
		return outage_begins(s, &s->rotating, "cannot rotate", code, err);
	s->stats.rotations++;
	return outage_ends(&s->rotating);
}

/* Of two results the one that the caller must hear. */
static int worse(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? a : b;
	return a > b ? a : b;
}

static bool must_rotate(const struct slo_sink *s, size_t len)
{
	uint64_t size = s->out.size + s->used;

	return s->max_bytes && s->out.owned && s->out.regular && size &&
	       size + len > s->max_bytes && !outage_pauses(&s->rotating);
}

int slo_sink_write(struct slo_sink *s, const char *line, size_t len, struct slo_err *err)
{
	int r = 0;

	if (len == 0 || memchr(line, '\n', len) != line + len - 1) {
		s->stats.lost_lines++;
		return slo_err_set(
			err, -EINVAL,
			"record of %zu bytes for %.100s does not end in its only newline", len,
			target(s));
	}
	if (len > sizeof(s->buf)) {
		s->stats.lost_lines++;
		return slo_err_set(err, -EMSGSIZE,
		                   "record of %zu bytes for %.100s is lost: at most %zu fit", len,
		                   target(s), sizeof(s->buf));
	}
	if (must_rotate(s, len)) {
		r = slo_sink_flush(s, err);
		if (!s->used)
			r = worse(r, rotate(s, err));
	}
	if (len > sizeof(s->buf) - s->used)
		r = worse(r, slo_sink_flush(s, err));
	if (len > sizeof(s->buf) - s->used) {
		s->stats.lost_lines++;
		if (!s->writing.told)
			r = worse(r, outage_begins(s, &s->writing, "cannot write to", EAGAIN, err));
		return r;
	}
	memcpy(s->buf + s->used, line, len);
	s->used += len;
	return r;
}

int slo_sink_reopen(struct slo_sink *s, struct slo_err *err)
{
	struct slo_output next;
	int before;
	int after;
	int r;

	if (!s->path)
		return 0;
	s->writing.retry_at_ns = 0; /* somebody has looked after it: try at once */
	before = slo_sink_flush(s, err);
	r = slo_output_open(&next, s->path);
	if (r < 0)
		return say(s, "the old file stays in use: cannot open", -r, err);

	/* The rest of a line that begins in the old output is of no use in the new one. */
	if (s->torn) {
		const char *end = memchr(s->buf, '\n', s->used);

		assert(end);
		s->torn = false;
		s->stats.lost_lines++;
		drop_front(s, (size_t)(end - s->buf) + 1);
	}
	slo_output_close(&s->out);
	s->out = next;
	s->writing.retry_at_ns = 0;
	s->rotating.retry_at_ns = 0;
	after = slo_sink_flush(s, err);
	/* Nobody heard of an outage that began and ended here. */
	return before < 0 && after > 0 ? 0 : worse(before, after);
}

static int check_config(const struct slo_sink_config *cfg, struct slo_err *err)
{
	if (cfg->path && !*cfg->path) {
		return slo_err_set(err, -EINVAL,
		                   "output path is empty; name a file, or - for stdout");
	}
	/* ".99" and the NUL behind it */
	if (cfg->path && strlen(cfg->path) > PATH_MAX - 4) {
		return slo_err_set(err, -ENAMETOOLONG, "output path of %zu bytes: at most %d",
		                   strlen(cfg->path), PATH_MAX - 4);
	}
	if (cfg->keep > SLO_SINK_KEEP_MAX) {
		return slo_err_set(err, -EINVAL, "%u rotated files to keep: at most %d", cfg->keep,
		                   SLO_SINK_KEEP_MAX);
	}
	return 0;
}

static int open_output(struct slo_sink *s, struct slo_err *err)
{
	int r = s->path ? slo_output_open(&s->out, s->path) : slo_output_stdout(&s->out);

	return r < 0 ? say(s, "cannot open", -r, err) : 0;
}

int slo_sink_open(struct slo_sink **ret_sink, const struct slo_sink_config *cfg,
                  struct slo_err *err)
{
	slo_sink_auto struct slo_sink *s = NULL;
	int r = check_config(cfg, err);

	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return slo_err_set(err, -ENOMEM, "no memory for an output buffer");
	s->max_bytes = cfg->max_bytes;
	s->keep = cfg->keep;
	s->wait_ms = cfg->wait_ms;
	s->retry_ns = cfg->retry_ns ? cfg->retry_ns : SLO_NS_PER_SEC;
	if (cfg->path && strcmp(cfg->path, "-") != 0) {
		s->path = strdup(cfg->path);
		if (!s->path) {
			/* cppcheck-suppress memleak ; slo_sink_auto frees it */
			return slo_err_set(err, -ENOMEM, "no memory for an output path");
		}
	}
	r = open_output(s, err);
	if (r < 0)
		return r;
	*ret_sink = slo_take_ptr(s);
	return 0;
}

void slo_sink_stats_get(const struct slo_sink *s, struct slo_sink_stats *ret_stats)
{
	*ret_stats = s->stats;
	ret_stats->pending_lines = count_lines(s->buf, s->used);
}

int slo_sink_close(struct slo_sink **sink, struct slo_sink_stats *ret_stats, struct slo_err *err)
{
	struct slo_sink *s = *sink;
	uint64_t before = s->stats.lost_lines;
	int r = 0;

	s->writing.retry_at_ns = 0;
	(void)slo_sink_flush(s, NULL);
	s->stats.lost_lines += count_lines(s->buf, s->used);
	if (s->stats.lost_lines > before) {
		r = slo_err_set(err, -EIO,
		                "the last %" PRIu64 " lines for %.100s could not be written",
		                s->stats.lost_lines - before, target(s));
	}
	if (ret_stats)
		*ret_stats = s->stats;

	slo_output_close(&s->out);
	free(s->path);
	free(s);
	*sink = NULL;
	return r;
}

void slo_sink_closep(struct slo_sink **sink)
{
	if (*sink)
		(void)slo_sink_close(sink, NULL, NULL);
}
