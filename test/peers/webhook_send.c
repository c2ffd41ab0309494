/* SPDX-License-Identifier: Apache-2.0 */
/* One notice through the webhook: webhook_send FORMAT URL open|update|resolve SEVERITY. Fails where it is not accepted. */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/net/webhook.h"

#define WAIT_MS 5000

static unsigned int index_of(const char *const *names, unsigned int count, const char *name)
{
	for (unsigned int i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	(void)fprintf(stderr, "webhook_send: no '%s'\n", name);
	exit(2);
}

static struct slo_notice notice_of(const char *kind, const char *severity)
{
	static const char *const kinds[] = { "open", "update", "resolve", "test" };
	static const char *const severities[] = { "critical", "error", "warning", "info" };
	static const char json[] = "{\"incident_id\":\"inc-7\"}";
	static char id[64];
	int64_t now = (int64_t)slo_clock_realtime_ns();

	(void)snprintf(id, sizeof(id), "msg-%lld", (long long)now);
	return (struct slo_notice){
		.kind = (enum slo_notice_kind)index_of(kinds, SLO_NOTICE_KIND_MAX_, kind),
		.severity = (enum slo_severity)index_of(severities, SLO_SEVERITY_MAX_, severity),
		.id = id,
		.dedup_key = "00112233445566778899aabbccddeeff",
		.incident_id = "inc-7",
		.summary = "gateway: TTFT of chat burns its budget 20 times too fast",
		.cluster = "c1",
		.namespace_ = "prod",
		.service = "gateway",
		.slo = "chat",
		.sli = "ttft_ms",
		.domain = "network_dns",
		.next_step = "look at the resolver",
		.confidence = 0.93,
		.burn_rate = 20,
		.started_unix_ns = now - 60 * (int64_t)SLO_NS_PER_SEC,
		.unix_ns = now,
		.ended_unix_ns = strcmp(kind, "resolve") == 0 ? now : 0,
		.json = json,
		.json_len = sizeof(json) - 1,
	};
}

int main(int argc, char **argv)
{
	static const char *const formats[] = { "generic", "pagerduty",    "opsgenie",
		                               "jsm",     "alertmanager", "slack" };
	const struct slo_http_client_config http = { .max_requests = 1,
		                                     .user_agent = "webhook_send" };
	slo_http_client_auto struct slo_http_client *client = NULL;
	slo_webhook_auto struct slo_webhook *w = NULL;
	struct slo_webhook_config cfg = { .url = argc > 2 ? argv[2] : "", .timeout_ms = WAIT_MS };
	struct slo_webhook_stats st;
	struct slo_notice n;
	struct slo_err err = { 0 };

	if (argc != 5)
		return 2;
	n = notice_of(argv[3], argv[4]);
	cfg.format = (enum slo_webhook_format)index_of(formats, SLO_WEBHOOK_MAX_, argv[1]);
	if (slo_http_client_new(&client, &http, &err) < 0)
		return 1;
	cfg.client = client;
	if (slo_webhook_new(&w, &cfg, &err) < 0 || slo_webhook_send(w, &n, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	slo_webhook_drain(w, WAIT_MS);
	slo_webhook_stats(w, &st);
	(void)fprintf(stderr, "%s", st.why);
	return st.delivered == 1 ? 0 : 1;
}
