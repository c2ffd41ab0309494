/* SPDX-License-Identifier: Apache-2.0 */
/* A pod as the Kubernetes API tells it: the names that a cgroup's path does not hold. */
#ifndef SLO_MODEL_POD_H
#define SLO_MODEL_POD_H

#include <stddef.h>

#include "core/base/err.h"

#define SLO_POD_CONTAINERS_MAX 32

/* Borrowed strings, never NULL; "" unknown. */
struct slo_pod {
	const char *uid;
	const char *hash; /* of a static pod: what its cgroup is called by, in place of the uid */
	const char *name;
	const char *namespace_;
	/* By OpenTelemetry's order (semantic conventions, k8s-attributes): annotation, labels, owner, pod. */
	const char *service;
	const char *service_namespace;
	size_t container_count;
	struct {
		const char *id; /* without "containerd://" */
		const char *name;
	} container[SLO_POD_CONTAINERS_MAX];
};

/* What one answer or one line of a watch was. */
enum slo_pod_event {
	SLO_POD_LISTED, /* of a list */
	SLO_POD_CHANGED, /* new or modified */
	SLO_POD_GONE,
	SLO_POD_EVENT_MAX_,
};

typedef void (*slo_pod_fn)(void *user, enum slo_pod_event event, const struct slo_pod *pod);

struct slo_pod_page {
	char version[64]; /* resourceVersion; "" not told */
	char next[2048]; /* continue token of a list; "": it is complete */
	unsigned int code; /* an error of the API: its code, as HTTP's; 0: none */
	char why[160]; /* of @code */
};

/*
 * Reads a PodList, or one event of a watch, and calls @fn for each pod. 0 and @ret; -EBADMSG: neither of them, with @err.
 * core/codec gives it; core/net knows no JSON.
 */
typedef int (*slo_pod_read_fn)(const char *json, size_t len, slo_pod_fn fn, void *user,
                               struct slo_pod_page *ret, struct slo_err *err);

#endif
