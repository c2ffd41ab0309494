/* SPDX-License-Identifier: Apache-2.0 */
/* How one backend would measure one signal on this host, and why not better. */
#ifndef SLO_MODEL_VERDICT_H
#define SLO_MODEL_VERDICT_H

#include "core/model/event.h"

#define SLO_VERDICT_REFUSED_MAX 6

struct slo_refusal {
	const char *mechanism; /* static: "tp_btf", ... with a variant where there are several */
	int code; /* negative errno */
	char why[256]; /* cause and, where there is one, the way out */
};

struct slo_verdict {
	bool serves; /* this backend can give the signal here */
	bool by_turns; /* it taxes every process: to be enabled now and then only */
	enum slo_source source; /* valid where serves */
	const char *mechanism; /* static; row that serves, "" otherwise */
	const char *hooks; /* static; kernel hooks used, "" otherwise */
	char note[512]; /* what the serving mechanism cannot see here; "" none */
	char needs[160]; /* what it (or, unserved, the cheapest refused one) needs; "" none */
	unsigned int refused_count;
	struct slo_refusal refused[SLO_VERDICT_REFUSED_MAX]; /* better rows tried first, in order */
};

/* Append a refusal; past the maximum the last one is overwritten, so that the final reason is kept. */
void slo_verdict_refuse(struct slo_verdict *v, const char *mechanism, int code, const char *fmt,
                        ...) slo_printf(4, 5);

/* Append to the note: @text, and @why unless it is NULL, or there already. */
void slo_verdict_note(struct slo_verdict *v, const char *text, const char *why);

#endif
