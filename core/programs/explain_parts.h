/* SPDX-License-Identifier: Apache-2.0 */
/* What every form of an explanation shows, chosen once: for explain.c and explain_svg.c. */
#ifndef SLO_PROGRAMS_EXPLAIN_PARTS_H
#define SLO_PROGRAMS_EXPLAIN_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/engine/attribute.h"

/* Faults with a waterfall of their own, SLO_DOMAIN_BITs: what is asserted or in the best set, else the likeliest. */
uint32_t slo_explain_shown(const struct slo_attribution *v);
/* Kinds that speak of fault @f, SLO_EVID_BITs. */
uint32_t slo_explain_kinds(const struct slo_attr_model *m, const struct slo_attribution *v,
                           unsigned int f);
/* Kinds that would tell of fault @f and were not measured. */
uint32_t slo_explain_missing(const struct slo_attr_model *m, const struct slo_observation *obs,
                             unsigned int f);
/* The kind that speaks the most against @f; false where none does. */
bool slo_explain_against(const struct slo_attribution *v, unsigned int f, unsigned int *ret_kind);

#endif
