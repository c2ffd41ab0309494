/* SPDX-License-Identifier: Apache-2.0 */
/* The two steps inside noisy-or that fitting its parameters needs one by one. */
#ifndef SLO_ENGINE_ATTRIBUTE_SETS_H
#define SLO_ENGINE_ATTRIBUTE_SETS_H

#include "core/engine/attribute.h"

/*
 * What was observed as likelihood ratios and weights; does not depend on leaks, lambdas, priors and temperature. Kinds
 * that @m does not use or that are absent stay as they are in @ret. The SLO_EVID_BITs of the others.
 */
uint32_t slo_attr_weigh(const struct slo_attr_model *m, const struct slo_observation *obs,
                        struct slo_attr_evidence ret[SLO_EVID_MAX_]);

/* ln prior + ln P(evidence | set) of all sets, up to a constant, before the temperature. */
void slo_attr_sets(const struct slo_attr_model *m, uint32_t present,
                   const struct slo_attr_evidence evidence[SLO_EVID_MAX_],
                   double ret_log_p[SLO_FAULT_SETS]);

/* Posterior of the sets at @temperature; @ret_p may be @log_p. */
void slo_attr_normalise(const double log_p[SLO_FAULT_SETS], double temperature,
                        double ret_p[SLO_FAULT_SETS]);

/* Marginals of the faults, and the probability of the empty set for unknown. */
void slo_attr_marginals(const double p[SLO_FAULT_SETS], double ret[SLO_DOMAIN_MAX_]);

#endif
