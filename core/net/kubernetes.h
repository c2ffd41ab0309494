/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of this node's pods from the Kubernetes API: a list in pages, then a watch from where it ended, resumed when it
 * ends, begun anew when the server has forgotten (410). Or the kubelet's /pods, asked now and then.
 */
#ifndef SLO_NET_KUBERNETES_H
#define SLO_NET_KUBERNETES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/pod.h"
#include "core/net/http_client.h"
#include "core/net/pod_index.h"

struct slo_kubernetes;

/* Strings are copied. */
struct slo_kubernetes_config {
	struct slo_http_client *
		client; /* borrowed until free; its run() drives this too. One request at a time is used */
	slo_pod_read_fn read; /* slo_pod_json_read() */
	bool kubelet; /* ask the kubelet at @api, not the API server */
	const char *
		api; /* "": the service account's place (environment), or https://127.0.0.1:10250 */
	const char *token_file,
		*ca_file; /* "": the service account's. Read again for each request: tokens are renewed */
	const char *node; /* spec.nodeName */
	size_t max_pods; /* 0: 512 */
	uint64_t poll_ms; /* of the kubelet; 0: 10 s */
};

struct slo_kubernetes_stats {
	uint64_t lists, events, relists, failures, bad_lines;
	bool synced; /* a list was complete at least once */
	char why[256]; /* the last failure; "" since the last success */
};

/* Whether this process runs in a pod with a service account. */
bool slo_kubernetes_is_here(void);

int slo_kubernetes_new(struct slo_kubernetes **ret, const struct slo_kubernetes_config *cfg,
                       struct slo_err *err);
void slo_kubernetes_freep(struct slo_kubernetes **k);
#define slo_kubernetes_auto slo_cleanup(slo_kubernetes_freep)

/* Once a second: asks what is due. Never waits. */
void slo_kubernetes_tick(struct slo_kubernetes *k, uint64_t now_ns);
/* As slo_pod_index_find(); strings are borrowed until the client's next run(). */
bool slo_kubernetes_find(const struct slo_kubernetes *k, const char *pod_uid,
                         const char *container_id, struct slo_pod_names *ret);
size_t slo_kubernetes_pods(const struct slo_kubernetes *k);
void slo_kubernetes_stats(const struct slo_kubernetes *k, struct slo_kubernetes_stats *ret);

#endif
