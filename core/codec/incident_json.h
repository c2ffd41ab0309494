/* SPDX-License-Identifier: Apache-2.0 */
/* Incident attributions as JSON lines, incident-attribution v1beta1 or the fields of v1 alone. */
#ifndef SLO_CODEC_INCIDENT_JSON_H
#define SLO_CODEC_INCIDENT_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/engine/attribute.h"

/* Whose verdict it is. All strings borrowed during the call; "" unknown, never NULL. */
struct slo_incident {
	const char *incident_id;
	const char *cluster;
	const char *namespace_;
	const char *service;
	const char *sli;
	const char *request_id;
	const char *trace_id;
	const char *source; /* what measured the signals: "ebpf" (also for ""), "procfs", ... */
	const char *model; /* name of the parameters; "" for models that have none */
	const char *capability_mode; /* "" unknown */
	/* Of an incident with a life; NULL or "", and 0, where there is none. Additions of v1beta1. */
	const char *status; /* "open", "update", "resolved", "test" */
	const char *slo; /* name of the objective */
	const char *dedup_key;
	int64_t started_ns, ended_ns; /* since 1970 */
	int64_t timestamp_ns; /* since 1970 */
	double burn_rate;
	int64_t window_minutes;
	bool synthetic; /* made, not measured */
	const struct slo_observation *observation;
	const struct slo_attribution *verdict;
};

/* Holds any line whose ids are no longer than 253 bytes each. */
#define SLO_INCIDENT_JSON_MAX 16384

/*
 * One line, a newline and a NUL (not counted). Its length, or -ENOSPC. Evidence is what the model used: each kind that
 * was measured and that it knows, the weightiest first, with what it adds to the odds of the domain predicted (of the
 * likeliest fault where none is) in nats.
 */
ssize_t slo_incident_json_write(char *buf, size_t size, const struct slo_incident *incident,
                                bool v1);

/* The fault whose evidence is shown: the top one, or where nothing is asserted the likeliest of the observable ones. */
enum slo_domain slo_incident_focus(const struct slo_attribution *verdict);

/* Whose next steps help: what is asserted, else the best set, else unknown. SLO_DOMAIN_BITs. */
uint32_t slo_incident_suspects(const struct slo_attribution *verdict);

#endif
