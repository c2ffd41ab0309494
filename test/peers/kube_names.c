/* SPDX-License-Identifier: Apache-2.0 */
/* Names of pods as the agent learns them: kube_names API TOKEN_FILE CA_FILE NODE; a line whenever they change. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/codec/pod_json.h"
#include "core/net/kubernetes.h"

/* @argv: uids to look for, after the four. */
static void show(const struct slo_kubernetes *k, char **uids)
{
	struct slo_kubernetes_stats st;

	slo_kubernetes_stats(k, &st);
	(void)printf("synced=%d pods=%zu lists=%llu relists=%llu failures=%llu why=%s", st.synced,
	             slo_kubernetes_pods(k), (unsigned long long)st.lists,
	             (unsigned long long)st.relists, (unsigned long long)st.failures, st.why);
	for (; *uids; uids++) {
		struct slo_pod_names n;

		if (slo_kubernetes_find(k, *uids, *uids, &n))
			(void)printf(" %s=%s/%s/%s/%s", *uids, n.namespace_, n.pod, n.container,
			             n.service);
	}
	(void)puts("");
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct slo_http_client_config http = { .max_requests = 4,
		                                     .user_agent = "kube_names" };
	slo_http_client_auto struct slo_http_client *client = NULL;
	slo_kubernetes_auto struct slo_kubernetes *k = NULL;
	struct slo_kubernetes_config cfg = { .read = slo_pod_json_read };
	struct slo_err err = { 0 };
	struct pollfd p = { .events = POLLIN };

	if (argc < 5) {
		(void)fprintf(stderr, "usage: kube_names API TOKEN_FILE CA_FILE NODE [ID...]\n");
		return 2;
	}
	cfg.api = argv[1];
	cfg.token_file = argv[2];
	cfg.ca_file = argv[3];
	cfg.node = argv[4];
	if (slo_http_client_new(&client, &http, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	cfg.client = client;
	if (slo_kubernetes_new(&k, &cfg, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	p.fd = slo_http_client_fd(client);
	for (;;) {
		slo_kubernetes_tick(k, slo_clock_monotonic_ns());
		(void)poll(&p, 1, 200);
		slo_http_client_run(client);
		show(k, argv + 5);
	}
}
