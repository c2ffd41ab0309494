/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/jsonl.h"
#include "core/codec/json_load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_MIN ((size_t)256 << 10)
/* The longest line and its CRLF. */
#define BUFFER_MAX ((size_t)SLO_JSONL_LINE_MAX + 2)
/* Of one that grows: read or passed over in one call, see slo_jsonl_next(). */
#define CALL_BYTES ((size_t)256 << 10)
/* Bytes of a line whose object may be kept. */
#define KEPT_MAX 4096
/* Of a path in messages, so that the cause still fits behind it. */
#define NAME_SIZE 96

struct slo_jsonl {
	int fd;
	bool eof; /* of one that grows: for now */
	bool growing;
	bool bounded; /* it was opened as one that grows: CALL_BYTES */
	bool hung_up;
	bool begun; /* the byte order mark has been looked for */
	bool too_long; /* the current line's beginning has been thrown away */
	char *buf;
	size_t size, begin, end; /* of @buf; unread bytes are [begin, end) */
	size_t scanned; /* unread bytes known to hold no newline */
	size_t spent; /* of CALL_BYTES */
	uint64_t line, rejected, offset;
	int64_t total;
	json_t *kept; /* the first short object, see parse() */
	char name[NAME_SIZE];
};

static bool is_stdin(const char *path)
{
	return strcmp(path, "-") == 0;
}

/* A long path keeps its end, which tells more. */
static void set_name(char name[NAME_SIZE], const char *path)
{
	size_t len = strlen(path);

	if (is_stdin(path))
		path = "stdin";
	if (len < NAME_SIZE)
		(void)snprintf(name, NAME_SIZE, "%s", path);
	else
		(void)snprintf(name, NAME_SIZE, "...%s", path + len - (NAME_SIZE - 4));
}

/* Bytes to read, -1 where that is not known. 0 or a negative errno. */
static int measure(int fd, int64_t *ret)
{
	struct stat st;
	off_t at;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	at = S_ISREG(st.st_mode) ? lseek(fd, 0, SEEK_CUR) : -1;
	*ret = at >= 0 && at <= st.st_size ? (int64_t)(st.st_size - at) : -1;
	return 0;
}

static int open_flags(struct slo_jsonl **ret, const char *path, int flags, struct slo_err *err)
{
	slo_jsonl_auto struct slo_jsonl *j = calloc(1, sizeof(*j));
	int r = 0;

	if (!j)
		return slo_err_set(err, -ENOMEM, "out of memory");
	set_name(j->name, path);
	j->fd = is_stdin(path) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
	                       : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);
	if (j->fd < 0)
		r = -errno;
	else
		r = measure(j->fd, &j->total);
	if (r < 0)
		return slo_err_set(err, r, "cannot read %s: %s", j->name, strerror(-r));
	j->size = BUFFER_MIN;
	j->buf = malloc(j->size);
	if (!j->buf)
		return slo_err_set(err, -ENOMEM, "cannot read %s: out of memory", j->name);
	*ret = slo_take_ptr(j);
	return 0;
}

int slo_jsonl_open(struct slo_jsonl **ret, const char *path, struct slo_err *err)
{
	return open_flags(ret, path, 0, err);
}

int slo_jsonl_open_growing(struct slo_jsonl **ret, const char *path, struct slo_err *err)
{
	int r = open_flags(ret, path, O_NONBLOCK, err);

	if (r < 0)
		return r;
	(*ret)->growing = (*ret)->bounded = true;
	return 0;
}

int slo_jsonl_go_on(struct slo_jsonl *j, const struct slo_jsonl_mark *from, struct slo_err *err)
{
	assert(!j->offset);
	if (lseek(j->fd, (off_t)from->offset, SEEK_SET) < 0)
		return slo_err_set(err, -errno, "cannot read %s from byte %" PRIu64 ": %s", j->name,
		                   from->offset, strerror(errno));
	j->offset = from->offset;
	j->line = from->line;
	j->begun = from->offset > 0;
	return 0;
}

void slo_jsonl_finish(struct slo_jsonl *j)
{
	j->growing = j->eof = false;
}

void slo_jsonl_freep(struct slo_jsonl **j)
{
	if (!*j)
		return;
	slo_closep(&(*j)->fd);
	free((*j)->buf);
	json_decref((*j)->kept);
	slo_freep(j);
}

static size_t unread(const struct slo_jsonl *j)
{
	return j->end - j->begin;
}

static void consume(struct slo_jsonl *j, size_t n)
{
	j->begin += n;
	j->offset += n;
	j->scanned = 0;
}

/* malloc, not realloc: what was read stays valid where there is no memory. */
static int grow(struct slo_jsonl *j, struct slo_err *err)
{
	size_t size = 2 * j->size < BUFFER_MAX ? 2 * j->size : BUFFER_MAX;
	char *buf = malloc(size);

	if (!buf)
		return slo_err_set(err, -ENOMEM,
		                   "%s:%" PRIu64 ": no memory for a line of %zu bytes", j->name,
		                   j->line + 1, size);
	memcpy(buf, j->buf + j->begin, unread(j));
	free(j->buf);
	j->buf = buf;
	j->size = size;
	j->end -= j->begin;
	j->begin = 0;
	return 0;
}

/*
 * Whether a read would not wait. Standard input's O_NONBLOCK is everybody's who has it open, so it is not set: a file is
 * always readable, all else is asked.
 */
static bool has_more(const struct slo_jsonl *j)
{
	struct pollfd p = { .fd = j->fd, .events = POLLIN };

	return !j->growing || poll(&p, 1, 0) > 0;
}

/* read(), but 0 also for what would have to be waited for. */
static ssize_t read_some(struct slo_jsonl *j)
{
	ssize_t n;

	j->hung_up = false;
	if (!has_more(j))
		return 0;
	do {
		n = read(j->fd, j->buf + j->end, j->size - j->end);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN && j->growing)
		return 0;
	j->hung_up = n == 0;
	return n;
}

/* More bytes behind the unread ones. 0 (also at the end: @eof), or a negative errno. */
static int fill(struct slo_jsonl *j, struct slo_err *err)
{
	ssize_t n;

	if (j->begin > 0) {
		memmove(j->buf, j->buf + j->begin, unread(j));
		j->end -= j->begin;
		j->begin = 0;
	}
	if (j->end == j->size && j->size == BUFFER_MAX) {
		j->too_long = true;
		consume(j, unread(j));
		j->begin = j->end = 0;
	} else if (j->end == j->size) {
		int r = grow(j, err);

		if (r < 0)
			return r;
	}
	n = read_some(j);
	if (n < 0)
		return slo_err_set(err, -errno, "cannot read %s after line %" PRIu64 ": %s",
		                   j->name, j->line, strerror(errno));
	j->eof = n == 0;
	j->end += (size_t)n;
	j->spent += (size_t)n;
	return 0;
}

static int skip_mark(struct slo_jsonl *j, struct slo_err *err)
{
	static const char mark[] = "\xef\xbb\xbf";

	while (!j->eof && unread(j) < sizeof(mark) - 1) {
		int r = fill(j, err);

		if (r < 0)
			return r;
	}
	j->begun = !j->growing || unread(j) >= sizeof(mark) - 1;
	if (unread(j) >= sizeof(mark) - 1 && memcmp(j->buf + j->begin, mark, sizeof(mark) - 1) == 0)
		consume(j, sizeof(mark) - 1);
	return 0;
}

static bool has_spent(const struct slo_jsonl *j)
{
	return j->bounded && j->spent >= CALL_BYTES;
}

/* 1: a line without its end, borrowed until the next call; 0: the end; or a negative errno. */
static int next_line(struct slo_jsonl *j, const char **ret_line, size_t *ret_len,
                     struct slo_err *err)
{
	const char *text, *newline;
	size_t len;
	int r;

	if (j->growing)
		j->eof = false;
	r = j->begun ? 0 : skip_mark(j, err);
	for (;;) {
		if (r < 0)
			return r;
		text = j->buf + j->begin;
		newline = memchr(text + j->scanned, '\n', unread(j) - j->scanned);
		if (newline || j->eof)
			break;
		j->scanned = unread(j);
		r = has_spent(j) ? -EAGAIN : fill(j, err);
	}
	len = newline ? (size_t)(newline - text) : unread(j);
	if (!newline && j->growing) {
		j->scanned = len;
		return 0;
	}
	if (!newline && len == 0 && !j->too_long)
		return 0;
	consume(j, len + (newline ? 1 : 0));
	j->line++;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	*ret_line = text;
	*ret_len = len;
	return 1;
}

static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	}
	return true;
}

int slo_jsonl_reject(struct slo_jsonl *j, struct slo_err *err)
{
	j->rejected++;
	return slo_err_wrap(err, -EBADMSG, "%s:%" PRIu64, j->name, j->line);
}

static int parse(struct slo_jsonl *j, const char *line, size_t len, json_t **ret_object,
                 struct slo_err *err)
{
	json_error_t cause = { 0 };
	json_t *root = NULL;
	int r = slo_json_load(&root, line, len, JSON_REJECT_DUPLICATES, &cause);

	if (r == -ENOMEM)
		return slo_err_set(err, -ENOMEM,
		                   "%s:%" PRIu64 ": no memory for a line of %zu bytes", j->name,
		                   j->line, len);
	if (!root) {
		(void)slo_err_set(err, -EBADMSG,
		                  "not JSON at byte %d: %.100s, expected one JSON object a line",
		                  cause.position, cause.text);
		return slo_jsonl_reject(j, err);
	}
	if (!json_is_object(root)) {
		json_decref(root);
		(void)slo_err_set(err, -EBADMSG, "JSON, but no object; expected one object a line");
		return slo_jsonl_reject(j, err);
	}
	/*
	 * musl's allocator gives a group of slots back to the kernel as soon as all are free: one object that stays
	 * spares a mmap() and a munmap() a line, 40 % of the time.
	 */
	if (!j->kept && len <= KEPT_MAX)
		j->kept = json_incref(root);
	*ret_object = root;
	return 1;
}

int slo_jsonl_next(struct slo_jsonl *j, json_t **ret_object, struct slo_err *err)
{
	const char *line = NULL;
	size_t len = 0;
	int r;

	j->spent = 0;
	for (;;) {
		r = next_line(j, &line, &len, err);
		if (r <= 0)
			return r;
		if (j->too_long || !is_blank(line, len))
			break;
		j->spent += len + 1;
		if (has_spent(j))
			return -EAGAIN;
	}
	if (j->too_long || len > SLO_JSONL_LINE_MAX) {
		j->too_long = false;
		(void)slo_err_set(err, -EBADMSG,
		                  "longer than %u bytes, expected one JSON object a line",
		                  SLO_JSONL_LINE_MAX);
		return slo_jsonl_reject(j, err);
	}
	return parse(j, line, len, ret_object, err);
}

bool slo_jsonl_is_hung_up(const struct slo_jsonl *j)
{
	return j->hung_up;
}

size_t slo_jsonl_unfinished(const struct slo_jsonl *j)
{
	return unread(j);
}

int slo_jsonl_fd(const struct slo_jsonl *j)
{
	return j->fd;
}

uint64_t slo_jsonl_line(const struct slo_jsonl *j)
{
	return j->line;
}

uint64_t slo_jsonl_rejected(const struct slo_jsonl *j)
{
	return j->rejected;
}

uint64_t slo_jsonl_offset(const struct slo_jsonl *j)
{
	return j->offset;
}

int64_t slo_jsonl_size(const struct slo_jsonl *j)
{
	return j->total;
}
