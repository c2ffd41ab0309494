/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw samples, slo-events and answers of Prometheus of any JSON: what is taken of a sample gives slo-events that are read
 * again and valid by their schema.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec/prom_response.h"
#include "core/codec/schema_check.h"
#include "core/codec/schemas.h"
#include "core/codec/sli_event_json.h"
#include "core/engine/cd_gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static const struct slo_schema_check *slo_event_schema(void)
{
	static struct slo_schema_check *check;
	const char *text = slo_schema_get("slo-event.v1");

	if (!check)
		must(slo_schema_check_compile_text(&check, text, strlen(text), NULL) == 0,
		     "no schema");
	return check;
}

static void check_sample(json_t *object)
{
	static char buf[1 << 20];
	struct slo_sli_sample sample;
	struct slo_sli_event ev;
	struct slo_jsonw w;
	json_t *event;

	if (slo_sli_sample_from_json(object, &sample, NULL) < 0)
		return;
	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_sli_sample_write_sli(&w, &sample, SLO_SLI_TTFT);
	if (slo_jsonw_finish(&w) < 0)
		return;
	event = json_loads(buf, 0, NULL);
	must(event != NULL, "a slo-event that is no JSON");
	must(slo_schema_check_run(slo_event_schema(), event, NULL) == 0,
	     "a slo-event that is not valid");
	must(slo_sli_event_from_json(event, &ev, NULL) == 0, "a slo-event that is not read again");
	must(ev.unix_ns == sample.common.unix_ns && ev.value == sample.value[SLO_SLI_TTFT],
	     "another slo-event");
	json_decref(event);
}

static void check_response(const json_t *body)
{
	const struct slo_cd_gate gate = { .threshold = { 800, 0.05, 2 }, .fail_open = false };
	struct slo_cd_reading r[SLO_CD_METRIC_MAX_] = { 0 };
	struct slo_prom_value v;
	struct slo_cd_result result;

	if (slo_prom_response_read(body, &v, NULL) < 0)
		return;
	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		r[i].answer = v.none ? SLO_CD_NO_DATA : SLO_CD_VALUE;
		r[i].value = v.value;
	}
	slo_cd_decide(&gate, r, &result);
	must(result.verdict != SLO_CD_PASS || (!v.none && v.value >= 0 && v.value <= 0.05),
	     "passed without a reason");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *object = json_loadb((const char *)data, size, 0, NULL);
	struct slo_sli_event ev;

	if (json_is_object(object)) {
		check_sample(object);
		if (slo_sli_event_from_json(object, &ev, NULL) == 0)
			must(isfinite(ev.value) && ev.value >= 0 && ev.event_id && ev.trace_id,
			     "an impossible slo-event");
	}
	check_response(object);
	json_decref(object);
	return 0;
}
