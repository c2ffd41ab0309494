/* SPDX-License-Identifier: Apache-2.0 */
/* One notice through the webhook: webhook_send FORMAT URL open|update|resolve SEVERITY. Fails where it is not accepted. */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/net/webhook.h"
#include "test/unit/net/notice.h"

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

/* Of now: a receiver may drop what is old. */
static struct slo_notice notice(const char *kind_name, const char *severity)
{
	static const char *const kinds[] = { "open", "update", "resolve", "test" };
	static const char *const severities[] = { "critical", "error", "warning", "info" };
	static char id[64];
	int64_t now = (int64_t)slo_clock_realtime_ns();
	enum slo_notice_kind kind =
		(enum slo_notice_kind)index_of(kinds, SLO_NOTICE_KIND_MAX_, kind_name);
	struct slo_notice n = notice_of(kind, id);

	(void)snprintf(id, sizeof(id), "msg-%lld", (long long)now);
	n.severity = (enum slo_severity)index_of(severities, SLO_SEVERITY_MAX_, severity);
	n.started_unix_ns = now - 60 * (int64_t)SLO_NS_PER_SEC;
	n.unix_ns = now;
	n.ended_unix_ns = kind == SLO_NOTICE_RESOLVE ? now : 0;
	return n;
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
	n = notice(argv[3], argv[4]);
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
