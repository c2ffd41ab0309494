/* SPDX-License-Identifier: Apache-2.0 */
/* A spool as an earlier owner left it: what is whole waits again, what is not is cut off and counted. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/crc32c.h"
#include "core/store/spool_segment.h"
#include "core/store/spool_state.h"

/* Keeps @first[] ascending and, where there are too many, the latest. */
static size_t insert(uint64_t *first, size_t count, uint64_t one)
{
	size_t i = count;

	while (i && first[i - 1] > one)
		i--;
	memmove(first + i + 1, first + i, (count - i) * sizeof(*first));
	first[i] = one;
	return count + 1;
}

static void closedirp(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static int list(const struct slo_spool *s, uint64_t first[SLO_SPOOL_SEGMENTS_MAX + 1],
                size_t *ret_count)
{
	slo_cleanup(slo_closep) int fd = openat(s->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	slo_cleanup(closedirp) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	size_t count = 0;

	if (!d)
		return -errno;
	(void)slo_take_fd(fd);
	while ((e = readdir(d))) {
		uint64_t one = slo_spool_segment_first(e->d_name);
		char name[SLO_SPOOL_NAME_SIZE];

		if (!one)
			continue;
		count = insert(first, count, one);
		if (count <= SLO_SPOOL_SEGMENTS_MAX)
			continue;
		slo_spool_segment_name(first[0], name);
		(void)unlinkat(s->dirfd, name, 0);
		memmove(first, first + 1, --count * sizeof(*first));
	}
	*ret_count = count;
	return 0;
}

static int unlink_segment(struct slo_spool *s, uint64_t first)
{
	char name[SLO_SPOOL_NAME_SIZE];
	struct stat st;

	slo_spool_segment_name(first, name);
	if (fstatat(s->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_size > SLO_SPOOL_SEGMENT_BYTES)
		s->stats.torn_bytes += (uint64_t)st.st_size - SLO_SPOOL_SEGMENT_BYTES;
	return unlinkat(s->dirfd, name, 0) < 0 ? -errno : 0;
}

/* A new segment begins at the next position: what is missing before it was there, and is no more. */
static void count_gap(struct slo_spool *s, uint64_t expected, uint64_t first)
{
	if (expected <= s->acked)
		expected = s->acked + 1;
	if (first > expected)
		s->stats.damaged += first - expected;
}

/*
 * A file that is none of ours, or broken from its first byte on, would be met again at each start. One that could not be
 * read for another reason is left alone. *@expected: the position after the earlier segment's last.
 */
static int load_segment(struct slo_spool *s, uint64_t first, bool is_last, uint64_t *expected)
{
	struct slo_spool_segment *g = &s->segment[s->count];
	uint64_t size;
	slo_cleanup(slo_closep) int fd = slo_spool_segment_open(s->dirfd, first, &size);
	int r;

	if (fd == -EBADMSG)
		return unlink_segment(s, first);
	r = fd < 0 ? fd : slo_spool_segment_walk(fd, first, size, &g->size, &g->last);
	if (r < 0)
		return r;
	g->first = first;
	count_gap(s, *expected, first);
	*expected = g->last + 1;
	if (g->last < first)
		return unlink_segment(s, first);
	if (g->size < size) {
		s->stats.torn_bytes += size - g->size;
		if (ftruncate(fd, (off_t)g->size) < 0)
			return -errno;
	}
	s->count++;
	s->next = g->last + 1;
	if (is_last)
		s->writefd = slo_take_fd(fd);
	return 0;
}

static void load_ack(struct slo_spool *s)
{
	struct slo_spool_ack a;

	if (pread(s->ackfd, &a, sizeof(a), 0) == (ssize_t)sizeof(a) &&
	    slo_crc32c(&a.position, sizeof(a.position)) == a.check)
		s->acked = a.position;
}

int slo_spool_load(struct slo_spool *s)
{
	uint64_t first[SLO_SPOOL_SEGMENTS_MAX + 1];
	uint64_t expected;
	size_t count = 0;
	int r = list(s, first, &count);

	load_ack(s);
	expected = count ? first[0] : 1;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = load_segment(s, first[i], i + 1 == count, &expected);
	if (r < 0)
		return r;
	if (s->next <= s->acked)
		s->next = s->acked + 1;
	/* A new position must follow the last one of its segment. */
	if (s->count && s->segment[s->count - 1].last + 1 != s->next)
		slo_closep(&s->writefd);
	return 0;
}
