/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/libbpf/route.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "backends/libbpf/bpflog.h"

SLO_OBJ_EMBEDDED(core, route);

static const char *const hooks[] = { "route_egress", "route_ingress" };

/* Which program of which object a map calls. */
static const struct {
	const char *map;
	uint32_t slot;
	const char *prog;
} calls[] = {
	{ "route_out", SLO_ABI_ROUTE_DNS, "dns_egress" },
	{ "route_in", SLO_ABI_ROUTE_DNS, "dns_ingress" },
	{ "route_out", SLO_ABI_ROUTE_TLS, "tls_egress" },
	{ "route_in", SLO_ABI_ROUTE_TLS, "tls_ingress" },
};

/* Maps that it shares with others are theirs, and what it has no use for is not made. */
static int prepare_maps(struct bpf_object *obj, const struct slo_bpf_obj *tls,
                        const struct slo_shared_map *shared)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj) {
		const char *name = bpf_map__name(map);
		const struct slo_shared_map *s = shared;
		int r = 0;

		while (s->name && strcmp(s->name, name) != 0)
			s++;
		if (s->name)
			r = bpf_map__reuse_fd(map, s->fd);
		else if (strcmp(name, "tls_hot") == 0)
			r = bpf_map__reuse_fd(map, slo_bpf_obj_map_fd(tls, name));
		else if (strncmp(name, "slo_", strlen("slo_")) == 0)
			r = bpf_map__set_autocreate(map, false);
		if (r)
			return r;
	}
	return 0;
}

static int load(struct slo_route *r, const struct slo_bpf_obj *tls,
                const struct slo_attach_env *env)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "route",
	            .btf_custom_path = env->btf_path);
	struct bpf_object *obj;
	int code;

	if (r->obj)
		return 0;
	obj = bpf_object__open_mem(slo_bpf_core_route_start,
	                           (size_t)(slo_bpf_core_route_end - slo_bpf_core_route_start),
	                           &opts);
	if (!obj)
		return -errno;
	code = prepare_maps(obj, tls, env->shared);
	if (!code)
		code = bpf_object__load(obj);
	if (code) {
		bpf_object__close(obj);
		return code;
	}
	r->obj = obj;
	return 0;
}

static void detach(struct slo_route *r)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(hooks); i++)
		(void)bpf_link__destroy(slo_take_ptr(r->link[i]));
}

/* With nothing to call yet. */
static int attach(struct slo_route *r, const struct slo_attach_env *env)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(hooks); i++) {
		r->link[i] = bpf_program__attach_cgroup(
			bpf_object__find_program_by_name(r->obj, hooks[i]), env->cgroup_fd);
		if (!r->link[i]) {
			int code = -errno;

			detach(r);
			return code;
		}
	}
	return 0;
}

static int connect_calls(const struct slo_route *r, const struct slo_bpf_obj *dns,
                         const struct slo_bpf_obj *tls)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(calls); i++) {
		const struct slo_bpf_obj *o = calls[i].slot == SLO_ABI_ROUTE_DNS ? dns : tls;
		int map = bpf_object__find_map_fd_by_name(r->obj, calls[i].map);
		int prog = bpf_program__fd(bpf_object__find_program_by_name(o->obj, calls[i].prog));

		if (bpf_map_update_elem(map, &calls[i].slot, &prog, BPF_ANY))
			return -errno;
	}
	return 0;
}

static void cut_calls(const struct slo_route *r)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(calls); i++)
		(void)bpf_map_delete_elem(bpf_object__find_map_fd_by_name(r->obj, calls[i].map),
		                          &calls[i].slot);
}

/* No packet is seen by both: a query counted twice would be one that was repeated. One that falls between is not seen. */
static int take_over(struct slo_route *r, struct slo_bpf_obj *dns, struct slo_bpf_obj *tls,
                     const struct slo_attach_env *env)
{
	int code = attach(r, env);

	if (code)
		return code;
	(void)slo_bpf_obj_lend(dns, true, env, NULL);
	(void)slo_bpf_obj_lend(tls, true, env, NULL);
	return connect_calls(r, dns, tls);
}

int slo_route_on(struct slo_route *r, struct slo_bpf_obj *dns, struct slo_bpf_obj *tls,
                 const struct slo_attach_env *env, struct slo_err *err)
{
	struct slo_bpflog log;
	int code;

	if (r->link[0] || r->refused)
		return 0;
	slo_bpflog_begin(&log);
	code = load(r, tls, env);
	if (!code)
		code = take_over(r, dns, tls, env);
	slo_bpflog_end();
	if (!code)
		return 0;
	r->refused = true;
	return slo_route_off(r, dns, tls, env, err);
}

int slo_route_off(struct slo_route *r, struct slo_bpf_obj *dns, struct slo_bpf_obj *tls,
                  const struct slo_attach_env *env, struct slo_err *err)
{
	int code, other;

	if (r->obj)
		cut_calls(r);
	code = slo_bpf_obj_lend(dns, false, env, err);
	other = slo_bpf_obj_lend(tls, false, env, err);
	detach(r);
	return code ? code : other;
}

void slo_route_close(struct slo_route *r)
{
	detach(r);
	bpf_object__close(r->obj);
	*r = (struct slo_route){ 0 };
}

struct slo_cost_of slo_route_cost(const struct slo_route *r)
{
	struct slo_cost_of cost = { 0 };

	if (!r->obj)
		return cost;
	cost = slo_cost_object(r->obj);
	cost.runs /= 2;
	cost.run_ns /= 2;
	return cost;
}
