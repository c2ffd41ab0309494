/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the metrics: what is kept, and one family for each signal and each number of LLM requests. */
#ifndef SLO_ENGINE_METRICS_ROWS_H
#define SLO_ENGINE_METRICS_ROWS_H

#include "core/base/map.h"
#include "core/engine/metrics.h"

#define SLO_METRIC_VALUE_LEN 96
#define SLO_METRIC_BUCKETS (SLO_SIG_BUCKETS_MAX + 1)

/* Signals first, by their own numbers. */
enum slo_family {
	SLO_FAMILY_TTFT = SLO_SIG_MAX_,
	SLO_FAMILY_TPS,
	SLO_FAMILY_MAX_,
};

struct slo_metric_family {
	struct slo_metric_desc desc;
	const double *bounds; /* histograms */
	size_t bound_count; /* at most SLO_SIG_BUCKETS_MAX */
};

/* One histogram, or a signal's count or level. */
struct slo_metric_tally {
	bool used;
	int64_t level_unix_ns; /* of @level */
	double level;
	uint64_t count;
	double sum;
	uint64_t bucket[SLO_METRIC_BUCKETS];
	float owed[SLO_METRIC_BUCKETS];
	struct slo_exemplar exemplar[SLO_METRIC_BUCKETS];
};

struct slo_metric_workload {
	uint64_t key[2];
	int64_t start_unix_ns, seen_unix_ns;
	bool used;
	bool has_requests;
	uint64_t requests[SLO_LLM_ERROR_MAX_];
	char cluster[64], node[128], namespace_[64], pod[128], pod_uid[40], container[64],
		container_id[72], service[128];
	struct slo_metric_tally tally[SLO_FAMILY_MAX_];
};

/* A counter or gauge. */
struct slo_metric_scalar {
	enum slo_metric id;
	struct slo_metric_scalar *next; /* of the same row, or of the free ones */
	double value;
	char label[SLO_METRIC_VALUES_MAX][SLO_METRIC_VALUE_LEN];
};

struct slo_metrics {
	struct slo_metrics_config cfg;
	struct slo_map *index; /* key -> uint32_t in @workload */
	struct slo_metric_workload *workload; /* max_workloads, then "other" */
	size_t count;
	uint64_t seed;
	struct slo_metric_family family[SLO_FAMILY_MAX_];
	bool aggregated[SLO_SIG_MAX_];
	uint64_t status[SLO_SIG_MAX_][SLO_STATUS_MAX_]; /* measurements, of all workloads */
	float status_owed[SLO_SIG_MAX_][SLO_STATUS_MAX_];
	struct slo_metric_scalar *scalar, *free;
	struct slo_metric_scalar *first[SLO_MET_MAX_], *last[SLO_MET_MAX_];
	uint64_t dropped;
};

/* Strings and bounds in @ret are static. */
void slo_metric_family(unsigned int family, struct slo_metric_family *ret);

#endif
