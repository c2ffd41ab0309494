/* SPDX-License-Identifier: Apache-2.0 */
/* Services as spans and logs name them, and the objectives that they are held to. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/sha256.h"
#include "core/programs/agent/live.h"

#define DEFAULT_OBJECTIVE 0.99
#define DEFAULT_TTFT_MS 800.0
#define DEFAULT_ERROR_RATE 0.01

/* --- services and objectives -------------------------------------------------------------------------------- */

static int count_in_memory(struct slo_live_objective *o, struct slo_err *err)
{
	o->memory = calloc(SLO_BURN_BUCKETS, sizeof(*o->memory));
	return o->memory ? 0 : slo_err_set(err, -ENOMEM, "objective: out of memory");
}

static int open_ring(struct slo_live *l, struct slo_live_objective *o, struct slo_err *err)
{
	struct slo_minute_ring_key key = { .bucket_ms = (uint32_t)o->burn.bucket_ms };
	struct slo_minute_ring_report report = { 0 };
	char hex[SLO_SHA256_HEX_SIZE], name[40], path[2 * SLO_CONFIG_TEXT_LEN];
	struct slo_err why = { 0 };
	struct slo_sha256 s;
	int r;

	slo_sha256_init(&s);
	slo_sha256_add(&s, o->name, strlen(o->name));
	slo_sha256_finish_hex(&s, hex);
	(void)snprintf(name, sizeof(name), "slo-%.16s.ring", hex);
	if (!slo_live_path(l, name, path, sizeof(path)))
		return count_in_memory(o, err);
	(void)snprintf(key.name, sizeof(key.name), "%.16s|%.24s|%.20s|%g", hex, o->service->name,
	               slo_sli_desc(o->sli)->name, o->threshold);
	r = slo_minute_ring_open(&o->file, path, &key, &report, &why);
	if (slo_live_is_full(r)) {
		slo_log_warn("requests are counted in memory alone objective=%s reason=\"%s\"",
		             o->name, why.msg);
		return count_in_memory(o, err);
	}
	if (r < 0)
		return slo_err_set(err, r, "%s", why.msg);
	if (*report.set_aside)
		slo_log_warn(
			"requests counted before are set aside objective=%s file=\"%s\" reason=\"%s\"",
			o->name, report.set_aside, report.why);
	return 0;
}

static int add_objective(struct slo_live *l, const struct slo_live_objective *row,
                         const struct slo_config_windows *windows, struct slo_err *err)
{
	struct slo_live_objective *o = &l->objective[l->objective_count];
	int r;

	if (l->objective_count == SLO_LIVE_OBJECTIVES)
		return slo_err_set(err, -ENOSPC, "more than %d objectives", SLO_LIVE_OBJECTIVES);
	*o = *row;
	r = slo_burn_config_init(&o->burn, row->burn.objective, windows->ms, windows->count, err);
	if (r < 0)
		return slo_err_wrap(err, r, "[slo.%s]", o->name);
	o->burn.valid_min = l->cfg->attribution.valid_min;
	r = open_ring(l, o, err);
	if (r < 0)
		return slo_err_wrap(err, r, "objective %s", o->name);
	slo_burn_ring_init(&o->ring, o->file ? slo_minute_ring_buckets(o->file) : o->memory,
	                   o->burn.bucket_ms);
	/* The clock may have been set while no agent ran. */
	slo_burn_ring_follow(&o->ring, 0, (int64_t)slo_clock_realtime_ns() + SLO_LIVE_FUTURE_NS);
	l->objective_count++;
	return 0;
}

/* Without any [slo.NAME] every service is held to the default: TTFT, and failures. */
static void add_defaults(struct slo_live *l, struct slo_live_service *s)
{
	static const struct slo_config_windows windows = {
		.count = 7,
		.ms = { 300000, 1800000, 3600000, 7200000, 21600000, 86400000, 259200000 },
	};
	static const struct {
		enum slo_sli sli;
		double threshold;
	} rows[] = {
		{ SLO_SLI_TTFT, DEFAULT_TTFT_MS },
		{ SLO_SLI_ERROR_RATE, DEFAULT_ERROR_RATE },
	};

	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct slo_live_objective o = { .service = s,
			                        .sli = rows[i].sli,
			                        .threshold = rows[i].threshold,
			                        .burn.objective = DEFAULT_OBJECTIVE };
		struct slo_err err = { 0 };

		(void)snprintf(o.name, sizeof(o.name), "%.100s.%s", s->name,
		               slo_sli_desc(rows[i].sli)->name);
		if (add_objective(l, &o, &windows, &err) < 0)
			slo_log_err("default objective: %s", err.msg);
	}
}

struct slo_live_service *slo_live_service(struct slo_live *l, const char *name,
                                          const char *namespace_)
{
	struct slo_live_service *s;

	if (!*name || strncmp(name, "unknown_service", 15) == 0)
		return NULL;
	for (size_t i = 0; i < l->service_count; i++) {
		if (strncmp(l->service[i].name, name, SLO_LIVE_NAME_LEN - 1) == 0)
			return &l->service[i];
	}
	if (l->service_count == SLO_LIVE_SERVICES)
		return NULL;
	s = &l->service[l->service_count++];
	*s = (struct slo_live_service){ .key = slo_hash_bytes(0, name, strlen(name)) };
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	(void)snprintf(s->namespace_, sizeof(s->namespace_), "%s", namespace_);
	slo_log_info("service seen name=\"%s\" namespace=\"%s\"", s->name, s->namespace_);
	if (!l->cfg->slo_count)
		add_defaults(l, s);
	return s;
}

/* The oldest is the likeliest to be gone: containers come and go. Another service may run there too. */
static void drop_oldest(struct slo_live *l, struct slo_live_service *s)
{
	uint64_t place = s->place[0];

	s->place_count--;
	memmove(s->place, s->place + 1, s->place_count * sizeof(s->place[0]));
	if (!*slo_live_service_at(l, place))
		slo_evidence_forget(l->evidence, place);
}

/* Whose oldest place makes room: its own, else of the service that has most. */
static struct slo_live_service *most_places(struct slo_live *l, struct slo_live_service *s)
{
	struct slo_live_service *most = s;

	for (size_t i = 0; !s->place_count && i < l->service_count; i++) {
		if (l->service[i].place_count > most->place_count)
			most = &l->service[i];
	}
	return most;
}

void slo_live_add_place(struct slo_live *l, struct slo_live_service *s, uint64_t place)
{
	bool follows;

	for (size_t i = 0; i < s->place_count; i++) {
		if (s->place[i] == place)
			return;
	}
	if (s->place_count == SLO_LIVE_PLACES)
		drop_oldest(l, s);
	follows = slo_evidence_follow(l->evidence, place);
	for (unsigned int i = 0; !follows && i < SLO_LIVE_PLACES; i++) {
		struct slo_live_service *from = most_places(l, s);

		if (!from->place_count)
			return;
		drop_oldest(l, from);
		follows = slo_evidence_follow(l->evidence, place);
	}
	if (!follows)
		return;
	s->place[s->place_count++] = place;
	slo_log_info("service runs here name=\"%s\" cgroup=%" PRIu64, s->name, place);
}

int slo_live_objectives_load(struct slo_live *l, struct slo_err *err)
{
	for (size_t i = 0; i < l->cfg->slo_count; i++) {
		const struct slo_config_slo *c = &l->cfg->slo[i];
		struct slo_live_objective o = { .sli = (enum slo_sli)c->sli,
			                        .threshold = c->threshold,
			                        .burn.objective = c->objective };
		int r;

		static_assert((int)SLO_CONFIG_SLI_MAX_ == (int)SLO_SLI_MAX_, "the same rows");
		o.service = slo_live_service(l, c->service, "");
		if (!o.service)
			return slo_err_set(
				err, -EINVAL,
				"[slo.%s] service = %s: no name for a service, or too many",
				c->name, c->service);
		(void)snprintf(o.name, sizeof(o.name), "%s", c->name);
		r = add_objective(l, &o, &c->windows, err);
		if (r < 0)
			return r;
	}
	return 0;
}
