/* SPDX-License-Identifier: Apache-2.0 */
/* Doubles compared with a stated tolerance: cmocka's own are floats. Include behind cmocka.h. */
#ifndef SLO_TEST_NEAR_H
#define SLO_TEST_NEAR_H

#include <math.h>
#include <stdio.h>

/* NaN is near nothing. */
static inline int is_near(double got, double want, double tolerance)
{
	if (fabs(got - want) <= tolerance)
		return 1;
	print_error("got %.17g, want %.17g within %g\n", got, want, tolerance);
	return 0;
}

#define assert_near(got, want, tolerance) assert_true(is_near((got), (want), (tolerance)))

#endif
