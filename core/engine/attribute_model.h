/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of the noisy-or model; read from an INI file (core/config/model_ini.h), two sets are embedded. */
#ifndef SLO_ENGINE_ATTRIBUTE_MODEL_H
#define SLO_ENGINE_ATTRIBUTE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/domain.h"
#include "core/model/evidence.h"

#define SLO_ATTR_MODEL_NAME_LEN 64

/* Limits of ln LR: no single measurement says more. 1:100 and 1000:1. */
#define SLO_ATTR_LOG_LR_MIN (-4.6)
#define SLO_ATTR_LOG_LR_MAX 6.9
#define SLO_ATTR_LR_STEPS 513 /* up to z = 64 */

/* One kind of evidence. Probabilities are of "raised". */
struct slo_attr_model_evidence {
	bool used; /* false: not part of this model, as if never measured */
	double leak; /* l_i0: raised with no fault at all; (0, 1) */
	double lambda[SLO_FAULT_MAX]; /* l_if: raised by fault f alone, without the leak; [0, 1) */
	double median; /* shipped baseline, in the kind's unit */
	double spread; /* robust standard deviation of g(x) beside it; > 0 */
	double min_spread; /* s_min: a learnt spread is never taken as smaller; > 0 */
	double floor; /* in the kind's unit: a value below is never raised */
};

struct slo_attr_model {
	char name[SLO_ATTR_MODEL_NAME_LEN];
	struct slo_attr_model_evidence evidence[SLO_EVID_MAX_];
	double prior[SLO_FAULT_MAX]; /* given an SLO breach; (0, 1) */
	double rho[SLO_EVID_GROUP_MAX_]; /* [0, 1]: how much evidence of one group repeats itself */
	double temperature; /* > 0; above 1 softens */
	double assert_at; /* posterior from which a fault is asserted */
	double ambiguous_nats, evidence_nats, observable_nats,
		unexplained_z; /* limits of abstaining */

	/* Of `sloctl calibrate`; n 0: not calibrated. */
	double conformal_n; /* calibration incidents, a whole number */
	double conformal_alpha; /* 1 - coverage */
	double conformal_quantile; /* scores 1 - m_true; a domain with 1 - m <= it is in the set */

	/* Derived by slo_attr_model_finish(). */
	bool finished;
	double log_lr[SLO_ATTR_LR_STEPS]; /* of z = 0, 1/8, 2/8, ... */
	double q[SLO_EVID_MAX_][SLO_FAULT_SETS]; /* P(kind raised | set of faults) */
	double log_prior[SLO_FAULT_SETS]; /* of the set */
	double shipped_g[SLO_EVID_MAX_]; /* g(median) */
	enum slo_evidence_group group[SLO_EVID_MAX_];
};

/*
 * Checks ranges and fills the derived fields; to be called again after any change. 0, or -ERANGE with @err naming the
 * parameter.
 */
int slo_attr_model_finish(struct slo_attr_model *m, struct slo_err *err);

/*
 * ln p(z | raised) / p(z | normal), clipped to [SLO_ATTR_LOG_LR_MIN, SLO_ATTR_LOG_LR_MAX]; never falls as z grows.
 * Normal is .95 N(0, 1.5^2) + .05 N(0, 12^2); raised is log-uniform over z = 3 to 60, as four normal distributions with
 * means 4, 8, 16, 32 and a standard deviation of .4 of the mean. Below the median all is as normal as at it. z = 4
 * gives 9:1. Of a finished model.
 */
double slo_attr_log_lr(const struct slo_attr_model *m, double z);

#endif
