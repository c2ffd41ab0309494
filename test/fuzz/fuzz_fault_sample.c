/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: a fault sample through both predictors to the record: whatever is accepted gives probabilities and JSON. */
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/codec/fault_sample.h"
#include "core/codec/incident_json.h"
#include "core/config/model_ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_verdict(const struct slo_fault_sample *s, const struct slo_attribution *v)
{
	static char buf[1 << 20];
	const struct slo_incident in = { .incident_id = s->incident_id,
		                         .cluster = s->cluster,
		                         .namespace_ = s->namespace_,
		                         .service = s->service,
		                         .sli = s->sli,
		                         .request_id = s->request_id,
		                         .trace_id = s->trace_id,
		                         .source = s->source,
		                         .model = "",
		                         .capability_mode = "",
		                         .timestamp_ns = s->timestamp_ns,
		                         .burn_rate = s->burn_rate,
		                         .window_minutes = s->window_minutes,
		                         .synthetic = s->synthetic,
		                         .observation = &s->observation,
		                         .verdict = v };
	ssize_t len;

	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		if (!(v->posterior[d] >= 0 && v->posterior[d] <= 1))
			abort();
	}
	len = slo_incident_json_write(buf, sizeof(buf), &in, false);
	if (len > 0) {
		json_t *back = json_loadb(buf, (size_t)len, JSON_REJECT_DUPLICATES, NULL);

		if (!back)
			abort();
		json_decref(back);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slo_attr_model model;
	struct slo_fault_sample sample;
	struct slo_fault_label label;
	struct slo_attribution verdict;
	struct slo_err err = { 0 };
	json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

	if (!model.finished && slo_model_load(&model, "default", NULL) < 0)
		abort();
	if (json_is_object(object)) {
		if (slo_fault_sample_parse(object, &sample, &label, &err) == 0) {
			slo_attribute_noisy_or(&model, &sample.observation, &verdict);
			check_verdict(&sample, &verdict);
			slo_attribute_bayes(NULL, &sample.observation, &verdict);
			check_verdict(&sample, &verdict);
		} else if (!err.msg[0]) {
			abort();
		}
	}
	json_decref(object);
	return 0;
}
