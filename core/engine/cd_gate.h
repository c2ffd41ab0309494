/* SPDX-License-Identifier: Apache-2.0 */
/* The decision of the deployment gate over three numbers that Prometheus was asked for, and the questions. */
#ifndef SLO_ENGINE_CD_GATE_H
#define SLO_ENGINE_CD_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

enum slo_cd_metric {
	SLO_CD_TTFT_P95,
	SLO_CD_ERROR_RATE,
	SLO_CD_BURN_RATE,
	SLO_CD_METRIC_MAX_,
};

struct slo_cd_metric_desc {
	const char *name; /* "ttft_p95_ms"; also the configuration's key in [cdgate] */
	const char *unit;
};

/* Never NULL for a valid @metric. */
const struct slo_cd_metric_desc *slo_cd_metric_desc(enum slo_cd_metric metric);

/* Whose metrics are asked for. */
enum slo_cd_preset {
	SLO_CD_OURS, /* the agent's */
	SLO_CD_VLLM,
	SLO_CD_SGLANG,
	SLO_CD_OTEL, /* OpenTelemetry's gen_ai.server.*, as Prometheus names them */
	SLO_CD_PRESET_MAX_,
};

/* "ours", "vllm", "sglang", "otel", NULL. */
extern const char *const slo_cd_preset_names[];

#define SLO_CD_QUERY_MAX 2048

/*
 * The query of @metric among @preset's, narrowed to @service and by @selector (matchers: "namespace=\"a\",pod=~\"b.*\""); NULL or "":
 * not narrowed. 0, or -ENOSPC or -EINVAL: @selector holds what would end the braces.
 */
int slo_cd_query(enum slo_cd_preset preset, enum slo_cd_metric metric, const char *service,
                 const char *selector, char buf[SLO_CD_QUERY_MAX], struct slo_err *err);

enum slo_cd_answer {
	SLO_CD_NO_ANSWER, /* the backend failed; the start */
	SLO_CD_NO_DATA, /* it answered: NaN, nothing, stale, or several series */
	SLO_CD_VALUE,
};

/* What came back for one query. */
struct slo_cd_reading {
	enum slo_cd_answer answer;
	double value; /* VALUE: not NaN */
	int64_t at_ns; /* VALUE: the time that the value is of, ns since 1970; 0 unknown */
	char why[160]; /* not VALUE */
};

enum slo_cd_verdict {
	SLO_CD_PASS,
	SLO_CD_FAIL,
	SLO_CD_INCONCLUSIVE, /* no data */
	SLO_CD_BROKEN, /* backend error */
	SLO_CD_VERDICT_MAX_,
};

/* "pass", "fail", "no_data", "backend_error". */
const char *slo_cd_verdict_name(enum slo_cd_verdict verdict);

struct slo_cd_gate {
	double threshold[SLO_CD_METRIC_MAX_]; /* fails above it, not at it */
	bool fail_open; /* no data and backend errors pass, as degraded; a failure never does */
	int64_t now_ns; /* 0: values are never stale */
	int64_t max_age_ns; /* an older value is no data */
};

/* 0; -ERANGE, @err: a threshold of @gate is one that no answer to @preset's questions can be above. */
int slo_cd_can_fail(enum slo_cd_preset preset, const struct slo_cd_gate *gate, struct slo_err *err);

struct slo_cd_result {
	enum slo_cd_verdict metric[SLO_CD_METRIC_MAX_];
	enum slo_cd_verdict verdict; /* what counts: PASS where @degraded */
	bool degraded; /* passed by fail_open alone */
};

/* Turns what is stale or impossible in @reading into no data, with the reason in it, and decides. */
void slo_cd_decide(const struct slo_cd_gate *gate,
                   struct slo_cd_reading reading[SLO_CD_METRIC_MAX_], struct slo_cd_result *ret);

#endif
