/* SPDX-License-Identifier: Apache-2.0 */
/* The fault domains, one row each in domain.c: the order is that of the reference model and of every table printed. */
#ifndef SLO_MODEL_DOMAIN_H
#define SLO_MODEL_DOMAIN_H

#include <stdint.h>

#include "core/base/base.h"

enum slo_domain {
	SLO_DOMAIN_NETWORK_DNS,
	SLO_DOMAIN_NETWORK_EGRESS,
	SLO_DOMAIN_CPU_THROTTLE,
	SLO_DOMAIN_MEMORY_PRESSURE,
	SLO_DOMAIN_PROVIDER_THROTTLE,
	SLO_DOMAIN_PROVIDER_ERROR,
	SLO_DOMAIN_RETRIEVAL_BACKEND,
	SLO_DOMAIN_UNKNOWN, /* none of the faults above; never part of a set of faults */
	SLO_DOMAIN_MAX_,
};

/* Faults: the domains but unknown. A set of faults is their SLO_DOMAIN_BITs; the empty set is "unknown". */
#define SLO_FAULT_MAX SLO_DOMAIN_UNKNOWN
#define SLO_FAULT_SETS (1U << SLO_FAULT_MAX)
#define SLO_DOMAIN_BIT(d) (1U << (d))

#define SLO_DOMAIN_STEPS_MAX 4

struct slo_domain_desc {
	const char *name; /* wire name; unique, never renamed */
	const char *help; /* one line */
	const char *steps
		[SLO_DOMAIN_STEPS_MAX]; /* what to look at next, in order; NULL past the last */
};

/* Never NULL for a valid @domain. */
const struct slo_domain_desc *slo_domain_desc(enum slo_domain domain);
const char *slo_domain_name(enum slo_domain domain);

/* 0 and *@ret_domain, or -ENOENT with *@ret_domain untouched. */
int slo_domain_from_name(const char *name, enum slo_domain *ret_domain);

/*
 * The rule mapper: the domain that an operator's label of an injected fault ("dns_latency", "egress_drop") stands
 * for; SLO_DOMAIN_UNKNOWN where there is none. A translation, not a prediction: no accuracy may be computed from it.
 */
enum slo_domain slo_domain_of_label(const char *fault_label);

#endif
