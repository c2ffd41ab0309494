/* SPDX-License-Identifier: Apache-2.0 */
/* Attaches and detaches the programs of rows.h, each once however many signals need it. */
#ifndef SLO_BCC_HOOKS_H
#define SLO_BCC_HOOKS_H

#include "backends/bcc/handover.h"
#include "backends/bcc/rows.h"
#include "compat/kprobe.h"
#include "compat/perfhook.h"
#include "core/model/verdict.h"

struct slo_bcc_hooks {
	struct {
		int prog; /* borrowed from the program; -1: never attached */
		int link; /* perf event or raw tracepoint; -1: not attached */
		struct slo_kprobe kprobe;
		struct slo_perf_spares perf; /* tracepoint; its id 0: not asked yet */
	} hook[SLO_BCC_HOOK_MAX_];
	const struct slo_bcc_rung *rung[SLO_BCC_OBJ_MAX_]; /* that serves; NULL: none */
	unsigned int extras[SLO_BCC_OBJ_MAX_]; /* bit i: its optional part i is in */
	int root; /* dirfd of the host's root, borrowed */
	int tracefs; /* where kprobes go by it: what they are removed by when the right to mount one may be gone; else -1 */
};

/* Nothing attached, nothing open. */
void slo_bcc_hooks_init(struct slo_bcc_hooks *h);
/* On the host of @root, borrowed. Sweeps what dead agents left in tracefs, where kprobes go by it. */
void slo_bcc_hooks_start(struct slo_bcc_hooks *h, int root);
/* Detaches all. */
void slo_bcc_hooks_fini(struct slo_bcc_hooks *h);

/* Climbs @obj's ladder: loads and attaches for real. 0 and @v says what serves, or negative errno and why not. */
int slo_bcc_hooks_open(struct slo_bcc_hooks *h, enum slo_bcc_obj obj, struct slo_bcc_program *p,
                       struct slo_verdict *v);
/* Attaches what the objects of @objects (bit set) need and detaches all else. 0 or the first failure, all else done. */
int slo_bcc_hooks_apply(struct slo_bcc_hooks *h, unsigned int objects, struct slo_err *err);

/* Does the kernel account delays? Where it does not, it never comes to where reclaim's end is hooked. */
bool slo_bcc_delays_are_kept(int root);

/* Bit set of hooks that @obj uses. */
uint64_t slo_bcc_hooks_of(const struct slo_bcc_hooks *h, enum slo_bcc_obj obj);

#endif
