/* SPDX-License-Identifier: Apache-2.0 */
/* What every form of an explanation shows, chosen once: for explain.c and explain_svg.c. */
#ifndef SLO_PROGRAMS_EXPLAIN_PARTS_H
#define SLO_PROGRAMS_EXPLAIN_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/engine/attribute.h"

/* Faults with a waterfall of their own, SLO_DOMAIN_BITs: what is asserted or in the best set, else the likeliest. */
uint32_t slo_explain_shown(const struct slo_attribution *v);
/* Kinds that speak of fault @f, SLO_EVID_BITs. */
uint32_t slo_explain_kinds(const struct slo_attr_model *m, const struct slo_attribution *v,
                           unsigned int f);
/* Kinds that would tell of fault @f and were not measured. */
uint32_t slo_explain_missing(const struct slo_attr_model *m, const struct slo_observation *obs,
                             unsigned int f);
/*
 * Of the faults from *@f on the next that something speaks against and that has no waterfall and is observable, in *@f; its
 * strongest kind. False: none is left. for (f = 0; slo_explain_next_against(v, &f, &kind); f++) ...
 */
bool slo_explain_next_against(const struct slo_attribution *v, unsigned int *f,
                              unsigned int *ret_kind);

#define SLO_EXPLAIN_VALUE_SIZE 40
/* What was measured of @kind, with its unit; @buf. */
const char *slo_explain_value(const struct slo_observation *obs, unsigned int kind,
                              char buf[SLO_EXPLAIN_VALUE_SIZE]);

/* Words of our own tables, which need no escape in XML either. */
void slo_explain_put_verdict(FILE *out, const struct slo_attribution *v);
void slo_explain_put_set(FILE *out, uint32_t set);
void slo_explain_put_kinds(FILE *out, uint32_t kinds);
/* What slo_explain_missing() says. */
void slo_explain_put_missing(FILE *out, uint32_t missing);

#endif
