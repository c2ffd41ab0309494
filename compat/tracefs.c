/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "compat/host.h"
#include "compat/hostfile.h"
#include "compat/mount.h"

#define WAY_OUT "mount -t tracefs none /sys/kernel/tracing"

const char *const slo_tracefs_places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

int slo_tracefs_dir(int root, struct slo_err *err)
{
	const char *step = "";
	int r, fd = -1;

	for (size_t i = 0; i < SLO_TRACEFS_PLACES; i++) {
		slo_cleanup(slo_closep) int dir =
			slo_host_open(root, slo_tracefs_places[i], O_RDONLY | O_DIRECTORY);

		/* The directory for the mount is there without it. */
		if (dir >= 0 && slo_hostfile_exists(dir, "events"))
			return slo_take_fd(dir);
	}
	if (!slo_hostfile_is_live(root))
		return slo_err_set(err, -ENOENT, "tracefs is not mounted: " WAY_OUT);
	r = slo_mount_detached("tracefs", &fd, &step);
	if (r < 0)
		return slo_err_set(err, r, "tracefs is not mounted and %s failed (%s): " WAY_OUT,
		                   step, strerror(-r));
	return fd;
}

/* A file of @event ("sched/sched_switch"). 0, or -ENOENT with @err. */
static int read_event(int tracefs, const char *event, const char *file, char *buf, size_t size,
                      struct slo_err *err)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "events/%s/%s", event, file);
	if (slo_host_read(tracefs, path, buf, size) <= 0)
		return slo_err_set(err, -ENOENT, "no tracepoint %s in this kernel", event);
	return 0;
}

static int read_format(int tracefs, const char *category, const char *name, char *buf, size_t size,
                       struct slo_err *err)
{
	char event[160];

	(void)snprintf(event, sizeof(event), "%s/%s", category, name);
	return read_event(tracefs, event, "format", buf, size, err);
}

int slo_tracefs_event_id_in(int tracefs, const char *category, const char *name,
                            struct slo_err *err)
{
	char event[160], text[32];
	long id;
	int r;

	(void)snprintf(event, sizeof(event), "%s/%s", category, name);
	r = read_event(tracefs, event, "id", text, sizeof(text), err);
	if (r < 0)
		return r;
	id = strtol(text, NULL, 10);
	if (id > 0 && id <= INT_MAX)
		return (int)id;
	return slo_err_set(err, -ENOENT, "no tracepoint %s/%s in this kernel", category, name);
}

int slo_tracefs_event_id(int root, const char *category, const char *name, struct slo_err *err)
{
	slo_cleanup(slo_closep) int tracefs = slo_tracefs_dir(root, err);

	return tracefs < 0 ? tracefs : slo_tracefs_event_id_in(tracefs, category, name, err);
}

int slo_tracefs_format(int root, const char *category, const char *name, char *buf, size_t size,
                       struct slo_err *err)
{
	slo_cleanup(slo_closep) int tracefs = slo_tracefs_dir(root, err);

	return tracefs < 0 ? tracefs : read_format(tracefs, category, name, buf, size, err);
}

/* "	field:const void * skaddr;	offset:8;	size:8;	signed:0;" */
static int offset_in(const char *format, const char *field)
{
	size_t len = strlen(field);

	for (const char *at = strstr(format, "field:"); at; at = strstr(at + 1, "field:")) {
		const char *end = at + strcspn(at, ";[");
		const char *offset = strstr(at, "offset:");

		if (offset && (size_t)(end - at) > len && strncmp(end - len, field, len) == 0 &&
		    (end[-(ptrdiff_t)len - 1] == ' ' || end[-(ptrdiff_t)len - 1] == '*'))
			return (int)strtol(offset + strlen("offset:"), NULL, 10);
	}
	return -ENOENT;
}

int slo_tracefs_field_in(int tracefs, const char *category, const char *name, const char *field,
                         struct slo_err *err)
{
	char format[4096];
	int r = read_format(tracefs, category, name, format, sizeof(format), err);

	if (r < 0)
		return r;
	r = offset_in(format, field);
	return r < 0 ? slo_err_set(err, r, "tracepoint %s/%s has no field %s", category, name,
	                           field)
	             : r;
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
