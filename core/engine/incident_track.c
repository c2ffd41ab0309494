/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/incident_track.h"

#include <stdio.h>
#include <string.h>

#include "core/base/sha256.h"
#include "core/model/domain.h"

#define CRITICAL_BURN 10.0
/* A burn rate that doubled or halved since it was told is worth telling. */
#define BURN_RATIO 2.0

static void add_text(struct slo_sha256 *s, const char *text)
{
	slo_sha256_add(s, text, strlen(text));
	slo_sha256_add(s, "|", 1);
}

static void add_set(struct slo_sha256 *s, uint32_t set)
{
	bool any = false;

	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		const char *name = slo_domain_name((enum slo_domain)f);

		if (!(set & SLO_DOMAIN_BIT(f)))
			continue;
		if (any)
			slo_sha256_add(s, "+", 1);
		slo_sha256_add(s, name, strlen(name));
		any = true;
	}
	if (!any)
		slo_sha256_add(s, "unknown", strlen("unknown"));
}

static void name_incident(struct slo_incident_track *t, const struct slo_incident_scope *scope,
                          const struct slo_incident_now *now)
{
	char hex[SLO_SHA256_HEX_SIZE], when[32];
	struct slo_sha256 s;

	slo_sha256_init(&s);
	add_text(&s, scope->cluster);
	add_text(&s, scope->namespace_);
	add_text(&s, scope->service);
	add_text(&s, scope->slo);
	add_set(&s, now->set);
	slo_sha256_finish_hex(&s, hex);
	(void)snprintf(t->dedup_key, sizeof(t->dedup_key), "%.32s", hex);
	/* Nodes that see the same service open incidents of their own; a second one on this node is another too. */
	slo_sha256_init(&s);
	add_text(&s, hex);
	add_text(&s, scope->node);
	(void)snprintf(when, sizeof(when), "%lld", (long long)now->unix_ns);
	add_text(&s, when);
	slo_sha256_finish_hex(&s, hex);
	(void)snprintf(t->id, sizeof(t->id), "inc-%.16s", hex);
}

static enum slo_incident_step tell(struct slo_incident_track *t, const struct slo_incident_now *now,
                                   enum slo_incident_step step)
{
	t->told_ns = now->unix_ns;
	t->told_set = now->set;
	t->told_state = now->state;
	t->told_burn = now->burn;
	t->notices++;
	return step;
}

enum slo_incident_step slo_incident_track_end(struct slo_incident_track *t)
{
	if (!t->open)
		return SLO_INCIDENT_NOTHING;
	t->open = false;
	t->notices++;
	return SLO_INCIDENT_RESOLVE;
}

static enum slo_incident_step calm_down(struct slo_incident_track *t)
{
	t->silent_ns = 0;
	return ++t->calm >= SLO_INCIDENT_CALM ? slo_incident_track_end(t) : SLO_INCIDENT_NOTHING;
}

/* Told in the future: the clock was set back. */
static bool may_update(const struct slo_incident_track *t, int64_t unix_ns)
{
	return unix_ns < t->told_ns || unix_ns - t->told_ns >= SLO_INCIDENT_UPDATE_NS;
}

/* A service that fails so much that nobody asks it any more has not recovered. Told once, and again when it is given up. */
static enum slo_incident_step wait_for_requests(struct slo_incident_track *t, int64_t unix_ns)
{
	t->calm = 0;
	if (!t->silent_ns || unix_ns < t->silent_ns) /* the clock was set back */
		t->silent_ns = unix_ns;
	if (unix_ns - t->silent_ns >= SLO_INCIDENT_SILENT_NS)
		return slo_incident_track_end(t);
	if (t->silent_told || !may_update(t, unix_ns))
		return SLO_INCIDENT_NOTHING;
	t->silent_told = true;
	t->told_ns = unix_ns;
	t->notices++;
	return SLO_INCIDENT_UPDATE;
}

static bool changed(const struct slo_incident_track *t, const struct slo_incident_now *now)
{
	return now->state != t->told_state || now->burn > t->told_burn * BURN_RATIO ||
	       now->burn * BURN_RATIO < t->told_burn;
}

/* What was told stays as it was: a change is news to those who are not reminded. */
static enum slo_incident_step remind(struct slo_incident_track *t, int64_t unix_ns)
{
	if (unix_ns >= t->told_ns && unix_ns - t->told_ns < SLO_INCIDENT_REMIND_NS)
		return SLO_INCIDENT_NOTHING;
	t->told_ns = unix_ns;
	t->notices++;
	return SLO_INCIDENT_REMIND;
}

enum slo_incident_step slo_incident_track_step(struct slo_incident_track *t,
                                               const struct slo_incident_scope *scope,
                                               const struct slo_incident_now *now)
{
	bool fires = now->state == SLO_BURN_PAGE || now->state == SLO_BURN_TICKET;

	if (!t->open) {
		if (!fires)
			return SLO_INCIDENT_NOTHING;
		*t = (struct slo_incident_track){ .open = true,
			                          .opened_ns = now->unix_ns,
			                          .pair = now->pair };
		name_incident(t, scope, now);
		return tell(t, now, SLO_INCIDENT_OPEN);
	}
	if (!fires)
		return now->silent ? wait_for_requests(t, now->unix_ns) : calm_down(t);
	t->calm = 0;
	t->silent_ns = 0;
	t->silent_told = false;
	t->pair = now->pair;
	/* A verdict that was lost again (the evidence grew old) is no news: the last one stands. */
	if (now->set && now->set != t->told_set)
		return tell(t, now, SLO_INCIDENT_UPDATE);
	if (changed(t, now) && may_update(t, now->unix_ns)) {
		struct slo_incident_now same = *now;

		same.set = t->told_set;
		return tell(t, &same, SLO_INCIDENT_UPDATE);
	}
	return remind(t, now->unix_ns);
}

void slo_incident_notice_id(const struct slo_incident_track *t, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s-%u", t->id, t->notices);
}

enum slo_severity slo_incident_severity(enum slo_burn_state state, double burn)
{
	if (state == SLO_BURN_PAGE)
		return burn >= CRITICAL_BURN ? SLO_SEVERITY_CRITICAL : SLO_SEVERITY_ERROR;
	return state == SLO_BURN_TICKET ? SLO_SEVERITY_WARNING : SLO_SEVERITY_INFO;
}
