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

/* --- counted requests ------------------------------------------------------------------------------------------- */

static int count_in_memory(struct slo_live_objective *o, struct slo_err *err)
{
	o->memory = calloc(SLO_BURN_BUCKETS, sizeof(*o->memory));
	return o->memory ? 0 : slo_err_set(err, -ENOMEM, "objective: out of memory");
}

/* One a service: what has a namespace says so in the name. */
static int open_file(struct slo_live *l, struct slo_live_objective *o, struct slo_err *err)
{
	struct slo_minute_ring_key key = { .bucket_ms = (uint32_t)o->burn.bucket_ms };
	struct slo_minute_ring_report report = { 0 };
	char hex[SLO_SHA256_HEX_SIZE], name[40], path[2 * SLO_CONFIG_TEXT_LEN];
	struct slo_err why = { 0 };
	struct slo_sha256 s;
	int r;

	slo_sha256_init(&s);
	slo_sha256_add(&s, o->name, strlen(o->name));
	if (*o->service->namespace_) {
		slo_sha256_add(&s, "|", 1);
		slo_sha256_add(&s, o->service->namespace_, strlen(o->service->namespace_));
	}
	slo_sha256_finish_hex(&s, hex);
	(void)snprintf(name, sizeof(name), "slo-%.16s.ring", hex);
	if (!slo_live_path(l, name, path, sizeof(path)))
		return count_in_memory(o, err);
	(void)snprintf(key.name, sizeof(key.name), "%.16s|%.24s|%.20s|%g", hex, o->service->name,
	               slo_sli_desc(o->sli)->name, o->threshold);
	r = slo_minute_ring_open(&o->file, path, &key, &report, &why);
	if (slo_live_is_full(r) || r == -EACCES || r == -EPERM) {
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

/*
 * The clock may have been set while no agent ran: it was ahead then, or it is behind now, as it is where a machine
 * boots without a battery and no time server has been asked yet. Which one, nobody can know here.
 */
static void forget_future(struct slo_live *l, struct slo_live_objective *o)
{
	int64_t latest_ns = (int64_t)slo_clock_realtime_ns() + SLO_LIVE_FUTURE_NS;
	char newest[SLO_CLOCK_RFC3339_SIZE];
	uint64_t newest_ns = o->ring.newest * o->ring.bucket_ms * SLO_NS_PER_MS;
	uint64_t lost = slo_burn_ring_follow(&o->ring, 0, latest_ns);

	if (!lost)
		return;
	l->count.late_requests += lost;
	slo_log_warn(
		"requests counted at a time that is still to come are dropped objective=%s requests=%" PRIu64
		" newest=%s; the clock was ahead then, or is behind now: start the agent after the clock is set "
		"(systemd: After=time-sync.target)",
		o->name, lost, slo_clock_rfc3339(newest_ns, newest));
}

static int open_ring(struct slo_live *l, struct slo_live_objective *o, struct slo_err *err)
{
	int r = open_file(l, o, err);

	if (r < 0)
		return slo_err_wrap(err, r, "objective %s", o->name);
	slo_burn_ring_init(&o->ring, o->file ? slo_minute_ring_buckets(o->file) : o->memory,
	                   o->burn.bucket_ms);
	forget_future(l, o);
	return 0;
}

void slo_live_objective_close(struct slo_live_objective *o)
{
	slo_minute_ring_freep(&o->file);
	slo_freep(&o->memory);
}

static void remove_objective(struct slo_live *l, size_t i)
{
	slo_live_objective_close(&l->objective[i]);
	l->objective_count--;
	memmove(&l->objective[i], &l->objective[i + 1],
	        (l->objective_count - i) * sizeof(l->objective[0]));
}

/* Its service has got its namespace: those requests are in another file, or yet to come. */
static void reopen_ring(struct slo_live *l, size_t i)
{
	struct slo_live_objective *o = &l->objective[i];
	struct slo_err err = { 0 };

	slo_live_objective_close(o);
	if (open_ring(l, o, &err) == 0)
		return;
	slo_log_err("it is given up: %s", err.msg);
	remove_objective(l, i);
}

/* --- objectives ------------------------------------------------------------------------------------------------- */

static int add_objective(struct slo_live *l, const struct slo_live_objective *row,
                         const struct slo_config_windows *windows, struct slo_err *err)
{
	struct slo_live_objective *o = &l->objective[l->objective_count];
	int r;

	if (l->objective_count == SLO_LIVE_OBJECTIVES)
		return slo_err_set(err, -ENOSPC, "%s of %s: more than %d objectives", row->name,
		                   row->service->name, SLO_LIVE_OBJECTIVES);
	*o = *row;
	o->result.state = SLO_BURN_INSUFFICIENT; /* until it is judged */
	r = slo_burn_alert_config_init(&o->burn, row->burn.objective, windows->ms, windows->count,
	                               err);
	if (r < 0)
		return slo_err_wrap(err, r, "[slo.%s]", o->name);
	o->burn.valid_min = l->cfg->attribution.valid_min;
	r = open_ring(l, o, err);
	if (r < 0)
		return r;
	l->objective_count++;
	return 0;
}

static int add_configured(struct slo_live *l, struct slo_live_service *s,
                          const struct slo_config_slo *c, struct slo_err *err)
{
	struct slo_live_objective o = { .service = s,
		                        .sli = (enum slo_sli)c->sli,
		                        .threshold = c->threshold,
		                        .burn.objective = c->objective };

	static_assert((int)SLO_CONFIG_SLI_MAX_ == (int)SLO_SLI_MAX_, "the same rows");
	(void)snprintf(o.name, sizeof(o.name), "%s", c->name);
	return add_objective(l, &o, &c->windows, err);
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

static bool has_objective(const struct slo_live *l, const struct slo_live_service *s,
                          const char *name)
{
	for (size_t i = 0; i < l->objective_count; i++) {
		if (l->objective[i].service == s &&
		    (!name || strcmp(l->objective[i].name, name) == 0))
			return true;
	}
	return false;
}

/* --- services --------------------------------------------------------------------------------------------------- */

static bool is_same(const char *a, const char *b)
{
	return strncmp(a, b, SLO_LIVE_NAME_LEN - 1) == 0;
}

/* What [slo.NAME] names: a service in whichever namespaces, each held to the objective alone; or "NAMESPACE/NAME". */
static bool is_meant(const char *wanted, const char *namespace_, const char *name)
{
	size_t len = strlen(namespace_);

	return is_same(wanted, name) || (len && strncmp(wanted, namespace_, len) == 0 &&
	                                 wanted[len] == '/' && is_same(wanted + len + 1, name));
}

bool slo_live_is_wanted(const struct slo_live *l, const char *namespace_, const char *name)
{
	for (size_t i = 0; i < l->cfg->slo_count; i++) {
		if (is_meant(l->cfg->slo[i].service, namespace_, name))
			return true;
	}
	return !l->cfg->slo_count;
}

/* Those it lacks. */
static void add_wanted(struct slo_live *l, struct slo_live_service *s)
{
	struct slo_err err = { 0 };

	for (size_t i = 0; i < l->cfg->slo_count; i++) {
		const struct slo_config_slo *c = &l->cfg->slo[i];

		if (is_meant(c->service, s->namespace_, s->name) && !has_objective(l, s, c->name) &&
		    add_configured(l, s, c, &err) < 0)
			slo_log_err("%s", err.msg);
	}
	if (!l->cfg->slo_count && !has_objective(l, s, NULL))
		add_defaults(l, s);
}

static void name_service(struct slo_live_service *s, const char *name, const char *namespace_)
{
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	(void)snprintf(s->namespace_, sizeof(s->namespace_), "%s", namespace_);
	s->key = slo_hash_bytes(0, s->name, strlen(s->name));
	if (*s->namespace_)
		s->key = slo_hash_bytes(s->key, s->namespace_, strlen(s->namespace_));
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

/* NULL: no room. One that was only ever wanted, and is no more, makes some. */
static struct slo_live_service *new_service(struct slo_live *l, const char *name,
                                            const char *namespace_)
{
	struct slo_live_service *s = NULL;

	for (size_t i = 0; i < l->service_count && !s; i++) {
		if (l->service[i].unmet && !has_objective(l, &l->service[i], NULL))
			s = &l->service[i];
	}
	if (!s && l->service_count < SLO_LIVE_SERVICES)
		s = &l->service[l->service_count++];
	if (!s)
		return NULL;
	while (s->place_count)
		drop_oldest(l, s);
	*s = (struct slo_live_service){ 0 };
	name_service(s, name, namespace_);
	return s;
}

/* The one that a [slo.NAME] waits for and that this is; one that names the namespace, too, goes first. */
static struct slo_live_service *find_unmet(struct slo_live *l, const char *name,
                                           const char *namespace_)
{
	struct slo_live_service *best = NULL;

	for (size_t i = 0; i < l->service_count; i++) {
		struct slo_live_service *s = &l->service[i];

		if (s->unmet && is_meant(s->name, namespace_, name) &&
		    (!best || strlen(s->name) > strlen(best->name)))
			best = s;
	}
	return best;
}

static void meet(struct slo_live *l, struct slo_live_service *s, const char *name,
                 const char *namespace_)
{
	s->unmet = false;
	if (!*namespace_)
		return;
	name_service(s, name, namespace_);
	for (size_t i = l->objective_count; i > 0; i--) {
		if (l->objective[i - 1].service == s)
			reopen_ring(l, i - 1);
	}
	/* Which namespace's they were nobody knew; events of its own bring them back. */
	while (l->pods && s->place_count)
		drop_oldest(l, s);
}

struct slo_live_service *slo_live_service(struct slo_live *l, const char *name,
                                          const char *namespace_)
{
	struct slo_live_service *s;

	if (!*name || strncmp(name, "unknown_service", 15) == 0)
		return NULL;
	for (size_t i = 0; i < l->service_count; i++) {
		if (is_same(l->service[i].name, name) &&
		    is_same(l->service[i].namespace_, namespace_) && !l->service[i].unmet)
			return &l->service[i];
	}
	s = find_unmet(l, name, namespace_);
	if (s)
		meet(l, s, name, namespace_);
	else
		s = new_service(l, name, namespace_);
	if (!s)
		return NULL;
	slo_log_info("service seen name=\"%s\" namespace=\"%s\"", s->name, s->namespace_);
	add_wanted(l, s);
	return s;
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

/* --- configuration ---------------------------------------------------------------------------------------------- */

static struct slo_live_service *wait_for(struct slo_live *l, const char *wanted)
{
	struct slo_live_service *s;

	for (size_t i = 0; i < l->service_count; i++) {
		if (l->service[i].unmet && is_same(l->service[i].name, wanted))
			return &l->service[i];
	}
	if (!*wanted || strncmp(wanted, "unknown_service", 15) == 0)
		return NULL;
	s = new_service(l, wanted, "");
	if (s)
		s->unmet = true;
	return s;
}

int slo_live_objectives_load(struct slo_live *l, struct slo_err *err)
{
	for (size_t i = 0; i < l->cfg->slo_count; i++) {
		const struct slo_config_slo *c = &l->cfg->slo[i];
		struct slo_live_service *s = wait_for(l, c->service);
		int r;

		if (!s)
			return slo_err_set(
				err, -EINVAL,
				"[slo.%s] service = %s: no name for a service, or too many",
				c->name, c->service);
		r = add_configured(l, s, c, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct slo_config_slo *slo_named(const struct slo_config *cfg, const char *name)
{
	for (size_t i = 0; i < cfg->slo_count; i++) {
		if (strcmp(cfg->slo[i].name, name) == 0)
			return &cfg->slo[i];
	}
	return NULL;
}

static bool is_unchanged(const struct slo_config *from, const struct slo_config *to,
                         const char *name)
{
	const struct slo_config_slo *a = slo_named(from, name), *b = slo_named(to, name);

	if (!from->slo_count && !to->slo_count)
		return true;
	return a && b && strcmp(a->service, b->service) == 0 && a->sli == b->sli &&
	       a->threshold == b->threshold && a->objective == b->objective &&
	       a->windows.count == b->windows.count &&
	       memcmp(a->windows.ms, b->windows.ms, a->windows.count * sizeof(a->windows.ms[0])) ==
	               0;
}

static int check_objectives(const struct slo_config *cfg, struct slo_err *err)
{
	for (size_t i = 0; i < cfg->slo_count; i++) {
		const struct slo_config_slo *c = &cfg->slo[i];
		struct slo_burn_config burn;
		int r = slo_burn_alert_config_init(&burn, c->objective, c->windows.ms,
		                                   c->windows.count, err);

		if (r < 0)
			return slo_err_wrap(err, r, "[slo.%s]", c->name);
	}
	return 0;
}

/* An open incident of it waits for its end, see slo_live_tell_again(). */
static void retire(struct slo_live *l, size_t i)
{
	struct slo_live_objective *o = &l->objective[i];

	if (o->track.open || o->telling)
		slo_live_track_of(o, &l->left[l->left_count++]);
	slo_log_info("objective ends name=\"%s\" service=\"%s\"", o->name, o->service->name);
	remove_objective(l, i);
}

/* Those that somebody met have theirs by add_wanted(). */
static void wait_for_wanted(struct slo_live *l)
{
	struct slo_err err = { 0 };

	for (size_t i = 0; i < l->cfg->slo_count; i++) {
		const struct slo_config_slo *c = &l->cfg->slo[i];
		struct slo_live_service *s = NULL;

		for (size_t k = 0; k < l->service_count && !s; k++) {
			if (has_objective(l, &l->service[k], c->name))
				s = &l->service[k];
		}
		if (s)
			continue;
		s = wait_for(l, c->service);
		if (!s)
			slo_log_err("[slo.%s]: no room for service %s", c->name, c->service);
		else if (add_configured(l, s, c, &err) < 0)
			slo_log_err("%s", err.msg);
	}
}

int slo_live_reload(struct slo_live *l, const struct slo_config *next, struct slo_err *err)
{
	int r = check_objectives(next, err);

	if (r < 0)
		return r;
	for (size_t i = l->objective_count; i > 0; i--) {
		if (!is_unchanged(l->cfg, next, l->objective[i - 1].name))
			retire(l, i - 1);
	}
	memcpy(l->cfg->slo, next->slo, sizeof(l->cfg->slo));
	l->cfg->slo_count = next->slo_count;
	for (size_t i = 0; i < l->service_count; i++) {
		if (!l->service[i].unmet)
			add_wanted(l, &l->service[i]);
	}
	wait_for_wanted(l);
	slo_live_tell_again(l);
	return 0;
}
