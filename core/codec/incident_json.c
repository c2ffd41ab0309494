/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/incident_json.h"

#include <errno.h>
#include <string.h>

#include "core/base/jsonw.h"
#include "core/codec/record_time.h"

#define HYPOTHESIS_MIN 0.01
/* From which likelihood on an elevated signal speaks for a domain of the reference model. */
#define BAYES_SUPPORT 0.5

enum slo_domain slo_incident_focus(const struct slo_attribution *verdict)
{
	enum slo_domain best = SLO_DOMAIN_NETWORK_DNS;

	if (verdict->top != SLO_DOMAIN_UNKNOWN)
		return verdict->top;
	for (unsigned int f = 1; f < SLO_FAULT_MAX; f++) {
		bool seen = !(verdict->unobservable & SLO_DOMAIN_BIT(f));
		bool best_seen = !(verdict->unobservable & SLO_DOMAIN_BIT(best));

		if (seen != best_seen ? seen : verdict->posterior[f] > verdict->posterior[best])
			best = (enum slo_domain)f;
	}
	return best;
}

uint32_t slo_incident_suspects(const struct slo_attribution *verdict)
{
	if (verdict->asserted)
		return verdict->asserted;
	return verdict->set ? verdict->set : SLO_DOMAIN_BIT(SLO_DOMAIN_UNKNOWN);
}

/* --- parts ------------------------------------------------------------------------------------------------------ */

/* What cannot be absent from a list is left out of it, as v1 has optional lists. */
static void list_of_one(struct slo_jsonw *w, const char *key, const char *value)
{
	if (*value == '\0')
		return;
	slo_jsonw_key(w, key);
	slo_jsonw_array_begin(w);
	slo_jsonw_str(w, value);
	slo_jsonw_array_end(w);
}

static void list_of_domains(struct slo_jsonw *w, const char *key, uint32_t domains)
{
	slo_jsonw_key(w, key);
	slo_jsonw_array_begin(w);
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		if (domains & SLO_DOMAIN_BIT(d))
			slo_jsonw_str(w, slo_domain_name((enum slo_domain)d));
	}
	slo_jsonw_array_end(w);
}

/* Kinds that the model looked at: they have a weight. */
static uint32_t used_kinds(const struct slo_attribution *v)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		if (v->evidence[i].weight > 0)
			mask |= SLO_EVID_BIT(i);
	}
	return mask;
}

/* v1 knows four sources; what is none of them was told by somebody, so "application". */
static const char *source_of(const struct slo_incident *in, unsigned int evid, bool v1)
{
	if (slo_evidence_desc(evid).span)
		return "otel";
	if (in->synthetic || strcmp(in->source, "application") == 0)
		return "application";
	if (strcmp(in->source, "procfs") == 0)
		return v1 ? "application" : "procfs";
	return "ebpf";
}

static void write_evidence(struct slo_jsonw *w, const struct slo_incident *in, bool v1)
{
	const struct slo_attribution *v = in->verdict;
	enum slo_domain focus = slo_incident_focus(v);
	unsigned int order[SLO_EVID_MAX_];
	unsigned int count = slo_attribution_rank(v, focus, used_kinds(v), order);

	slo_jsonw_key(w, "evidence");
	slo_jsonw_array_begin(w);
	for (unsigned int k = 0; k < count; k++) {
		unsigned int i = order[k];

		slo_jsonw_object_begin(w);
		slo_jsonw_member_str(w, "signal", slo_evidence_name(i));
		slo_jsonw_member_double(w, "value", in->observation->value[i]);
		slo_jsonw_member_str(w, "source", source_of(in, i, v1));
		if (!v1) {
			slo_jsonw_member_bool(w, "raised", v->evidence[i].raised);
		}
		if (!v1 && v->mode == SLO_ATTR_NOISY_OR) {
			slo_jsonw_member_double(w, "z", v->evidence[i].z);
			slo_jsonw_member_double(w, "nats", v->nats[focus][i]);
		}
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
}

/* --- hypotheses ------------------------------------------------------------------------------------------------ */

static bool supports(const struct slo_attribution *v, unsigned int evid, enum slo_domain domain)
{
	if (!v->evidence[evid].raised)
		return false;
	if (v->mode == SLO_ATTR_BAYES)
		return evid < SLO_SIG_MAX_ &&
		       slo_attribute_bayes_likelihood((enum slo_signal)evid, domain) >=
		               BAYES_SUPPORT;
	return domain != SLO_DOMAIN_UNKNOWN && v->nats[domain][evid] > 0;
}

/* In the order of their names, as the earlier design wrote them. */
static void write_support(struct slo_jsonw *w, const struct slo_attribution *v,
                          enum slo_domain domain)
{
	const char *names[SLO_EVID_MAX_] = { NULL };
	unsigned int count = 0;

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		unsigned int at = count;

		if (!supports(v, i, domain))
			continue;
		for (; at > 0 && strcmp(names[at - 1], slo_evidence_name(i)) > 0; at--)
			names[at] = names[at - 1];
		names[at] = slo_evidence_name(i);
		count++;
	}
	slo_jsonw_key(w, "evidence");
	slo_jsonw_array_begin(w);
	for (unsigned int k = 0; k < count; k++)
		slo_jsonw_str(w, names[k]);
	slo_jsonw_array_end(w);
}

/* Likeliest first; equals in the order of domains. */
static void write_hypotheses(struct slo_jsonw *w, const struct slo_attribution *v)
{
	enum slo_domain order[SLO_DOMAIN_MAX_] = { 0 };

	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		unsigned int at = d;

		for (; at > 0 && v->posterior[order[at - 1]] < v->posterior[d]; at--)
			order[at] = order[at - 1];
		order[at] = (enum slo_domain)d;
	}
	slo_jsonw_key(w, "fault_hypotheses");
	slo_jsonw_array_begin(w);
	for (unsigned int k = 0; k < SLO_DOMAIN_MAX_; k++) {
		if (v->posterior[order[k]] < HYPOTHESIS_MIN)
			break;
		slo_jsonw_object_begin(w);
		slo_jsonw_member_str(w, "domain", slo_domain_name(order[k]));
		slo_jsonw_member_double(w, "posterior", v->posterior[order[k]]);
		write_support(w, v, order[k]);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
}

/* --- additions of v1beta1 ----------------------------------------------------------------------------------- */

static void write_steps(struct slo_jsonw *w, const struct slo_attribution *v)
{
	uint32_t domains = slo_incident_suspects(v);

	slo_jsonw_key(w, "next_steps");
	slo_jsonw_array_begin(w);
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		const struct slo_domain_desc *desc = slo_domain_desc((enum slo_domain)d);

		for (unsigned int i = 0; i < SLO_DOMAIN_STEPS_MAX && desc->steps[i]; i++) {
			if (domains & SLO_DOMAIN_BIT(d))
				slo_jsonw_str(w, desc->steps[i]);
		}
	}
	slo_jsonw_array_end(w);
}

static void write_sets(struct slo_jsonw *w, const struct slo_attribution *v)
{
	list_of_domains(w, "asserted_domains", v->asserted);
	list_of_domains(w, "unobservable_domains", v->unobservable);
	list_of_domains(w, "fault_set", v->set);
	slo_jsonw_member_double(w, "fault_set_probability", v->set_probability);
	if (v->ambiguous) {
		list_of_domains(w, "ambiguous_with", v->second_set);
		slo_jsonw_member_double(w, "ambiguous_with_probability", v->second_set_probability);
	}
	if (v->has_conformal)
		list_of_domains(w, "conformal_set", v->conformal);
	if (v->unexplained) {
		slo_jsonw_key(w, "unexplained_signals");
		slo_jsonw_array_begin(w);
		for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
			if (v->unexplained & SLO_EVID_BIT(i))
				slo_jsonw_str(w, slo_evidence_name(i));
		}
		slo_jsonw_array_end(w);
	}
}

static void write_life(struct slo_jsonw *w, const struct slo_incident *in)
{
	const struct {
		const char *key, *value;
	} texts[] = { { "status", in->status },
		      { "slo", in->slo },
		      { "dedup_key", in->dedup_key } };
	const struct {
		const char *key;
		int64_t ns;
	} times[] = { { "started_at", in->started_ns }, { "ended_at", in->ended_ns } };
	char time[SLO_RECORD_TIME_SIZE];

	for (size_t i = 0; i < SLO_ARRAY_SIZE(texts); i++) {
		if (texts[i].value && *texts[i].value)
			slo_jsonw_member_str(w, texts[i].key, texts[i].value);
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(times); i++) {
		if (times[i].ns)
			slo_jsonw_member_str(w, times[i].key,
			                     slo_record_time_print(times[i].ns, time));
	}
}

static void write_additions(struct slo_jsonw *w, const struct slo_incident *in)
{
	const struct slo_attribution *v = in->verdict;

	slo_jsonw_member_str(w, "model", slo_attribution_mode_name(v->mode));
	if (*in->model)
		slo_jsonw_member_str(w, "model_parameters", in->model);
	slo_jsonw_member_bool(w, "abstained", v->abstain != SLO_ABSTAIN_NONE);
	if (v->abstain != SLO_ABSTAIN_NONE)
		slo_jsonw_member_str(w, "abstain_reason", slo_abstain_name(v->abstain));
	if (v->mode == SLO_ATTR_NOISY_OR)
		write_sets(w, v);
	if (*in->capability_mode)
		slo_jsonw_member_str(w, "capability_mode", in->capability_mode);
	if (in->synthetic) {
		slo_jsonw_member_bool(w, "synthetic", true);
	}
	write_life(w, in);
	write_steps(w, v);
}

ssize_t slo_incident_json_write(char *buf, size_t size, const struct slo_incident *in, bool v1)
{
	const struct slo_attribution *v = in->verdict;
	char time[SLO_RECORD_TIME_SIZE];
	struct slo_jsonw w;
	ssize_t len;

	if (size < 2)
		return -ENOSPC;
	slo_jsonw_init(&w, buf, size - 1);
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_str(&w, "incident_id", in->incident_id);
	slo_jsonw_member_str(&w, "timestamp", slo_record_time_print(in->timestamp_ns, time));
	slo_jsonw_member_str(&w, "cluster", in->cluster);
	if (*in->namespace_)
		slo_jsonw_member_str(&w, "namespace", in->namespace_);
	slo_jsonw_member_str(&w, "service", in->service);
	slo_jsonw_member_str(&w, "predicted_fault_domain", slo_domain_name(v->top));
	slo_jsonw_member_double(&w, "confidence", v->confidence);
	write_evidence(&w, in, v1);
	slo_jsonw_key(&w, "slo_impact");
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_str(&w, "sli", in->sli);
	slo_jsonw_member_double(&w, "burn_rate", in->burn_rate);
	slo_jsonw_key(&w, "window_minutes");
	slo_jsonw_i64(&w, in->window_minutes);
	slo_jsonw_object_end(&w);
	list_of_one(&w, "trace_ids", in->trace_id);
	list_of_one(&w, "request_ids", in->request_id);
	write_hypotheses(&w, v);
	if (!v1)
		write_additions(&w, in);
	slo_jsonw_object_end(&w);
	len = slo_jsonw_finish(&w);
	if (len < 0)
		return len;
	buf[len] = '\n';
	buf[len + 1] = '\0';
	return len + 1;
}
