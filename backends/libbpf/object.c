/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/libbpf/object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/libbpf/bpflog.h"
#include "backends/libbpf/patch.h"
#include "backends/libbpf/stale.h"
#include "compat/btf.h"
#include "compat/tracefs.h"

static bool is_in(const char *const *names, size_t max, const char *name)
{
	for (size_t i = 0; i < max && names[i]; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* Which of the optional parts @extras @prog belongs to, or -1. */
static int extra_of(const struct slo_rung *r, unsigned int extras, const char *prog)
{
	for (int i = 0; i < SLO_ROW_EXTRAS; i++) {
		if ((extras & 1U << i) &&
		    is_in(r->extra[i].prog, SLO_ARRAY_SIZE(r->extra[i].prog), prog))
			return i;
	}
	return -1;
}

/* Called by other programs, attached nowhere. */
static bool is_tail(const char *prog)
{
	return strncmp(prog, "tail_", strlen("tail_")) == 0;
}

static bool is_used(const struct slo_rung *r, unsigned int extras, const char *prog)
{
	return is_tail(prog) || is_in(r->progs, SLO_ARRAY_SIZE(r->progs), prog) ||
	       extra_of(r, extras, prog) >= 0;
}

static int set_rodata(struct bpf_object *obj, const char *name, uint32_t value)
{
	const struct btf *btf = bpf_object__btf(obj);
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ".rodata");
	const struct btf_type *sec = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	size_t size = 0;
	const void *initial = map ? bpf_map__initial_value(map, &size) : NULL;
	slo_cleanup(slo_freep) char *data = NULL;

	if (!sec || !initial)
		return -ENOENT;
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	memcpy(data, initial, size);
	for (unsigned int i = 0; i < btf_vlen(sec); i++) {
		const struct btf_var_secinfo *var = btf_var_secinfos(sec) + i;
		const struct btf_type *type = btf__type_by_id(btf, var->type);

		if (strcmp(btf__name_by_offset(btf, type->name_off), name) == 0 &&
		    var->offset + sizeof(value) <= size) {
			memcpy(data + var->offset, &value, sizeof(value));
			return bpf_map__set_initial_value(map, data, size);
		}
	}
	return -ENOENT;
}

/* On failure @ret_failed names the program. */
static int set_constants(struct slo_bpf_obj *o, const struct slo_attach_env *env,
                         const char **ret_failed, struct slo_err *err)
{
	uint32_t consts[SLO_K_MAX_] = { 0 };
	struct bpf_program *prog;
	int r = 0;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(o->rung->rodata) && o->rung->rodata[i].name; i++) {
		r = slo_patch_const_from_name(o->rung->rodata[i].name);
		if (r < 0)
			return r;
		consts[r] = o->rung->rodata[i].value;
	}
	/* Ids of v2 name nothing where containers live in v1 hierarchies. */
	if (env->cgroup_v1)
		consts[SLO_K_SKB_CGROUP] = consts[SLO_K_TASK_CGROUP] = 0;
	consts[SLO_K_CGROUP_V1] = env->cgroup_v1;
	bpf_object__for_each_program(prog, o->obj) {
		*ret_failed = bpf_program__name(prog);
		r = bpf_program__autoload(prog) ? slo_patch_program(prog, consts, env->root, err)
		                                : 0;
		if (r < 0)
			return r;
	}
	*ret_failed = "";
	return 0;
}

static int set_globals(struct slo_bpf_obj *o, const struct slo_attach_env *env)
{
	int r = 0;

	for (size_t i = 0; !r && i < SLO_ARRAY_SIZE(o->rung->rodata) && o->rung->rodata[i].name;
	     i++)
		r = set_rodata(o->obj, o->rung->rodata[i].name, o->rung->rodata[i].value);
	if (!r && env->cgroup_v1)
		r = set_rodata(o->obj, "slo_cgroup_v1", 1);
	return r;
}

static int prepare_maps(struct slo_bpf_obj *o, const struct slo_attach_env *env)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, o->obj) {
		const char *name = bpf_map__name(map);
		const struct slo_shared_map *s = env->shared;
		int r = 0;

		while (s->name && strcmp(s->name, name) != 0)
			s++;
		if (s->name)
			r = bpf_map__reuse_fd(map, s->fd);
		else if (is_in(o->rung->unused_maps, SLO_ARRAY_SIZE(o->rung->unused_maps), name))
			r = bpf_map__set_autocreate(map, false);
		else if (o->row->hist_percpu && strcmp(name, "slo_hist") == 0)
			r = bpf_map__set_max_entries(map, env->percpu_hist_max);
		if (r)
			return r;
	}
	return 0;
}

static int prepare(struct slo_bpf_obj *o, const struct slo_attach_env *env, const char **ret_failed,
                   struct slo_err *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = o->row->name,
	            .btf_custom_path = env->btf_path);
	struct bpf_program *prog;
	int r;

	o->obj = bpf_object__open_mem(o->row->start, (size_t)(o->row->end - o->row->start), &opts);
	if (!o->obj)
		return -errno;
	bpf_object__for_each_program(prog, o->obj)
		(void)bpf_program__set_autoload(
			prog, is_used(o->rung, o->extras, bpf_program__name(prog)));
	r = prepare_maps(o, env);
	if (r)
		return r;
	return env->flavour == SLO_FLAVOUR_CORE ? set_globals(o, env)
	                                        : set_constants(o, env, ret_failed, err);
}

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
	int extra = extra_of(r, ~0U, prog);

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

/* On failure @err has a message only where there is more to say than the errno. */
static int attach_all(struct slo_bpf_obj *o, const struct slo_attach_env *env,
                      const char **ret_failed, struct slo_err *err)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, o->obj) {
		int r;

		if (!bpf_program__autoload(prog) || is_tail(bpf_program__name(prog)) ||
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
	r = attach_all(o, env, &failed, &local);
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

void slo_bpf_obj_close(struct slo_bpf_obj *o)
{
	slo_bpf_obj_detach(o);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(o->event); i++)
		slo_perf_spares_fini(&o->event[i].perf);
	bpf_object__close(o->obj);
	memset(o, 0, sizeof(*o));
}

int slo_bpf_obj_set_global(const struct slo_bpf_obj *o, const char *name, uint64_t value)
{
	const struct btf *btf = bpf_object__btf(o->obj);
	int fd = slo_bpf_obj_map_fd(o, ".bss");
	int id = btf__find_by_name_kind(btf, ".bss", BTF_KIND_DATASEC);
	const struct btf_type *sec = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	slo_cleanup(slo_freep) char *data = sec ? calloc(1, sec->size) : NULL;
	const int own = slo_bpf_obj_map_fd(o, name);
	const uint32_t zero = 0;

	/* Old kernels have no globals: a map instead. */
	if (own >= 0)
		return bpf_map_update_elem(own, &zero, &value, BPF_ANY) ? -errno : 0;
	if (fd < 0 || !data)
		return -ENOENT;
	if (bpf_map_lookup_elem(fd, &zero, data))
		return -errno;
	for (unsigned int i = 0; i < btf_vlen(sec); i++) {
		const struct btf_var_secinfo *var = btf_var_secinfos(sec) + i;
		const struct btf_type *type = btf__type_by_id(btf, var->type);

		if (strcmp(btf__name_by_offset(btf, type->name_off), name) == 0 &&
		    var->offset + sizeof(value) <= sec->size) {
			memcpy(data + var->offset, &value, sizeof(value));
			return bpf_map_update_elem(fd, &zero, data, BPF_ANY) ? -errno : 0;
		}
	}
	return -ENOENT;
}

int slo_bpf_obj_know_owner(struct slo_bpf_obj *o, const struct slo_attach_env *env,
                           struct slo_err *err)
{
	int r;

	if (!o->rung || !o->rung->know_owner)
		return 0;
	r = slo_bpf_obj_set_global(o, o->rung->know_owner, 1);
	if (r)
		return slo_err_set(err, r, "%s: %s", o->rung->know_owner, strerror(-r));
	/* Detached for now: with the others, once these are attached. */
	if (!o->links) {
		o->late = true;
		return 0;
	}
	return slo_bpf_obj_attach_late(o, env, err);
}

int slo_bpf_obj_map_fd(const struct slo_bpf_obj *o, const char *name)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(o->obj, name);

	return map ? bpf_map__fd(map) : -1;
}

/* The verifier also says EACCES, and then a reason; what is left is missing privilege. */
static void explain_denied(struct slo_bpflog *log, int code, const struct slo_rung *rung)
{
	if (code == -EPERM || !log->reason[0])
		(void)snprintf(log->reason, sizeof(log->reason), "%s; needs %s", strerror(-code),
		               rung->needs);
}

/* A loaded object's image, of tens of pages of the program's file, need not stay mapped; asked for again it is read anew. */
static void forget_image(const struct slo_obj_row *row)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)row->start + page - 1) / page * page;
	uintptr_t to = (uintptr_t)row->end / page * page;

	if (to > from)
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

/* One attempt. On failure @ret_prog names the program, @ret_why the reason for people. */
static int try_once(struct slo_bpf_obj *o, const struct slo_attach_env *env, char ret_prog[32],
                    char ret_why[256])
{
	struct slo_err local = { 0 };
	const char *failed = "";
	const char *step = "open";
	struct slo_bpflog log;
	int r;

	slo_bpflog_begin(&log);
	r = prepare(o, env, &failed, &local);
	if (!r) {
		step = "load";
		r = bpf_object__load(o->obj);
		forget_image(o->row);
	}
	if (!r && env->know_owner && o->rung->know_owner)
		r = slo_bpf_obj_set_global(o, o->rung->know_owner, 1);
	if (!r) {
		step = "attach";
		r = attach_all(o, env, &failed, &local);
	}
	slo_bpflog_end();
	if (!r)
		return 0;
	if (*local.msg)
		(void)snprintf(log.reason, sizeof(log.reason), "%s", local.msg);
	else if (r == -EPERM || r == -EACCES)
		explain_denied(&log, r, o->rung);
	(void)snprintf(ret_prog, 32, "%s", *failed ? failed : log.prog);
	(void)snprintf(ret_why, 256, "%s %s: %s", step, *ret_prog ? ret_prog : o->row->name,
	               log.reason[0] ? log.reason : strerror(-r));
	bpf_object__close(o->obj);
	o->obj = NULL;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(o->event); i++)
		slo_perf_spares_fini(&o->event[i].perf);
	memset(o->event, 0, sizeof(o->event));
	return r;
}

static bool is_named(const struct slo_attach_env *env, const char *name)
{
	return slo_btf_has_name(env->btf_path, name);
}

static unsigned int wanted_extras(const struct slo_rung *rung, const struct slo_attach_env *env)
{
	unsigned int set = 0;

	for (unsigned int i = 0; i < SLO_ROW_EXTRAS && rung->extra[i].prog[0]; i++) {
		const struct slo_extra *e = &rung->extra[i];

		if (!e->in_place && (!e->signals || (env->wanted & e->signals)) &&
		    (!e->if_named || is_named(env, e->if_named)))
			set |= 1U << i;
	}
	return set;
}

/* @why NULL: by the mechanism's nature. */
static void add_note(struct slo_verdict *v, const char *missing, const char *why)
{
	size_t used = strlen(v->note);

	(void)snprintf(v->note + used, sizeof(v->note) - used, "%s%s%s%.140s%s", used ? "; " : "",
	               missing, why ? " (" : "", why ? why : "", why ? ")" : "");
}

/* A rung, first with its optional parts; where just one of these fails, without it, and the verdict says what is missing. */
static int try_rung(struct slo_bpf_obj *o, const struct slo_attach_env *env, struct slo_verdict *v)
{
	const struct slo_rung *rung = o->rung;
	char prog[32], why[256];
	int extra, r;

	v->note[0] = '\0';
	o->extras = wanted_extras(rung, env);
	while ((r = try_once(o, env, prog, why)) != 0) {
		extra = extra_of(rung, o->extras, prog);
		if (extra < 0) {
			v->note[0] = '\0';
			slo_verdict_refuse(v, rung->mechanism, r, "%s", why);
			return r;
		}
		o->extras &= ~(1U << extra);
		if (extra + 1 < SLO_ROW_EXTRAS && rung->extra[extra + 1].in_place)
			o->extras |= 1U << (extra + 1);
		else
			add_note(v, rung->extra[extra].missing, why);
	}
	for (int i = 0; i < SLO_ROW_EXTRAS; i++) {
		if ((o->extras & 1U << i) && rung->extra[i].on_demand && !o->late)
			add_note(v, rung->extra[i].missing, NULL);
	}
	if (*rung->note)
		add_note(v, rung->note, NULL);
	return 0;
}

static void put_last_first(struct slo_verdict *v)
{
	struct slo_refusal last = v->refused[v->refused_count - 1];

	memmove(&v->refused[1], &v->refused[0], (v->refused_count - 1) * sizeof(last));
	v->refused[0] = last;
}

/* What the host or the caller rules out before a load is tried; @v has the reason. */
static bool is_ruled_out(const struct slo_rung *rung, const struct slo_attach_env *env,
                         struct slo_verdict *v)
{
	if (rung->needs_sched_info && !env->sched_info) {
		slo_verdict_refuse(v, rung->mechanism, -ENOTSUP,
		                   "the kernel keeps no enqueue times (CONFIG_SCHED_INFO)");
		return true;
	}
	if (rung->unless_named && is_named(env, rung->unless_named)) {
		slo_verdict_refuse(v, rung->mechanism, -ENOTSUP,
		                   "wrong on this kernel, whose BTF has %s", rung->unless_named);
		return true;
	}
	/* Its way out is the reader's to take, so it comes first. */
	if (rung->needs_target && !env->targeted && !env->by_turns) {
		if (v->refused_count && v->refused[0].code == -EDESTADDRREQ)
			return true;
		slo_verdict_refuse(
			v, rung->mechanism, -EDESTADDRREQ,
			"would tax every system call of the host: name a target "
			"(--cgroup, --pid, --comm, --pod-uid), or look at the live table");
		put_last_first(v);
		return true;
	}
	return false;
}

int slo_bpf_obj_open(struct slo_bpf_obj *ret, enum slo_obj id, const struct slo_attach_env *env,
                     struct slo_verdict *v)
{
	struct slo_bpf_obj o = { .row = slo_obj_row(env->flavour, id), .late = env->know_owner };
	int r = -ENOTSUP;
	size_t count;
	const struct slo_rung *rungs = slo_rungs(env->flavour, &count);

	for (size_t i = 0; i < count; i++) {
		if (rungs[i].obj != id)
			continue;
		o.rung = &rungs[i];
		(void)snprintf(v->needs, sizeof(v->needs), "%s", o.rung->needs);
		if (is_ruled_out(o.rung, env, v))
			continue;
		r = try_rung(&o, env, v);
		if (r)
			continue;
		v->serves = true;
		v->by_turns = o.rung->needs_target && !env->targeted;
		if (v->by_turns)
			add_note(v,
			         "in the live table 1 interval in 10, for it taxes every system "
			         "call; elsewhere only with a target",
			         NULL);
		v->source = o.rung->source;
		v->mechanism = o.rung->mechanism;
		v->hooks = o.rung->hooks;
		*ret = o;
		return 0;
	}
	memset(ret, 0, sizeof(*ret));
	return r;
}
