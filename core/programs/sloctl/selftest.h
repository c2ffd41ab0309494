/* SPDX-License-Identifier: Apache-2.0 */
/* Makes one known event per signal on this host, measures a truth another way, and compares what a backend says of it. */
#ifndef SLO_SLOCTL_SELFTEST_H
#define SLO_SLOCTL_SELFTEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/backend.h"
#include "core/base/jsonw.h"

struct slo_selftest_result {
	enum slo_signal signal;
	bool ran; /* false: skipped, see text */
	bool passed;
	bool seen; /* the backend delivered the event */
	double value,
		truth; /* in the signal's unit; of several events made, those that agree least */
	double tolerance; /* absolute, in the signal's unit */
	char what[128]; /* the cause made; "" where skipped before */
	char text[200]; /* reason of a skip or failure, "" otherwise */
};

/*
 * One result per signal of @signals, in the order of enum slo_signal. @cfg is a template: host_root and btf_path are
 * used. @only: backend name or NULL. Takes 2 s beside the time to attach; on a host that delivers nothing up to about
 * 8 s, with second tries. Forks helpers, ended and reaped before it returns; brings the loopback interface up for the
 * while where it is down, and makes cgroups named llm-slo-selftest-PID-*. Number of results, or negative errno.
 */
int slo_selftest_run(const struct slo_backend_config *cfg, const char *only, uint64_t signals,
                     struct slo_selftest_result results[SLO_SIG_MAX_], struct slo_err *err);

/* True where nothing that ran failed, and something ran. */
bool slo_selftest_is_passed(const struct slo_selftest_result *results, int count);

/* "passed", "FAILED" or "skipped". */
const char *slo_selftest_verdict(const struct slo_selftest_result *r);

/* A table for people. */
void slo_selftest_print(FILE *out, const struct slo_selftest_result *results, int count);

/* An array with one object a result, as the next value of @w. */
void slo_selftest_json(struct slo_jsonw *w, const struct slo_selftest_result *results, int count);

#endif
