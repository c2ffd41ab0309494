/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/store/spool_segment.h"
#include "core/store/spool_state.h"

#define SEGMENTS 16 /* that the cap is made of: what goes at once when it is met */

/* --- segments ------------------------------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct slo_spool *s)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < s->count; i++)
		bytes += s->segment[i].size;
	return bytes;
}

/* Records of a segment that wait. */
static uint64_t waiting_in(const struct slo_spool *s, const struct slo_spool_segment *g)
{
	uint64_t begin = g->first > s->acked + 1 ? g->first : s->acked + 1;

	return g->last >= begin ? g->last - begin + 1 : 0;
}

static void save_ack(struct slo_spool *s)
{
	struct slo_spool_ack a = { .position = s->acked };

	a.check = slo_crc32c(&a.position, sizeof(a.position));
	/* Where this fails, records are sent twice after a restart; they are not lost. */
	(void)!pwrite(s->ackfd, &a, sizeof(a), 0);
}

/* The first segment, and what waits in it. */
static void remove_first(struct slo_spool *s)
{
	char name[SLO_SPOOL_NAME_SIZE];

	slo_spool_segment_name(s->segment[0].first, name);
	(void)unlinkat(s->dirfd, name, 0);
	if (s->acked < s->segment[0].last)
		s->acked = s->segment[0].last;
	if (s->count == 1)
		slo_closep(&s->writefd);
	slo_closep(&s->readfd);
	s->count--;
	memmove(s->segment, s->segment + 1, s->count * sizeof(s->segment[0]));
	s->at = SLO_SPOOL_SEGMENT_BYTES;
}

static void tell_lost(const struct slo_spool *s, uint32_t tag)
{
	if (s->on_lost)
		s->on_lost(s->user, tag);
}

/* Each record that waits in the first segment, up to the first unsound head. A descriptor there is serves: there may be no other. */
static void tell_first_lost(const struct slo_spool *s)
{
	const struct slo_spool_segment *g = &s->segment[0];
	uint64_t size, at = SLO_SPOOL_SEGMENT_BYTES;
	int fd = s->readfd < 0 && s->count == 1 ? s->writefd : s->readfd;
	slo_cleanup(slo_closep) int own =
		s->on_lost && fd < 0 ? slo_spool_segment_open(s->dirfd, g->first, &size) : -1;
	struct slo_spool_head head;

	if (!s->on_lost)
		return;
	if (fd < 0)
		fd = own;
	while (fd >= 0 && slo_spool_segment_head(fd, at, g->size, &head) == 0) {
		if (head.position > s->acked)
			tell_lost(s, head.tag);
		at += SLO_SPOOL_HEAD_BYTES + head.len;
	}
}

static void give_up_first(struct slo_spool *s, uint64_t *counter)
{
	tell_first_lost(s);
	*counter += waiting_in(s, &s->segment[0]);
	remove_first(s);
	save_ack(s);
}

static void drop_first(struct slo_spool *s)
{
	give_up_first(s, &s->stats.dropped);
}

static void remove_done(struct slo_spool *s)
{
	while (s->count && waiting_in(s, &s->segment[0]) == 0)
		remove_first(s);
}

/* --- opening -------------------------------------------------------------------------------------------------- */

static int load(struct slo_spool *s)
{
	int r = slo_spool_load(s);

	if (r < 0)
		return r;
	s->at = SLO_SPOOL_SEGMENT_BYTES;
	remove_done(s);
	while (s->count && bytes_of(s) > s->max_bytes)
		drop_first(s);
	return 0;
}

static int lock(struct slo_spool *s, struct slo_err *err)
{
	s->lockfd = openat(s->dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lockfd < 0)
		return slo_err_set(err, -errno, "spool %s: %s", s->dir, strerror(errno));
	if (flock(s->lockfd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return slo_err_set(err, -errno, "spool %s: %s", s->dir, strerror(errno));
	return slo_err_set(err, -EBUSY,
	                   "spool %s: another process has it: give each a folder of its own",
	                   s->dir);
}

static int open_all(struct slo_spool *s, struct slo_err *err)
{
	int r;

	if (mkdir(s->dir, 0700) < 0 && errno != EEXIST)
		return slo_err_set(err, -errno, "spool %s: %s", s->dir, strerror(errno));
	s->dirfd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd < 0)
		return slo_err_set(err, -errno, "spool %s: %s", s->dir, strerror(errno));
	r = lock(s, err);
	if (r < 0)
		return r;
	s->ackfd = openat(s->dirfd, "ack", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = s->ackfd < 0 ? -errno : load(s);
	return r < 0 ? slo_err_set(err, r, "spool %s: %s", s->dir, strerror(-r)) : 0;
}

int slo_spool_open(struct slo_spool **ret, const struct slo_spool_config *cfg, struct slo_err *err)
{
	slo_spool_auto struct slo_spool *s = NULL;
	int n, r;

	if (cfg->max_bytes < SLO_SPOOL_BYTES_MIN)
		return slo_err_set(err, -EINVAL, "spool %s: at least %d bytes", cfg->dir,
		                   SLO_SPOOL_BYTES_MIN);
	s = calloc(1, sizeof(*s));
	if (!s)
		return slo_err_set(err, -ENOMEM, "spool %s: no memory", cfg->dir);
	s->dirfd = s->lockfd = s->ackfd = s->writefd = s->readfd = -1;
	s->max_bytes = cfg->max_bytes;
	s->max_age_ms = cfg->max_age_ms;
	s->on_lost = cfg->on_lost;
	s->user = cfg->user;
	s->next = 1;
	n = snprintf(s->dir, sizeof(s->dir), "%s", cfg->dir);
	if (n < 1 || (size_t)n >= sizeof(s->dir))
		return slo_err_set(err, -EINVAL, "spool: no folder, or one of a name too long");
	r = open_all(s, err);
	if (r < 0)
		return r;
	*ret = slo_take_ptr(s);
	return 0;
}

void slo_spool_freep(struct slo_spool **spool)
{
	struct slo_spool *s = *spool;

	if (!s)
		return;
	slo_closep(&s->readfd);
	slo_closep(&s->writefd);
	slo_closep(&s->ackfd);
	slo_closep(&s->dirfd);
	slo_closep(&s->lockfd);
	free(s->data);
	free(s);
	*spool = NULL;
}

/* --- appending ------------------------------------------------------------------------------------------------ */

/* Room in the last segment, or a new one; the oldest go where the cap asks for it. */
static int make_room(struct slo_spool *s, uint64_t need)
{
	struct slo_spool_segment *g = s->count ? &s->segment[s->count - 1] : NULL;
	int fd;

	if (g && g->last >= g->first && g->size + need > s->max_bytes / SEGMENTS)
		slo_closep(&s->writefd);
	if (s->writefd < 0)
		need += SLO_SPOOL_SEGMENT_BYTES;
	while (s->count && bytes_of(s) + need > s->max_bytes) {
		if (s->count == 1 && s->writefd >= 0)
			need += SLO_SPOOL_SEGMENT_BYTES;
		drop_first(s);
	}
	if (s->writefd >= 0)
		return 0;
	if (s->count == SLO_SPOOL_SEGMENTS_MAX)
		drop_first(s);
	fd = slo_spool_segment_make(s->dirfd, s->next);
	if (fd < 0)
		return fd;
	s->writefd = fd;
	s->dir_dirty = true;
	s->segment[s->count++] = (struct slo_spool_segment){ .first = s->next,
		                                             .last = s->next - 1,
		                                             .size = SLO_SPOOL_SEGMENT_BYTES };
	return 0;
}

/* What is left behind the last segment's size is nobody's: no record may follow it. */
static void close_unclean(struct slo_spool *s, const struct slo_spool_segment *g)
{
	char name[SLO_SPOOL_NAME_SIZE];

	slo_closep(&s->writefd);
	if (g->last >= g->first)
		return;
	slo_spool_segment_name(g->first, name);
	(void)unlinkat(s->dirfd, name, 0);
	s->count--;
}

static int write_record(struct slo_spool *s, const struct slo_spool_head *head, const void *data,
                        bool sync)
{
	struct slo_spool_segment *g = &s->segment[s->count - 1];
	int r = slo_spool_segment_write(s->writefd, g->size, head, data, sync);

	if (r == 0 && sync && s->dir_dirty && fsync(s->dirfd) < 0)
		r = ftruncate(s->writefd, (off_t)g->size) < 0 ? -EUCLEAN : -errno;
	if (r == -EUCLEAN) {
		close_unclean(s, g);
		return -EIO;
	}
	if (r < 0)
		return r;
	s->dir_dirty = s->dir_dirty && !sync;
	g->size += SLO_SPOOL_HEAD_BYTES + head->len;
	g->last = s->next++;
	return 0;
}

int slo_spool_append(struct slo_spool *s, uint32_t tag, const void *data, size_t len, bool sync,
                     struct slo_err *err)
{
	struct slo_spool_head head = { .tag = tag, .position = s->next };
	uint64_t need = SLO_SPOOL_HEAD_BYTES + (uint64_t)len;
	int r;

	if (len > SLO_SPOOL_DATA_MAX || need + SLO_SPOOL_SEGMENT_BYTES > s->max_bytes) {
		s->stats.failed++;
		return slo_err_set(err, -EMSGSIZE, "spool %s: %zu bytes are more than it may hold",
		                   s->dir, len);
	}
	head.len = (uint32_t)len;
	head.unix_ms = (int64_t)(slo_clock_realtime_ns() / SLO_NS_PER_MS);
	r = make_room(s, need);
	if (r == 0)
		r = write_record(s, &head, data, sync);
	if (r < 0) {
		s->stats.failed++;
		return slo_err_set(err, r, "spool %s: %s", s->dir, strerror(-r));
	}
	return 0;
}

uint64_t slo_spool_last(const struct slo_spool *s)
{
	return s->next - 1;
}

/* --- reading -------------------------------------------------------------------------------------------------- */

/* The record at @at of the first segment. */
static int first_head(struct slo_spool *s, struct slo_spool_head *ret)
{
	const struct slo_spool_segment *g = &s->segment[0];
	uint64_t size;
	int r;

	if (s->readfd < 0)
		s->readfd = slo_spool_segment_open(s->dirfd, g->first, &size);
	if (s->readfd < 0) {
		r = s->readfd;
		s->readfd = -1;
		return r;
	}
	r = slo_spool_segment_head(s->readfd, s->at, g->size, ret);
	return r == 0 && (ret->position < g->first || ret->position > g->last) ? -EBADMSG : r;
}

/* What is not so, no descriptor or no memory or a disk that is away, may be better next time: nothing is lost by it. */
static bool is_damage(int r)
{
	return r == -EBADMSG || r == -ENODATA || r == -ENOENT;
}

/* The head of the oldest record that waits; segments that are damaged are given up, counted. -ENOENT: none. */
static int oldest(struct slo_spool *s, struct slo_spool_head *ret)
{
	int r;

	remove_done(s);
	while (s->count) {
		r = first_head(s, ret);
		if (r < 0 && !is_damage(r))
			return r;
		if (r < 0) {
			give_up_first(s, &s->stats.damaged);
			continue;
		}
		if (ret->position > s->acked)
			return 0;
		s->at += SLO_SPOOL_HEAD_BYTES + ret->len;
	}
	return -ENOENT;
}

static void step_over(struct slo_spool *s, const struct slo_spool_head *head)
{
	s->acked = head->position;
	s->at += SLO_SPOOL_HEAD_BYTES + head->len;
}

static int hold(struct slo_spool *s, size_t len)
{
	uint8_t *more;

	if (len <= s->data_size && s->data)
		return 0;
	more = realloc(s->data, len + 1);
	if (!more)
		return -ENOMEM;
	s->data = more;
	s->data_size = len;
	return 0;
}

static int read_oldest(struct slo_spool *s, struct slo_spool_head *head)
{
	int r;

	while ((r = oldest(s, head)) == 0) {
		r = hold(s, head->len);
		if (r == 0)
			r = slo_spool_segment_data(s->readfd, s->at, head, s->data);
		if (r != -EBADMSG)
			return r;
		s->stats.damaged++;
		tell_lost(s, head->tag);
		step_over(s, head);
		save_ack(s);
	}
	return r;
}

int slo_spool_peek(struct slo_spool *s, struct slo_spool_record *ret)
{
	struct slo_spool_head head;
	int r = read_oldest(s, &head);

	s->stats.unread = r == -ENOENT ? 0 : -r;
	if (r < 0)
		return r;
	*ret = (struct slo_spool_record){ .position = head.position,
		                          .unix_ms = head.unix_ms,
		                          .tag = head.tag,
		                          .data = s->data,
		                          .len = head.len };
	return 0;
}

/* Where the next one begins is looked up when it is read: what cannot be read now is done all the same. */
void slo_spool_ack(struct slo_spool *s, uint64_t position)
{
	if (position <= s->acked || position >= s->next)
		return;
	s->acked = position;
	save_ack(s);
	remove_done(s);
}

/* Of what cannot be read the age is not known either: it is as old as the trouble with it. */
static void expire_unread(struct slo_spool *s, int64_t unix_ms)
{
	if (!s->unread_ms)
		s->unread_ms = unix_ms;
	if (unix_ms <= s->unread_ms || (uint64_t)(unix_ms - s->unread_ms) <= s->max_age_ms)
		return;
	drop_first(s);
	s->unread_ms = 0;
}

void slo_spool_expire(struct slo_spool *s, int64_t unix_ms)
{
	struct slo_spool_head head;
	bool any = false;
	int r;

	if (!s->max_age_ms)
		return;
	while ((r = oldest(s, &head)) == 0 && head.unix_ms < unix_ms &&
	       (uint64_t)(unix_ms - head.unix_ms) > s->max_age_ms) {
		s->stats.dropped++;
		tell_lost(s, head.tag);
		step_over(s, &head);
		any = true;
	}
	if (any) {
		save_ack(s);
		remove_done(s);
	}
	if (r < 0 && r != -ENOENT)
		expire_unread(s, unix_ms);
	else
		s->unread_ms = 0;
}

void slo_spool_stats(const struct slo_spool *s, struct slo_spool_stats *ret)
{
	*ret = s->stats;
	ret->bytes = bytes_of(s);
	ret->records = 0;
	for (size_t i = 0; i < s->count; i++)
		ret->records += waiting_in(s, &s->segment[i]);
}
