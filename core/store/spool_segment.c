/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/spool_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/crc32c.h"

#define MAGIC "SLOSPL1"
#define SUFFIX ".spool"
#define DIGITS 16

struct segment_header {
	char magic[8];
	uint64_t first;
};
static_assert(sizeof(struct segment_header) == SLO_SPOOL_SEGMENT_BYTES, "written to disk");

struct record_head {
	struct {
		uint64_t position;
		int64_t unix_ms;
		uint32_t tag;
		uint32_t len;
		uint32_t data_check;
		uint32_t zero;
	} said;
	uint32_t check; /* of @said */
	uint32_t zero;
};
static_assert(sizeof(struct record_head) == SLO_SPOOL_HEAD_BYTES, "written to disk");

void slo_spool_segment_name(uint64_t first, char ret[SLO_SPOOL_NAME_SIZE])
{
	(void)snprintf(ret, SLO_SPOOL_NAME_SIZE, "%0*" PRIx64 SUFFIX, DIGITS, first);
}

uint64_t slo_spool_segment_first(const char *name)
{
	if (strspn(name, "0123456789abcdef") != DIGITS || strcmp(name + DIGITS, SUFFIX) != 0)
		return 0;
	return strtoull(name, NULL, 16);
}

/* All or nothing but for what the kernel can't: a short read is an error. */
static int read_at(int fd, void *buf, size_t len, uint64_t at)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int slo_spool_segment_make(int dirfd, uint64_t first)
{
	struct segment_header h = { .magic = MAGIC, .first = first };
	char name[SLO_SPOOL_NAME_SIZE];
	ssize_t n;
	int fd, r;

	slo_spool_segment_name(first, name);
	fd = openat(dirfd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	n = pwrite(fd, &h, sizeof(h), 0);
	if (n == (ssize_t)sizeof(h))
		return fd;
	r = n < 0 ? -errno : -ENOSPC;
	(void)unlinkat(dirfd, name, 0);
	(void)close(fd);
	return r;
}

int slo_spool_segment_open(int dirfd, uint64_t first, uint64_t *ret_size)
{
	struct segment_header h;
	char name[SLO_SPOOL_NAME_SIZE];
	slo_cleanup(slo_closep) int fd = -1;
	struct stat st;
	int r;

	slo_spool_segment_name(first, name);
	fd = openat(dirfd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	r = read_at(fd, &h, sizeof(h), 0);
	if (r < 0)
		return r;
	if (memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0 || h.first != first)
		return -EBADMSG;
	*ret_size = (uint64_t)st.st_size;
	return slo_take_fd(fd);
}

int slo_spool_segment_write(int fd, uint64_t at, const struct slo_spool_head *head,
                            const void *data, bool sync)
{
	struct record_head h = { .said = { .position = head->position,
		                           .unix_ms = head->unix_ms,
		                           .tag = head->tag,
		                           .len = head->len } };
	struct iovec parts[] = { { &h, sizeof(h) }, { (void *)(uintptr_t)data, head->len } };
	ssize_t n;
	int r = 0;

	h.said.data_check = slo_crc32c(data, head->len);
	h.check = slo_crc32c(&h.said, sizeof(h.said));
	n = pwritev(fd, parts, 2, (off_t)at);
	if (n != (ssize_t)(sizeof(h) + head->len)) {
		r = n < 0 ? -errno : -ENOSPC;
	} else if (sync && fdatasync(fd) < 0) {
		r = -errno;
	}
	if (r < 0 && ftruncate(fd, (off_t)at) < 0)
		return -EUCLEAN;
	return r;
}

int slo_spool_segment_head(int fd, uint64_t at, uint64_t size, struct slo_spool_head *ret)
{
	struct record_head h;
	int r;

	if (at >= size)
		return -ENODATA;
	if (size - at < sizeof(h))
		return -EBADMSG;
	r = read_at(fd, &h, sizeof(h), at);
	if (r < 0)
		return r;
	if (slo_crc32c(&h.said, sizeof(h.said)) != h.check || h.said.len > SLO_SPOOL_DATA_MAX ||
	    h.said.len > size - at - sizeof(h))
		return -EBADMSG;
	*ret = (struct slo_spool_head){ .position = h.said.position,
		                        .unix_ms = h.said.unix_ms,
		                        .tag = h.said.tag,
		                        .len = h.said.len,
		                        .check = h.said.data_check };
	return 0;
}

int slo_spool_segment_data(int fd, uint64_t at, const struct slo_spool_head *head, uint8_t *buf)
{
	int r = read_at(fd, buf, head->len, at + SLO_SPOOL_HEAD_BYTES);

	if (r < 0)
		return r;
	return slo_crc32c(buf, head->len) == head->check ? 0 : -EBADMSG;
}

int slo_spool_segment_walk(int fd, uint64_t first, uint64_t size, uint64_t *ret_size,
                           uint64_t *ret_last)
{
	uint64_t at = SLO_SPOOL_SEGMENT_BYTES, position = first;
	struct slo_spool_head head;
	int r;

	while ((r = slo_spool_segment_head(fd, at, size, &head)) == 0 &&
	       head.position == position) {
		at += SLO_SPOOL_HEAD_BYTES + head.len;
		position++;
	}
	if (r < 0 && r != -ENODATA && r != -EBADMSG)
		return r;
	*ret_size = at;
	*ret_last = position - 1;
	return 0;
}
