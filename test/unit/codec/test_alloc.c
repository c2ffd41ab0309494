/* SPDX-License-Identifier: Apache-2.0 */
/* Every parser of records, with its n-th allocation failing in turn, jansson's too: an error each time, at last a result. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/codec/baseline_manifest.h"
#include "core/codec/event_json.h"
#include "core/codec/fault_sample.h"
#include "core/codec/json_load.h"
#include "core/codec/labeled_pair.h"
#include "core/codec/overhead_csv.h"
#include "core/codec/pod_json.h"
#include "core/codec/prom_response.h"
#include "core/codec/sli_event_json.h"
#include "test/unit/base/fail_alloc.h"

#define SAMPLE                                                                             \
	"{\"timestamp\":\"2026-02-18T00:00:01.5Z\",\"cluster\":\"c\",\"namespace\":\"n\"," \
	"\"workload\":\"w\",\"service\":\"s\",\"request_id\":\"r\",\"trace_id\":\"t\","
#define RAW                                                                                  \
	SAMPLE "\"ttft_ms\":284.6,\"request_latency_ms\":569,\"token_throughput_tps\":29.5," \
	       "\"error_rate\":0.01,\"labels\":{\"source\":\"gateway\"}}"
#define SLI                                                                                       \
	SAMPLE "\"event_id\":\"e\",\"sli_name\":\"ttft_ms\",\"sli_value\":284.6,\"unit\":\"ms\"," \
	       "\"status\":\"ok\",\"labels\":{\"a\":\"b\"}}"
#define EVENT                                                                                      \
	"{\"ts_unix_nano\":1771372801500000000,\"signal\":\"dns_latency_ms\",\"node\":\"n\","      \
	"\"namespace\":\"ns\",\"pod\":\"p\",\"container\":\"c\",\"pid\":1,\"tid\":1,\"value\":50," \
	"\"unit\":\"ms\",\"status\":\"warning\"}"
#define FAULT                                                                                 \
	"{\"incident_id\":\"i\",\"timestamp\":\"2026-02-18T00:00:01Z\",\"cluster\":\"c\","    \
	"\"namespace\":\"n\",\"service\":\"s\",\"fault_label\":\"dns_latency\",\"signals\":"  \
	"{\"dns_latency_ms\":200},\"confidence\":0.9,\"burn_rate\":2.0,\"window_minutes\":5," \
	"\"request_id\":\"r\",\"trace_id\":\"t\"}"
#define PAIR                                                                                       \
	"{\"case_id\":\"1\",\"span\":{\"trace_id\":\"t\",\"timestamp\":\"2026-02-18T00:00:01Z\"}," \
	"\"signal\":{\"signal\":\"dns_latency_ms\",\"trace_id\":\"t\",\"value\":1,\"timestamp\":"  \
	"\"2026-02-18T00:00:01Z\"},\"expected_match\":true}"
#define PROM                                                                                      \
	"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{}," \
	"\"value\":[1700000000.5,\"0.25\"]}]}}"
#define POD                                                                                                                \
	"{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{\"metadata\":{\"uid\":\"u\",\"name\":" \
	"\"p\",\"namespace\":\"ns\",\"labels\":{\"app.kubernetes.io/name\":\"chat\"}},\"status\":{"                        \
	"\"containerStatuses\":[{\"name\":\"app\",\"containerID\":\"containerd://abc\"}]}}]}"
#define MANIFEST \
	"{\"source_ref\":\"main\",\"source_commit\":\"0123456789abcdef0123456789abcdef01234567\"}"

static int with_object(const char *text, int (*fn)(json_t *object, struct slo_err *err),
                       struct slo_err *err)
{
	json_t *object = NULL;
	json_error_t why;
	int r = slo_json_load(&object, text, strlen(text), 0, &why);

	r = r < 0 ? slo_err_set(err, r, "no memory") : fn(object, err);
	json_decref(object);
	return r;
}

static int on_raw(json_t *object, struct slo_err *err)
{
	struct slo_sli_sample s;

	return slo_sli_sample_from_json(object, &s, err);
}

static int on_sli(json_t *object, struct slo_err *err)
{
	struct slo_sli_event ev;

	return slo_sli_event_from_json(object, &ev, err);
}

static int on_fault(json_t *object, struct slo_err *err)
{
	struct slo_fault_sample s;
	struct slo_fault_label label;

	return slo_fault_sample_parse(object, &s, &label, err);
}

static int on_pair(json_t *object, struct slo_err *err)
{
	struct slo_labeled_pair p;

	return slo_labeled_pair_read(object, &p, err);
}

static int on_prom(json_t *object, struct slo_err *err)
{
	struct slo_prom_value v;

	return slo_prom_response_read(object, &v, err);
}

static int raw(const char *text, struct slo_err *err)
{
	return with_object(text, on_raw, err);
}

static int sli(const char *text, struct slo_err *err)
{
	return with_object(text, on_sli, err);
}

static int fault(const char *text, struct slo_err *err)
{
	return with_object(text, on_fault, err);
}

static int pair(const char *text, struct slo_err *err)
{
	return with_object(text, on_pair, err);
}

static int prom(const char *text, struct slo_err *err)
{
	return with_object(text, on_prom, err);
}

static int event(const char *text, struct slo_err *err)
{
	struct slo_probe_event ev;

	return slo_event_json_parse(text, strlen(text), &ev, err);
}

static void no_pod(void *user, enum slo_pod_event e, const struct slo_pod *p)
{
	(void)user;
	(void)e;
	assert_string_equal(p->name, "p");
}

static int pod(const char *text, struct slo_err *err)
{
	struct slo_pod_page page;

	return slo_pod_json_read(text, strlen(text), no_pod, NULL, &page, err);
}

static int manifest(const char *text, struct slo_err *err)
{
	struct slo_baseline_manifest m;

	return slo_baseline_manifest_parse(text, strlen(text), &m, err);
}

static void every_allocation_of_a_parser_may_fail(void **state)
{
	static const struct {
		const char *name, *text;
		int (*parse)(const char *text, struct slo_err *err);
	} rows[] = {
		{ "raw sample", RAW, raw },   { "slo-event", SLI, sli },
		{ "event", EVENT, event },    { "fault sample", FAULT, fault },
		{ "pair", PAIR, pair },       { "answer of Prometheus", PROM, prom },
		{ "list of pods", POD, pod }, { "manifest", MANIFEST, manifest },
	};

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		int n = 0, r = -1;

		for (; r < 0; n++) {
			struct slo_err err = { 0 };

			if (n == 500)
				fail_msg("%s is never read", rows[i].name);
			fail_alloc_after = n;
			r = rows[i].parse(rows[i].text, &err);
			/* What was read without memory for it all would be another record. */
			if (r != (fail_alloc_after < 0 ? -ENOMEM : 0))
				fail_msg("%s, allocation %d: %d %s", rows[i].name, n, r, err.msg);
			fail_alloc_after = -1;
			assert_true(r == 0 || *err.msg);
		}
		/* One alone would be jansson's first: then nothing was shown. */
		assert_true(n > 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_of_a_parser_may_fail),
	};

	return cmocka_run_group_tests_name("codec_alloc", tests, NULL, NULL);
}
