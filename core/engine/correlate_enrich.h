/* SPDX-License-Identifier: Apache-2.0 */
/* What a span gets from its signals: attributes, the kernel's share of a retrieval, retry storms. */
#ifndef SLO_ENGINE_CORRELATE_ENRICH_H
#define SLO_ENGINE_CORRELATE_ENRICH_H

#include "core/base/err.h"
#include "core/engine/correlate_index.h"

/*
 * Attributes of one span, by signal. All zero is none; what the span brought along itself (an agent
 * before us, an instrumented client) is put first, by slo_enrichment_put().
 */
struct slo_enrichment {
	uint64_t present; /* SLO_SIG_BIT of each signal below */
	double value[SLO_SIG_MAX_]; /* in the signal's unit; the name is slo_signal_attr_name() */
	enum slo_corr_tier tier; /* of the best hit; valid where confidence > 0 */
	double confidence; /* of the best hit; 0: nothing was joined */
};

/* Of two values of an attribute the larger stays. */
void slo_enrichment_put(struct slo_enrichment *e, enum slo_signal sig, double value);
/* All hits of @r; the best one gives tier and confidence where it is better than what is there. */
void slo_enrichment_add(struct slo_enrichment *e, const struct slo_corr_result *r);

/*
 * Time of a retrieval that the kernel accounts for: DNS + connect + TLS handshake, of those that
 * are present. False, and *@ret_ms untouched, where none is.
 */
bool slo_enrichment_retrieval_ms(const struct slo_enrichment *e, double *ret_ms);

/* --- retry storms -------------------------------------------------------------------------------------------- */

#define SLO_STORM_RETRANSMITS 5
#define SLO_STORM_WINDOW_NS INT64_C(10000000000)
/* Kubernetes allows 253 bytes. */
#define SLO_STORM_POD_LEN 255

struct slo_storms;

/* Follows @max pods; further ones are counted as dropped. 0, -EINVAL or -ENOMEM. */
int slo_storms_new(struct slo_storms **ret, size_t max, struct slo_err *err);
void slo_storms_freep(struct slo_storms **storms);
#define slo_storms_auto slo_cleanup(slo_storms_freep)

/*
 * @count segments sent again by @pod at @time_ns, CLOCK_REALTIME. Whether its newest
 * SLO_STORM_RETRANSMITS lie within SLO_STORM_WINDOW_NS (inclusive). A pod without a name or with
 * one longer than SLO_STORM_POD_LEN is not followed.
 */
bool slo_storms_add(struct slo_storms *storms, const char *pod, int64_t time_ns, uint64_t count);

/* CLOCK_REALTIME, both inclusive. */
struct slo_storm {
	int64_t begin_ns, end_ns;
};

/* @pod's latest storm. False: it had none, and *@ret is as it was. */
bool slo_storms_get(const struct slo_storms *storms, const char *pod, struct slo_storm *ret);

/* Forgets pods whose newest retransmit is older than @before_ns. */
void slo_storms_expire(struct slo_storms *storms, int64_t before_ns);

/* Retransmits not followed for want of room. */
uint64_t slo_storms_dropped(const struct slo_storms *storms);

#endif
