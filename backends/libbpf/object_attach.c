/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of a loaded object to their hooks, and off them again. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/libbpf/bpflog.h"
#include "backends/libbpf/object_parts.h"
#include "backends/libbpf/stale.h"
#include "compat/tracefs.h"

/* An iterator is run once, to the end, right here: it visits what existed before the hooks. */
static int run_iterator(struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	slo_cleanup(slo_closep) int fd = -1;
	char buf[64];
	int r = 0;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		r = -errno;
	while (!r && read(fd, buf, sizeof(buf)) > 0)
		continue;
	(void)bpf_link__destroy(link);
	return r;
}

/* SEC("tracepoint/CATEGORY/NAME"). Fd of a perf event, or negative errno. */
static int open_event(struct slo_bpf_obj *o, const struct bpf_program *prog,
                      const struct slo_attach_env *env, struct slo_err *err)
{
	char category[64], name[64];
	size_t i = 0;
	int id;

	while (i < SLO_ARRAY_SIZE(o->event) && o->event[i].prog && o->event[i].prog != prog)
		i++;
	assert(i < SLO_ARRAY_SIZE(o->event));
	if (!o->event[i].prog) {
		if (sscanf(bpf_program__section_name(prog), "tracepoint/%63[^/]/%63s", category,
		           name) != 2)
			return -EINVAL;
		id = slo_tracefs_event_id(env->root, category, name, err);
		if (id < 0)
			return id;
		o->event[i].prog = prog;
		slo_perf_spares_init(&o->event[i].perf, env->root, id);
	}
	return slo_perf_spares_take(&o->event[i].perf);
}

/* Not by libbpf: it finds tracefs only where that is mounted. */
static struct bpf_link *attach_tracepoint(struct slo_bpf_obj *o, struct bpf_program *prog,
                                          const struct slo_attach_env *env, struct slo_err *err)
{
	int fd = open_event(o, prog, env, err);
	struct bpf_link *link;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	/* The link owns the descriptor from here. */
	link = bpf_program__attach_perf_event(prog, fd);
	if (!link) {
		int code = errno;

		(void)close(fd);
		errno = code;
	}
	return link;
}

static bool is_of_cgroup(const struct bpf_program *prog)
{
	enum bpf_prog_type type = bpf_program__type(prog);

	return type == BPF_PROG_TYPE_CGROUP_SKB || type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR ||
	       type == BPF_PROG_TYPE_CGROUP_SOCK;
}

/* Links to cgroups came with 5.7: before it a program stays attached until it is detached, even if we are killed. */
static int attach_cgroup(const struct bpf_program *prog, const struct slo_attach_env *env,
                         struct slo_bpf_hook *ret)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(prog);
	struct bpf_link *link = bpf_program__attach_cgroup(prog, env->cgroup_fd);

	*ret = (struct slo_bpf_hook){ .link = link, .prog = -1, .cgroup = -1 };
	if (link)
		return 0;
	if (errno != EINVAL)
		return -errno;
	(void)slo_stale_detach(env->root, env->cgroup_fd, type, bpf_program__name(prog));
	if (bpf_prog_attach(bpf_program__fd(prog), env->cgroup_fd, type, BPF_F_ALLOW_MULTI))
		return -errno;
	*ret = (struct slo_bpf_hook){ .prog = bpf_program__fd(prog),
		                      .cgroup = env->cgroup_fd,
		                      .type = type };
	return 0;
}

static void detach(struct slo_bpf_hook *hook)
{
	if (hook->link)
		(void)bpf_link__destroy(hook->link);
	else
		(void)bpf_prog_detach2(hook->prog, hook->cgroup, hook->type);
	*hook = (struct slo_bpf_hook){ .prog = -1, .cgroup = -1 };
}

static int attach_program(struct slo_bpf_obj *o, struct bpf_program *prog,
                          const struct slo_attach_env *env, struct slo_err *err)
{
	struct slo_bpf_hook hook = { .prog = -1, .cgroup = -1 };
	int r = 0;

	if (bpf_program__expected_attach_type(prog) == BPF_TRACE_ITER)
		return run_iterator(prog);
	if (is_of_cgroup(prog)) {
		if (env->cgroup_fd < 0)
			return slo_err_set(err, -ENODEV, "%s", env->cgroup_why);
		r = attach_cgroup(prog, env, &hook);
	} else {
		hook.link = bpf_program__type(prog) == BPF_PROG_TYPE_TRACEPOINT
		                    ? attach_tracepoint(o, prog, env, err)
		                    : bpf_program__attach(prog);
		r = hook.link ? 0 : -errno;
	}
	if (r)
		return r;
	if (o->rung->stand_in && strcmp(o->rung->stand_in, bpf_program__name(prog)) == 0) {
		o->stand_in = hook.link;
		return 0;
	}
	assert(o->links < SLO_OBJ_LINKS);
	hook.of = prog;
	o->link[o->links++] = hook;
	return 0;
}

int slo_bpf_obj_stand_in(struct slo_bpf_obj *o, bool on, const struct slo_attach_env *env,
                         struct slo_err *err)
{
	struct bpf_program *prog;

	if (!o->links || !o->rung->stand_in || on == (o->stand_in != NULL))
		return 0;
	if (!on) {
		(void)bpf_link__destroy(slo_take_ptr(o->stand_in));
		return 0;
	}
	prog = bpf_object__find_program_by_name(o->obj, o->rung->stand_in);
	/* As an optional part it may have been left out. */
	if (!prog || !bpf_program__autoload(prog))
		return 0;
	o->stand_in = bpf_program__type(prog) == BPF_PROG_TYPE_TRACEPOINT
	                      ? attach_tracepoint(o, prog, env, err)
	                      : bpf_program__attach(prog);
	if (!o->stand_in)
		return slo_err_set(err, -errno, "attach %s: %s", o->rung->stand_in,
		                   strerror(errno));
	return 0;
}

static bool is_on_demand(const struct slo_rung *r, const char *prog)
{
	int extra = slo_rung_extra_of(r, ~0U, prog);

	return extra >= 0 && r->extra[extra].on_demand;
}

void slo_bpf_obj_detach(struct slo_bpf_obj *o)
{
	o->lent = false;
	if (o->stand_in)
		(void)bpf_link__destroy(slo_take_ptr(o->stand_in));
	while (o->links)
		detach(&o->link[--o->links]);
}

bool slo_bpf_obj_can_return(const struct slo_bpf_obj *o)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(o->event) && o->event[i].prog; i++) {
		if (!slo_perf_spares_can_take(&o->event[i].perf))
			return false;
	}
	return true;
}

int slo_bpf_obj_attach_all(struct slo_bpf_obj *o, const struct slo_attach_env *env,
                           const char **ret_failed, struct slo_err *err)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, o->obj) {
		int r;

		if (!bpf_program__autoload(prog) || slo_rung_is_tail(bpf_program__name(prog)) ||
		    (!o->late && is_on_demand(o->rung, bpf_program__name(prog))))
			continue;
		r = attach_program(o, prog, env, err);
		if (!r)
			continue;
		*ret_failed = bpf_program__name(prog);
		slo_bpf_obj_detach(o);
		return r;
	}
	return 0;
}

int slo_bpf_obj_attach_late(struct slo_bpf_obj *o, const struct slo_attach_env *env,
                            struct slo_err *err)
{
	struct bpf_program *prog;
	int r;

	if (o->late)
		return 0;
	o->late = true;
	bpf_object__for_each_program(prog, o->obj) {
		if (!bpf_program__autoload(prog) || !is_on_demand(o->rung, bpf_program__name(prog)))
			continue;
		r = attach_program(o, prog, env, err);
		if (r)
			return r;
	}
	return 0;
}

/* An array's entries stay: they are made zeros. */
static void forget_array(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);
	size_t whole = (bytes + page - 1) / page * page;
	void *all = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (all == MAP_FAILED)
		return;
	memset(all, 0, bytes);
	(void)munmap(all, whole);
}

/* What was under way when the hooks left ended unseen, and its thread, request or sector belongs to others by now. */
static void forget_flight(const struct slo_bpf_obj *o)
{
	static const char *const flights[] = { "runq_tasks", "disk_begun", "disk_submitted",
		                               "reclaim_stalls" };

	for (size_t i = 0; i < SLO_ARRAY_SIZE(flights); i++) {
		const struct bpf_map *map = bpf_object__find_map_by_name(o->obj, flights[i]);

		if (!map || bpf_map__fd(map) < 0)
			continue;
		if (bpf_map__type(map) == BPF_MAP_TYPE_ARRAY)
			forget_array(map);
		else
			slo_shared_forget(bpf_map__fd(map), bpf_map__key_size(map),
			                  bpf_map__max_entries(map));
	}
}

int slo_bpf_obj_attach(struct slo_bpf_obj *o, const struct slo_attach_env *env, struct slo_err *err)
{
	struct slo_err local = { 0 };
	const char *failed = "";
	struct slo_bpflog log;
	int r;

	if (slo_bpf_obj_is_attached(o))
		return 0;
	forget_flight(o);
	slo_bpflog_begin(&log);
	r = slo_bpf_obj_attach_all(o, env, &failed, &local);
	slo_bpflog_end();
	if (!r)
		return 0;
	return slo_err_set(err, r, "attach %s: %s", failed, *local.msg ? local.msg : strerror(-r));
}

bool slo_bpf_obj_is_attached(const struct slo_bpf_obj *o)
{
	return o->links || o->lent;
}

static bool is_of_packets(const struct bpf_program *prog)
{
	return bpf_program__type(prog) == BPF_PROG_TYPE_CGROUP_SKB;
}

int slo_bpf_obj_lend(struct slo_bpf_obj *o, bool on, const struct slo_attach_env *env,
                     struct slo_err *err)
{
	struct bpf_program *prog;
	int r = 0;

	if (on == o->lent || !slo_bpf_obj_is_attached(o))
		return 0;
	o->lent = on;
	for (unsigned int i = o->links; on && i-- > 0;) {
		if (!is_of_packets(o->link[i].of))
			continue;
		detach(&o->link[i]);
		o->link[i] = o->link[--o->links];
	}
	bpf_object__for_each_program(prog, o->obj) {
		if (!on && !r && is_of_packets(prog) && bpf_program__autoload(prog))
			r = attach_program(o, prog, env, err);
	}
	return r < 0 ? slo_err_set(err, r, "attach %s: %s", o->row->name, strerror(-r)) : 0;
}
