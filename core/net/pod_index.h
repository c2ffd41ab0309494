/* SPDX-License-Identifier: Apache-2.0 */
/* Pods by their uid, by what their cgroups are called, and by their containers. Bounded; the gone ones stay for a while. */
#ifndef SLO_NET_POD_INDEX_H
#define SLO_NET_POD_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/pod.h"

struct slo_pod_index;

/* Borrowed from the index until it changes; "" unknown. */
struct slo_pod_names {
	const char *pod, *pod_uid, *namespace_, *container, *service, *service_namespace;
};

int slo_pod_index_new(struct slo_pod_index **ret, size_t max_pods, struct slo_err *err);
void slo_pod_index_freep(struct slo_pod_index **x);
#define slo_pod_index_auto slo_cleanup(slo_pod_index_freep)

void slo_pod_index_put(struct slo_pod_index *x, const struct slo_pod *pod);
/* It is no more: what was measured until now is told its names for another minute. */
void slo_pod_index_gone(struct slo_pod_index *x, const char *uid, uint64_t now_ns);
/* All pods not put since begin() are gone. */
void slo_pod_index_list_begin(struct slo_pod_index *x);
void slo_pod_index_list_end(struct slo_pod_index *x, uint64_t now_ns);
/* Forgets pods gone for a minute. */
void slo_pod_index_expire(struct slo_pod_index *x, uint64_t now_ns);

/* By container id (with its container's name), else by pod uid, with or without dashes. "" matches nothing. */
bool slo_pod_index_find(const struct slo_pod_index *x, const char *pod_uid,
                        const char *container_id, struct slo_pod_names *ret);
size_t slo_pod_index_count(const struct slo_pod_index *x);
uint64_t slo_pod_index_dropped(const struct slo_pod_index *x);

#endif
