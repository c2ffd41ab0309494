/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/bcc/obtain.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "backends/bcc/cache.h"
#include "backends/bcc/rows.h"
#include "compat/kprobe.h"
#include "compat/tracefs.h"

/* Headers over a slow file system on a slow machine take minutes; nothing of it holds up the event loop. */
#define COMPILE_MS (300 * 1000)
#define HELPER "llm-slo-bcc"
#define GET_HELPER                                                                               \
	"install the package llm-slo-agent-bcc, or copy a compiled program of this kernel into " \
	"state_dir/bcc"

static const char *const helper_folders[] = { "/usr/libexec/llm-slo", "/usr/lib/llm-slo",
	                                      "/usr/local/libexec/llm-slo" };

/* Of a map that every kernel with bpf(2) has: says EPERM before minutes are spent on compiling. */
static int check_privilege(struct slo_err *err)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "slo_try", 4, 8, 1, NULL);
	int code = errno;

	if (fd >= 0) {
		(void)close(fd);
		return 0;
	}
	return slo_err_set(err, -code, "bpf(2): %s%s", strerror(code),
	                   code == EPERM ? "; needs root (before 5.8), or CAP_BPF and CAP_PERFMON, "
	                                   "and a seccomp profile with bpf(2)"
	                                 : "");
}

static bool has_map(enum bpf_map_type type)
{
	return libbpf_probe_bpf_map_type(type, NULL) == 1;
}

static void add_fields(struct slo_bcc_want *w, int root)
{
	slo_cleanup(slo_closep) int tracefs = slo_tracefs_dir(root, NULL);
	size_t count;
	const struct slo_bcc_field *fields = slo_bcc_fields(&count);

	for (size_t i = 0; i < count; i++) {
		int at = slo_tracefs_field_in(tracefs, fields[i].category, fields[i].event,
		                              fields[i].field, NULL);

		if (at >= 0)
			slo_bcc_flag(w, "-D%s=%d", fields[i].define, at);
	}
}

/* What this kernel has, found by trying; the texts compile to what goes with it. */
static void fill_want(struct slo_bcc_want *w, int root, bool cgroup_v1)
{
	bool has_lru = has_map(BPF_MAP_TYPE_LRU_HASH);
	bool has_task =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_current_task, NULL) == 1;

	slo_bcc_flag(w, "-DSLO_LRU=\"%s\"", has_lru ? "lru_hash" : "hash");
	slo_bcc_flag(w, "-DSLO_HAVE_LRU=%d", has_lru);
	slo_bcc_flag(w, "-DSLO_STATS=\"%s\"",
	             has_map(BPF_MAP_TYPE_PERCPU_ARRAY) ? "percpu_array" : "array");
	slo_bcc_flag(w, "-DSLO_HAVE_TASK=%d", has_task);
	slo_bcc_flag(w, "-DSLO_CGROUP_V1=%d", cgroup_v1);
	add_fields(w, root);
}

static bool is_executable(const char *folder, int len, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%.*s/" HELPER, len, folder);
	return access(ret, X_OK) == 0;
}

static int find_helper(const char *given, char *ret, size_t size, struct slo_err *err)
{
	char self[PATH_MAX];
	ssize_t n;

	if (given && *given) {
		(void)snprintf(ret, size, "%s", given);
		return access(ret, X_OK)
		               ? slo_err_set(err, -errno, "no helper %.80s ([bcc] helper): %s: %s",
		                             given, strerror(errno), GET_HELPER)
		               : 0;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		if (is_executable(self, (int)(strrchr(self, '/') - self), ret, size))
			return 0;
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(helper_folders); i++) {
		if (is_executable(helper_folders[i], PATH_MAX, ret, size))
			return 0;
	}
	return slo_err_set(err, -ENOENT,
	                   HELPER " is not installed (looked beside this program and in "
	                          "/usr/libexec/llm-slo): " GET_HELPER);
}

/* Path of the host's root for the helper; "" for this process's own. */
static void root_path(int root, char *ret, size_t size)
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", root);
	n = readlink(link, ret, size - 1);
	ret[n > 1 ? n : 0] = '\0';
}

static int compile(const struct slo_backend_config *cfg, const struct slo_bcc_want *w,
                   const char *key, struct slo_bcc_program *ret, struct slo_err *err)
{
	slo_cleanup(slo_closep) int request = -1;
	char helper[PATH_MAX];
	int r = find_helper(cfg->bcc_helper, helper, sizeof(helper), err);

	if (r < 0)
		return r;
	request = slo_bcc_request(w, key, err);
	if (request < 0)
		return request;
	return slo_bcc_run_helper(ret, helper, request, COMPILE_MS, err);
}

/*
 * Can tracefs be read? Without it fields of tracepoints are not known, which makes another program of the texts than the one
 * that was kept.
 */
static int check_tracefs(int root, struct slo_err *err)
{
	int r = slo_tracefs_event_id(root, "sched", "sched_switch", err);

	return r == -ENOENT || r > 0 ? 0 : r;
}

/* Why there is no program. An entry that was refused is the nearer cause, and so is what hides it. */
static int refuse(int code, const struct slo_err *failed, const struct slo_err *untraced,
                  const struct slo_err *miss, struct slo_err *err)
{
	const struct slo_err *nearer =
		untraced->code && untraced->code != -ENOENT ? untraced : miss;

	(void)slo_err_set(err, code, "%s", failed->msg);
	return nearer->code && nearer->code != -ENOENT
	               ? slo_err_wrap(err, code, "%.190s", nearer->msg)
	               : code;
}

/* The entry of the cache; true where nothing better can be had. */
static bool is_cached(const struct slo_backend_config *cfg, const struct slo_bcc_kernel *kernel,
                      const struct slo_bcc_want *want, const char *key, struct slo_bcc_program *ret,
                      struct slo_err *miss)
{
	if (!cfg->state_dir || slo_bcc_cache_load(cfg->state_dir, kernel, want, key, ret, miss) < 0)
		return false;
	return !slo_bcc_is_worth_another_try(ret->image.head);
}

static void keep(const struct slo_backend_config *cfg, const struct slo_bcc_kernel *kernel,
                 const char *key, const struct slo_bcc_program *p, char ret_note[160])
{
	struct slo_err err = { 0 };

	if (!cfg->state_dir)
		(void)snprintf(ret_note, 160, "compiled program not kept: no state_dir");
	else if (slo_bcc_cache_store(cfg->state_dir, kernel, key, p, &err) < 0)
		(void)snprintf(ret_note, 160, "compiled program not kept: %.120s", err.msg);
}

/* @p: what the cache had, or nothing yet. Stays where compiling fails. */
static int compile_better(const struct slo_backend_config *cfg, const struct slo_bcc_want *want,
                          const char *key, struct slo_bcc_program *p, struct slo_err *err)
{
	struct slo_bcc_program made;
	int r = compile(cfg, want, key, &made, err);

	if (r < 0)
		return r;
	slo_bcc_program_fini(p);
	*p = made;
	return 0;
}

int slo_bcc_obtain(const struct slo_backend_config *cfg, int root, bool cgroup_v1,
                   struct slo_bcc_program *ret, char ret_note[160], struct slo_err *err)
{
	char key[SLO_SHA256_HEX_SIZE], path[PATH_MAX];
	struct slo_bcc_want want = { .headers = cfg->kernel_headers, .root = path };
	struct slo_err miss = { 0 }, untraced = { 0 }, failed = { 0 };
	struct slo_bcc_kernel kernel;
	struct slo_bcc_program p;
	int r = check_privilege(err);

	if (r < 0)
		return r;
	r = check_tracefs(root, &untraced);
	if (r < 0 && slo_kprobe_needs_tracefs(root))
		return slo_err_set(err, r, "%s", untraced.msg);
	ret_note[0] = '\0';
	root_path(root, path, sizeof(path));
	slo_bcc_kernel_read(&kernel);
	fill_want(&want, root, cgroup_v1);
	slo_bcc_key(&want, &kernel, key);
	slo_bcc_program_init(&p);
	if (!is_cached(cfg, &kernel, &want, key, &p, &miss)) {
		r = compile_better(cfg, &want, key, &p, &failed);
		if (r < 0 && !p.bytes)
			return refuse(r, &failed, &untraced, &miss, err);
		if (r == 0)
			keep(cfg, &kernel, key, &p, ret_note);
	}
	*ret = p;
	return 0;
}
