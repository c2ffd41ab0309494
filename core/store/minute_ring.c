/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/minute_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/crc32c.h"

#define MAGIC "SLOBURN"
#define VERSION 1
#define PATH_LEN 512

struct header {
	char magic[8];
	uint32_t version;
	uint32_t bucket_ms;
	uint32_t buckets;
	uint32_t zero[5];
	char name[SLO_MINUTE_RING_NAME_LEN];
	uint32_t spare;
	uint32_t check; /* CRC-32C of all before */
};
static_assert(sizeof(struct header) == 128, "written to disk");

/* Nothing in the header changes after the file was made, so only buckets can be torn. */
struct file {
	struct header header;
	struct slo_burn_bucket bucket[SLO_BURN_BUCKETS];
};
static_assert(sizeof(struct file) == 128 + 16 * SLO_BURN_BUCKETS, "written to disk");

struct slo_minute_ring {
	struct file *file;
	int fd;
};

static struct header header_of(const struct slo_minute_ring_key *key)
{
	struct header h = {
		.magic = MAGIC,
		.version = VERSION,
		.bucket_ms = key->bucket_ms,
		.buckets = SLO_BURN_BUCKETS,
	};

	(void)snprintf(h.name, sizeof(h.name), "%s", key->name);
	h.check = slo_crc32c(&h, offsetof(struct header, check));
	return h;
}

/* --- making -------------------------------------------------------------------------------------------------- */

static int fill(int fd, const struct slo_minute_ring_key *key)
{
	struct header h = header_of(key);
	int r;

	/* A mapped page without a block behind it ends the process by SIGBUS once the disk is full: reserve them now. */
	r = posix_fallocate(fd, 0, sizeof(struct file));
	if (r != 0)
		return -r;
	if (pwrite(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h))
		return errno ? -errno : -EIO;
	return fsync(fd) < 0 ? -errno : 0;
}

/* The file appears whole: a crash leaves no header without buckets. The lock is held before anyone can see it. */
static int make(const char *path, const struct slo_minute_ring_key *key, int *ret_fd,
                struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = -1;
	char tmp[PATH_LEN + 16];
	int r;

	(void)snprintf(tmp, sizeof(tmp), "%s.new.%ld", path, (long)getpid());
	fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return slo_err_set(err, -errno, "%s: %s", tmp, strerror(errno));
	r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : fill(fd, key);
	if (r == 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(tmp);
		return slo_err_set(err, r, "%s: %s", path, strerror(-r));
	}
	*ret_fd = slo_take_fd(fd);
	return 0;
}

/* --- checking ------------------------------------------------------------------------------------------------ */

static bool has_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof(struct file);
}

/* Of the file as a whole: true, or false and why not. */
static bool check_header(const struct header *h, const struct slo_minute_ring_key *key, char *why,
                         size_t size)
{
	struct header expected = header_of(key);

	assert(h);
	if (memcmp(h->magic, expected.magic, sizeof(h->magic)) != 0)
		(void)snprintf(why, size, "not a file of burn-rate minutes");
	else if (h->version != VERSION)
		(void)snprintf(why, size, "version %u, this program knows version %d", h->version,
		               VERSION);
	else if (slo_crc32c(h, offsetof(struct header, check)) != h->check)
		(void)snprintf(why, size, "its header is damaged");
	else if (memcmp(h, &expected, sizeof(expected)) != 0)
		(void)snprintf(why, size, "it counts another SLO: \"%.60s\" in buckets of %u ms",
		               h->name, h->bucket_ms);
	else
		return true;
	return false;
}

static bool check_buckets(struct slo_burn_bucket *buckets, bool *ret_repaired, char *why,
                          size_t size)
{
	struct slo_burn_bucket *bad = NULL;
	unsigned int count = 0;

	for (unsigned int i = 0; i < SLO_BURN_BUCKETS; i++) {
		struct slo_burn_bucket *b = &buckets[i];

		if (slo_burn_bucket_is_sound(b) &&
		    (!b->period || b->period % SLO_BURN_BUCKETS == i))
			continue;
		bad = b;
		count++;
	}
	if (count > 1) {
		(void)snprintf(why, size, "%u of %d buckets are damaged", count, SLO_BURN_BUCKETS);
		return false;
	}
	/* A process that is killed leaves at most the bucket it was writing. */
	if (bad)
		*bad = (struct slo_burn_bucket){ 0 };
	*ret_repaired = bad != NULL;
	return true;
}

static int map(int fd, struct file **ret, struct slo_err *err)
{
	void *at = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return slo_err_set(err, -errno, "mmap: %s", strerror(errno));
	*ret = at;
	return 0;
}

/* 1: *ret_file is mapped; 0: refused, @report says why; or a negative errno. */
static int examine(int fd, const struct slo_minute_ring_key *key, struct file **ret_file,
                   struct slo_minute_ring_report *report, struct slo_err *err)
{
	struct file *file = NULL;
	int r;

	if (!has_size(fd)) {
		(void)snprintf(report->why, sizeof(report->why), "its size is not %zu bytes",
		               sizeof(struct file));
		return 0;
	}
	r = map(fd, &file, err);
	if (r < 0)
		return r;
	if (check_header(&file->header, key, report->why, sizeof(report->why)) &&
	    check_buckets(file->bucket, &report->repaired, report->why, sizeof(report->why))) {
		*ret_file = file;
		return 1;
	}
	(void)munmap(file, sizeof(*file));
	return 0;
}

/* --- opening ------------------------------------------------------------------------------------------------- */

static int open_existing(const char *path, int *ret_fd, struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return slo_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return slo_err_set(err, errno == EWOULDBLOCK ? -EBUSY : -errno, "%s: %s", path,
		                   errno == EWOULDBLOCK ? "another process has it open"
		                                        : strerror(errno));
	*ret_fd = slo_take_fd(fd);
	return 0;
}

/* *ret_file is NULL where a new file was made. */
static int open_or_make(const char *path, const struct slo_minute_ring_key *key, int *ret_fd,
                        struct file **ret_file, struct slo_minute_ring_report *report,
                        struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = -1;
	int r = open_existing(path, &fd, err);

	if (r == 0) {
		r = examine(fd, key, ret_file, report, err);
		if (r < 0)
			return slo_err_wrap(err, r, "%s", path);
		if (r == 1) {
			*ret_fd = slo_take_fd(fd);
			return 0;
		}
		(void)snprintf(report->set_aside, sizeof(report->set_aside), "%s.refused", path);
		if (rename(path, report->set_aside) < 0)
			return slo_err_set(err, -errno, "%s: cannot be set aside: %s", path,
			                   strerror(errno));
	} else if (r != -ENOENT) {
		return r;
	}
	report->made = true;
	return make(path, key, ret_fd, err);
}

int slo_minute_ring_open(struct slo_minute_ring **ret, const char *path,
                         const struct slo_minute_ring_key *key,
                         struct slo_minute_ring_report *report, struct slo_err *err)
{
	struct slo_minute_ring *ring slo_minute_ring_auto = calloc(1, sizeof(*ring));
	int r;

	memset(report, 0, sizeof(*report));
	if (!ring)
		return slo_err_set(err, -ENOMEM, "%s: out of memory", path);
	ring->fd = -1;
	if (strlen(path) >= PATH_LEN - sizeof(".refused"))
		return slo_err_set(err, -ENAMETOOLONG, "%s: %s", path, strerror(ENAMETOOLONG));
	r = open_or_make(path, key, &ring->fd, &ring->file, report, err);
	if (r == 0 && !ring->file)
		r = map(ring->fd, &ring->file, err);
	if (r < 0)
		return r;
	*ret = slo_take_ptr(ring);
	return 0;
}

void slo_minute_ring_freep(struct slo_minute_ring **r)
{
	if (!*r)
		return;
	if ((*r)->file) {
		(void)msync((*r)->file, sizeof(struct file), MS_ASYNC);
		(void)munmap((*r)->file, sizeof(struct file));
	}
	slo_closep(&(*r)->fd);
	slo_freep(r);
}

struct slo_burn_bucket *slo_minute_ring_buckets(struct slo_minute_ring *r)
{
	return r->file->bucket;
}

int slo_minute_ring_sync(struct slo_minute_ring *r, struct slo_err *err)
{
	if (msync(r->file, sizeof(struct file), MS_SYNC) < 0)
		return slo_err_set(err, -errno, "burn-rate minutes: %s", strerror(errno));
	return 0;
}
