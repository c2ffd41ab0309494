/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What survives a restart, in one file written whole: what is normal for each service, and the incidents. The requests
 * counted have files of their own, which need no writing.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/base/crc32c.h"
#include "core/base/log.h"
#include "core/programs/agent/live.h"
#include "core/store/infile.h"
#include "core/store/outfile.h"

#define STATE_FILE "state.bin"
#define STATE_MAGIC "llm-slo state 1\n"
#define STATE_MAX ((size_t)16 << 20)

/* Sizes name the layout: a file of another build is set aside, not guessed at. */
struct header {
	char magic[16];
	uint32_t check; /* CRC-32C of all behind the header */
	uint32_t baseline_bytes, incident_bytes, track_bytes;
	uint32_t services, incidents, tracks, reserved;
};

struct saved_track {
	char objective[SLO_LIVE_NAME_LEN];
	struct slo_incident_track track;
	uint32_t telling; /* enum slo_incident_step */
};

bool slo_live_path(const struct slo_live *l, const char *name, char *buf, size_t size)
{
	const char *dir = l->cfg->agent.state_dir, *instance = l->cfg->agent.instance;
	bool other = strcmp(instance, "default") != 0;

	if (!*dir || l->lock < 0)
		return false;
	(void)snprintf(buf, size, "%s%s%s%s%s", dir, other ? "/" : "", other ? instance : "",
	               *name ? "/" : "", name);
	return true;
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

static int lock_folder(struct slo_live *l, char *dir, struct slo_err *err)
{
	int r = make_folders(dir);
	int fd;

	if (r < 0)
		return slo_err_set(err, r, "%s: %s", dir, strerror(-r));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return slo_err_set(err, -errno, "%s: %s", dir, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		(void)close(fd);
		return slo_err_set(
			err, -EBUSY,
			"%s: another agent keeps its state there (give this one [agent] instance or state_dir)",
			dir);
	}
	slo_closep(&l->lock);
	l->lock = fd;
	return 0;
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
	size_t body = (size_t)h->services * (sizeof(uint64_t) + h->baseline_bytes) +
	              (size_t)h->incidents * h->incident_bytes + (size_t)h->tracks * h->track_bytes;

	return memcmp(h->magic, STATE_MAGIC, sizeof(h->magic)) == 0 &&
	       h->baseline_bytes == sizeof(struct slo_baseline) * SLO_EVID_MAX_ &&
	       h->incident_bytes == sizeof(struct slo_live_incident) &&
	       h->track_bytes == sizeof(struct saved_track) && h->incidents <= SLO_LIVE_HISTORY &&
	       h->services <= SLO_LIVE_SERVICES && h->tracks <= SLO_LIVE_OBJECTIVES &&
	       body == len - sizeof(*h) && h->check == slo_crc32c(text + sizeof(*h), body);
}

static void restore_track(struct slo_live *l, const struct saved_track *t)
{
	for (size_t i = 0; i < l->objective_count; i++) {
		if (strncmp(l->objective[i].name, t->objective, SLO_LIVE_NAME_LEN) == 0) {
			l->objective[i].track = t->track;
			if (t->telling <= SLO_INCIDENT_RESOLVE)
				l->objective[i].telling = (enum slo_incident_step)t->telling;
			slo_log_info("incident taken up again id=%.32s objective=\"%s\"",
			             t->track.id, l->objective[i].name);
		}
	}
}

/* Default objectives come with the first span of their service: one with an open incident has them at once. */
static void revive_service(struct slo_live *l, const char *id)
{
	const struct slo_live_incident *in = slo_live_incident_find(l, id);

	if (in && !l->cfg->slo_count)
		(void)slo_live_service(l, in->service, in->namespace_);
}

static void restore(struct slo_live *l, const struct header *h, struct reader r)
{
	struct slo_baseline of[SLO_EVID_MAX_];
	struct saved_track track;
	const void *p;

	for (uint32_t i = 0; i < h->services; i++) {
		uint64_t key;

		memcpy(&key, take(&r, sizeof(key)), sizeof(key));
		memcpy(of, take(&r, sizeof(of)), sizeof(of));
		(void)slo_baselines_restore(l->baselines, key, of);
	}
	for (uint32_t i = 0; i < h->incidents; i++) {
		p = take(&r, sizeof(l->history[0]));
		memcpy(&l->history[i], p, sizeof(l->history[i]));
	}
	l->history_count = h->incidents;
	for (uint32_t i = 0; i < h->tracks; i++) {
		memcpy(&track, take(&r, sizeof(track)), sizeof(track));
		revive_service(l, track.track.id);
		restore_track(l, &track);
	}
}

static void read_state(struct slo_live *l)
{
	slo_cleanup(slo_freep) char *text = NULL;
	char path[2 * SLO_CONFIG_TEXT_LEN], aside[2 * SLO_CONFIG_TEXT_LEN + 16];
	struct slo_err err = { 0 };
	struct header h;
	size_t len = 0;

	if (!slo_live_path(l, STATE_FILE, path, sizeof(path)))
		return;
	if (slo_infile_read(path, STATE_MAX, &text, &len, &err) < 0) {
		if (err.code != -ENOENT)
			slo_log_warn("state is begun anew reason=\"%s\"", err.msg);
		return;
	}
	if (len >= sizeof(h))
		memcpy(&h, text, sizeof(h));
	if (len >= sizeof(h) && check(&h, text, len)) {
		restore(l, &h, (struct reader){ text + sizeof(h), text + len });
		return;
	}
	(void)snprintf(aside, sizeof(aside), "%s.refused", path);
	(void)rename(path, aside);
	slo_log_warn("state is begun anew: damaged, or of another version file=\"%s\"", aside);
}

int slo_live_state_open(struct slo_live *l, struct slo_err *err)
{
	char dir[2 * SLO_CONFIG_TEXT_LEN];
	struct slo_err why = { 0 };
	int r;

	l->lock = 0; /* for the path alone */
	if (!slo_live_path(l, "", dir, sizeof(dir))) {
		l->lock = -1;
		return 0;
	}
	l->lock = -1;
	r = lock_folder(l, dir, &why);
	if (r < 0 && slo_config_is_default(l->cfg, "agent", "state_dir")) {
		slo_log_warn("nothing will survive a restart: %s", why.msg);
		return 0;
	}
	if (r < 0)
		return slo_err_set(err, r, "[agent] state_dir: %s", why.msg);
	return 0;
}

void slo_live_state_read(struct slo_live *l)
{
	read_state(l);
	l->state_known = true;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

static void put_services(const struct slo_live *l, FILE *out, struct header *h)
{
	for (size_t i = 0; i < l->service_count; i++) {
		const struct slo_baseline *of = slo_baselines_peek(l->baselines, l->service[i].key);

		if (!of)
			continue;
		(void)fwrite(&l->service[i].key, sizeof(uint64_t), 1, out);
		(void)fwrite(of, sizeof(*of), SLO_EVID_MAX_, out);
		h->services++;
	}
}

static void put_incidents(const struct slo_live *l, FILE *out, struct header *h)
{
	(void)fwrite(l->history, sizeof(l->history[0]), l->history_count, out);
	h->incidents = (uint32_t)l->history_count;
	for (size_t i = 0; i < l->objective_count; i++) {
		struct saved_track t = { .track = l->objective[i].track,
			                 .telling = l->objective[i].telling };

		if (!t.track.open && !t.telling)
			continue;
		memcpy(t.objective, l->objective[i].name, sizeof(t.objective));
		(void)fwrite(&t, sizeof(t), 1, out);
		h->tracks++;
	}
}

void slo_live_state_write(struct slo_live *l)
{
	slo_outfile_auto struct slo_outfile *file = NULL;
	slo_cleanup(slo_freep) char *body = NULL;
	struct header h = { .baseline_bytes = sizeof(struct slo_baseline) * SLO_EVID_MAX_,
		            .incident_bytes = sizeof(struct slo_live_incident),
		            .track_bytes = sizeof(struct saved_track) };
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
