/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long an inference takes, and how many fault samples a second go from JSON text to verdict records, on one core:
 * bench_attribute [SECONDS]. The samples are made here: half of the signals each, values about their thresholds.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/codec/fault_sample.h"
#include "core/codec/incident_json.h"
#include "core/config/model_ini.h"

#define SAMPLES 1000

static struct slo_attr_model model;
static char *lines[SAMPLES];
static struct slo_observation observations[SAMPLES];

/* CPU time of this process: what other processes take does not count. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t draw(void)
{
	static uint64_t s = 42;

	s = s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return s >> 33;
}

static void make_sample(unsigned int k, bool all)
{
	char text[2048];
	int at =
		snprintf(text, sizeof(text),
	                 "{\"incident_id\":\"inc-%06u\",\"timestamp\":\"2026-02-20T00:00:%02uZ\","
	                 "\"cluster\":\"local\",\"namespace\":\"default\",\"service\":\"chat\","
	                 "\"fault_label\":\"mixed\",\"confidence\":0.9,\"burn_rate\":2.5,"
	                 "\"window_minutes\":5,\"request_id\":\"req-%u\",\"trace_id\":\"trace-%u\","
	                 "\"signals\":{",
	                 k, k % 60, k, k);
	const char *comma = "";

	memset(&observations[k], 0, sizeof(observations[k]));
	for (unsigned int i = 0; i < (all ? SLO_EVID_MAX_ : SLO_SIG_MAX_); i++) {
		struct slo_evidence_desc d = slo_evidence_desc(i);
		double v = d.floor * (double)(1 + draw() % 300) / 100;

		if (!all && draw() % 2)
			continue;
		v = v > slo_evidence_max(i) ? slo_evidence_max(i) : v;
		slo_observation_set(&observations[k], i, v);
		at += snprintf(text + at, sizeof(text) - (size_t)at, "%s\"%s\":%g", comma, d.name,
		               v);
		comma = ",";
	}
	(void)snprintf(text + at, sizeof(text) - (size_t)at, "}}");
	free(lines[k]);
	lines[k] = strdup(text);
	if (!lines[k])
		abort();
}

static void infer(enum slo_attribution_mode mode, const char *what, uint64_t run_ns)
{
	uint64_t begin = cpu_ns(), n = 0, took;
	struct slo_attribution verdict;
	double sum = 0;

	do {
		for (unsigned int k = 0; k < SAMPLES; k++) {
			slo_attribute(mode, &model, &observations[k], &verdict);
			sum += verdict.confidence;
		}
		n += SAMPLES;
		took = cpu_ns() - begin;
	} while (took < run_ns);
	(void)printf("%-34s %8.2f us an inference (mean confidence %.3f)\n", what,
	             (double)took / 1e3 / (double)n, sum / (double)n);
}

static size_t through(const char *line, enum slo_attribution_mode mode)
{
	char buf[SLO_INCIDENT_JSON_MAX];
	json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	struct slo_fault_sample s;
	struct slo_fault_label label;
	struct slo_attribution verdict;
	struct slo_incident in;
	ssize_t len;

	if (slo_fault_sample_parse(object, &s, &label, NULL) < 0)
		abort();
	slo_attribute(mode, &model, &s.observation, &verdict);
	in = (struct slo_incident){ .incident_id = s.incident_id,
		                    .cluster = s.cluster,
		                    .namespace_ = s.namespace_,
		                    .service = s.service,
		                    .sli = s.sli,
		                    .request_id = s.request_id,
		                    .trace_id = s.trace_id,
		                    .source = s.source,
		                    .model = "default",
		                    .capability_mode = "",
		                    .timestamp_ns = s.timestamp_ns,
		                    .burn_rate = s.burn_rate,
		                    .window_minutes = s.window_minutes,
		                    .observation = &s.observation,
		                    .verdict = &verdict };
	len = slo_incident_json_write(buf, sizeof(buf), &in, false);
	if (len < 0)
		abort();
	json_decref(object);
	return (size_t)len;
}

static void through_all(enum slo_attribution_mode mode, const char *what, uint64_t run_ns)
{
	uint64_t begin = cpu_ns(), n = 0, took;
	size_t bytes = 0;

	do {
		for (unsigned int k = 0; k < SAMPLES; k++)
			bytes += through(lines[k], mode);
		n += SAMPLES;
		took = cpu_ns() - begin;
	} while (took < run_ns);
	(void)printf("%-34s %8.0f samples/s, text to record (%.0f bytes each)\n", what,
	             (double)n * 1e9 / (double)took, (double)bytes / (double)n);
}

int main(int argc, char **argv)
{
	uint64_t run_ns = (uint64_t)((argc > 1 ? strtod(argv[1], NULL) : 1) * 1e9);
	struct slo_err err = { 0 };

	if (slo_model_load(&model, "default", &err) < 0) {
		(void)fprintf(stderr, "bench_attribute: %s\n", err.msg);
		return 1;
	}
	for (unsigned int k = 0; k < SAMPLES; k++)
		make_sample(k, true);
	infer(SLO_ATTR_NOISY_OR, "noisy-or, all 18 kinds of evidence", run_ns);
	for (unsigned int k = 0; k < SAMPLES; k++)
		make_sample(k, false);
	infer(SLO_ATTR_NOISY_OR, "noisy-or, half of the signals", run_ns);
	infer(SLO_ATTR_BAYES, "bayes, half of the signals", run_ns);
	through_all(SLO_ATTR_NOISY_OR, "noisy-or", run_ns);
	through_all(SLO_ATTR_BAYES, "bayes", run_ns);
	for (unsigned int k = 0; k < SAMPLES; k++)
		free(lines[k]);
	return 0;
}
