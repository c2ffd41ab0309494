/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/traces.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "bpf/slo_abi.h"
#include "compat/host.h"
#include "core/base/base.h"

bool slo_traces_fits(const struct bpf_map_info *info, char *why, size_t size)
{
	if (info->type == BPF_MAP_TYPE_LRU_HASH && info->key_size == sizeof(__u64) &&
	    info->value_size == sizeof(struct slo_abi_trace) && !info->map_flags)
		return true;
	(void)snprintf(why, size,
	               "its layout is another one: type %u, key %u, value %u bytes, flags %#x, "
	               "not %d, 8, %zu, 0",
	               info->type, info->key_size, info->value_size, info->map_flags,
	               BPF_MAP_TYPE_LRU_HASH, sizeof(struct slo_abi_trace));
	return false;
}

/* Below the host's root, wherever that is mounted: bpf(2) takes a path only, and this one leads through the dirfd. */
static int open_pin(int root, const char *path)
{
	/* Asked first, for without privileges bpf(2) says EPERM of what is not there, too. */
	slo_cleanup(slo_closep) int there = slo_host_open(root, path, O_PATH);
	/* To read is enough for the programs too, and needs no right to write. */
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = BPF_F_RDONLY);
	char full[320];
	int fd;

	if (there < 0)
		return there;
	(void)snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", root, path + (*path == '/'));
	fd = bpf_obj_get_opts(full, &opts);
	return fd < 0 ? -errno : fd;
}

static void refuse(struct slo_trace_source *s, int code)
{
	s->state = SLO_TRACES_REFUSED;
	(void)snprintf(s->why, sizeof(s->why), "%s%s", strerror(-code),
	               code == -EACCES || code == -EPERM
	                       ? "; needs root's view of the folder (bpffs is root's), CAP_BPF"
	                       : "");
}

/* Descriptor of the map where @ret says that it can be used, else -1. */
static int find(int root, const char *path, struct slo_trace_source *ret)
{
	slo_cleanup(slo_closep) int fd = open_pin(root, path);
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	*ret = (struct slo_trace_source){ .state = SLO_TRACES_ABSENT };
	if (fd == -ENOENT || fd == -ENOTDIR)
		return -1;
	if (fd < 0) {
		refuse(ret, fd);
		return -1;
	}
	/* A pinned program opens too, and answers with something else. */
	if (bpf_obj_get_info_by_fd(fd, &info, &len) ||
	    !slo_traces_fits(&info, ret->why, sizeof(ret->why))) {
		ret->state = SLO_TRACES_REFUSED;
		ret->map_id = info.id;
		return -1;
	}
	ret->state = SLO_TRACES_USED;
	ret->map_id = info.id;
	return slo_take_fd(fd);
}

void slo_traces_init(struct slo_traces *ret, int root, int outer, const char *path)
{
	*ret = (struct slo_traces){ .root = root, .outer = outer };
	if (path && outer >= 0)
		(void)snprintf(ret->path, sizeof(ret->path), "%s", path);
}

void slo_traces_look_now(struct slo_traces *t, uint64_t now_ns)
{
	slo_cleanup(slo_closep) int fd = -1;
	struct slo_trace_source now;
	const uint32_t zero = 0;

	if (!*t->path)
		return;
	t->looked_ns = now_ns;
	fd = find(t->root, t->path, &now);
	if (now.state == t->source.state && now.map_id == t->source.map_id)
		return;
	if (fd >= 0 && bpf_map_update_elem(t->outer, &zero, &fd, BPF_ANY))
		refuse(&now, -errno);
	if (now.state != SLO_TRACES_USED)
		(void)bpf_map_delete_elem(t->outer, &zero);
	t->source = now;
}

void slo_traces_look(struct slo_traces *t, uint64_t now_ns)
{
	if (!t->looked_ns || now_ns - t->looked_ns >= SLO_TRACES_LOOK_NS)
		slo_traces_look_now(t, now_ns);
}

void slo_traces_probe(int root, const char *path, struct slo_trace_source *ret, bool *ret_filled)
{
	slo_cleanup(slo_closep) int fd = find(root, path, ret);
	uint64_t first;

	*ret_filled = fd >= 0 && bpf_map_get_next_key(fd, NULL, &first) == 0;
}
