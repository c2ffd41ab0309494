/* SPDX-License-Identifier: Apache-2.0 */
/* Direct reads of a file on a real disk: one request each, and one system call each. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "core/programs/sloctl/selftest_case.h"

#define PAGE 4096
/*
 * Around the call there is our own time, and before the request the filesystem's. The read that took least is the one
 * that scheduling disturbed least.
 */
#define TOLERANCE_MS 0.1
#define TOLERANCE_PART 0.25

static const char *const folders[] = { "/var/tmp", "/tmp", "/var/lib", "/root" };

/* A nameless file of SLO_SELFTEST_READS pages for direct I/O in @folder; negative errno. */
static int make_file(const char *folder, char *page)
{
	slo_cleanup(slo_closep) int fd =
		open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_DIRECT, S_IRUSR | S_IWUSR);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	/* Not on one disk: tmpfs, overlay, network and pooled filesystems have numbers of their own. */
	if (!major(st.st_dev))
		return -ENODEV;
	for (int i = 0; i < SLO_SELFTEST_READS; i++) {
		if (pwrite(fd, page, PAGE, (off_t)i * PAGE) != PAGE)
			return -errno;
	}
	return fsync(fd) ? -errno : slo_take_fd(fd);
}

static int prepare(struct slo_selftest *t, struct slo_err *err)
{
	int r = -ENODEV;

	if (t->disk.page)
		return t->disk.fd < 0 ? slo_err_set(err, t->disk.fd, "no disk to read from") : 0;
	t->disk.page = aligned_alloc(PAGE, PAGE);
	if (!t->disk.page)
		return slo_err_set(err, -ENOMEM, "self-test: out of memory");
	memset(t->disk.page, 's', PAGE);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(folders) && r < 0; i++)
		r = make_file(folders[i], t->disk.page);
	t->disk.fd = r;
	if (r >= 0)
		return 0;
	return slo_err_set(err, r,
	                   "no disk to read from: neither /var/tmp nor /tmp nor /var/lib nor /root "
	                   "takes direct I/O to one block device (%s)",
	                   strerror(-r));
}

/* Both signals see the same reads. */
static int cause(struct slo_selftest *t, struct slo_err *err)
{
	struct iovec iov = { .iov_base = t->disk.page, .iov_len = PAGE };

	if (t->disk.done)
		return 0;
	for (unsigned int i = 0; i < SLO_SELFTEST_READS; i++) {
		uint64_t begin = slo_clock_monotonic_ns();

		if (preadv(t->disk.fd, &iov, 1, (off_t)i * PAGE) != PAGE)
			return slo_err_set(err, -EIO, "direct read: %s", strerror(errno));
		begin = slo_clock_monotonic_ns() - begin;
		if (!t->disk.done++ || begin < t->disk.least_ns)
			t->disk.least_ns = begin;
	}
	return 0;
}

static void judge(const struct slo_selftest *t, struct slo_selftest_result *r,
                  bool (*is_ours)(const struct slo_probe_event *ev))
{
	struct slo_selftest_check c = { .which = "", .truth = (double)t->disk.least_ns / 1e6 };
	unsigned int count = 0;

	(void)snprintf(r->what, sizeof(r->what),
	               "%d direct reads of 4 KiB, one after the other: the fastest",
	               SLO_SELFTEST_READS);
	c.tolerance = TOLERANCE_MS + TOLERANCE_PART * c.truth;
	for (unsigned int i = 0; i < t->count; i++) {
		const struct slo_probe_event *ev = &t->events[i];

		if (ev->signal != r->signal || !is_ours(ev))
			continue;
		if (!count++ || slo_event_value(ev) < c.value)
			c.value = slo_event_value(ev);
	}
	c.seen = count >= t->disk.done;
	/* A filesystem may read blocks of its own on our behalf, but hardly as many. */
	if (count >= 2 * t->disk.done)
		c.fault = "more were reported than made";
	slo_selftest_check(r, &c);
}

static bool is_request(const struct slo_probe_event *ev)
{
	return ev->detail.disk.op == SLO_DISK_READ && ev->detail.disk.bytes == PAGE;
}

static bool is_call(const struct slo_probe_event *ev)
{
	return ev->detail.sys.family == SLO_SYS_READ && ev->detail.sys.bytes == PAGE &&
	       (ev->detail.sys.file == SLO_FILE_REGULAR || ev->detail.sys.file == SLO_FILE_UNKNOWN);
}

static void judge_disk(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	judge(t, r, is_request);
}

static void judge_calls(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	judge(t, r, is_call);
}

void slo_selftest_disk_end(struct slo_selftest *t)
{
	slo_closep(&t->disk.fd);
	free(t->disk.page);
	t->disk.page = NULL;
}

const struct slo_selftest_case slo_selftest_disk = {
	.signal = SLO_SIG_DISK_IO,
	.prepare = prepare,
	.cause = cause,
	.judge = judge_disk,
};

const struct slo_selftest_case slo_selftest_calls = {
	.signal = SLO_SIG_SYSCALL,
	.prepare = prepare,
	.cause = cause,
	.judge = judge_calls,
};
