/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's state file: any bytes; where the first one is odd, a file whose head and check sum are right, so that what it
 * holds is anything. What is taken up is shown, told and ended, as an agent would.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/base/log.h"
#include "core/codec/incident_json.h"
#include "core/programs/explain.h"
#include "test/unit/programs/live_rig.h"

#define HEAD 48
#define CHECK_AT 16
#define BODY_MAX ((size_t)256 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slo_live *make(const char *objectives)
{
	struct slo_live *l = NULL;
	struct slo_err err = { 0 };

	slo_log_set_level(SLO_LOG_ERR);
	if (rig_start(&l, "", objectives, &err) < 0)
		abort();
	return l;
}

/* As before it read anything. */
static void forget(struct slo_live *l)
{
	for (size_t i = 0; i < l->known_count; i++)
		slo_baselines_erase(l->baselines, l->known[i].key);
	for (size_t i = 0; !l->cfg->slo_count && i < l->objective_count; i++)
		slo_live_objective_close(&l->objective[i]);
	for (size_t i = 0; l->cfg->slo_count && i < l->objective_count; i++)
		l->objective[i].track = (struct slo_incident_track){ 0 };
	if (!l->cfg->slo_count)
		l->objective_count = l->service_count = 0;
	l->history_count = l->known_count = l->left_count = 0;
}

static void show(struct slo_live *l)
{
	static char json[SLO_INCIDENT_JSON_MAX];
	static FILE *nowhere;

	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	for (size_t i = 0; i < l->history_count; i++) {
		struct slo_incident record;

		slo_live_incident_record(l, &l->history[i], &record);
		(void)slo_incident_json_write(json, sizeof(json), &record, i & 1);
		slo_explain_text(nowhere, l->model, &record, false);
		(void)slo_explain_json(nowhere, l->model, &record);
	}
	slo_live_tell_again(l);
}

static void put32(char *at, size_t v)
{
	uint32_t n = (uint32_t)v;

	memcpy(at, &n, sizeof(n));
}

/* The layout of live_state.c: the head, services with their baselines, incidents, tracks. */
static size_t mend(const uint8_t *data, size_t size, char *file)
{
	size_t services = data[0] >> 1 & 1, incidents = data[0] >> 2 & 3, tracks = data[0] >> 4 & 3;
	size_t baseline = sizeof(struct slo_baseline) * SLO_EVID_MAX_, at = HEAD, from = 1;
	size_t body = services * (sizeof(struct slo_live_known) + baseline) +
	              incidents * sizeof(struct slo_live_incident) +
	              tracks * sizeof(struct slo_live_track);
	int64_t now = (int64_t)slo_clock_realtime_ns();
	const size_t head[] = { baseline,
		                sizeof(struct slo_live_incident),
		                sizeof(struct slo_live_track),
		                services,
		                incidents,
		                tracks,
		                sizeof(struct slo_live_known) };

	memset(file, 0, HEAD + body);
	memcpy(file, "llm-slo state 3\n", CHECK_AT);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(head); i++)
		put32(file + CHECK_AT + 4 + 4 * i, head[i]);
	/* Little input reaches far: a byte of length, then so many bytes; the rest of it is skipped. */
	while (from < size && at < HEAD + body) {
		size_t n = data[from++];

		n = n < size - from ? n : size - from;
		n = n < HEAD + body - at ? n : HEAD + body - at;
		memcpy(file + at, data + from, n);
		from += n;
		at += n + (from < size ? (size_t)data[from] * 8 : 0);
	}
	if (services && data[0] & 0x80)
		memcpy(file + HEAD + offsetof(struct slo_live_known, last_ns), &now, sizeof(now));
	put32(file + CHECK_AT, slo_crc32c(file + HEAD, body));
	return HEAD + body;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slo_live *any, *one;
	static char file[HEAD + BODY_MAX];
	struct slo_live *l;
	const char *text = file;
	size_t len = size;

	if (!any) {
		any = make("");
		one = make(
			"[slo.a]\nservice = chat\nsli = ttft_ms\nthreshold = 800\nobjective = 0.99\n");
	}
	l = size && data[size - 1] & 1 ? one : any;
	if (size && data[0] & 1)
		len = mend(data, size, file);
	else
		text = (const char *)data;
	if (slo_live_state_take(l, text, len))
		show(l);
	else if (size && data[0] & 1)
		abort(); /* mend() does not know the layout any more */
	forget(l);
	return 0;
}
