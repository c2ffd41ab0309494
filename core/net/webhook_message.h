/* SPDX-License-Identifier: Apache-2.0 */
/* One message to a receiver: as it waits (without any secret), and as a signed request. */
#ifndef SLO_NET_WEBHOOK_MESSAGE_H
#define SLO_NET_WEBHOOK_MESSAGE_H

#include <sys/types.h>

#include "core/net/webhook.h"

#define SLO_WEBHOOK_ID_LEN 128 /* of a message's id, with the NUL */

/* Borrowed from the record it was decoded from; not terminated. */
struct slo_webhook_message {
	enum slo_notice_kind kind;
	const char *id;
	size_t id_len;
	const char *suffix; /* of the address */
	size_t suffix_len;
	const char *body;
	size_t body_len;
};

/*
 * The record of a notice for a spool: *@ret malloc'd. @kind SLO_NOTICE_RESOLVE of a test ends it, under an id of its
 * own. 0, -EINVAL (no id, or one too long) or -ENOMEM.
 */
int slo_webhook_message_encode(enum slo_webhook_format format, const struct slo_notice *n,
                               enum slo_notice_kind kind, uint8_t **ret, size_t *ret_len,
                               uint32_t *ret_tag);
/* False: no record of this format. */
bool slo_webhook_message_decode(enum slo_webhook_format format, uint32_t tag, const uint8_t *data,
                                size_t len, struct slo_webhook_message *ret);

/* A line for the dead-letter file, with its newline; the body only where it fits. Its length or -ENOSPC. */
ssize_t slo_webhook_dead_line(char *buf, size_t size, const struct slo_webhook_message *m,
                              enum slo_webhook_format format, unsigned int status, const char *why);

/* Where messages go, and with what secret. Strings are owned. */
struct slo_webhook_sender {
	enum slo_webhook_format format;
	char *url;
	char *secret; /* "" none */
	uint8_t *key; /* of the signature; NULL: none */
	size_t key_len;
	bool legacy_signature;
	uint64_t timeout_ms;
	struct slo_http_tls tls; /* of @file */
	char *file[3];
	struct slo_http_client *client; /* borrowed */
};

/* 0, or -EINVAL, -ENOMEM with @err; fini is right in any case. */
int slo_webhook_sender_init(struct slo_webhook_sender *s, const struct slo_webhook_config *cfg,
                            struct slo_err *err);
void slo_webhook_sender_fini(struct slo_webhook_sender *s);

struct slo_webhook_sent {
	uint64_t id; /* of the client's request */
	char *body; /* the caller's, to be freed after @done */
};

/* As slo_http_client_submit(). */
int slo_webhook_submit(const struct slo_webhook_sender *s, const struct slo_webhook_message *m,
                       slo_http_done_fn done, void *user, struct slo_webhook_sent *ret,
                       struct slo_err *err);

/* What a signature is made of. */
struct slo_webhook_signed {
	const char *id, *time; /* time in seconds since 1970 */
	const char *body;
	size_t body_len;
};

#define SLO_WEBHOOK_SIGNATURE_SIZE 48
/* "v1,<base64>" of Standard Webhooks. */
void slo_webhook_signature(const uint8_t *key, size_t key_len,
                           const struct slo_webhook_signed *what,
                           char ret[SLO_WEBHOOK_SIGNATURE_SIZE]);

#endif
