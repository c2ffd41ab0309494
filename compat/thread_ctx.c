/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/thread_ctx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compat/host.h"
#include "compat/hostfile.h"
#include "compat/procs.h"
#include "compat/thread_ctx_elf.h"
#include "core/base/clock.h"
#include "core/base/hash.h"

#define BUDGET_MS 1000
#define FILES_MAX 2048
#define PIDS_MAX 32768
#define PASSES_KEPT 20 /* then files are read again: inodes are used again */

/* A file that was looked at. */
struct known {
	uint64_t id; /* of its device and inode as the mappings have them */
	bool has;
};

struct search {
	int root;
	struct slo_thread_ctx found;
	struct known *files;
	size_t count;
	slo_thread_ctx_fn fn; /* NULL: publishers are counted alone */
	void *user;
};

enum seen {
	SEEN_NO,
	SEEN_YES,
	SEEN_NOTHING, /* it could not be read */
};

/* An executable mapping of a file. */
struct mapping {
	uint64_t start, offset, id;
	const char *path;
};

/* As the process sees it: in its own mount namespace. Anything else than a file could block. */
static int open_file(const struct search *s, uint32_t pid, const char *path)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "proc/%u/root%s", pid, path);
	return slo_host_open(s->root, full, O_RDONLY | O_NONBLOCK);
}

static enum seen look_at_file(struct search *s, uint32_t pid, const struct mapping *m)
{
	slo_cleanup(slo_closep) int fd = -1;
	struct known *k;

	for (size_t i = 0; i < s->count; i++) {
		if (s->files[i].id == m->id)
			return s->files[i].has ? SEEN_YES : SEEN_NO;
	}
	fd = open_file(s, pid, m->path);
	if (fd < 0 || s->count == FILES_MAX)
		return SEEN_NOTHING;
	k = &s->files[s->count++];
	*k = (struct known){ .id = m->id, .has = slo_thread_ctx_in_file(fd) };
	return k->has ? SEEN_YES : SEEN_NO;
}

/* "BEGIN-END r-xp OFFSET DEVICE INODE   /path". False: no file's, or not executable. */
static bool parse_mapping(char *line, struct mapping *ret)
{
	char *begin, *mode, *offset, *device, *inode;

	line[strcspn(line, "\n")] = '\0';
	begin = slo_text_word(&line);
	mode = slo_text_word(&line);
	offset = slo_text_word(&line);
	device = slo_text_word(&line);
	inode = slo_text_word(&line);
	if (!inode || !line || strlen(mode) < 3 || mode[2] != 'x' || strcmp(inode, "0") == 0)
		return false;
	begin[strcspn(begin, "-")] = '\0';
	ret->path = line + strspn(line, " ");
	ret->id = slo_hash_bytes(slo_hash_bytes(0, device, strlen(device)), inode, strlen(inode));
	return *ret->path == '/' && !slo_text_u64(begin, 16, &ret->start) &&
	       !slo_text_u64(offset, 16, &ret->offset);
}

static void tell(const struct search *s, uint32_t pid, const struct mapping *m, bool musl)
{
	slo_cleanup(slo_closep) int file = open_file(s, pid, m->path), memory = -1;
	struct slo_thread_ctx_place place;
	char path[32];

	(void)snprintf(path, sizeof(path), "proc/%u/mem", pid);
	memory = slo_host_open(s->root, path, O_RDONLY);
	if (file >= 0 && memory >= 0 &&
	    slo_thread_ctx_locate(file, memory, m->start, m->offset, musl, &place))
		s->fn(s->user, pid, &place);
}

static bool look_at_process(void *user, uint32_t pid)
{
	slo_cleanup(slo_fclosep) FILE *f = NULL;
	slo_cleanup(slo_freep) char *line = NULL;
	slo_cleanup(slo_freep) char *path = NULL;
	struct search *s = user;
	struct mapping m, has = { 0 };
	bool unread = false, musl = false;
	size_t size = 0;
	char maps[32];

	(void)snprintf(maps, sizeof(maps), "proc/%u/maps", pid);
	s->found.processes++;
	if (slo_hostfile_stream(s->root, maps, &f)) {
		s->found.unreadable++;
		return true;
	}
	while ((!path || s->fn) && getline(&line, &size, f) >= 0) {
		enum seen seen;

		if (!parse_mapping(line, &m))
			continue;
		musl |= strstr(m.path, "/ld-musl-") != NULL;
		seen = path ? SEEN_NO : look_at_file(s, pid, &m);
		unread |= seen == SEEN_NOTHING;
		if (seen == SEEN_YES) {
			has = m;
			has.path = path = strdup(m.path);
		}
	}
	if (path) {
		s->found.first = s->found.publishers++ ? s->found.first : pid;
		if (s->fn)
			tell(s, pid, &has, musl);
	} else {
		s->found.unreadable += unread;
	}
	return s->count < FILES_MAX;
}

int slo_thread_ctx_find(int root, struct slo_thread_ctx *ret)
{
	slo_cleanup(slo_freep) struct known *files = calloc(FILES_MAX, sizeof(*files));
	struct search s = { .root = root, .files = files };
	int r;

	if (!files)
		return -ENOMEM;
	r = slo_procs_each(root, BUDGET_MS, look_at_process, &s, &s.found.all);
	if (r < 0)
		return r;
	*ret = s.found;
	return 0;
}

/* --- again and again, a few at a time ---------------------------------------------------------------------------- */

struct slo_thread_ctx_walk {
	struct search search;
	uint32_t *pids;
	size_t count, next;
	unsigned int passes;
};

int slo_thread_ctx_walk_new(struct slo_thread_ctx_walk **ret, int root, slo_thread_ctx_fn fn,
                            void *user)
{
	struct slo_thread_ctx_walk *w = calloc(1, sizeof(*w));

	if (w) {
		w->search = (struct search){ .root = root,
			                     .files = calloc(FILES_MAX, sizeof(struct known)),
			                     .fn = fn,
			                     .user = user };
		w->pids = calloc(PIDS_MAX, sizeof(*w->pids));
	}
	if (!w || !w->search.files || !w->pids) {
		slo_thread_ctx_walk_freep(&w);
		return -ENOMEM;
	}
	*ret = w;
	return 0;
}

void slo_thread_ctx_walk_freep(struct slo_thread_ctx_walk **w)
{
	if (!*w)
		return;
	free((*w)->search.files);
	free((*w)->pids);
	slo_freep(w);
}

static bool list(void *user, uint32_t pid)
{
	struct slo_thread_ctx_walk *w = user;

	w->pids[w->count++] = pid;
	return w->count < PIDS_MAX;
}

bool slo_thread_ctx_walk_step(struct slo_thread_ctx_walk *w, uint64_t budget_ns)
{
	uint64_t end_ns = slo_clock_monotonic_ns() + budget_ns;

	if (w->next == w->count) {
		w->next = w->count = 0;
		if (w->passes++ % PASSES_KEPT == 0 || w->search.count == FILES_MAX)
			w->search.count = 0;
		(void)slo_procs_each(w->search.root, BUDGET_MS, list, w, NULL);
	}
	while (w->next < w->count && slo_clock_monotonic_ns() < end_ns)
		(void)look_at_process(&w->search, w->pids[w->next++]);
	return w->next == w->count;
}
