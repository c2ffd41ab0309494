/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of `sloctl prereq check`: facts of the host judged by what the agent needs of them. */
#ifndef SLO_SLOCTL_PREREQ_H
#define SLO_SLOCTL_PREREQ_H

#include "backends/session.h"
#include "compat/features.h"
#include "core/base/jsonw.h"

enum slo_severity {
	SLO_SEVERITY_BLOCKER, /* nothing can be measured */
	SLO_SEVERITY_WARNING, /* some signals, or some detail, cannot be had */
	SLO_SEVERITY_INFO, /* never fails */
	SLO_SEVERITY_MAX_,
};

const char *slo_severity_name(enum slo_severity severity);

struct slo_check {
	const char *name; /* static; stable, for machines */
	bool pass;
	enum slo_severity severity;
	char current[200];
	const char *required; /* static */
	const char *remediation; /* static; "" where it passes */
};

#define SLO_CHECKS_MAX 32

/* Judges @features. Returns the number of checks. */
unsigned int slo_prereq_checks(const struct slo_host_features *features,
                               struct slo_check checks[SLO_CHECKS_MAX]);

/* One check more per the backends' reports: is at least one signal to be had? */
void slo_prereq_signals_check(const struct slo_backend_report *reports, unsigned int count,
                              struct slo_check *ret);

/* One more where a file that was given for a rung is of no use; false: there is none such. */
bool slo_prereq_file_check(const struct slo_backend_report *reports, unsigned int count,
                           struct slo_check *ret);

#endif
