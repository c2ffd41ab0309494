/* SPDX-License-Identifier: Apache-2.0 */
/* Disk latency out of /proc/diskstats: requests and their time, a mean per disk and operation. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backends/procfs/interval.h"
#include "backends/procfs/reader.h"
#include "compat/host.h"
#include "compat/hostfile.h"
#include "core/base/clock.h"

#define PATH "/proc/diskstats"
#define DISKS_MAX 128
#define TEXT_BYTES (64 * 1024)

/* Columns behind the name (Documentation/admin-guide/iostats.rst); discards from 4.18, flushes from 5.5. */
static const struct {
	enum slo_disk_op op;
	unsigned int requests, ms;
} columns[] = {
	{ SLO_DISK_READ, 0, 3 },
	{ SLO_DISK_WRITE, 4, 7 },
	{ SLO_DISK_DISCARD, 11, 14 },
	{ SLO_DISK_FLUSH, 15, 16 },
};
#define COLUMNS 17

struct disk {
	uint32_t major, minor;
	char name[SLO_DEVICE_LEN];
	uint64_t value[COLUMNS]; /* 0 where the kernel has no such column */
};

struct disks {
	int fd;
	uint64_t from_ns;
	unsigned int count;
	struct disk disk[DISKS_MAX];
	char text[TEXT_BYTES];
};

/* A partition's requests are its disk's, which is in the table too. */
static bool is_partition(int root, const struct disk *d)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", d->major, d->minor);
	return slo_hostfile_exists(root, path);
}

static bool parse_line(char *line, struct disk *ret)
{
	uint64_t major, minor;
	char *word[3], *w;

	*ret = (struct disk){ 0 };
	for (int i = 0; i < 3; i++) {
		word[i] = slo_text_word(&line);
		if (!word[i])
			return false;
	}
	if (slo_text_u64(word[0], 10, &major) || slo_text_u64(word[1], 10, &minor))
		return false;
	ret->major = (uint32_t)major;
	ret->minor = (uint32_t)minor;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", word[2]);
	for (unsigned int i = 0; i < COLUMNS && (w = slo_text_word(&line)); i++) {
		if (slo_text_u64(w, 10, &ret->value[i]))
			return false;
	}
	return true;
}

static struct disk *find(struct disks *d, const struct disk *what)
{
	for (unsigned int i = 0; i < d->count; i++) {
		if (d->disk[i].major == what->major && d->disk[i].minor == what->minor)
			return &d->disk[i];
	}
	return NULL;
}

static void give(const struct disk *from, const struct disk *to, uint64_t from_ns, uint64_t now_ns,
                 slo_procfs_event_fn fn, void *user)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(columns); i++) {
		uint64_t count = to->value[columns[i].requests] - from->value[columns[i].requests];
		uint64_t ms = to->value[columns[i].ms] - from->value[columns[i].ms];
		struct slo_probe_event ev;

		if (!count || to->value[columns[i].requests] < from->value[columns[i].requests] ||
		    to->value[columns[i].ms] < from->value[columns[i].ms])
			continue;
		slo_interval_event(&ev, SLO_SIG_DISK_IO, SLO_EV_HIST, from_ns, now_ns);
		slo_interval_add(&ev.hist, ms * SLO_NS_PER_MS / count, count);
		ev.count = count;
		ev.detail.disk.op = columns[i].op;
		ev.detail.disk.major = to->major;
		ev.detail.disk.minor = to->minor;
		(void)snprintf(ev.detail.disk.device, sizeof(ev.detail.disk.device), "%s",
		               to->name);
		fn(user, &ev);
	}
}

/* @fn NULL: the first reading. @root: to tell partitions of disks not seen before; -1 takes none. */
static int read_all(struct disks *d, int root, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
                    struct slo_err *err)
{
	ssize_t n = slo_interval_text(d->fd, d->text, sizeof(d->text));
	char *rest = d->text, *line;

	if (n < 0)
		return slo_err_set(err, (int)n, PATH ": %s", strerror((int)-n));
	while ((line = strsep(&rest, "\n"))) {
		struct disk now, *known;

		if (!parse_line(line, &now))
			continue;
		known = find(d, &now);
		if (known && fn)
			give(known, &now, d->from_ns, now_ns, fn, user);
		if (!known && root >= 0 && d->count < DISKS_MAX && !is_partition(root, &now))
			known = &d->disk[d->count++];
		if (known)
			*known = now;
	}
	d->from_ns = now_ns;
	return 0;
}

static void disk_close(void *state)
{
	struct disks *d = state;

	if (d)
		slo_closep(&d->fd);
	free(d);
}

static int disk_open(int root, void **ret_state, struct slo_err *err)
{
	struct disks *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return slo_err_set(err, -ENOMEM, "procfs: out of memory");
	d->fd = slo_host_open(root, PATH, O_RDONLY);
	r = d->fd < 0 ? slo_err_set(err, d->fd, PATH ": %s", strerror(-d->fd))
	              : read_all(d, root, slo_clock_monotonic_ns(), NULL, NULL, err);
	if (!r && !d->count)
		r = slo_err_set(err, -ENODATA, PATH " lists no disk");
	if (r) {
		disk_close(d);
		return r;
	}
	*ret_state = d;
	return 0;
}

static void disk_probe(int root, struct slo_verdict *v)
{
	struct slo_err err = { 0 };
	void *state = NULL;
	int r = disk_open(root, &state, &err);

	if (r)
		slo_verdict_refuse(v, "procfs", r, "%s", err.msg);
	else
		slo_interval_serve(
			v, SLO_SRC_PROCFS, "diskstats", PATH,
			"means of one second, in whole ms summed over it; no owner; disks that "
			"come later and those with iostats off are not seen");
	disk_close(state);
}

static int disk_read(void *state, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
                     struct slo_err *err)
{
	return read_all(state, -1, now_ns, fn, user, err);
}

const struct slo_procfs_reader slo_procfs_disk = {
	.signal = SLO_SIG_DISK_IO,
	.probe = disk_probe,
	.open = disk_open,
	.read = disk_read,
	.close = disk_close,
};
