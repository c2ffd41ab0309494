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

static int read_id(int dir, const char *prefix, const char *category, const char *name)
{
	char path[256], text[32];
	long id;

	(void)snprintf(path, sizeof(path), "%s/events/%s/%s/id", prefix, category, name);
	if (slo_host_read(dir, path, text, sizeof(text)) <= 0)
		return -ENOENT;
	id = strtol(text, NULL, 10);
	return id > 0 && id <= INT_MAX ? (int)id : -ENOENT;
}

static int no_such(const char *category, const char *name, struct slo_err *err)
{
	return slo_err_set(err, -ENOENT, "no tracepoint %s/%s in this kernel", category, name);
}

int slo_tracefs_event_id(int root, const char *category, const char *name, struct slo_err *err)
{
	slo_cleanup(slo_closep) int own = -1;
	const char *step = "";
	int r;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(places); i++) {
		r = read_id(root, places[i], category, name);
		if (r > 0)
			return r;
		/* Mounted here, so there is nothing more to find elsewhere. */
		if (read_id(root, places[i], "sched", "sched_switch") > 0)
			return no_such(category, name, err);
	}
	r = slo_mount_detached("tracefs", &own, &step);
	if (r < 0)
		return slo_err_set(err, r, "tracefs is not mounted and %s failed (%s): " WAY_OUT,
		                   step, strerror(-r));
	r = read_id(own, "", category, name);
	return r > 0 ? r : no_such(category, name, err);
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
