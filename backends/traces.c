/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/traces.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backends/map_keys.h"
#include "bpf/slo_abi.h"
#include "compat/host.h"
#include "compat/thread_ctx.h"
#include "core/base/base.h"

#define STEP_NS UINT64_C(5000000) /* of a look through all processes, an interval */

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

void slo_traces_init(struct slo_traces *ret, int root, int outer, const char *path,
                     bool asks_threads)
{
	*ret = (struct slo_traces){ .root = root,
		                    .outer = outer,
		                    .threads = -1,
		                    .asks_threads = asks_threads && outer >= 0 };
	if (path && outer >= 0)
		(void)snprintf(ret->path, sizeof(ret->path), "%s", path);
}

void slo_traces_look_now(struct slo_traces *t, uint64_t now_ns)
{
	slo_cleanup(slo_closep) int fd = -1;
	struct slo_trace_source now;
	const uint32_t at = SLO_ABI_TRACES_PINNED;

	if (!*t->path)
		return;
	t->looked_ns = now_ns;
	fd = find(t->root, t->path, &now);
	if (now.state == t->source.state && now.map_id == t->source.map_id)
		return;
	if (fd >= 0 && bpf_map_update_elem(t->outer, &at, &fd, BPF_ANY))
		refuse(&now, -errno);
	if (now.state != SLO_TRACES_USED)
		(void)bpf_map_delete_elem(t->outer, &at);
	now.publishers = t->source.publishers;
	t->source = now;
}

/* --- processes that say it themselves ---------------------------------------------------------------------------- */

/* The first publisher makes the map and gives it to the programs. */
static int open_threads(struct slo_traces *t)
{
	const uint32_t at = SLO_ABI_TRACES_THREADS;

	if (t->threads >= 0)
		return 0;
	t->threads = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "slo_threads", sizeof(__u64),
	                            sizeof(struct slo_abi_thread_ctx), SLO_ABI_TRACES_MAX, NULL);
	if (t->threads >= 0 && bpf_map_update_elem(t->outer, &at, &t->threads, BPF_ANY) == 0)
		return 0;
	slo_closep(&t->threads);
	return -ENOTSUP;
}

static void take_publisher(void *user, uint32_t pid, const struct slo_thread_ctx_place *place)
{
	struct slo_traces *t = user;
	const struct slo_abi_thread_ctx c = { .offset = place->offset,
		                              .module = place->module,
		                              .dtv_at = place->dtv_at,
		                              .dtv_step = place->dtv_step,
		                              .pass = t->pass };
	const __u64 key = pid;

	static_assert(sizeof(c) == sizeof(struct slo_abi_trace), "maps of one kind");
	if (open_threads(t) == 0 && bpf_map_update_elem(t->threads, &key, &c, BPF_ANY) == 0)
		t->found++;
}

/* Who was not found again is gone, and its number may be another's. The map stays: the next publisher is near. */
static void forget_gone(const struct slo_traces *t)
{
	struct slo_abi_thread_ctx c;
	struct slo_map_keys keys;
	uint64_t key;

	slo_map_keys_begin(&keys, t->threads, sizeof(key), UINT32_MAX);
	while (slo_map_keys_next(&keys, &key)) {
		if (bpf_map_lookup_elem(t->threads, &key, &c) == 0 && c.pass != t->pass)
			(void)bpf_map_delete_elem(t->threads, &key);
	}
}

static void look_at_processes(struct slo_traces *t, uint64_t now_ns)
{
	if (!t->walk && slo_thread_ctx_walk_new(&t->walk, t->root, take_publisher, t) < 0)
		return;
	if (!t->is_walking) {
		if (t->pass && now_ns - t->pass_ns < SLO_TRACES_LOOK_NS)
			return;
		t->pass_ns = now_ns;
		t->pass++;
		t->found = 0;
	}
	t->is_walking = !slo_thread_ctx_walk_step(t->walk, STEP_NS);
	if (t->is_walking)
		return;
	forget_gone(t);
	t->source.publishers = t->found;
}

void slo_traces_fini(struct slo_traces *t)
{
	slo_thread_ctx_walk_freep(&t->walk);
	if (t->pass)
		slo_closep(&t->threads);
}

void slo_traces_look(struct slo_traces *t, uint64_t now_ns)
{
	if (!t->looked_ns || now_ns - t->looked_ns >= SLO_TRACES_LOOK_NS)
		slo_traces_look_now(t, now_ns);
	if (t->asks_threads)
		look_at_processes(t, now_ns);
}

void slo_traces_probe(int root, const char *path, struct slo_trace_source *ret, bool *ret_filled)
{
	slo_cleanup(slo_closep) int fd = find(root, path, ret);

	*ret_filled = slo_map_has_keys(fd, sizeof(uint64_t));
}
