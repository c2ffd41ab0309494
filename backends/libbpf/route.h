/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program on each packet in place of two: while both DNS and TLS are measured, bpf/route.bpf.c is attached and calls theirs
 * for the packets that may matter to them. Where it cannot be had they stay attached themselves.
 */
#ifndef SLO_LIBBPF_ROUTE_H
#define SLO_LIBBPF_ROUTE_H

#include "backends/cost.h"
#include "backends/libbpf/object.h"

/* Zeroed: off. */
struct slo_route {
	struct bpf_object *obj; /* loaded once, owned */
	struct bpf_link *link[2];
	bool refused; /* by this kernel: not tried again */
};

/*
 * Puts itself before the two, both attached. 0, or negative errno with the two as they were, or, where they cannot be
 * attached again, @err saying so.
 */
int slo_route_on(struct slo_route *r, struct slo_bpf_obj *dns, struct slo_bpf_obj *tls,
                 const struct slo_attach_env *env, struct slo_err *err);
/* Attaches the two themselves again. Idempotent. */
int slo_route_off(struct slo_route *r, struct slo_bpf_obj *dns, struct slo_bpf_obj *tls,
                  const struct slo_attach_env *env, struct slo_err *err);
/* Before the two are closed. Safe on a zeroed one. */
void slo_route_close(struct slo_route *r);

/* What it costs each of the two: a half, cumulative. */
struct slo_cost_of slo_route_cost(const struct slo_route *r);

#endif
