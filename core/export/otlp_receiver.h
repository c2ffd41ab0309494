/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP/HTTP in: POST /v1/traces, protobuf or JSON, plain or gzip, answered as the protocol asks (otlp.md). */
#ifndef SLO_EXPORT_OTLP_RECEIVER_H
#define SLO_EXPORT_OTLP_RECEIVER_H

#include "core/export/otlp_batch.h"

/* How the User-Agent of an agent's own requests begins: what has it is answered 508. */
#define SLO_OTLP_AGENT "llm-slo-agent/"

struct slo_otlp_receiver;

/*
 * Takes @batch, of one span or more, over: 0. Or -EAGAIN: no room; the sender is told 429 with Retry-After and keeps what
 * it sent, the receiver frees @batch.
 */
typedef int (*slo_otlp_batch_fn)(void *user, struct slo_otlp_batch *batch);

struct slo_otlp_receiver_config {
	const char *listen; /* as struct slo_http_server_config */
	const char *token; /* as there */
	size_t max_body; /* bytes, as sent and unpacked; 0: 16 MiB; at most 64 MiB */
	slo_otlp_batch_fn on_batch;
	void *user;
};

struct slo_otlp_receiver_stats {
	uint64_t requests, spans; /* accepted */
	uint64_t rejected_spans; /* refused alone */
	uint64_t bad_requests; /* 400, 413, 415 and the like */
	uint64_t throttled; /* 429 */
	uint64_t bytes; /* unpacked, of those accepted */
	uint64_t refused, aborted; /* by the server itself: cut off for want of room; ended early */
	uint64_t connections; /* open now */
};

int slo_otlp_receiver_open(struct slo_otlp_receiver **ret,
                           const struct slo_otlp_receiver_config *cfg, struct slo_err *err);
void slo_otlp_receiver_freep(struct slo_otlp_receiver **r);
#define slo_otlp_receiver_auto slo_cleanup(slo_otlp_receiver_freep)
int slo_otlp_receiver_fd(const struct slo_otlp_receiver *r);
void slo_otlp_receiver_run(struct slo_otlp_receiver *r); /* readable, and once a second */
uint16_t slo_otlp_receiver_port(const struct slo_otlp_receiver *r);
void slo_otlp_receiver_stats(const struct slo_otlp_receiver *r,
                             struct slo_otlp_receiver_stats *ret);

#endif
