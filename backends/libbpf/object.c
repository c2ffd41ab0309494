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
#include "backends/libbpf/object_parts.h"
#include "backends/libbpf/patch.h"
#include "compat/btf.h"
#include "compat/switchstate.h"

static bool is_in(const char *const *names, size_t max, const char *name)
{
	for (size_t i = 0; i < max && names[i]; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

int slo_rung_extra_of(const struct slo_rung *r, unsigned int extras, const char *prog)
{
	for (int i = 0; i < SLO_ROW_EXTRAS; i++) {
		if ((extras & 1U << i) &&
		    is_in(r->extra[i].prog, SLO_ARRAY_SIZE(r->extra[i].prog), prog))
			return i;
	}
	return -1;
}

static bool is_used(const struct slo_rung *r, unsigned int extras, const char *prog)
{
	return slo_rung_is_tail(prog) || is_in(r->progs, SLO_ARRAY_SIZE(r->progs), prog) ||
	       slo_rung_extra_of(r, extras, prog) >= 0;
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
	if (o->rung->obj == SLO_OBJ_RUNQUEUE)
		consts[SLO_K_RUNS_BIT] = slo_switch_state_is_shifted(env->root);
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
		r = slo_bpf_obj_attach_all(o, env, &failed, &local);
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
/* A rung, first with its optional parts; where just one of these fails, without it, and the verdict says what is missing. */
static int try_rung(struct slo_bpf_obj *o, const struct slo_attach_env *env, struct slo_verdict *v)
{
	const struct slo_rung *rung = o->rung;
	char prog[32], why[256];
	int extra, r;

	v->note[0] = '\0';
	o->extras = wanted_extras(rung, env);
	while ((r = try_once(o, env, prog, why)) != 0) {
		extra = slo_rung_extra_of(rung, o->extras, prog);
		if (extra < 0) {
			v->note[0] = '\0';
			slo_verdict_refuse(v, rung->mechanism, r, "%s", why);
			return r;
		}
		o->extras &= ~(1U << extra);
		if (extra + 1 < SLO_ROW_EXTRAS && rung->extra[extra + 1].in_place)
			o->extras |= 1U << (extra + 1);
		else
			slo_verdict_note(v, rung->extra[extra].missing, why);
	}
	for (int i = 0; i < SLO_ROW_EXTRAS; i++) {
		if ((o->extras & 1U << i) && rung->extra[i].on_demand && !o->late)
			slo_verdict_note(v, rung->extra[i].missing, NULL);
	}
	if (*rung->note)
		slo_verdict_note(v, rung->note, NULL);
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
	if (rung->no_cgroup && env->by_cgroup) {
		slo_verdict_refuse(v, rung->mechanism, -ENOTSUP,
		                   "the cgroup is unknown (Linux 4.18): --cgroup and --pod-uid "
		                   "would select nothing");
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
		if (v->by_turns) {
			slo_verdict_note(
				v,
				"in the live table 1 interval in 10, for it taxes every system "
				"call; elsewhere only with a target",
				NULL);
		}
		v->source = o.rung->source;
		v->mechanism = o.rung->mechanism;
		v->hooks = o.rung->hooks;
		*ret = o;
		return 0;
	}
	memset(ret, 0, sizeof(*ret));
	return r;
}
