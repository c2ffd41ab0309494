/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/libbpf/stale.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compat/host.h"
#include "compat/hostfile.h"
#include "core/base/base.h"

#define PROGRAMS_MAX 64

static DIR *open_dir(int root, const char *path)
{
	int fd = slo_host_open(root, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		slo_closep(&fd);
	return dir;
}

static void close_dirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

/* @path: of a descriptor's fdinfo. */
static bool is_program(int root, const char *path, uint32_t id)
{
	char text[512];
	const char *line;
	uint64_t found;

	if (slo_host_read(root, path, text, sizeof(text)) <= 0)
		return false;
	line = strstr(text, "prog_id:\t");
	return line && slo_text_u64(line + strlen("prog_id:\t"), 10, &found) == 0 && found == id;
}

/* @own: our descriptor of the program, which does not count. */
static bool holds(int root, uint64_t pid, uint32_t id, int own)
{
	slo_cleanup(close_dirp) DIR *dir = NULL;
	char path[96];
	struct dirent *e;
	uint64_t fd;

	(void)snprintf(path, sizeof(path), "/proc/%llu/fdinfo", (unsigned long long)pid);
	dir = open_dir(root, path);
	while (dir && (e = readdir(dir))) {
		if (slo_text_u64(e->d_name, 10, &fd) ||
		    (pid == (uint64_t)getpid() && fd == (uint64_t)own))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%llu/fdinfo/%llu",
		               (unsigned long long)pid, (unsigned long long)fd);
		if (is_program(root, path, id))
			return true;
	}
	return false;
}

static bool is_held(int root, uint32_t id, int own)
{
	slo_cleanup(close_dirp) DIR *dir = open_dir(root, "/proc");
	struct dirent *e;
	uint64_t pid;

	/* Nothing can be told: then nothing is taken away. */
	if (!dir)
		return true;
	while ((e = readdir(dir))) {
		if (slo_text_u64(e->d_name, 10, &pid) == 0 && holds(root, pid, id, own))
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
		uint32_t len = sizeof(info);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ||
		    strcmp(info.name, name) != 0 || is_held(root, ids[i], fd))
			continue;
		detached += bpf_prog_detach2(fd, cgroup, type) == 0;
	}
	return detached;
}
