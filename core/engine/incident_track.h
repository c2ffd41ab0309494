/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of an incident of one objective: opened by its burn rate, told of when something changed, resolved in calm. A
 * service without requests is not calm: nobody sees whether it is over, and after an hour it is closed as that.
 */
#ifndef SLO_ENGINE_INCIDENT_TRACK_H
#define SLO_ENGINE_INCIDENT_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/engine/burn.h"
#include "core/model/notice.h"

#define SLO_INCIDENT_UPDATE_NS \
	INT64_C(60000000000) /* at most one a minute, unless the set of faults changes */
/* One that goes on unchanged is told again so often to receivers that forget: half the life of an alert, webhook_format.c. */
#define SLO_INCIDENT_REMIND_NS INT64_C(7200000000000)
#define SLO_INCIDENT_CALM 2 /* evaluations in a row without an alert that end it */
/* Without requests nobody can see whether it is over; after so long nobody waits for it any more. */
#define SLO_INCIDENT_SILENT_NS INT64_C(3600000000000)

enum slo_incident_step {
	SLO_INCIDENT_NOTHING,
	SLO_INCIDENT_OPEN,
	SLO_INCIDENT_UPDATE,
	SLO_INCIDENT_RESOLVE,
	SLO_INCIDENT_REMIND, /* no news; for receivers that end by themselves what they do not hear of again */
	SLO_INCIDENT_STEP_MAX_,
};

/* All zero is "none open". */
struct slo_incident_track {
	bool open;
	unsigned int calm; /* evaluations without an alert so far */
	uint32_t pair; /* that fired last: index of slo_burn_config.pair */
	int64_t silent_ns; /* CLOCK_REALTIME: too few requests since then to see whether it is over; 0: enough */
	bool silent_told;
	int64_t opened_ns; /* CLOCK_REALTIME */
	int64_t told_ns; /* of the last notice */
	uint32_t told_set; /* asserted faults (SLO_DOMAIN_BIT) of that */
	enum slo_burn_state told_state;
	double told_burn;
	uint32_t notices; /* so far: each has an id of its own */
	char id[33]; /* "inc-" and 16 hexadecimal digits */
	char dedup_key[SLO_DEDUP_KEY_LEN];
};

/* What decides which incident this is. Borrowed. */
struct slo_incident_scope {
	const char *cluster, *namespace_, *service, *slo, *node;
};

struct slo_incident_now {
	int64_t unix_ns;
	enum slo_burn_state state;
	double burn; /* of the pair that fires */
	uint32_t pair; /* that fires */
	bool silent; /* nothing fires, for want of requests: slo_burn_is_silent() */
	uint32_t set; /* asserted faults; 0: none */
};

/*
 * One evaluation. A step changes the track as if its notice had been told; a clock that was set back delays an update,
 * no more. The key is sha256(cluster|namespace|service|slo|set of faults at opening)[:32] and stays to the end: a
 * receiver closes what it opened.
 */
enum slo_incident_step slo_incident_track_step(struct slo_incident_track *t,
                                               const struct slo_incident_scope *scope,
                                               const struct slo_incident_now *now);

/* Ends it whatever burns: nobody asks any more. RESOLVE, or NOTHING where none is open. */
enum slo_incident_step slo_incident_track_end(struct slo_incident_track *t);

/* Id of the notice of the last step: "ID-N". */
void slo_incident_notice_id(const struct slo_incident_track *t, char *buf, size_t size);

/* Critical for pages of 10 times the budget and more. */
enum slo_severity slo_incident_severity(enum slo_burn_state state, double burn);

#endif
