/* SPDX-License-Identifier: Apache-2.0 */
/* Kprobes as perf events: from 4.17 without a trace in the file system, before that by tracefs, with names that are ours. */
#ifndef SLO_COMPAT_KPROBE_H
#define SLO_COMPAT_KPROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

#define SLO_KPROBE_SYMBOL_LEN 64

/* On the caller's side; one function's entry. */
struct slo_kprobe {
	char symbol[SLO_KPROBE_SYMBOL_LEN];
	char name[SLO_KPROBE_SYMBOL_LEN + 32]; /* tracefs event of ours, to be removed; "" none */
	uint32_t pmu; /* perf event type; 0: by tracefs */
	int id; /* of the tracefs event */
};

/*
 * Finds the way and, where it is @tracefs (slo_tracefs_dir(), or negative), defines the event; takes a variant that gcc made of the function ("x.isra.0"). 0, or -ENOENT (no such function,
 * or it is inlined), -ENOTSUP (no kprobes in this kernel), -EACCES, ... with @err, and nothing left behind. @ret_fd is as of slo_kprobe_open(), which
 * need not be called for the first one: each costs the kernel a wait for all CPUs.
 */
int slo_kprobe_define(struct slo_kprobe *ret, int root, int tracefs, const char *symbol,
                      int *ret_fd, struct slo_err *err);
/* Removes what define() made, once no perf event uses it. Safe on a zeroed one. */
void slo_kprobe_undefine(struct slo_kprobe *k, int tracefs);

/* Perf event that fires programs attached to it on all CPUs. Fd or negative errno. */
int slo_kprobe_open(const struct slo_kprobe *k);

/* Before 4.17 tracefs is the only way. */
bool slo_kprobe_needs_tracefs(int root);

/* Removes the events in @tracefs of agents that are gone. Their number; 0 where it is negative. */
int slo_kprobe_sweep(int tracefs);

#endif
