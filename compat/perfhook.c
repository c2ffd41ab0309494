/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/perfhook.h"

#include <linux/perf_event.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compat/hostfile.h"
#include "compat/tracefs.h"

#define PARANOID "/proc/sys/kernel/perf_event_paranoid"

/* Disabled: one that is enabled and has no program samples into nowhere. */
static int open_disabled(int id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = (uint64_t)id,
		.sample_period = 1,
		.disabled = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
}

void slo_perf_spares_init(struct slo_perf_spares *s, int root, int id)
{
	uint64_t paranoid = 0;

	memset(s, 0, sizeof(*s));
	s->id = id;
	/* -1 is no number of this reader's, and no reason either. */
	if (slo_hostfile_u64(root, PARANOID, &paranoid) < 0 || paranoid < 3)
		return;
	while (s->count < SLO_PERF_SPARES) {
		int fd = open_disabled(id);

		if (fd < 0)
			return;
		s->fd[s->count++] = fd;
	}
}

void slo_perf_spares_fini(struct slo_perf_spares *s)
{
	while (s->count)
		(void)close(s->fd[--s->count]);
}

int slo_perf_spares_take(struct slo_perf_spares *s)
{
	int fd = slo_tracefs_perf_open(s->id);

	return fd < 0 && s->count ? s->fd[--s->count] : fd;
}

bool slo_perf_spares_can_take(const struct slo_perf_spares *s)
{
	int fd = s->count ? -1 : slo_tracefs_perf_open(s->id);

	if (fd >= 0)
		(void)close(fd);
	return s->count || fd >= 0;
}
