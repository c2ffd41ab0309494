/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/sli_event.h"

#include <errno.h>
#include <string.h>

#define DAY_MS 86400e3

/* clang-format off */
static const struct slo_sli_desc slis[] = {
	[SLO_SLI_TTFT] = { "ttft_ms", "time to first token", "ms", 500, 1000, false, DAY_MS },
	[SLO_SLI_REQUEST_LATENCY] = { "request_latency_ms", "request to last token", "ms", 700, 1500, false, DAY_MS },
	[SLO_SLI_TOKEN_THROUGHPUT] = { "token_throughput_tps", "tokens a second of one request", "tps", 30, 10, true, 1e9 },
	[SLO_SLI_ERROR_RATE] = { "error_rate", "share of requests that failed", "ratio", 0.02, 0.05, false, 1 },
	[SLO_SLI_RETRIEVAL_LATENCY] = { "retrieval_latency_ms", "time in retrieval", "ms", 200, 400, false, DAY_MS },
	[SLO_SLI_PROVIDER_ERROR_RATE] = { "provider_error_rate", "share of provider calls that failed", "ratio", 0.02, 0.05, false, 1 },
};
SLO_TABLE_COMPLETE(slis, SLO_SLI_MAX_);

static const struct slo_sli_preset presets[] = {
	{ "8b-interactive", "Llama 3.1 8B, interactive", 500, 30, 0.99 },
	{ "8b-conversational", "Llama 3.1 8B, conversational", 2000, 100, 0.99 },
	{ "70b-interactive", "Llama 2 70B, interactive", 450, 40, 0.99 },
	{ "deepseek-r1", "DeepSeek-R1", 2000, 80, 0.99 },
};
/* clang-format on */

const double slo_sli_ttft_bounds_ms[SLO_SLI_TTFT_BOUNDS] = { 1,    5,    10,   20,   40,   60,
	                                                     80,   100,  250,  500,  750,  800,
	                                                     1000, 2500, 5000, 7500, 10000 };

static const char *const statuses[] = {
	[SLO_SLI_OK] = "ok",
	[SLO_SLI_WARNING] = "warning",
	[SLO_SLI_BREACH] = "breach",
};
SLO_TABLE_COMPLETE(statuses, SLO_SLI_STATUS_MAX_);

const struct slo_sli_desc *slo_sli_desc(enum slo_sli sli)
{
	assert((unsigned int)sli < SLO_SLI_MAX_);
	return &slis[sli];
}

int slo_sli_from_name(const char *name, enum slo_sli *ret_sli)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(slis); i++) {
		if (strcmp(slis[i].name, name) == 0) {
			*ret_sli = (enum slo_sli)i;
			return 0;
		}
	}
	return -ENOENT;
}

const char *slo_sli_status_name(enum slo_sli_status status)
{
	assert((unsigned int)status < SLO_SLI_STATUS_MAX_);
	return statuses[status];
}

enum slo_sli_status slo_sli_status_of(enum slo_sli sli, double value)
{
	const struct slo_sli_desc *d = slo_sli_desc(sli);
	/* Turned round, "at most" becomes "at least". */
	double sign = d->more_is_better ? -1 : 1;

	if (sign * value >= sign * d->breach)
		return SLO_SLI_BREACH;
	return sign * value >= sign * d->warning ? SLO_SLI_WARNING : SLO_SLI_OK;
}

bool slo_sli_is_good(enum slo_sli sli, double value, double threshold)
{
	return slo_sli_desc(sli)->more_is_better ? value >= threshold : value <= threshold;
}

const struct slo_sli_preset *slo_sli_preset_at(size_t i)
{
	return i < SLO_ARRAY_SIZE(presets) ? &presets[i] : NULL;
}
