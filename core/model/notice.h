/* SPDX-License-Identifier: Apache-2.0 */
/* What people are told of an incident: one message of its life, ready for any receiver. */
#ifndef SLO_MODEL_NOTICE_H
#define SLO_MODEL_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum slo_notice_kind {
	SLO_NOTICE_OPEN,
	SLO_NOTICE_UPDATE,
	SLO_NOTICE_RESOLVE,
	SLO_NOTICE_TEST, /* labelled as a test in every format, resolved at once where the format can */
	SLO_NOTICE_KIND_MAX_,
};

enum slo_severity {
	SLO_SEVERITY_CRITICAL, /* the fastest page burns */
	SLO_SEVERITY_ERROR, /* a page */
	SLO_SEVERITY_WARNING, /* a ticket */
	SLO_SEVERITY_INFO,
	SLO_SEVERITY_MAX_,
};

/* "open", "update", "resolve", "test"; "critical", "error", "warning", "info". */
const char *slo_notice_kind_name(enum slo_notice_kind kind);
const char *slo_notice_severity_name(enum slo_severity severity);

#define SLO_DEDUP_KEY_LEN 33 /* 32 hexadecimal digits and the NUL */

/* Borrowed strings, never NULL; "" unknown. */
struct slo_notice {
	enum slo_notice_kind kind;
	enum slo_severity severity;
	const char *id; /* of this message: the same at every attempt, another for each message */
	const char *dedup_key; /* of the incident: the same from open to resolve */
	const char *incident_id;
	const char *summary; /* one line for people; UTF-8 */
	const char *cluster, *namespace_, *service;
	const char *slo; /* name of the objective */
	const char *sli;
	const char *domain; /* predicted_fault_domain */
	const char *next_step; /* the first one */
	double confidence, burn_rate;
	int64_t started_unix_ns, unix_ns; /* of the incident, of this message */
	int64_t ended_unix_ns; /* RESOLVE; else 0 */
	const char *
		json; /* the incident as one object, incident-attribution v1beta1, without a newline */
	size_t json_len;
	bool synthetic;
};

#endif
