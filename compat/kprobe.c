/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/kprobe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "compat/host.h"
#include "compat/hostfile.h"
#include "compat/tracefs.h"

/* The group of our events, and how the name of one begins behind it: then the pid and the function. */
#define GROUP "llm_slo"
#define PMU_TYPE "/sys/bus/event_source/devices/kprobe/type"
/* The file by which kprobes are defined. */
#define LIST "kprobe_events"
#define LIST_BYTES 262144U

static int perf_open(struct perf_event_attr *attr)
{
	int fd;

	attr->size = sizeof(*attr);
	attr->sample_period = 1;
	fd = (int)syscall(SYS_perf_event_open, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int slo_kprobe_open(const struct slo_kprobe *k)
{
	struct perf_event_attr attr = { .type = k->pmu,
		                        .kprobe_func = (uint64_t)(uintptr_t)k->symbol };

	return k->pmu ? perf_open(&attr) : slo_tracefs_perf_open(k->id);
}

/* 0: before 4.17. */
static uint32_t pmu_type(int root)
{
	char text[32];

	return slo_host_read(root, PMU_TYPE, text, sizeof(text)) > 0
	               ? (uint32_t)strtoul(text, NULL, 10)
	               : 0;
}

bool slo_kprobe_needs_tracefs(int root)
{
	return !pmu_type(root);
}

/* One line, one write: the kernel parses what a write brings. */
static int define_line(int tracefs, const char *line)
{
	slo_cleanup(slo_closep) int fd = slo_host_open(tracefs, LIST, O_WRONLY | O_APPEND);

	if (fd < 0)
		return fd;
	return write(fd, line, strlen(line)) < 0 ? -errno : 0;
}

static int explain(int code, const char *symbol, struct slo_err *err)
{
	if (code == -ENOENT || code == -EINVAL)
		return slo_err_set(err, -ENOENT,
		                   "no function %s to probe in this kernel (absent, or inlined)",
		                   symbol);
	return slo_err_set(err, code, "kprobe on %s: %s%s", symbol, strerror(-code),
	                   code == -EACCES || code == -EPERM
	                           ? "; needs root, or CAP_PERFMON from 5.8 on"
	                           : "");
}

void slo_kprobe_undefine(struct slo_kprobe *k, int tracefs)
{
	char line[256];

	if (!*k->name)
		return;
	(void)snprintf(line, sizeof(line), "-:" GROUP "/%s\n", k->name);
	(void)define_line(tracefs, line);
	k->name[0] = '\0';
}

static int define_by_tracefs(struct slo_kprobe *k, int tracefs, struct slo_err *err)
{
	char line[256];
	int r;

	(void)snprintf(k->name, sizeof(k->name), "p%d_%s", (int)getpid(), k->symbol);
	/* A function that gcc split or specialised has a dot in its name; an event must not. */
	for (char *c = k->name; (c = strchr(c, '.'));)
		*c = '_';
	(void)snprintf(line, sizeof(line), "p:" GROUP "/%s %s\n", k->name, k->symbol);
	r = define_line(tracefs, line);
	if (r < 0) {
		k->name[0] = '\0';
		return explain(r, k->symbol, err);
	}
	r = slo_tracefs_event_id_in(tracefs, GROUP, k->name, err);
	if (r < 0) {
		slo_kprobe_undefine(k, tracefs);
		return r;
	}
	k->id = r;
	return 0;
}

/* gcc may have made "symbol.isra.0" or "symbol.constprop.0" of it. 0 with @ret, or -ENOENT. */
static int find_variant(int root, const char *symbol, char ret[SLO_KPROBE_SYMBOL_LEN])
{
	slo_cleanup(slo_fclosep) FILE *f = NULL;
	size_t len = strlen(symbol);
	char line[256],
		buffer[16384]; /* a page a call, where musl's stdio would ask for a quarter */

	if (slo_hostfile_stream(root, "/proc/kallsyms", &f) < 0)
		return -ENOENT;
	(void)setvbuf(f, buffer, _IOFBF, sizeof(buffer));
	/* ffffffff810a1b20 t finish_task_switch.isra.0 */
	while (fgets(line, sizeof(line), f)) {
		char *name = strchr(line, ' ');

		name = name ? strchr(name + 1, ' ') : NULL;
		if (!name || strncmp(++name, symbol, len) != 0 || name[len] != '.' ||
		    strstr(name, ".cold"))
			continue;
		(void)snprintf(ret, SLO_KPROBE_SYMBOL_LEN, "%.*s", (int)strcspn(name, " \t\n"),
		               name);
		return 0;
	}
	return -ENOENT;
}

/* By perf event type @pmu, or where that is 0 by @tracefs. */
static int define(struct slo_kprobe *ret, uint32_t pmu, int tracefs, const char *symbol,
                  int *ret_fd, struct slo_err *err)
{
	struct slo_kprobe k = { .pmu = pmu };
	int r = 0, fd;

	(void)snprintf(k.symbol, sizeof(k.symbol), "%s", symbol);
	if (!pmu)
		r = define_by_tracefs(&k, tracefs, err);
	if (r < 0)
		return r;
	fd = slo_kprobe_open(&k);
	if (fd < 0) {
		slo_kprobe_undefine(&k, tracefs);
		return explain(fd, symbol, err);
	}
	*ret = k;
	*ret_fd = fd;
	return 0;
}

int slo_kprobe_define(struct slo_kprobe *ret, int root, int tracefs, const char *symbol,
                      int *ret_fd, struct slo_err *err)
{
	char variant[SLO_KPROBE_SYMBOL_LEN];
	uint32_t pmu = pmu_type(root);
	int r;

	/* Before all symbols of the kernel are looked through for each function: 30 ms. */
	if (!pmu && (tracefs < 0 || !slo_hostfile_exists(tracefs, LIST)))
		return slo_err_set(err, -ENOTSUP,
		                   "no kprobe on %s: this kernel has none (CONFIG_KPROBE_EVENTS), "
		                   "or tracefs is not mounted",
		                   symbol);
	r = define(ret, pmu, tracefs, symbol, ret_fd, err);
	if (r != -ENOENT || find_variant(root, symbol, variant) < 0)
		return r;
	return define(ret, pmu, tracefs, variant, ret_fd, err);
}

/* "p:llm_slo/p123_function function" of a process that is no more: its name, ended; else NULL. */
static char *stale_name(char *line)
{
	char *name = strstr(line, ":" GROUP "/p"), *end;
	long pid;

	if (!name)
		return NULL;
	name += strlen(":" GROUP "/");
	pid = strtol(name + 1, &end, 10);
	if (*end != '_' || pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
		return NULL;
	name[strcspn(name, " \n")] = '\0';
	return name;
}

int slo_kprobe_sweep(int tracefs)
{
	slo_cleanup(slo_freep) char *list = malloc(LIST_BYTES);
	char *save = NULL;
	int count = 0;

	if (!list || slo_host_read(tracefs, LIST, list, LIST_BYTES) <= 0)
		return 0;
	for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char command[256];
		char *name = stale_name(line);

		if (!name)
			continue;
		(void)snprintf(command, sizeof(command), "-:" GROUP "/%.200s\n", name);
		count += define_line(tracefs, command) == 0;
	}
	return count;
}
