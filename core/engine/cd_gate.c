/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/cd_gate.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct slo_cd_metric_desc metrics[] = {
	[SLO_CD_TTFT_P95] = { "ttft_p95_ms", "ms" },
	[SLO_CD_ERROR_RATE] = { "error_rate", "ratio" },
	[SLO_CD_BURN_RATE] = { "burn_rate", "times" },
};
SLO_TABLE_COMPLETE(metrics, SLO_CD_METRIC_MAX_);

const char *const slo_cd_preset_names[] = {
	[SLO_CD_OURS] = "ours", [SLO_CD_VLLM] = "vllm",      [SLO_CD_SGLANG] = "sglang",
	[SLO_CD_OTEL] = "otel", [SLO_CD_PRESET_MAX_] = NULL,
};

struct preset {
	const char *service; /* label that --service is */
	/* PromQL; each @ is where further label matchers go, within braces or with braces of their own. */
	const char *query[SLO_CD_METRIC_MAX_];
	double highest_ms; /* bound of TTFT's histogram, more than which no quantile of it is; 0: versions differ */
};

/*
 * Errors of others have no series before the first one: that is 0, as long as there are requests. Burn rates of others are
 * of 99 % at the bound next to 800 ms that their histograms have; SGLang's was 0.75 before it was 0.8, never both.
 */
#define ERRORS(bad, all) "(sum(rate(" bad "[5m])) or vector(0)) / sum(rate(" all "[5m]))"
#define BURN(name, le)                                                    \
	"(1 - sum(rate(" name "_bucket{le" le "@}[1h])) / sum(rate(" name \
	"_count@[1h]))) / (1 - 0.99)"
#define P95(name) "histogram_quantile(0.95, sum(rate(" name "_bucket@[5m])) by (le))"

/* clang-format off */
static const struct preset presets[] = {
	[SLO_CD_OURS] = { "service", {
		[SLO_CD_TTFT_P95] = P95("llm_slo_ttft_ms"),
		[SLO_CD_ERROR_RATE] = "sum(rate(llm_slo_errors_total@[5m])) / sum(rate(llm_slo_requests_total@[5m]))",
		[SLO_CD_BURN_RATE] = "max(llm_slo_burn_rate{window=\"1h\"@})" }, 10000 },
	[SLO_CD_VLLM] = { "model_name", {
		[SLO_CD_TTFT_P95] = P95("vllm:time_to_first_token_seconds") " * 1000",
		[SLO_CD_ERROR_RATE] = ERRORS("vllm:request_success_total{finished_reason=~\"abort|error\"@}", "vllm:request_success_total@"),
		[SLO_CD_BURN_RATE] = BURN("vllm:time_to_first_token_seconds", "=\"0.75\"") }, 0 },
	[SLO_CD_SGLANG] = { "model_name", {
		[SLO_CD_TTFT_P95] = P95("sglang:time_to_first_token_seconds") " * 1000",
		[SLO_CD_ERROR_RATE] = ERRORS("sglang:num_aborted_requests_total@", "sglang:num_requests_total@"),
		[SLO_CD_BURN_RATE] = BURN("sglang:time_to_first_token_seconds", "=~\"0.75|0.8\"") }, 0 },
	[SLO_CD_OTEL] = { "service_name", {
		[SLO_CD_TTFT_P95] = P95("gen_ai_server_time_to_first_token_seconds") " * 1000",
		[SLO_CD_ERROR_RATE] = ERRORS("gen_ai_server_request_duration_seconds_count{error_type!=\"\"@}", "gen_ai_server_request_duration_seconds_count@"),
		[SLO_CD_BURN_RATE] = BURN("gen_ai_server_time_to_first_token_seconds", "=\"0.75\"") }, 10000 },
};
/* clang-format on */
SLO_TABLE_COMPLETE(presets, SLO_CD_PRESET_MAX_);

static const char *const verdicts[] = {
	[SLO_CD_PASS] = "pass",
	[SLO_CD_FAIL] = "fail",
	[SLO_CD_INCONCLUSIVE] = "no_data",
	[SLO_CD_BROKEN] = "backend_error",
};
SLO_TABLE_COMPLETE(verdicts, SLO_CD_VERDICT_MAX_);

const struct slo_cd_metric_desc *slo_cd_metric_desc(enum slo_cd_metric metric)
{
	assert((unsigned int)metric < SLO_CD_METRIC_MAX_);
	return &metrics[metric];
}

const char *slo_cd_verdict_name(enum slo_cd_verdict verdict)
{
	assert((unsigned int)verdict < SLO_CD_VERDICT_MAX_);
	return verdicts[verdict];
}

int slo_cd_can_fail(enum slo_cd_preset preset, const struct slo_cd_gate *gate, struct slo_err *err)
{
	double highest = presets[preset].highest_ms;

	if (!highest || gate->threshold[SLO_CD_TTFT_P95] < highest)
		return 0;
	return slo_err_set(
		err, -ERANGE,
		"%s=%g could never fail: the histogram of the preset \"%s\" ends at %g ms, and "
		"no quantile of it is more; choose less",
		metrics[SLO_CD_TTFT_P95].name, gate->threshold[SLO_CD_TTFT_P95],
		slo_cd_preset_names[preset], highest);
}

/* --- questions ----------------------------------------------------------------------------------------------- */

/* A brace outside of a quoted value would leave our selector and change the query. */
static bool is_matchers(const char *text)
{
	char quote = 0;

	for (; *text; text++) {
		if ((unsigned char)*text < ' ')
			return false;
		if (quote && *text == '\\' && text[1] && quote != '`')
			text++;
		else if (quote && *text == quote)
			quote = '\0';
		else if (quote)
			continue;
		else if (strchr("\"'`", *text))
			quote = *text;
		else if (strchr("{}[]()#", *text))
			return false;
	}
	return quote == 0;
}

/* ",service="chat"" into @buf; @label NULL: @text is matchers already. -ENOSPC. */
static int add_matcher(char *buf, size_t size, const char *label, const char *text)
{
	size_t n = strlen(buf);

	if (!text || !*text)
		return 0;
	n += (size_t)snprintf(buf + n, size - n, "%s%s%s", n ? "," : "", label ? label : "",
	                      label ? "=\"" : "");
	for (; *text && n + 4 < size; text++) {
		if (label && strchr("\"\\", *text))
			buf[n++] = '\\';
		buf[n++] = *text;
	}
	if (n + 4 >= size)
		return -ENOSPC;
	buf[n] = '\0';
	(void)snprintf(buf + n, size - n, "%s", label ? "\"" : "");
	return 0;
}

int slo_cd_query(enum slo_cd_preset preset, enum slo_cd_metric metric, const char *service,
                 const char *selector, char buf[SLO_CD_QUERY_MAX], struct slo_err *err)
{
	const char *query = presets[preset].query[metric];
	char matchers[SLO_CD_QUERY_MAX / 4] = "";
	bool inside = false;
	size_t n = 0;

	if (selector && !is_matchers(selector))
		return slo_err_set(err, -EINVAL,
		                   "not label matchers (accepted: name=\"value\", ...)");
	if (add_matcher(matchers, sizeof(matchers), presets[preset].service, service) < 0 ||
	    add_matcher(matchers, sizeof(matchers), NULL, selector) < 0)
		return slo_err_set(err, -ENOSPC, "the matchers are longer than %zu bytes",
		                   sizeof(matchers));
	for (; *query; query++) {
		inside = *query == '{' || (inside && *query != '}');
		if (*query != '@')
			buf[n++] = *query;
		else if (*matchers)
			n += (size_t)snprintf(buf + n, SLO_CD_QUERY_MAX - n,
			                      inside ? ",%s" : "{%s}", matchers);
	}
	buf[n] = '\0';
	return 0;
}

/* --- decision ------------------------------------------------------------------------------------------------ */

static void check_reading(const struct slo_cd_gate *gate, struct slo_cd_reading *r)
{
	char why[sizeof(r->why)] = "";

	if (r->answer != SLO_CD_VALUE)
		return;
	if (isnan(r->value))
		(void)snprintf(why, sizeof(why), "the value is NaN: nothing was counted");
	else if (r->value < 0)
		(void)snprintf(why, sizeof(why), "%g is no value of this metric", r->value);
	else if (gate->now_ns && r->at_ns && gate->now_ns - r->at_ns > gate->max_age_ns)
		(void)snprintf(why, sizeof(why), "the value is %" PRId64 " s old",
		               (gate->now_ns - r->at_ns) / INT64_C(1000000000));
	if (!*why)
		return;
	r->answer = SLO_CD_NO_DATA;
	memcpy(r->why, why, sizeof(why));
}

static enum slo_cd_verdict judge(const struct slo_cd_reading *r, double threshold)
{
	if (r->answer == SLO_CD_NO_ANSWER)
		return SLO_CD_BROKEN;
	if (r->answer == SLO_CD_NO_DATA)
		return SLO_CD_INCONCLUSIVE;
	return r->value > threshold ? SLO_CD_FAIL : SLO_CD_PASS;
}

void slo_cd_decide(const struct slo_cd_gate *gate,
                   struct slo_cd_reading reading[SLO_CD_METRIC_MAX_], struct slo_cd_result *ret)
{
	struct slo_cd_result r = { .verdict = SLO_CD_PASS };
	bool seen[SLO_CD_VERDICT_MAX_] = { false };

	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		check_reading(gate, &reading[i]);
		r.metric[i] = judge(&reading[i], gate->threshold[i]);
		seen[r.metric[i]] = true;
	}
	/* One metric that is over its limit is enough, whatever is known of the others. */
	if (seen[SLO_CD_FAIL])
		r.verdict = SLO_CD_FAIL;
	else if (seen[SLO_CD_BROKEN])
		r.verdict = SLO_CD_BROKEN;
	else if (seen[SLO_CD_INCONCLUSIVE])
		r.verdict = SLO_CD_INCONCLUSIVE;
	if (gate->fail_open && (r.verdict == SLO_CD_BROKEN || r.verdict == SLO_CD_INCONCLUSIVE)) {
		r.degraded = true;
		r.verdict = SLO_CD_PASS;
	}
	*ret = r;
}
