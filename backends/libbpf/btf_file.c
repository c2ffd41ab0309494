/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/libbpf/btf_file.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "backends/libbpf/bpflog.h"
#include "backends/libbpf/rows.h"
#include "bpf/slo_abi.h"
#include "core/base/base.h"

SLO_OBJ_EMBEDDED(ext, btfcheck);

/* Of a path as much as leaves room for what is wrong with it: its end. */
#define PATH_SHOWN 100
/* A sleep is a switch, and a switch is seen: the first will do, but on a stalled machine. */
#define TRIES 100
#define TRY_US 100

static const char *shown(const char *path)
{
	size_t len = strlen(path);

	return len > PATH_SHOWN ? path + len - PATH_SHOWN : path;
}

/* What libbpf finds wrong has errnos of its own, and a pipe would be waited for. */
static int check_text(const char *path, struct slo_err *err)
{
	struct stat st;
	struct btf *btf;
	char why[64];
	int code, id;

	if (access(path, R_OK) || stat(path, &st)) {
		code = -errno;
		return slo_err_set(err, code, "%s: %s", shown(path), strerror(-code));
	}
	if (!S_ISREG(st.st_mode))
		return slo_err_set(err, -EINVAL, "%s: no BTF (not a file)", shown(path));
	btf = btf__parse(path, NULL);
	if (!btf) {
		code = errno;
		(void)libbpf_strerror(code, why, sizeof(why));
		return slo_err_set(err, -EINVAL, "%s: no BTF (%s)", shown(path), why);
	}
	id = btf__find_by_name_kind(btf, "task_struct", BTF_KIND_STRUCT);
	btf__free(btf);
	if (id < 0)
		return slo_err_set(err, -EINVAL, "%s: no BTF of a kernel (no task_struct)",
		                   shown(path));
	return 0;
}

/* Attaches @prog until some task was looked at. */
static int watch(const struct bpf_program *prog, int map, struct slo_abi_btf_check *ret)
{
	struct bpf_link *link = bpf_program__attach(prog);
	const uint32_t zero = 0;
	int r = link ? 0 : -errno;

	for (int i = 0; !r && i < TRIES && !ret->same && !ret->other && !ret->unread; i++) {
		(void)usleep(TRY_US);
		if (bpf_map_lookup_elem(map, &zero, ret))
			r = -errno;
	}
	(void)bpf_link__destroy(link);
	return r;
}

static int ask_kernel(const char *path, struct slo_abi_btf_check *ret)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "btfcheck", .btf_custom_path = path);
	const unsigned char *start = slo_bpf_ext_btfcheck_start, *end = slo_bpf_ext_btfcheck_end;
	struct bpf_object *obj = bpf_object__open_mem(start, (size_t)(end - start), &opts);
	int r;

	if (!obj)
		return -errno;
	r = bpf_object__load(obj);
	if (!r)
		r = watch(bpf_object__find_program_by_name(obj, "btf_check_task"),
		          bpf_object__find_map_fd_by_name(obj, "btf_check"), ret);
	bpf_object__close(obj);
	return r;
}

static int check_kernel(const char *path, struct slo_err *err)
{
	struct slo_abi_btf_check seen = { 0 };
	struct utsname u;

	/* What takes no such program takes none of that file's mechanisms either, and these say why. */
	if (ask_kernel(path, &seen) < 0 || seen.same || uname(&u))
		return 0;
	if (seen.other)
		return slo_err_set(
			err, -ESTALE,
			"%s: is of another kernel than the running %.40s (task_struct does not match)",
			shown(path), u.release);
	if (seen.unread)
		return slo_err_set(err, -EPERM, "%s: the kernel lets programs read no structures",
		                   shown(path));
	return 0;
}

int slo_btf_file_check(const char *path, struct slo_err *err)
{
	struct slo_bpflog log;
	int r;

	slo_bpflog_begin(&log);
	r = check_text(path, err);
	if (!r)
		r = check_kernel(path, err);
	slo_bpflog_end();
	return r;
}
