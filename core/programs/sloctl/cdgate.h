/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of `sloctl cdgate`: who is asked, and what is said of the answers. */
#ifndef SLO_SLOCTL_CDGATE_H
#define SLO_SLOCTL_CDGATE_H

#include <stdio.h>

#include "core/engine/cd_gate.h"

/* Recorded answers: a folder of NAME.json, or one file with the names as keys. What fails is in the readings. */
void slo_cdgate_recorded(const char *path, struct slo_cd_reading readings[SLO_CD_METRIC_MAX_]);

struct slo_cdgate_server {
	const char *url; /* of Prometheus; a path in it is kept */
	const char *token_file; /* bearer token; NULL: none */
	const char *ca_file; /* NULL: the usual places */
	uint64_t timeout_ms; /* of each query */
};

/* 0: what fails is in the readings; or a negative errno with @err: the token cannot be read. */
int slo_cdgate_ask(const struct slo_cdgate_server *server, char queries[][SLO_CD_QUERY_MAX],
                   struct slo_cd_reading readings[SLO_CD_METRIC_MAX_], struct slo_err *err);

struct slo_cdgate_report {
	const struct slo_cd_gate *gate;
	const struct slo_cd_reading *readings;
	const struct slo_cd_result *result;
	char (*queries)[SLO_CD_QUERY_MAX];
	const char *explanation; /* why it is so, as the agent sees it; "" not asked or not known */
};

/* In the order of --output. */
enum slo_cdgate_output {
	SLO_CDGATE_TEXT,
	SLO_CDGATE_JSON,
	SLO_CDGATE_JUNIT,
	SLO_CDGATE_MARKDOWN,
	SLO_CDGATE_OUTPUT_MAX_,
};

void slo_cdgate_print(FILE *out, enum slo_cdgate_output form, const struct slo_cdgate_report *r);

#endif
