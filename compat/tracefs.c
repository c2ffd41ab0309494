/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/tracefs.h"

#include <errno.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "compat/host.h"
#include "compat/mount.h"

#define WAY_OUT "mount -t tracefs none /sys/kernel/tracing"

static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

static ssize_t read_file(int dir, const char *prefix, const char *event, const char *file,
                         char *buf, size_t size)
{
	char path[256];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/events/%s/%s", prefix, event, file);
	n = slo_host_read(dir, path, buf, size);
	return n > 0 ? n : -ENOENT;
}

/* A file of @category/@name, wherever tracefs is. Bytes read, or negative errno with @err. */
static ssize_t read_event(int root, const char *category, const char *name, const char *file,
                          char *buf, size_t size, struct slo_err *err)
{
	slo_cleanup(slo_closep) int own = -1;
	const char *step = "";
	char event[160], id[32];
	ssize_t r = -ENOENT;

	(void)snprintf(event, sizeof(event), "%s/%s", category, name);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(places); i++) {
		r = read_file(root, places[i], event, file, buf, size);
		if (r > 0)
			return r;
		/* Mounted here, so there is nothing more to find elsewhere. */
		if (read_file(root, places[i], "sched/sched_switch", "id", id, sizeof(id)) > 0)
			return slo_err_set(err, -ENOENT, "no tracepoint %s in this kernel", event);
	}
	r = slo_mount_detached("tracefs", &own, &step);
	if (r < 0)
		return slo_err_set(err, (int)r,
		                   "tracefs is not mounted and %s failed (%s): " WAY_OUT, step,
		                   strerror((int)-r));
	r = read_file(own, "", event, file, buf, size);
	if (r < 0)
		return slo_err_set(err, -ENOENT, "no tracepoint %s in this kernel", event);
	return r;
}

int slo_tracefs_event_id(int root, const char *category, const char *name, struct slo_err *err)
{
	char text[32];
	ssize_t r = read_event(root, category, name, "id", text, sizeof(text), err);
	long id;

	if (r < 0)
		return (int)r;
	id = strtol(text, NULL, 10);
	if (id > 0 && id <= INT_MAX)
		return (int)id;
	return slo_err_set(err, -ENOENT, "no tracepoint %s/%s in this kernel", category, name);
}

int slo_tracefs_format(int root, const char *category, const char *name, char *buf, size_t size,
                       struct slo_err *err)
{
	ssize_t r = read_event(root, category, name, "format", buf, size, err);

	return r < 0 ? (int)r : 0;
}

int slo_tracefs_perf_open(int id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = (uint64_t)id,
		.sample_period = 1,
	};
	/* A tracepoint's programs run on every CPU, whichever the event names. */
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
