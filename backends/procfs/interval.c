/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/procfs/interval.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/clock.h"

void slo_interval_event(struct slo_probe_event *ret, enum slo_signal sig, enum slo_event_kind kind,
                        uint64_t from_ns, uint64_t now_ns)
{
	*ret = (struct slo_probe_event){
		.signal = sig,
		.kind = kind,
		.source = SLO_SRC_PROCFS,
		.start_ns = from_ns,
		.interval_ns = now_ns - from_ns,
		.realtime_offset_ns = slo_clock_realtime_offset_ns(),
	};
}

void slo_interval_add(struct slo_hist *h, uint64_t ns, uint64_t count)
{
	uint32_t *slot = &h->slot[slo_hist_slot(ns)];

	*slot = (uint32_t)(count < UINT32_MAX - *slot ? *slot + count : UINT32_MAX);
	h->count += count;
	h->sum_ns += ns * count;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

void slo_room_begin(struct slo_room *room)
{
	room->beyond = 0;
}

void slo_room_end(struct slo_room *room)
{
	room->lacked = room->beyond;
}

int slo_room_check(const struct slo_room *room, const char *what, size_t max, const char *hence,
                   struct slo_err *err)
{
	if (!room->lacked)
		return 0;
	return slo_err_set(err, -ENOSPC, "%zu %s beyond the first %zu are not read%s%s",
	                   room->lacked, what, max, *hence ? ": " : "", hence);
}

ssize_t slo_interval_text(int fd, char *buf, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size - 1 && (n = pread(fd, buf + used, size - 1 - used, (off_t)used)) != 0) {
		if (n < 0)
			return -errno;
		used += (size_t)n;
	}
	if (used == size - 1)
		return -EFBIG;
	buf[used] = '\0';
	return (ssize_t)used;
}

void slo_interval_serve(struct slo_verdict *v, enum slo_source source, const char *mechanism,
                        const char *hooks, const char *note)
{
	v->serves = true;
	v->source = source;
	v->mechanism = mechanism;
	v->hooks = hooks;
	(void)snprintf(v->note, sizeof(v->note), "%s", note);
}
