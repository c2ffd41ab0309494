/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What joins kernel signals to spans: the tiers of certainty as rows, the two kinds of records, and
 * the names of the attributes that a join leaves on a span.
 */
#ifndef SLO_MODEL_CORRELATION_H
#define SLO_MODEL_CORRELATION_H

#include <stdint.h>

#include "core/model/signal.h"

/* In the order in which they are tried: the first that holds decides. */
enum slo_corr_tier {
	SLO_TIER_TRACE,
	SLO_TIER_POD_PID,
	SLO_TIER_POD_CONN,
	SLO_TIER_SERVICE_NODE,
	SLO_TIER_MAX_,
	SLO_TIER_NONE = SLO_TIER_MAX_,
};

struct slo_corr_tier_desc {
	const char *name; /* wire name */
	const char *alias; /* older name, read but never written; NULL: none */
	double confidence; /* 0 to 1, falling from row to row */
	int64_t limit_ns; /* largest distance, inclusive; INT64_MAX: the window's */
};

extern const struct slo_corr_tier_desc slo_corr_tiers_[SLO_TIER_MAX_ + 1];

/* Never NULL for a valid @tier, SLO_TIER_NONE (name "", confidence 0) included. In line: it is asked for each pair. */
static inline const struct slo_corr_tier_desc *slo_corr_tier_desc(enum slo_corr_tier tier)
{
	assert((unsigned int)tier <= SLO_TIER_NONE);
	return &slo_corr_tiers_[tier];
}

/* By name or alias. 0 and *@ret_tier, or -ENOENT with *@ret_tier untouched. */
int slo_corr_tier_from_name(const char *name, enum slo_corr_tier *ret_tier);

/* Whose a span or signal is. Borrowed strings; "" or NULL and pid 0 mean unknown: equal to nothing. */
struct slo_corr_who {
	const char *trace_id;
	const char *pod;
	const char *conn; /* "ip:port->ip:port/proto" */
	const char *service;
	const char *node;
	uint32_t pid; /* in the pid namespace of the other side's choice; both the same */
};

/* Times are CLOCK_REALTIME ns; 0 is "no time" and never matches. */
struct slo_corr_span {
	struct slo_corr_who who;
	int64_t start_ns;
	int64_t end_ns; /* below @start_ns: a point at @start_ns */
};

struct slo_corr_signal {
	struct slo_corr_who who;
	int64_t time_ns;
	enum slo_signal signal;
	double value; /* in the signal's unit */
};

/* Attributes beside those of the signals. */
enum slo_span_attr {
	SLO_ATTR_CONFIDENCE,
	SLO_ATTR_TIER,
	SLO_ATTR_RETRIEVAL_KERNEL_MS,
	SLO_ATTR_RETRY_STORM,
	SLO_ATTR_TTFT_MS,
	SLO_ATTR_TOKENS_PER_SEC,
	SLO_ATTR_RETRIEVAL_VECTORDB_MS,
	SLO_ATTR_RETRIEVAL_NETWORK_MS,
	SLO_ATTR_RETRIEVAL_DNS_MS,
	SLO_ATTR_MAX_,
};

/* "llm.ebpf.dns.latency_ms", ...: the attribute that carries @sig's value. */
const char *slo_signal_attr_name(enum slo_signal sig);
const char *slo_span_attr_name(enum slo_span_attr attr);

#endif
