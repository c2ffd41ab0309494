/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/webhook_format.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/jsonw.h"

#define ALERT_LIFE_NS \
	(INT64_C(4) * 3600 * 1000000000) /* of an alert whose resolution never comes */

/* --- pieces --------------------------------------------------------------------------------------------------- */

/* At most @max bytes, cut between characters. */
static void put_cut(struct slo_jsonw *w, const char *key, const char *s, size_t max)
{
	size_t n = strlen(s);

	if (n > max) {
		n = max;
		while (n && ((unsigned char)s[n] & 0xc0) == 0x80)
			n--;
	}
	slo_jsonw_key(w, key);
	slo_jsonw_strn(w, s, n);
}

static void put_known(struct slo_jsonw *w, const char *key, const char *s)
{
	if (*s)
		slo_jsonw_member_str(w, key, s);
}

static void put_time(struct slo_jsonw *w, const char *key, int64_t unix_ns)
{
	char text[SLO_CLOCK_RFC3339_SIZE];

	slo_jsonw_member_str(w, key, slo_clock_rfc3339((uint64_t)unix_ns, text));
}

static void put_text_number(struct slo_jsonw *w, const char *key, double v)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%.4g", v);
	slo_jsonw_member_str(w, key, text);
}

/* The line for people; what is no real incident begins with saying so. */
static const char *line_of(const struct slo_notice *n, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s%s",
	               n->kind == SLO_NOTICE_TEST ? "[TEST] "
	               : n->synthetic             ? "[SYNTHETIC] "
	                                          : "",
	               n->summary);
	return buf;
}

/* Facts as strings, for receivers that show a table of them. */
static void put_facts(struct slo_jsonw *w, const struct slo_notice *n)
{
	put_known(w, "incident_id", n->incident_id);
	put_known(w, "cluster", n->cluster);
	put_known(w, "namespace", n->namespace_);
	put_known(w, "service", n->service);
	put_known(w, "slo", n->slo);
	put_known(w, "sli", n->sli);
	put_known(w, "predicted_fault_domain", n->domain);
	put_text_number(w, "confidence", n->confidence);
	put_text_number(w, "burn_rate", n->burn_rate);
	put_known(w, "next_step", n->next_step);
	if (n->synthetic || n->kind == SLO_NOTICE_TEST)
		slo_jsonw_member_str(w, "source", "synthetic");
	if (n->kind == SLO_NOTICE_TEST)
		slo_jsonw_member_str(w, "test", "true");
}

static bool is_end(enum slo_notice_kind kind)
{
	return kind == SLO_NOTICE_RESOLVE;
}

/* --- generic, slack ------------------------------------------------------------------------------------------- */

static void write_generic(struct slo_jsonw *w, const struct slo_notice *n,
                          enum slo_notice_kind kind)
{
	(void)kind; /* the object says it */
	slo_jsonw_raw(w, n->json, n->json_len);
}

/* Slack reads &, < and > as its own marks. */
static void escape_marks(const char *s, char *buf, size_t size)
{
	size_t len = 0;

	for (; *s && len + 6 < size; s++) {
		const char *mark = *s == '&'   ? "&amp;"
		                   : *s == '<' ? "&lt;"
		                   : *s == '>' ? "&gt;"
		                               : NULL;

		if (mark) {
			len += (size_t)snprintf(buf + len, size - len, "%s", mark);
		} else {
			buf[len++] = *s;
		}
	}
	buf[len] = '\0';
}

static void slack_fact(char *text, size_t size, const char *name, const char *value)
{
	char escaped[512];
	size_t len = strlen(text);

	escape_marks(value, escaped, sizeof(escaped));
	if (*value)
		(void)snprintf(text + len, size - len, "\n*%s:* %s", name, escaped);
}

static void write_slack(struct slo_jsonw *w, const struct slo_notice *n, enum slo_notice_kind kind)
{
	static const char *const verbs[] = {
		[SLO_NOTICE_OPEN] = ":rotating_light: ",
		[SLO_NOTICE_UPDATE] = ":information_source: ",
		[SLO_NOTICE_RESOLVE] = ":white_check_mark: Resolved: ",
		[SLO_NOTICE_TEST] = ":test_tube: ",
	};
	SLO_TABLE_COMPLETE(verbs, SLO_NOTICE_KIND_MAX_);
	char line[1100], title[1200], text[2900];

	escape_marks(line_of(n, title, sizeof(title)), line, sizeof(line));
	(void)snprintf(title, sizeof(title), "%s%s", verbs[kind], line);
	(void)snprintf(text, sizeof(text), "*%s*", title);
	slack_fact(text, sizeof(text), "Service", n->service);
	slack_fact(text, sizeof(text), "Objective", n->slo);
	slack_fact(text, sizeof(text), "Likely cause", n->domain);
	slack_fact(text, sizeof(text), "Look at", n->next_step);
	slack_fact(text, sizeof(text), "Incident", n->incident_id);
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "text", title);
	slo_jsonw_key(w, "blocks");
	slo_jsonw_array_begin(w);
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "type", "section");
	slo_jsonw_key(w, "text");
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "type", "mrkdwn");
	slo_jsonw_member_str(w, "text", text);
	slo_jsonw_object_end(w);
	slo_jsonw_object_end(w);
	slo_jsonw_array_end(w);
	slo_jsonw_object_end(w);
}

/* --- PagerDuty Events API v2 ---------------------------------------------------------------------------------- */

static void write_pagerduty(struct slo_jsonw *w, const struct slo_notice *n,
                            enum slo_notice_kind kind)
{
	char line[1100];

	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "event_action", is_end(kind) ? "resolve" : "trigger");
	slo_jsonw_member_str(w, "dedup_key", n->dedup_key);
	slo_jsonw_member_str(w, "client", "llm-slo");
	slo_jsonw_key(w, "payload");
	slo_jsonw_object_begin(w);
	put_cut(w, "summary", line_of(n, line, sizeof(line)), 1024);
	slo_jsonw_member_str(w, "source",
	                     *n->service   ? n->service
	                     : *n->cluster ? n->cluster
	                                   : "llm-slo");
	slo_jsonw_member_str(w, "severity", slo_notice_severity_name(n->severity));
	put_time(w, "timestamp", n->unix_ns);
	put_known(w, "component", n->service);
	put_known(w, "group", n->namespace_);
	put_known(w, "class", n->domain);
	slo_jsonw_key(w, "custom_details");
	slo_jsonw_object_begin(w);
	put_facts(w, n);
	if (n->json_len) {
		slo_jsonw_key(w, "incident");
		slo_jsonw_raw(w, n->json, n->json_len);
	}
	slo_jsonw_object_end(w);
	slo_jsonw_object_end(w);
	slo_jsonw_object_end(w);
}

/* --- Opsgenie, and its successor in Jira Service Management --------------------------------------------------- */

static const char *priority_of(enum slo_severity severity)
{
	static const char *const rows[] = {
		[SLO_SEVERITY_CRITICAL] = "P1",
		[SLO_SEVERITY_ERROR] = "P2",
		[SLO_SEVERITY_WARNING] = "P3",
		[SLO_SEVERITY_INFO] = "P5",
	};
	SLO_TABLE_COMPLETE(rows, SLO_SEVERITY_MAX_);

	return rows[severity];
}

static void write_opsgenie_alert(struct slo_jsonw *w, const struct slo_notice *n, const char *line)
{
	put_cut(w, "message", line, 130);
	put_cut(w, "alias", n->dedup_key, 512);
	put_cut(w, "description", line, 15000);
	slo_jsonw_member_str(w, "priority", priority_of(n->severity));
	put_cut(w, "entity", n->service, 512);
	slo_jsonw_key(w, "tags");
	slo_jsonw_array_begin(w);
	slo_jsonw_str(w, "llm-slo");
	if (*n->domain)
		slo_jsonw_str(w, n->domain);
	slo_jsonw_array_end(w);
	slo_jsonw_key(w, "details");
	slo_jsonw_object_begin(w);
	put_facts(w, n);
	slo_jsonw_object_end(w);
}

static void write_opsgenie(struct slo_jsonw *w, const struct slo_notice *n,
                           enum slo_notice_kind kind)
{
	char line[1100];

	(void)line_of(n, line, sizeof(line));
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "source", "llm-slo");
	if (kind == SLO_NOTICE_OPEN || kind == SLO_NOTICE_TEST) {
		write_opsgenie_alert(w, n, line);
	} else {
		slo_jsonw_member_str(w, "note", line);
	}
	slo_jsonw_object_end(w);
}

/* The key is of hexadecimal digits: nothing to escape. */
static void suffix_opsgenie(const struct slo_notice *n, enum slo_notice_kind kind, char *buf,
                            size_t size)
{
	if (kind == SLO_NOTICE_UPDATE || is_end(kind))
		(void)snprintf(buf, size, "/%s/%s?identifierType=alias", n->dedup_key,
		               is_end(kind) ? "close" : "notes");
}

/* --- Alertmanager --------------------------------------------------------------------------------------------- */

static void write_alert(struct slo_jsonw *w, const struct slo_notice *n, enum slo_severity severity,
                        int64_t ends_ns)
{
	char line[1100];

	slo_jsonw_object_begin(w);
	slo_jsonw_key(w, "labels");
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "alertname", "LLMSLOIncident");
	slo_jsonw_member_str(w, "severity", slo_notice_severity_name(severity));
	put_known(w, "cluster", n->cluster);
	put_known(w, "namespace", n->namespace_);
	put_known(w, "service", n->service);
	put_known(w, "slo", n->slo);
	slo_jsonw_member_str(w, "dedup_key", n->dedup_key);
	if (n->kind == SLO_NOTICE_TEST)
		slo_jsonw_member_str(w, "test", "true");
	slo_jsonw_object_end(w);
	slo_jsonw_key(w, "annotations");
	slo_jsonw_object_begin(w);
	put_cut(w, "summary", line_of(n, line, sizeof(line)), 1024);
	put_facts(w, n);
	slo_jsonw_object_end(w);
	put_time(w, "startsAt", n->started_unix_ns < ends_ns ? n->started_unix_ns : ends_ns);
	put_time(w, "endsAt", ends_ns);
	slo_jsonw_object_end(w);
}

/*
 * An alert is its labels, and routes look at the severity: where that has changed, the alert of another severity ends.
 * A resolution ends them all.
 */
static void write_alertmanager(struct slo_jsonw *w, const struct slo_notice *n,
                               enum slo_notice_kind kind)
{
	int64_t ended = n->ended_unix_ns ? n->ended_unix_ns : n->unix_ns;

	slo_jsonw_array_begin(w);
	for (enum slo_severity s = 0; s < SLO_SEVERITY_MAX_; s++) {
		if (is_end(kind)) {
			write_alert(w, n, s, ended);
		} else if (s == n->severity) {
			write_alert(w, n, s, n->unix_ns + ALERT_LIFE_NS);
		} else if (kind == SLO_NOTICE_UPDATE) {
			write_alert(w, n, s, n->unix_ns);
		}
	}
	slo_jsonw_array_end(w);
}

/* --- the table ------------------------------------------------------------------------------------------------ */

static const struct slo_webhook_format_desc formats[] = {
	[SLO_WEBHOOK_GENERIC] = { "generic", "", "", SLO_WEBHOOK_SIGNED, false, false, false,
	                          write_generic, NULL },
	[SLO_WEBHOOK_PAGERDUTY] = { "pagerduty", "https://events.pagerduty.com/v2/enqueue",
	                            "/v2/enqueue", SLO_WEBHOOK_ROUTING_KEY, true, true, false,
	                            write_pagerduty, NULL },
	[SLO_WEBHOOK_OPSGENIE] = { "opsgenie", "https://api.opsgenie.com/v2/alerts", "/v2/alerts",
	                           SLO_WEBHOOK_GENIE_KEY, true, true, false, write_opsgenie,
	                           suffix_opsgenie },
	[SLO_WEBHOOK_JSM] = { "jsm", "https://api.atlassian.com/jsm/ops/integration/v2/alerts",
	                      "/v2/alerts", SLO_WEBHOOK_GENIE_KEY, true, true, false,
	                      write_opsgenie, suffix_opsgenie },
	[SLO_WEBHOOK_ALERTMANAGER] = { "alertmanager", "", "/api/v2/alerts", SLO_WEBHOOK_BEARER,
	                               false, true, true, write_alertmanager, NULL },
	[SLO_WEBHOOK_SLACK] = { "slack", "", "", SLO_WEBHOOK_SIGNED, false, false, false,
	                        write_slack, NULL },
};
SLO_TABLE_COMPLETE(formats, SLO_WEBHOOK_MAX_);

const struct slo_webhook_format_desc *slo_webhook_format_desc(enum slo_webhook_format format)
{
	return &formats[format];
}
