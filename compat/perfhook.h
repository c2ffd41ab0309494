/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Perf events for hooks that come and go: where the kernel will refuse new ones once privileges are dropped, some are opened
 * before. A program leaves its event only when that is closed, and disabling the event does not stop the program.
 */
#ifndef SLO_COMPAT_PERFHOOK_H
#define SLO_COMPAT_PERFHOOK_H

#include <stdbool.h>

/* The guard sheds a program at most so often before its holds (doubled each time) are at their longest. */
#define SLO_PERF_SPARES 8

/* Zeroed: nothing is held. */
struct slo_perf_spares {
	int id; /* of the tracepoint, for perf_event_open() */
	unsigned int count;
	int fd[SLO_PERF_SPARES];
};

/* Holds events on tracepoint @id where kernel.perf_event_paranoid of @root is 3 or more (Debian, Ubuntu); else none. */
void slo_perf_spares_init(struct slo_perf_spares *s, int root, int id);
void slo_perf_spares_fini(struct slo_perf_spares *s);

/* A new event, or one of those held, which is disabled; the caller's to close. Fd or negative errno. */
int slo_perf_spares_take(struct slo_perf_spares *s);

/* Would slo_perf_spares_take() succeed now? */
bool slo_perf_spares_can_take(const struct slo_perf_spares *s);

#endif
