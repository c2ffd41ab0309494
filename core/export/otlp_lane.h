/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ready requests of one kind on their way: a queue in memory, a spool behind it, retries, and what was answered. Each
 * kind has its own, so that an endpoint that fails holds up no other.
 */
#ifndef SLO_EXPORT_OTLP_LANE_H
#define SLO_EXPORT_OTLP_LANE_H

#include "core/export/otlp_exporter.h"
#include "core/store/spool.h"

struct slo_otlp_lane;

int slo_otlp_lane_new(struct slo_otlp_lane **ret, enum slo_otlp_kind kind,
                      const struct slo_otlp_exporter_config *cfg, struct slo_err *err);
/* Its place on disk, a folder of its own below cfg->spool_dir; once, before anything is put. */
int slo_otlp_lane_open(struct slo_otlp_lane *l, const struct slo_otlp_exporter_config *cfg,
                       uint64_t max_bytes, struct slo_err *err);
void slo_otlp_lane_freep(struct slo_otlp_lane **l);

/* Whether requests go anywhere. */
bool slo_otlp_lane_wants(const struct slo_otlp_lane *l);
/* Takes @body (malloc'd) over, always. It waits for the next pump. */
void slo_otlp_lane_put(struct slo_otlp_lane *l, uint8_t *body, size_t len, size_t items);
/* Items that never became a request, or were lost elsewhere. */
void slo_otlp_lane_drop(struct slo_otlp_lane *l, size_t items);

size_t slo_otlp_lane_bytes(const struct slo_otlp_lane *l); /* in memory */
/* The oldest request that is not under way goes to disk, or is lost, counted. False: there is none. */
bool slo_otlp_lane_spill(struct slo_otlp_lane *l);

/* It is sent, and nothing failed since the last answer. */
bool slo_otlp_lane_is_well(const struct slo_otlp_lane *l);
/*
 * A record of another spool, on to this one's. False: not now. @push: where this kind fails it is taken though its own
 * oldest go for it.
 */
bool slo_otlp_lane_adopt(struct slo_otlp_lane *l, const struct slo_spool_record *r, bool push);

/* Sends what is due. */
void slo_otlp_lane_pump(struct slo_otlp_lane *l, uint64_t now_ns);
void slo_otlp_lane_expire(struct slo_otlp_lane *l, int64_t unix_ms);
/* From now on nothing is waited for but what the collector asked for. */
void slo_otlp_lane_hurry(struct slo_otlp_lane *l);
/* Something is under way, or could be before @until_ns. */
bool slo_otlp_lane_is_due(const struct slo_otlp_lane *l, uint64_t until_ns);
/* What is under way is broken off; all that is in memory goes to disk, or is lost, counted. */
void slo_otlp_lane_put_down(struct slo_otlp_lane *l);

/* What @st says of a spool, added. */
void slo_otlp_add_spool(const struct slo_spool_stats *st, struct slo_otlp_exporter_stats *ret);
/* Adds its own. */
void slo_otlp_lane_stats(const struct slo_otlp_lane *l, struct slo_otlp_exporter_stats *ret);

#endif
