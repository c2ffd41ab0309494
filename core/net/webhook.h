/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices to receivers of people's choice: spooled before they are sent, at least once under one id, oldest first, with
 * retries, a circuit breaker, and a dead-letter file for what a receiver refuses for good.
 */
#ifndef SLO_NET_WEBHOOK_H
#define SLO_NET_WEBHOOK_H

#include "core/base/err.h"
#include "core/model/notice.h"
#include "core/net/http_client.h"

enum slo_webhook_format { /* in the order of the configuration's */
	SLO_WEBHOOK_GENERIC,
	SLO_WEBHOOK_PAGERDUTY,
	SLO_WEBHOOK_OPSGENIE,
	SLO_WEBHOOK_JSM,
	SLO_WEBHOOK_ALERTMANAGER,
	SLO_WEBHOOK_SLACK,
	SLO_WEBHOOK_MAX_,
};

struct slo_webhook_config {
	enum slo_webhook_format format;
	const char *url; /* "": the format's own public address, where it has one */
	const char *
		secret; /* generic, slack: signing key (Standard Webhooks: "whsec_" and base64, or base64); pagerduty: routing key; opsgenie, jsm: API key */
	bool legacy_signature; /* X-Webhook-Signature too */
	uint64_t timeout_ms;
	struct slo_http_tls tls;
	const char *dir; /* its spool and dead letters; "": memory only */
	uint64_t spool_bytes, spool_age_ms;
	bool v1; /* generic: fields of incident-attribution v1 alone; the caller's JSON is that then */
	struct slo_http_client *client; /* borrowed until free */
};

struct slo_webhook_stats {
	uint64_t delivered, retried, dead; /* messages */
	uint64_t dropped; /* past the caps, or unsent at the end and on no disk */
	uint64_t damaged; /* of those dropped, what was broken on disk */
	uint64_t cut_bytes; /* of the queue on disk, when it was opened: they were broken */
	uint64_t waiting; /* now */
	bool disabled; /* 410 came */
	bool open_circuit; /* five failures in a row: one try a minute until one succeeds */
	char why[256]; /* the last failure; never a secret */
};

struct slo_webhook;

int slo_webhook_new(struct slo_webhook **ret, const struct slo_webhook_config *cfg,
                    struct slo_err *err);
void slo_webhook_freep(struct slo_webhook **w);
#define slo_webhook_auto slo_cleanup(slo_webhook_freep)

/*
 * Durable when it returns 0 (with a dir, all but updates are synced). Where the disk does not take it, its error comes
 * back, and the notice is sent from memory. -EINVAL: no id or dedup_key. Never waits for the network.
 */
int slo_webhook_send(struct slo_webhook *w, const struct slo_notice *n, struct slo_err *err);
void slo_webhook_tick(struct slo_webhook *w, uint64_t now_ns);
/*
 * At the end: as much as goes within @timeout_ms (the client is run meanwhile), though not before a Retry-After. The rest
 * stays on disk; without one it is dropped, counted.
 */
void slo_webhook_drain(struct slo_webhook *w, uint64_t timeout_ms);
void slo_webhook_stats(const struct slo_webhook *w, struct slo_webhook_stats *ret);

/* The body of a notice, unsent, "***" for a secret in it: for tests, --dry-run. *@ret_body malloc'd. */
int slo_webhook_render(const struct slo_webhook_config *cfg, const struct slo_notice *n,
                       char **ret_body, size_t *ret_len, struct slo_err *err);

#endif
