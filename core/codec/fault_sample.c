/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/fault_sample.h"

#include <errno.h>
#include <string.h>

#include "core/codec/json_fields.h"
#include "core/codec/record_time.h"

/* Of ln(1 + x): nothing varies by more than e^100. */
#define BASELINE_SPREAD_MAX 100

/* clang-format off */
static const struct slo_json_field fields[] = {
	{ "incident_id",     SLO_JSON_STRING,  true,  0, 0 },
	{ "timestamp",       SLO_JSON_STRING,  true,  0, 0 },
	{ "cluster",         SLO_JSON_STRING,  true,  0, 0 },
	{ "namespace",       SLO_JSON_STRING,  false, 0, 0 },
	{ "service",         SLO_JSON_STRING,  true,  0, 0 },
	{ "fault_label",     SLO_JSON_STRING,  false, 0, 0 },
	{ "expected_domain", SLO_JSON_STRING,  false, 0, 0 },
	{ "signals",         SLO_JSON_OBJECT,  false, 0, 0 },
	{ "baselines",       SLO_JSON_OBJECT,  false, 0, 0 },
	{ "sources",         SLO_JSON_OBJECT,  false, 0, 0 },
	{ "confidence",      SLO_JSON_NUMBER,  false, 0, 0 },
	{ "burn_rate",       SLO_JSON_NUMBER,  true,  0, 0 },
	{ "window_minutes",  SLO_JSON_INTEGER, true,  1, INT32_MAX },
	{ "request_id",      SLO_JSON_STRING,  false, 0, 0 },
	{ "trace_id",        SLO_JSON_STRING,  false, 0, 0 },
	{ "sli",             SLO_JSON_STRING,  false, 0, 0 },
	{ "source",          SLO_JSON_STRING,  false, 0, 0 },
	{ "synthetic",       SLO_JSON_BOOL,    false, 0, 0 },
};

static const struct slo_json_field baseline_fields[] = {
	{ "n",      SLO_JSON_NUMBER, true, 0, 0 },
	{ "median", SLO_JSON_NUMBER, true, 0, 0 },
	{ "spread", SLO_JSON_NUMBER, true, 0, 0 },
};
/* clang-format on */

/* --- what the predictor gets ---------------------------------------------------------------------------------- */

static int read_signal(const char *name, const json_t *value, struct slo_observation *obs,
                       struct slo_err *err)
{
	double v = json_number_value(value);
	unsigned int evid;

	if (slo_evidence_from_name(name, &evid) < 0)
		return slo_err_set(err, -EINVAL,
		                   "field \"signals\": " SLO_JSON_QUOTED
		                   " is neither a signal nor span evidence that we know",
		                   name);
	if (!json_is_number(value))
		return slo_err_set(err, -EINVAL, "field \"signals.%s\" is not a number", name);
	if (!(v >= 0 && v <= slo_evidence_max(evid)))
		return slo_err_set(err, -EINVAL, "field \"signals.%s\": %g is outside 0 to %g",
		                   name, v, slo_evidence_max(evid));
	slo_observation_set(obs, evid, v);
	return 0;
}

static int read_signals(json_t *signals, struct slo_observation *obs, struct slo_err *err)
{
	for (void *it = json_object_iter(signals); it; it = json_object_iter_next(signals, it)) {
		int r = read_signal(json_object_iter_key(it), json_object_iter_value(it), obs, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_baseline(const char *name, json_t *value, struct slo_observation *obs,
                         struct slo_err *err)
{
	struct slo_baseline_stat learnt;
	unsigned int evid;
	double median;
	int r;

	if (slo_evidence_from_name(name, &evid) < 0)
		return slo_err_set(err, -EINVAL,
		                   "field \"baselines\": " SLO_JSON_QUOTED
		                   " is neither a signal nor span evidence that we know",
		                   name);
	if (!json_is_object(value))
		return slo_err_set(err, -EINVAL, "field \"baselines.%s\" is not an object", name);
	r = slo_json_check_object(value, baseline_fields, SLO_ARRAY_SIZE(baseline_fields), err);
	if (r < 0)
		return slo_err_wrap(err, r, "baselines.%s", name);
	median = json_number_value(json_object_get(value, "median"));
	learnt.n = json_number_value(json_object_get(value, "n"));
	learnt.spread = json_number_value(json_object_get(value, "spread"));
	if (!(learnt.n >= 0 && learnt.spread >= 0 && learnt.spread <= BASELINE_SPREAD_MAX &&
	      median >= 0 && median <= slo_evidence_max(evid)))
		return slo_err_set(
			err, -EINVAL,
			"field \"baselines.%s\": expected n >= 0, median 0 to %g, spread 0 to %d",
			name, slo_evidence_max(evid), BASELINE_SPREAD_MAX);
	learnt.median = slo_evidence_scale(evid, median);
	obs->learnt[evid] = learnt;
	return 0;
}

static int read_baselines(json_t *baselines, struct slo_observation *obs, struct slo_err *err)
{
	for (void *it = json_object_iter(baselines); it;
	     it = json_object_iter_next(baselines, it)) {
		int r = read_baseline(json_object_iter_key(it), json_object_iter_value(it), obs,
		                      err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_source(const char *name, const json_t *value, struct slo_observation *obs,
                       struct slo_err *err)
{
	const char *text = json_string_value(value);
	enum slo_source source;
	unsigned int evid;

	if (slo_evidence_from_name(name, &evid) < 0)
		return slo_err_set(err, -EINVAL,
		                   "field \"sources\": " SLO_JSON_QUOTED
		                   " is neither a signal nor span evidence that we know",
		                   name);
	if (!text || slo_source_from_name(text, &source) < 0)
		return slo_err_set(
			err, -EINVAL,
			"field \"sources.%s\" is not the source of a record (tp_btf, procfs, ...)",
			name);
	slo_observation_source(obs, evid, source);
	return 0;
}

static int read_sources(json_t *sources, struct slo_observation *obs, struct slo_err *err)
{
	for (void *it = json_object_iter(sources); it; it = json_object_iter_next(sources, it)) {
		int r = read_source(json_object_iter_key(it), json_object_iter_value(it), obs, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_sample(json_t *object, struct slo_fault_sample *s, struct slo_err *err)
{
	const char *time = slo_json_get_str(object, "timestamp");
	int r = slo_record_time_parse(time, &s->timestamp_ns, err);

	if (r < 0)
		return slo_err_wrap(err, -EINVAL, "field \"timestamp\"");
	s->incident_id = slo_json_get_str(object, "incident_id");
	s->cluster = slo_json_get_str(object, "cluster");
	s->namespace_ = slo_json_get_str(object, "namespace");
	s->service = slo_json_get_str(object, "service");
	s->request_id = slo_json_get_str(object, "request_id");
	s->trace_id = slo_json_get_str(object, "trace_id");
	s->sli = *slo_json_get_str(object, "sli") ? slo_json_get_str(object, "sli") : "ttft_ms";
	s->source = slo_json_get_str(object, "source");
	s->burn_rate = json_number_value(json_object_get(object, "burn_rate"));
	s->window_minutes = slo_json_get_i64(object, "window_minutes");
	s->synthetic = json_is_true(json_object_get(object, "synthetic")) ||
	               strcmp(s->source, "synthetic") == 0;
	if (*s->incident_id == '\0')
		return slo_err_set(err, -EINVAL, "field \"incident_id\" is empty");
	if (!(s->burn_rate >= 0))
		return slo_err_set(err, -EINVAL, "field \"burn_rate\": %g is below 0",
		                   s->burn_rate);
	r = read_signals(json_object_get(object, "signals"), &s->observation, err);
	if (r == 0)
		r = read_baselines(json_object_get(object, "baselines"), &s->observation, err);
	if (r == 0)
		r = read_sources(json_object_get(object, "sources"), &s->observation, err);
	return r;
}

/* --- what it does not ----------------------------------------------------------------------------------------- */

/* null says as little as nothing. */
static const json_t *given(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_null(v) ? NULL : v;
}

static int read_domain(const char *field, const char *name, enum slo_domain *ret,
                       struct slo_err *err)
{
	if (slo_domain_from_name(name, ret) < 0)
		return slo_err_set(err, -EINVAL,
		                   "field \"%s\": " SLO_JSON_QUOTED
		                   " is not a fault domain (network_dns, ... unknown)",
		                   field, name);
	return 0;
}

static int read_domains(const json_t *domains, uint32_t *ret, struct slo_err *err)
{
	for (size_t i = 0; i < json_array_size(domains); i++) {
		const char *name = json_string_value(json_array_get(domains, i));
		enum slo_domain domain = SLO_DOMAIN_UNKNOWN;
		int r;

		if (!name)
			return slo_err_set(err, -EINVAL,
			                   "field \"expected_domains\" is not an array of strings");
		r = read_domain("expected_domains", name, &domain, err);
		if (r < 0)
			return r;
		*ret |= SLO_DOMAIN_BIT(domain);
	}
	return 0;
}

static int read_label(json_t *object, struct slo_fault_label *l, struct slo_err *err)
{
	const json_t *domain = given(object, "expected_domain");
	const json_t *domains = given(object, "expected_domains");
	const json_t *confidence = given(object, "confidence");
	int r = 0;

	l->fault_label = slo_json_get_str(object, "fault_label");
	l->confidence = confidence ? json_number_value(confidence) : 1;
	l->has_domain = domain != NULL;
	l->domain = slo_domain_of_label(l->fault_label);
	l->is_labelled = domain || domains || given(object, "fault_label");
	if (!(l->confidence >= 0 && l->confidence <= 1))
		return slo_err_set(err, -EINVAL, "field \"confidence\": %g is outside 0 to 1",
		                   l->confidence);
	if (domains && !json_is_array(domains))
		return slo_err_set(err, -EINVAL,
		                   "field \"expected_domains\" is not an array of strings");
	if (domain)
		r = read_domain("expected_domain", json_string_value(domain), &l->domain, err);
	if (r == 0)
		r = read_domains(domains, &l->domains, err);
	if (json_array_size(domains) == 0)
		l->domains = SLO_DOMAIN_BIT(l->domain);
	return r;
}

int slo_fault_sample_parse(json_t *object, struct slo_fault_sample *ret_sample,
                           struct slo_fault_label *ret_label, struct slo_err *err)
{
	struct slo_fault_sample sample = { 0 };
	struct slo_fault_label label = { 0 };
	int r = slo_json_check_fields(object, fields, SLO_ARRAY_SIZE(fields), err);

	if (r == 0)
		r = read_sample(object, &sample, err);
	if (r == 0)
		r = read_label(object, &label, err);
	if (r < 0)
		return r;
	*ret_sample = sample;
	*ret_label = label;
	return 0;
}
