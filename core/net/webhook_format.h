/* SPDX-License-Identifier: Apache-2.0 */
/* What each receiver wants to hear of a notice: its address, body and headers. */
#ifndef SLO_NET_WEBHOOK_FORMAT_H
#define SLO_NET_WEBHOOK_FORMAT_H

#include <stdbool.h>

#include "core/base/jsonw.h"
#include "core/net/webhook.h"

/* How a secret is used. */
enum slo_webhook_auth {
	SLO_WEBHOOK_SIGNED, /* Standard Webhooks headers; none without a secret */
	SLO_WEBHOOK_ROUTING_KEY, /* in the body */
	SLO_WEBHOOK_GENIE_KEY, /* Authorization: GenieKey */
	SLO_WEBHOOK_BEARER, /* Authorization: Bearer; none without a secret */
};

struct slo_webhook_format_desc {
	const char *name;
	const char *url; /* the public address; "": there is none */
	const char *path; /* appended to a configured address that does not end in it */
	enum slo_webhook_auth auth;
	bool needs_secret;
	bool resolves; /* what is opened stays open until it is resolved */
	bool expires; /* or until it was not heard of for some time: an open incident is told again before that */
	/* Writes the body; @kind is the notice's, but a test's end is SLO_NOTICE_RESOLVE. */
	void (*write)(struct slo_jsonw *w, const struct slo_notice *n, enum slo_notice_kind kind);
	/* After the address, "" most times; NULL: never. */
	void (*suffix)(const struct slo_notice *n, enum slo_notice_kind kind, char *buf,
	               size_t size);
};

const struct slo_webhook_format_desc *slo_webhook_format_desc(enum slo_webhook_format format);

#endif
