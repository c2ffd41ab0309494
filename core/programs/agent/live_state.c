/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What survives a restart, in one file written whole: what is normal for each service, and the incidents. The requests
 * counted have files of their own, which need no writing.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/base/log.h"
#include "core/programs/agent/live.h"
#include "core/store/infile.h"
#include "core/store/outfile.h"

#define STATE_FILE "state.bin"
#define STATE_MAGIC "llm-slo state 3\n"
#define STATE_MAX ((size_t)16 << 20)
#define SERVICES_MAX (2 * SLO_LIVE_SERVICES) /* those of this run, and of earlier ones */
#define NATS_MAX 1e3 /* no likelihood of a double weighs more */
#define TRACKS_MAX (2 * SLO_LIVE_OBJECTIVES)
#define NS_PER_DAY (86400 * SLO_NS_PER_SEC)
/* A baseline that nobody used for so long is another service's by now. */
#define KNOWN_NS ((int64_t)(30 * NS_PER_DAY))
#define LATELY_NS ((int64_t)(3 * NS_PER_DAY)) /* what burn rates look at */

/* Sizes name the layout: a file of another build is set aside, not guessed at. */
struct header {
	char magic[16];
	uint32_t check; /* CRC-32C of all behind the header */
	uint32_t baseline_bytes, incident_bytes, track_bytes;
	uint32_t services, incidents, tracks, service_bytes;
};

static bool state_path(const struct slo_config *cfg, const char *name, char *buf, size_t size)
{
	const char *dir = cfg->agent.state_dir, *instance = cfg->agent.instance;
	bool other = strcmp(instance, "default") != 0;

	(void)snprintf(buf, size, "%s%s%s%s%s", dir, other ? "/" : "", other ? instance : "",
	               *name ? "/" : "", name);
	return *dir;
}

bool slo_live_path(const struct slo_live *l, const char *name, char *buf, size_t size)
{
	return l->lock >= 0 && state_path(l->cfg, name, buf, size);
}

bool slo_live_is_full(int r)
{
	return r == -ENOSPC || r == -EDQUOT || r == -EROFS;
}

/* Every folder of the path, as mkdir -p. */
static int make_folders(char *path)
{
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0750) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(path, 0750) && errno != EEXIST ? -errno : 0;
}

/* By making a file: permission bits say nothing of a filesystem that is read-only, or of capabilities that are gone. */
static int try_folder(int dir)
{
	static const char name[] = ".llm-slo-try";
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return errno == EACCES || errno == EPERM || errno == EROFS ? -errno : 0;
	(void)close(fd);
	(void)unlinkat(dir, name, 0);
	return 0;
}

static int refuse_folder(const char *dir, int code, struct slo_err *err)
{
	if (code == -EACCES || code == -EPERM)
		return slo_err_set(err, code,
		                   "%s: uid %u cannot write there: %s (chown it to that user, or "
		                   "StateDirectory= in the unit)",
		                   dir, (unsigned int)geteuid(), strerror(-code));
	return slo_err_set(err, code,
	                   "%s: %s (name a folder that can be written to, or none to keep nothing: "
	                   "state_dir =)",
	                   dir, strerror(-code));
}

void slo_live_state_check(const struct slo_live *l)
{
	char dir[2 * SLO_CONFIG_TEXT_LEN];
	struct slo_err err = { 0 };
	int r = l->lock >= 0 ? try_folder(l->lock) : 0;

	if (r == 0 || !slo_live_path(l, "", dir, sizeof(dir)))
		return;
	(void)refuse_folder(dir, r, &err);
	slo_log_warn("[agent] state_dir: baselines and incidents will not survive a restart: %s",
	             err.msg);
}

/* The folder's descriptor, which holds its lock, or negative errno. */
static int lock_folder(char *dir, struct slo_err *err)
{
	int r = make_folders(dir);
	int fd;

	if (r < 0)
		return refuse_folder(dir, r, err);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : try_folder(fd);
	if (r < 0) {
		slo_closep(&fd);
		return refuse_folder(dir, r, err);
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		(void)close(fd);
		return slo_err_set(
			err, -EBUSY,
			"%s: another agent keeps its state there (give this one [agent] instance or state_dir)",
			dir);
	}
	return fd;
}

int slo_live_state_try(const struct slo_config *cfg, struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = -1;
	char dir[2 * SLO_CONFIG_TEXT_LEN];
	struct slo_err why = { 0 };

	if (!state_path(cfg, "", dir, sizeof(dir)) ||
	    slo_config_is_default(cfg, "agent", "state_dir"))
		return 0;
	fd = lock_folder(dir, &why);
	return fd < 0 ? slo_err_set(err, fd, "[agent] state_dir: %s", why.msg) : 0;
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

struct reader {
	const char *at, *end;
};

static const void *take(struct reader *r, size_t n)
{
	const char *p = r->at;

	if ((size_t)(r->end - r->at) < n)
		return NULL;
	r->at += n;
	return p;
}

static bool check(const struct header *h, const char *text, size_t len)
{
	size_t body = (size_t)h->services * ((size_t)h->service_bytes + h->baseline_bytes) +
	              (size_t)h->incidents * h->incident_bytes + (size_t)h->tracks * h->track_bytes;

	return memcmp(h->magic, STATE_MAGIC, sizeof(h->magic)) == 0 &&
	       h->baseline_bytes == sizeof(struct slo_baseline) * SLO_EVID_MAX_ &&
	       h->incident_bytes == sizeof(struct slo_live_incident) &&
	       h->track_bytes == sizeof(struct slo_live_track) &&
	       h->service_bytes == sizeof(struct slo_live_known) &&
	       h->incidents <= SLO_LIVE_HISTORY && h->services <= SERVICES_MAX &&
	       h->tracks <= TRACKS_MAX && body == len - sizeof(*h) &&
	       h->check == slo_crc32c(text + sizeof(*h), body);
}

/* --- what a right check sum does not say: another build's enum, a text without its end ------------------------- */

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size);
}

#define IS_TEXT(array) is_text(array, sizeof(array))

/* Of what may be no bool: looking at one that is neither is undefined. */
static bool is_bool(const void *at)
{
	uint8_t byte;

	memcpy(&byte, at, sizeof(byte));
	return byte <= 1;
}

static bool is_sound_verdict(const struct slo_attribution *v)
{
	uint32_t domains = SLO_DOMAIN_BIT(SLO_DOMAIN_MAX_) - 1;
	bool sound = is_bool(&v->ambiguous) && is_bool(&v->has_conformal) &&
	             (unsigned int)v->mode < SLO_ATTR_MODE_MAX_ &&
	             (unsigned int)v->top < SLO_DOMAIN_MAX_ &&
	             (unsigned int)v->abstain < SLO_ABSTAIN_MAX_ &&
	             !((v->set | v->second_set | v->asserted | v->unobservable | v->conformal) &
	               ~domains);

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
		sound = sound && is_bool(&v->evidence[i].raised);
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		sound = sound && v->posterior[f] >= 0 && v->posterior[f] <= 1 &&
		        fabs(v->prior_nats[f]) <= NATS_MAX;
		for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
			sound = sound && fabs(v->nats[f][i]) <= NATS_MAX;
	}
	return sound;
}

static bool is_sound_incident(const struct slo_live_incident *in)
{
	return IS_TEXT(in->id) && IS_TEXT(in->service) && IS_TEXT(in->namespace_) &&
	       IS_TEXT(in->objective) && IS_TEXT(in->sli) && IS_TEXT(in->trace_id) &&
	       IS_TEXT(in->dedup_key) && is_bool(&in->open) && is_bool(&in->ticket) &&
	       is_bool(&in->withdrawn) && is_bool(&in->silent) &&
	       !(in->observation.present & ~SLO_EVID_ALL) && is_sound_verdict(&in->verdict);
}

static bool is_sound_track(const struct slo_live_track *t)
{
	return IS_TEXT(t->objective) && IS_TEXT(t->service) && IS_TEXT(t->namespace_) &&
	       IS_TEXT(t->track.id) && IS_TEXT(t->track.dedup_key) && is_bool(&t->track.open) &&
	       is_bool(&t->track.silent_told) &&
	       (unsigned int)t->track.told_state < SLO_BURN_STATE_MAX_ &&
	       t->telling < SLO_INCIDENT_STEP_MAX_;
}

static bool is_sound_service(const struct slo_live_known *k)
{
	return IS_TEXT(k->name) && IS_TEXT(k->namespace_);
}

/* --- taking up -------------------------------------------------------------------------------------------------- */

static void restore_track(struct slo_live *l, const struct slo_live_track *t)
{
	for (size_t i = 0; i < l->objective_count; i++) {
		struct slo_live_objective *o = &l->objective[i];

		if (strcmp(o->name, t->objective) != 0 ||
		    strcmp(o->service->name, t->service) != 0 ||
		    strcmp(o->service->namespace_, t->namespace_) != 0)
			continue;
		o->track = t->track;
		o->telling = (enum slo_incident_step)t->telling;
		slo_log_info("incident taken up again id=%s objective=\"%s\"", t->track.id,
		             o->name);
		return;
	}
	l->left[l->left_count++] = *t;
}

static bool is_tracked(const struct slo_live *l, const char *id)
{
	for (size_t i = 0; i < l->objective_count; i++) {
		if (strcmp(l->objective[i].track.id, id) == 0)
			return true;
	}
	for (size_t i = 0; i < l->left_count; i++) {
		if (strcmp(l->left[i].track.id, id) == 0)
			return true;
	}
	return false;
}

/* Objectives that come with their service, for which nobody should have to wait for its next request. */
static void revive_service(struct slo_live *l, const char *name, const char *namespace_)
{
	if (slo_live_is_wanted(l, namespace_, name) && (*namespace_ || !l->cfg->slo_count))
		(void)slo_live_service(l, name, namespace_);
}

static void restore_service(struct slo_live *l, const struct slo_live_known *k,
                            const struct slo_baseline of[SLO_EVID_MAX_])
{
	int64_t now_ns = (int64_t)slo_clock_realtime_ns();
	struct slo_live_known *row = &l->known[l->known_count];

	if (k->last_ns < 0 || now_ns - k->last_ns > KNOWN_NS)
		return;
	if (l->known_count == SLO_LIVE_SERVICES) {
		row = &l->known[0];
		for (size_t i = 1; i < l->known_count; i++)
			row = l->known[i].last_ns < row->last_ns ? &l->known[i] : row;
		if (row->last_ns >= k->last_ns)
			return;
		slo_baselines_erase(l->baselines, row->key);
		l->known_count--;
	}
	if (!slo_baselines_restore(l->baselines, k->key, of))
		return;
	*row = *k;
	l->known_count++;
	if (*k->namespace_ && l->cfg->slo_count && now_ns - k->last_ns < LATELY_NS)
		revive_service(l, k->name, k->namespace_);
}

static void restore(struct slo_live *l, const struct header *h, struct reader r)
{
	struct slo_baseline of[SLO_EVID_MAX_];
	int64_t now_ns = (int64_t)slo_clock_realtime_ns();
	struct slo_live_known known;
	struct slo_live_track track;

	for (uint32_t i = 0; i < h->services; i++) {
		memcpy(&known, take(&r, sizeof(known)), sizeof(known));
		memcpy(of, take(&r, sizeof(of)), sizeof(of));
		/* Saved while the clock was ahead: it would never be the oldest. */
		if (known.last_ns > now_ns)
			known.last_ns = now_ns;
		if (is_sound_service(&known))
			restore_service(l, &known, of);
	}
	for (uint32_t i = 0; i < h->incidents; i++) {
		struct slo_live_incident *in = &l->history[l->history_count];

		memcpy(in, take(&r, sizeof(*in)), sizeof(*in));
		l->history_count += is_sound_incident(in);
	}
	for (uint32_t i = 0; i < h->tracks; i++) {
		memcpy(&track, take(&r, sizeof(track)), sizeof(track));
		if (!is_sound_track(&track))
			continue;
		revive_service(l, track.service, track.namespace_);
		restore_track(l, &track);
	}
	for (size_t i = 0; i < l->history_count; i++) {
		if (l->history[i].open && !is_tracked(l, l->history[i].id))
			l->history[i].open = false;
	}
}

bool slo_live_state_take(struct slo_live *l, const char *text, size_t len)
{
	struct header h;

	if (len < sizeof(h))
		return false;
	memcpy(&h, text, sizeof(h));
	if (!check(&h, text, len))
		return false;
	restore(l, &h, (struct reader){ text + sizeof(h), text + len });
	return true;
}

static void read_state(struct slo_live *l)
{
	slo_cleanup(slo_freep) char *text = NULL;
	char path[2 * SLO_CONFIG_TEXT_LEN], aside[2 * SLO_CONFIG_TEXT_LEN + 16];
	struct slo_err err = { 0 };
	size_t len = 0;

	if (!slo_live_path(l, STATE_FILE, path, sizeof(path)))
		return;
	if (slo_infile_read(path, STATE_MAX, &text, &len, &err) < 0) {
		if (err.code != -ENOENT)
			slo_log_warn("state is begun anew reason=\"%s\"", err.msg);
		return;
	}
	if (slo_live_state_take(l, text, len))
		return;
	(void)snprintf(aside, sizeof(aside), "%s.refused", path);
	(void)rename(path, aside);
	slo_log_warn("state is begun anew: damaged, or of another version file=\"%s\"", aside);
}

int slo_live_state_open(struct slo_live *l, struct slo_err *err)
{
	char dir[2 * SLO_CONFIG_TEXT_LEN];
	struct slo_err why = { 0 };

	l->lock = -1;
	if (!state_path(l->cfg, "", dir, sizeof(dir)))
		return 0;
	l->lock = lock_folder(dir, &why);
	if (l->lock >= 0)
		return 0;
	if (!slo_config_is_default(l->cfg, "agent", "state_dir"))
		return slo_err_set(err, l->lock, "[agent] state_dir: %s", why.msg);
	slo_log_warn("nothing will survive a restart: %s", why.msg);
	l->lock = -1;
	return 0;
}

void slo_live_state_read(struct slo_live *l)
{
	read_state(l);
	l->state_known = true;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

void slo_live_track_of(const struct slo_live_objective *o, struct slo_live_track *ret)
{
	memset(ret, 0, sizeof(*ret)); /* the padding, too: it is written */
	(void)snprintf(ret->objective, sizeof(ret->objective), "%s", o->name);
	(void)snprintf(ret->service, sizeof(ret->service), "%s", o->service->name);
	(void)snprintf(ret->namespace_, sizeof(ret->namespace_), "%s", o->service->namespace_);
	ret->track = o->track;
	ret->telling = o->telling;
}

static void put_service(const struct slo_live *l, const struct slo_live_known *k, FILE *out,
                        struct header *h)
{
	const struct slo_baseline *of = slo_baselines_peek(l->baselines, k->key);

	if (!of || h->services == SERVICES_MAX)
		return;
	(void)fwrite(k, sizeof(*k), 1, out);
	(void)fwrite(of, sizeof(*of), SLO_EVID_MAX_, out);
	h->services++;
}

static bool is_met(const struct slo_live *l, uint64_t key)
{
	for (size_t i = 0; i < l->service_count; i++) {
		if (l->service[i].key == key)
			return true;
	}
	return false;
}

static void put_services(const struct slo_live *l, FILE *out, struct header *h)
{
	int64_t now_ns = (int64_t)slo_clock_realtime_ns();

	for (size_t i = 0; i < l->service_count; i++) {
		const struct slo_live_service *s = &l->service[i];
		struct slo_live_known k;

		memset(&k, 0, sizeof(k));
		k.key = s->key;
		/* One that only an incident brought back was not seen: it is as old as it was. */
		k.last_ns = s->last_ns < now_ns ? s->last_ns : now_ns;
		for (size_t j = 0; j < l->known_count; j++) {
			if (l->known[j].key == s->key && l->known[j].last_ns > k.last_ns)
				k.last_ns = l->known[j].last_ns;
		}
		if (!k.last_ns) /* the clock was set back */
			k.last_ns = now_ns;
		(void)snprintf(k.name, sizeof(k.name), "%s", s->name);
		(void)snprintf(k.namespace_, sizeof(k.namespace_), "%s", s->namespace_);
		put_service(l, &k, out, h);
	}
	for (size_t i = 0; i < l->known_count; i++) {
		if (!is_met(l, l->known[i].key))
			put_service(l, &l->known[i], out, h);
	}
}

static void put_track(const struct slo_live_track *t, FILE *out, struct header *h)
{
	if (!t->track.open && !t->telling)
		return;
	(void)fwrite(t, sizeof(*t), 1, out);
	h->tracks++;
}

static void put_incidents(const struct slo_live *l, FILE *out, struct header *h)
{
	struct slo_live_track t;

	(void)fwrite(l->history, sizeof(l->history[0]), l->history_count, out);
	h->incidents = (uint32_t)l->history_count;
	for (size_t i = 0; i < l->objective_count; i++) {
		slo_live_track_of(&l->objective[i], &t);
		put_track(&t, out, h);
	}
	for (size_t i = 0; i < l->left_count && h->tracks < TRACKS_MAX; i++)
		put_track(&l->left[i], out, h);
}

void slo_live_state_write(struct slo_live *l)
{
	slo_outfile_auto struct slo_outfile *file = NULL;
	slo_cleanup(slo_freep) char *body = NULL;
	struct header h = { .baseline_bytes = sizeof(struct slo_baseline) * SLO_EVID_MAX_,
		            .incident_bytes = sizeof(struct slo_live_incident),
		            .track_bytes = sizeof(struct slo_live_track),
		            .service_bytes = sizeof(struct slo_live_known) };
	char path[2 * SLO_CONFIG_TEXT_LEN];
	struct slo_err err = { 0 };
	size_t len = 0;
	FILE *mem;

	if (!l->state_known || !slo_live_path(l, STATE_FILE, path, sizeof(path)))
		return;
	mem = open_memstream(&body, &len);
	if (!mem)
		return;
	put_services(l, mem, &h);
	put_incidents(l, mem, &h);
	if (fclose(mem) || slo_outfile_open(&file, path, &err) < 0) {
		slo_log_err("state is not written: %s", err.msg);
		return;
	}
	memcpy(h.magic, STATE_MAGIC, sizeof(h.magic));
	h.check = slo_crc32c(body, len);
	(void)fwrite(&h, sizeof(h), 1, slo_outfile_stream(file));
	(void)fwrite(body, 1, len, slo_outfile_stream(file));
	if (slo_outfile_commit(&file, &err) < 0)
		slo_log_err("state is not written: %s", err.msg);
}
