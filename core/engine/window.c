/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/window.h"

#include <errno.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/map.h"

struct window_key {
	uint64_t cgroup_id;
	uint8_t daddr[16];
	uint32_t signal;
	uint16_t dport;
	uint8_t family;
	uint8_t pad;
};

struct window {
	double sum[SLO_WINDOW_SECONDS]; /* by second modulo the window */
	uint32_t count[SLO_WINDOW_SECONDS];
	uint64_t last_second;
};

struct slo_windows {
	struct slo_map *map;
};

int slo_windows_new(struct slo_windows **ret_w, size_t max, struct slo_err *err)
{
	const struct slo_map_config cfg = { .key_size = sizeof(struct window_key),
		                            .value_size = sizeof(struct window),
		                            .max = max };
	slo_windows_auto struct slo_windows *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return slo_err_set(err, -ENOMEM, "windows: out of memory");
	r = slo_map_new(&w->map, &cfg, err);
	if (r < 0)
		return r;
	*ret_w = slo_take_ptr(w);
	return 0;
}

void slo_windows_freep(struct slo_windows **w)
{
	if (*w)
		slo_map_freep(&(*w)->map);
	free(*w);
	*w = NULL;
}

/* Clears the seconds between the last entry and @second. */
static void advance(struct window *win, uint64_t second)
{
	uint64_t gap = second > win->last_second ? second - win->last_second : 0;

	for (uint64_t i = 0; i < gap && i < SLO_WINDOW_SECONDS; i++) {
		size_t slot = (size_t)((second - i) % SLO_WINDOW_SECONDS);

		win->sum[slot] = 0;
		win->count[slot] = 0;
	}
	if (gap)
		win->last_second = second;
}

enum slo_status slo_windows_status(struct slo_windows *w, const struct slo_probe_event *ev)
{
	const struct slo_signal_desc *d = slo_signal_desc(ev->signal);
	struct window_key key = { .cgroup_id = ev->cgroup_id, .signal = (uint32_t)ev->signal };
	double value = slo_event_value(ev), sum = 0;
	uint64_t second = (ev->start_ns + ev->interval_ns) / SLO_NS_PER_SEC;
	struct window *win;
	uint32_t count = 0;

	if (!d->windowed || (ev->kind != SLO_EV_COUNT && ev->kind != SLO_EV_GAUGE))
		return slo_signal_status(ev->signal, value);
	memcpy(key.daddr, ev->tuple.daddr, sizeof(key.daddr));
	key.dport = ev->tuple.dport;
	key.family = ev->tuple.family;
	win = slo_map_get(w->map, &key, NULL);
	if (!win)
		return slo_signal_status(ev->signal, value);
	advance(win, second);
	win->sum[second % SLO_WINDOW_SECONDS] += value;
	win->count[second % SLO_WINDOW_SECONDS]++;
	for (size_t i = 0; i < SLO_WINDOW_SECONDS; i++) {
		sum += win->sum[i];
		count += win->count[i];
	}
	return slo_signal_status(ev->signal, d->unit == SLO_UNIT_PCT ? sum / count : sum);
}

void slo_windows_expire(struct slo_windows *w, uint64_t now_ns)
{
	uint64_t second = now_ns / SLO_NS_PER_SEC;
	const struct window *win;
	const void *key;
	size_t pos = 0;

	while ((win = slo_map_next(w->map, &pos, &key))) {
		if (win->last_second + SLO_WINDOW_SECONDS < second)
			(void)slo_map_erase(w->map, key);
	}
}

uint64_t slo_windows_dropped(const struct slo_windows *w)
{
	return slo_map_dropped(w->map);
}
