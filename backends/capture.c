/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/capture.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Where a record says its format and size; all else of it is slo_decode()'s. */
struct frame {
	uint16_t version;
	uint16_t size;
};
static_assert(offsetof(struct slo_abi_event, version) == offsetof(struct frame, version) &&
                      offsetof(struct slo_abi_event, size) == offsetof(struct frame, size),
              "a record begins with its frame");
static_assert(SLO_CAPTURE_BUF_BYTES > 2 * sizeof(struct slo_abi_agg), "a record always fits");

struct slo_capture_writer {
	int fd;
	bool stuck; /* the last write failed: only a flush tries again */
	size_t used;
	struct slo_capture_stats stats;
	uint8_t buf[SLO_CAPTURE_BUF_BYTES];
};

static bool is_record_size(size_t size)
{
	return size == sizeof(struct slo_abi_event) || size == sizeof(struct slo_abi_traced) ||
	       size == sizeof(struct slo_abi_agg);
}

static bool is_read(unsigned int version)
{
	return version >= SLO_ABI_VERSION_OLDEST && version <= SLO_ABI_VERSION;
}

int slo_capture_writer_new(struct slo_capture_writer **ret_w, int fd, uint64_t realtime_offset_ns,
                           const char *node, struct slo_err *err)
{
	struct slo_capture_writer *w = calloc(1, sizeof(*w));
	struct slo_abi_capture h = {
		.magic = SLO_ABI_CAPTURE_MAGIC,
		.version = SLO_ABI_VERSION,
		.event_size = sizeof(struct slo_abi_event),
		.realtime_offset_ns = realtime_offset_ns,
	};

	if (!w)
		return slo_err_set(err, -ENOMEM, "capture: no memory for a buffer of %d bytes",
		                   SLO_CAPTURE_BUF_BYTES);
	if (node)
		memcpy(h.node, node, strnlen(node, sizeof(h.node) - 1));
	memcpy(w->buf, &h, sizeof(h));
	w->used = sizeof(h);
	w->fd = fd;
	*ret_w = w;
	return 0;
}

int slo_capture_writer_set_offset(struct slo_capture_writer *w, uint64_t realtime_offset_ns)
{
	if (w->stats.bytes)
		return -EBUSY;
	memcpy(w->buf + offsetof(struct slo_abi_capture, realtime_offset_ns), &realtime_offset_ns,
	       sizeof(realtime_offset_ns));
	return 0;
}

/*
 * What the kernel did not take stays in front of the buffer, to the byte: after a full disk or a full pipe the next
 * try goes on where this one ended, so the file never holds half a record in its midst.
 */
static int write_out(struct slo_capture_writer *w, struct slo_err *err)
{
	bool was_stuck = w->stuck;
	size_t done = 0;
	int r = 0;

	while (done < w->used && !r) {
		ssize_t n = write(w->fd, w->buf + done, w->used - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			r = -EIO;
		else if (errno != EINTR)
			r = -errno;
	}
	memmove(w->buf, w->buf + done, w->used - done);
	w->used -= done;
	w->stats.bytes += done;
	w->stuck = r != 0;
	if (!r || was_stuck)
		return 0;
	return slo_err_set(err, r,
	                   "capture: write failed after %llu bytes: %s; records are lost "
	                   "until it succeeds again",
	                   (unsigned long long)w->stats.bytes, strerror(-r));
}

int slo_capture_write(struct slo_capture_writer *w, const void *rec, size_t size,
                      struct slo_err *err)
{
	int r = 0;

	if (!is_record_size(size))
		return slo_err_set(err, -EINVAL, "capture: no record has %zu bytes", size);
	if (w->used + size > sizeof(w->buf) && !w->stuck)
		r = write_out(w, err);
	if (w->used + size > sizeof(w->buf)) {
		w->stats.lost++;
		return r;
	}
	memcpy(w->buf + w->used, rec, size);
	w->used += size;
	w->stats.records++;
	return r;
}

int slo_capture_flush(struct slo_capture_writer *w, struct slo_err *err)
{
	return w->stats.records ? write_out(w, err) : 0;
}

void slo_capture_writer_stats(const struct slo_capture_writer *w, struct slo_capture_stats *ret)
{
	*ret = w->stats;
}

void slo_capture_writer_freep(struct slo_capture_writer **w)
{
	if (!*w)
		return;
	(void)write_out(*w, NULL);
	(void)close((*w)->fd);
	free(*w);
	*w = NULL;
}

int slo_input_init(struct slo_input *in, int fd, struct slo_err *err)
{
	uint8_t *buf = malloc(SLO_CAPTURE_BUF_BYTES);

	if (!buf)
		return slo_err_set(err, -ENOMEM, "no memory for a buffer of %d bytes",
		                   SLO_CAPTURE_BUF_BYTES);
	*in = (struct slo_input){ .fd = fd, .buf = buf };
	return 0;
}

void slo_input_fini(struct slo_input *in)
{
	slo_closep(&in->fd);
	free(in->buf);
	*in = (struct slo_input){ .fd = -1 };
}

static bool would_block(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n = poll(&p, 1, 0);

	return n == 0 || (n < 0 && errno == EINTR);
}

int slo_input_fill(struct slo_input *in, struct slo_err *err)
{
	ssize_t n;

	if (in->eof)
		return 0;
	if (in->begin) {
		memmove(in->buf, in->buf + in->begin, in->end - in->begin);
		in->end -= in->begin;
		in->begin = 0;
	}
	if (in->end == SLO_CAPTURE_BUF_BYTES)
		return slo_err_set(err, -ENOBUFS, "buffer of %d bytes is full",
		                   SLO_CAPTURE_BUF_BYTES);
	/* Asked instead of O_NONBLOCK, which would change the stdin that the caller's shell shares. */
	if (would_block(in->fd))
		return -EAGAIN;
	n = read(in->fd, in->buf + in->end, SLO_CAPTURE_BUF_BYTES - in->end);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return -EAGAIN;
	if (n < 0) {
		unsigned long long at = in->offset + in->end;

		return slo_err_set(err, -errno, "read failed at offset %llu: %s", at,
		                   strerror(errno));
	}
	in->eof = n == 0;
	in->end += (size_t)n;
	return (int)n;
}

void slo_input_skip(struct slo_input *in, size_t bytes)
{
	assert(bytes <= in->end - in->begin);
	in->begin += bytes;
	in->offset += bytes;
}

/* Makes @want bytes unread: 0, or -ENODATA where the end comes first, or as slo_input_fill(). */
static int need(struct slo_input *in, size_t want, struct slo_err *err)
{
	while (in->end - in->begin < want) {
		int n = slo_input_fill(in, err);

		if (n <= 0)
			return n ? n : -ENODATA;
	}
	return 0;
}

enum slo_capture_magic slo_capture_magic(const void *bytes, size_t size)
{
	const uint64_t yes = SLO_ABI_CAPTURE_MAGIC;
	const uint64_t swapped = __builtin_bswap64(yes);
	size_t cmp = size < sizeof(yes) ? size : sizeof(yes);
	bool is_yes = memcmp(bytes, &yes, cmp) == 0;
	bool is_swapped = memcmp(bytes, &swapped, cmp) == 0;

	if (!is_yes && !is_swapped)
		return SLO_CAPTURE_NO;
	if (cmp < sizeof(yes))
		return SLO_CAPTURE_SHORT;
	return is_yes ? SLO_CAPTURE_YES : SLO_CAPTURE_SWAPPED;
}

static int check_header(const struct slo_abi_capture *h, struct slo_err *err)
{
	switch (slo_capture_magic(h, sizeof(h->magic))) {
	case SLO_CAPTURE_YES:
		break;
	case SLO_CAPTURE_SWAPPED:
		return slo_err_set(
			err, -EBADMSG,
			"capture made on a machine of other byte order: replay it on such "
			"a machine, or record JSONL there");
	case SLO_CAPTURE_NO:
	case SLO_CAPTURE_SHORT:
		return slo_err_set(err, -EBADMSG, "no capture: magic number is wrong");
	}
	if (!is_read(h->version))
		return slo_err_set(err, -EBADMSG,
		                   "capture of format %u, this program reads %d to %d: use the "
		                   "release that recorded it",
		                   h->version, SLO_ABI_VERSION_OLDEST, SLO_ABI_VERSION);
	if (h->event_size != sizeof(struct slo_abi_event))
		return slo_err_set(err, -EBADMSG, "capture header: events of %u bytes, not %zu",
		                   h->event_size, sizeof(struct slo_abi_event));
	return 0;
}

int slo_capture_read_header(struct slo_input *in, struct slo_abi_capture *ret, struct slo_err *err)
{
	struct slo_abi_capture h = { 0 };
	int r = need(in, sizeof(h), err);

	if (r == -ENODATA)
		return slo_err_set(err, -EBADMSG, "capture cut inside its header, after %zu bytes",
		                   in->end - in->begin);
	if (r)
		return r;
	memcpy(&h, in->buf + in->begin, sizeof(h));
	h.node[sizeof(h.node) - 1] = '\0';
	r = check_header(&h, err);
	if (r)
		return r;
	slo_input_skip(in, sizeof(h));
	*ret = h;
	return 0;
}

static int cut_record(const struct slo_input *in, struct slo_err *err)
{
	return slo_err_set(err, -EBADMSG,
	                   "capture cut inside its last record, at offset %llu (%zu bytes of it "
	                   "are there); all before it is whole: truncate --size=%llu keeps that",
	                   (unsigned long long)in->offset, in->end - in->begin,
	                   (unsigned long long)in->offset);
}

int slo_capture_read(struct slo_input *in, const void **ret_rec, struct slo_err *err)
{
	struct frame f;
	int r = need(in, sizeof(f), err);

	if (r == -ENODATA)
		return in->end == in->begin ? 0 : cut_record(in, err);
	if (r)
		return r;
	memcpy(&f, in->buf + in->begin, sizeof(f));
	if (!is_read(f.version) || !is_record_size(f.size)) {
		return slo_err_set(
			err, -EBADMSG,
			"capture broken at offset %llu (a record of format %u and %u "
			"bytes); what follows cannot be read: truncate --size=%llu keeps "
			"what came before, the rest is to be recorded anew",
			(unsigned long long)in->offset, f.version, f.size,
			(unsigned long long)in->offset);
	}
	r = need(in, f.size, err);
	if (r)
		return r == -ENODATA ? cut_record(in, err) : r;
	*ret_rec = in->buf + in->begin;
	slo_input_skip(in, f.size);
	return f.size;
}
