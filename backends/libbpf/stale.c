/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/libbpf/stale.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compat/host.h"
#include "compat/hostfile.h"
#include "core/base/base.h"

#define PROGRAMS_MAX 64

static void close_dirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

/* A stream, or NULL with negative errno in @ret_code. */
static DIR *open_dir(int root, const char *path, int *ret_code)
{
	int fd = slo_host_open(root, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	*ret_code = fd < 0 ? fd : dir ? 0 : -errno;
	if (!dir)
		slo_closep(&fd);
	return dir;
}

/* What fdinfo says of the program: a line of its own. */
struct mark {
	char line[32];
};

static void mark_tag(struct mark *m, const uint8_t tag[BPF_TAG_SIZE])
{
	int at = snprintf(m->line, sizeof(m->line), "prog_tag:\t");

	for (int i = 0; i < BPF_TAG_SIZE; i++)
		at += snprintf(m->line + at, sizeof(m->line) - (size_t)at, "%02x", tag[i]);
}

/* An id is of one program, a tag of all with the same instructions: this process loads one itself before it sweeps. */
static bool is_same_program(int fd, uint32_t id)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) && info.id == id;
}

/* False where this process's own descriptor cannot be looked at. */
static bool find_mark(int root, const struct slo_stale_prog *p, struct mark *ret)
{
	char path[64], text[512];

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", p->own);
	if (slo_host_read(root, path, text, sizeof(text)) <= 0)
		return false;
	if (strstr(text, "prog_id:\t"))
		(void)snprintf(ret->line, sizeof(ret->line), "prog_id:\t%u", p->id);
	else if (strstr(text, "prog_tag:\t"))
		mark_tag(ret, p->tag);
	else
		return false;
	return true;
}

/* @text has the whole line. */
static bool has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at && (at == text || at[-1] == '\n') && strchr("\n", at[strlen(line)]);
}

/* This process as that procfs numbers it: the host's, seen from a container, has another number for it. */
static uint64_t own_pid(int root)
{
	char text[32] = "";
	uint64_t pid;

	if (readlinkat(root, "proc/self", text, sizeof(text) - 1) > 0 &&
	    slo_text_u64(text, 10, &pid) == 0)
		return pid;
	return (uint64_t)getpid();
}

/* @self: that is this process. Negative errno: that cannot be told. */
static int holds(int root, uint64_t pid, bool self, const struct mark *m,
                 const struct slo_stale_prog *p)
{
	slo_cleanup(close_dirp) DIR *dir = NULL;
	char path[96], text[512];
	struct dirent *e;
	uint64_t fd;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%llu/fdinfo", (unsigned long long)pid);
	dir = open_dir(root, path, &r);
	while (dir && (e = readdir(dir))) {
		if (slo_text_u64(e->d_name, 10, &fd) || (self && fd == (uint64_t)p->own))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%llu/fdinfo/%llu",
		               (unsigned long long)pid, (unsigned long long)fd);
		if (slo_host_read(root, path, text, sizeof(text)) > 0 && has_line(text, m->line) &&
		    (!self || is_same_program((int)fd, p->id)))
			return 1;
	}
	/* A process that ended meanwhile holds nothing. */
	return r == -EACCES || r == -EPERM ? r : 0;
}

bool slo_stale_is_held(int root, const struct slo_stale_prog *p)
{
	slo_cleanup(close_dirp) DIR *dir = NULL;
	struct mark mark;
	struct dirent *e;
	uint64_t pid, self = own_pid(root);
	int r;

	dir = open_dir(root, "/proc", &r);
	/* Nothing can be told: then nothing is taken away. */
	if (!dir || !find_mark(root, p, &mark))
		return true;
	while ((e = readdir(dir))) {
		if (slo_text_u64(e->d_name, 10, &pid) == 0 &&
		    holds(root, pid, pid == self, &mark, p))
			return true;
	}
	return false;
}

unsigned int slo_stale_detach(int root, int cgroup, enum bpf_attach_type type, const char *name)
{
	uint32_t ids[PROGRAMS_MAX], count = PROGRAMS_MAX, flags;
	unsigned int detached = 0;

	if (bpf_prog_query(cgroup, type, 0, &flags, ids, &count))
		return 0;
	for (uint32_t i = 0; i < count && i < PROGRAMS_MAX; i++) {
		slo_cleanup(slo_closep) int fd = bpf_prog_get_fd_by_id(ids[i]);
		struct bpf_prog_info info = { 0 };
		struct slo_stale_prog p = { .id = ids[i], .own = fd };
		uint32_t len = sizeof(info);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ||
		    strcmp(info.name, name) != 0)
			continue;
		memcpy(p.tag, info.tag, sizeof(p.tag));
		if (slo_stale_is_held(root, &p))
			continue;
		detached += bpf_prog_detach2(fd, cgroup, type) == 0;
	}
	return detached;
}
