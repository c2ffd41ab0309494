/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/replay/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/decode.h"

static const uint8_t bom[] = { 0xef, 0xbb, 0xbf };

static bool is_stdin(const char *path)
{
	return strcmp(path, "-") == 0;
}

/* O_NONBLOCK: a FIFO without a writer must not hold up the agent. */
static int open_path(const char *path, struct slo_err *err)
{
	int fd = is_stdin(path) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
	                        : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return slo_err_set(err, -errno, "replay: cannot open %s: %s",
		                   is_stdin(path) ? "standard input" : path, strerror(errno));
	return fd;
}

static size_t unread(const struct slo_replay_source *s)
{
	return s->in.end - s->in.begin;
}

/* JSONL begins with a printable character or white space, or a byte order mark, which is skipped. */
static int begin_jsonl(struct slo_replay_source *s, struct slo_err *err)
{
	const uint8_t *b = s->in.buf + s->in.begin;

	if (!s->parse)
		return slo_err_set(err, -EIO, "no binary capture, and JSONL is not read here");
	if (unread(s) >= sizeof(bom) && memcmp(b, bom, sizeof(bom)) == 0)
		slo_input_skip(&s->in, sizeof(bom));
	else if ((*b < ' ' && !strchr("\t\r\n", *b)) || *b >= 0x7f || !*b)
		return slo_err_set(err, -EIO,
		                   "neither a capture nor JSONL: begins with the byte 0x%02x (if "
		                   "it is compressed, unpack it first)",
		                   *b);
	s->format = SLO_REPLAY_JSONL;
	return 0;
}

static int begin_capture(struct slo_replay_source *s, struct slo_err *err)
{
	struct slo_abi_capture h;
	int r = slo_capture_read_header(&s->in, &h, err);

	if (r)
		return r == -EBADMSG ? slo_err_wrap(err, -EIO, "not replayed") : r;
	s->realtime_offset_ns = h.realtime_offset_ns;
	s->format = SLO_REPLAY_CAPTURE;
	return 0;
}

/* 0: the format is known, or the file is empty (END). */
static int detect(struct slo_replay_source *s, struct slo_err *err)
{
	enum slo_capture_magic magic = slo_capture_magic(s->in.buf + s->in.begin, unread(s));

	while (magic == SLO_CAPTURE_SHORT) {
		int n = slo_input_fill(&s->in, err);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		magic = slo_capture_magic(s->in.buf + s->in.begin, unread(s));
	}
	if (unread(s) == 0) {
		s->format = SLO_REPLAY_END;
		return 0;
	}
	return magic == SLO_CAPTURE_NO ? begin_jsonl(s, err) : begin_capture(s, err);
}

void slo_replay_source_fini(struct slo_replay_source *s)
{
	slo_input_fini(&s->in);
	free(s->name);
	s->name = NULL;
}

int slo_replay_source_init(struct slo_replay_source *s, const char *path, slo_event_parse_fn parse,
                           struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = open_path(path, err);
	slo_cleanup(slo_freep) char *name = NULL;
	int r;

	if (fd < 0)
		return fd;
	name = strdup(is_stdin(path) ? "standard input" : path);
	if (!name)
		return slo_err_set(err, -ENOMEM, "replay: out of memory");
	*s = (struct slo_replay_source){ .in.fd = -1, .parse = parse };
	r = slo_input_init(&s->in, fd, err);
	if (r)
		return slo_err_wrap(err, r, "replay");
	(void)slo_take_fd(fd);
	s->name = slo_take_ptr(name);
	r = detect(s, err);
	if (r && r != -EAGAIN) {
		(void)slo_err_wrap(err, r, "replay: %s", s->name);
		slo_replay_source_fini(s);
		return r;
	}
	return 0;
}

int slo_replay_source_probe(const char *path, slo_event_parse_fn parse, struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = open_path(path, err);
	struct slo_replay_source s;
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	/* What is read from a pipe, or through the shared position of standard input, is gone for open(). */
	if (is_stdin(path) || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	r = slo_replay_source_init(&s, path, parse, err);
	if (!r)
		slo_replay_source_fini(&s);
	return r;
}

static int too_long(struct slo_replay_source *s, struct slo_err *err)
{
	s->too_long = false;
	s->line++;
	return slo_err_set(err, -EBADMSG, "line %llu: longer than %d bytes",
	                   (unsigned long long)s->line, SLO_CAPTURE_BUF_BYTES);
}

/* 1: a line without its end, borrowed until the next call; 0: the end; else as slo_replay_source_next(). */
static int next_line(struct slo_replay_source *s, const char **ret_line, size_t *ret_len,
                     struct slo_err *err)
{
	for (;;) {
		const char *text = (const char *)s->in.buf + s->in.begin;
		const char *nl = memchr(text + s->scanned, '\n', unread(s) - s->scanned);
		int n;

		if (nl || (s->in.eof && unread(s))) {
			*ret_line = text;
			*ret_len = nl ? (size_t)(nl - text) : unread(s);
			slo_input_skip(&s->in, *ret_len + (nl ? 1 : 0));
			s->scanned = 0;
			if (s->too_long)
				return too_long(s, err);
			s->line++;
			return 1;
		}
		if (s->in.eof)
			return s->too_long ? too_long(s, err) : 0;
		s->scanned = unread(s);
		n = slo_input_fill(&s->in, err);
		if (n == -ENOBUFS) {
			s->too_long = true;
			slo_input_skip(&s->in, unread(s));
			s->scanned = 0;
		} else if (n < 0) {
			return n;
		}
	}
}

static int next_jsonl(struct slo_replay_source *s, struct slo_probe_event *ev, struct slo_err *err)
{
	const char *line = NULL;
	size_t len = 0;
	int r;

	do {
		r = next_line(s, &line, &len, err);
		if (r <= 0)
			return r;
		if (len && line[len - 1] == '\r')
			len--;
		memset(ev, 0, sizeof(*ev));
		r = len ? s->parse(line, len, ev, err) : -ENODATA;
	} while (r == -ENODATA);
	if (r < 0)
		return slo_err_wrap(err, -EBADMSG, "line %llu", (unsigned long long)s->line);
	return 1;
}

static int next_record(struct slo_replay_source *s, struct slo_probe_event *ev,
                       const void **ret_rec, struct slo_err *err)
{
	uint64_t at = s->in.offset;
	int size = slo_capture_read(&s->in, ret_rec, err);
	int r;

	if (size == -EBADMSG)
		return -EIO; /* the chain is broken, not one record's content */
	if (size <= 0)
		return size;
	r = slo_decode(*ret_rec, (size_t)size, s->realtime_offset_ns, ev, err);
	if (r)
		return slo_err_wrap(err, r, "at offset %llu", (unsigned long long)at);
	return 1;
}

int slo_replay_source_next(struct slo_replay_source *s, struct slo_probe_event *ev,
                           const void **ret_rec, struct slo_err *err)
{
	int r = s->format == SLO_REPLAY_UNKNOWN ? detect(s, err) : 0;

	*ret_rec = NULL;
	if (!r) {
		if (s->format == SLO_REPLAY_CAPTURE)
			r = next_record(s, ev, ret_rec, err);
		else if (s->format == SLO_REPLAY_JSONL)
			r = next_jsonl(s, ev, err);
	}
	if (r > 0 || r == -EAGAIN)
		return r;
	if (r != -EBADMSG)
		s->format = SLO_REPLAY_END;
	return r ? slo_err_wrap(err, r, "replay: %s", s->name) : 0;
}
