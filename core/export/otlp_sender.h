/* SPDX-License-Identifier: Apache-2.0 */
/* Ready OTLP requests, each kind in its own lane; the caps on memory and disk that these share. */
#ifndef SLO_EXPORT_OTLP_SENDER_H
#define SLO_EXPORT_OTLP_SENDER_H

#include "core/export/otlp_exporter.h"

struct slo_otlp_sender;

int slo_otlp_sender_new(struct slo_otlp_sender **ret, const struct slo_otlp_exporter_config *cfg,
                        struct slo_err *err);
void slo_otlp_sender_freep(struct slo_otlp_sender **s);
#define slo_otlp_sender_auto slo_cleanup(slo_otlp_sender_freep)

/* Whether requests of this kind go anywhere. */
bool slo_otlp_sender_wants(const struct slo_otlp_sender *s, enum slo_otlp_kind kind);
/* Takes @body (malloc'd) over, always. */
void slo_otlp_sender_put(struct slo_otlp_sender *s, enum slo_otlp_kind kind, uint8_t *body,
                         size_t len, size_t items);
/* Items that never became a request. */
void slo_otlp_sender_drop(struct slo_otlp_sender *s, enum slo_otlp_kind kind, size_t items);
void slo_otlp_sender_tick(struct slo_otlp_sender *s, uint64_t now_ns);
void slo_otlp_sender_drain(struct slo_otlp_sender *s, uint64_t timeout_ms);
void slo_otlp_sender_stats(const struct slo_otlp_sender *s, struct slo_otlp_exporter_stats *ret);

#endif
