/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verdict may rest on: the twelve signals, and ratios and times read off spans. One row each in evidence.c. The
 * first SLO_SIG_MAX_ kinds are the signals under their own numbers.
 */
#ifndef SLO_MODEL_EVIDENCE_H
#define SLO_MODEL_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/domain.h"
#include "core/model/signal.h"

enum slo_evidence {
	SLO_EVID_THROTTLED_RATIO = SLO_SIG_MAX_, /* replies 429 or 529 / requests */
	SLO_EVID_SERVER_ERROR_RATIO, /* replies 5xx but 529 / requests */
	SLO_EVID_STREAM_ERROR_RATIO, /* streams ended by an SSE error event / requests */
	SLO_EVID_QUEUE_SHARE, /* time in the engine's queue / request time */
	SLO_EVID_RETRIEVAL_SHARE, /* time in retrieval spans / request time */
	SLO_EVID_SERVER_THINK, /* last request byte sent to first response byte received */
	SLO_EVID_MAX_,
};

#define SLO_EVID_BIT(e) (UINT32_C(1) << (e))
#define SLO_EVID_ALL (SLO_EVID_BIT(SLO_EVID_MAX_) - 1)

/* How a value becomes comparable with its baseline (slo_evidence_scale). */
enum slo_evidence_unit {
	SLO_EVID_UNIT_MS, /* g = ln(1 + x) */
	SLO_EVID_UNIT_COUNT, /* g = ln(1 + x) */
	SLO_EVID_UNIT_PCT, /* 0 to 100; g = logit, one half percent away from both ends at least */
	SLO_EVID_UNIT_RATIO, /* 0 to 1; as PCT */
	SLO_EVID_UNIT_MAX_,
};

/* Kinds whose values rise together for one and the same reason: their weight is shared. */
enum slo_evidence_group {
	SLO_EVID_GROUP_NETWORK,
	SLO_EVID_GROUP_CPU,
	SLO_EVID_GROUP_MEMORY, /* and disk */
	SLO_EVID_GROUP_TLS,
	SLO_EVID_GROUP_SPAN,
	SLO_EVID_GROUP_MAX_,
};

/* What a kind says of a fault, for people; the numbers stand in the model's parameters. */
enum slo_evidence_role {
	SLO_EVID_ROLE_SILENT, /* nothing */
	SLO_EVID_ROLE_SPECIFIC, /* points at the fault and hardly at another */
	SLO_EVID_ROLE_SHARED, /* rises with the fault, and with others */
	SLO_EVID_ROLE_EXCULPATES, /* where it is raised, something else is at work */
};

struct slo_evidence_desc {
	const char *name; /* wire name; of signals theirs */
	const char *help; /* one line */
	enum slo_evidence_unit unit;
	enum slo_evidence_group group;
	double floor; /* in its unit; below it a value is never raised; the signal's warning threshold */
	bool span; /* read off spans (source otel), not off the kernel */
	enum slo_evidence_role role[SLO_FAULT_MAX];
};

/* The row of @evid (< SLO_EVID_MAX_), composed of the signal's own where it is one. Strings are static. */
struct slo_evidence_desc slo_evidence_desc(unsigned int evid);
const char *slo_evidence_name(unsigned int evid);
/* "ms", "count", "pct" or "ratio". */
const char *slo_evidence_unit_name(enum slo_evidence_unit unit);
/* "network", "cpu", ...: wire name of a group in parameter files. */
const char *slo_evidence_group_name(enum slo_evidence_group group);

/* 0 and *@ret_evid, or -ENOENT with *@ret_evid untouched. */
int slo_evidence_from_name(const char *name, unsigned int *ret_evid);

/* Largest value that makes sense: 100 of a percentage, 1 of a ratio, else 1e12. The smallest is 0. */
double slo_evidence_max(unsigned int evid);

/* g(x) of the row's unit: finite for every x in 0..slo_evidence_max. */
double slo_evidence_scale(unsigned int evid, double value);

#endif
