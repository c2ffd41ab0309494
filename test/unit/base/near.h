/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing doubles: cmocka's own assert_float_equal() takes floats. */
#ifndef SLO_TEST_NEAR_H
#define SLO_TEST_NEAR_H

#include <math.h>

#define assert_near(a, b, tolerance)                                                            \
	do {                                                                                    \
		double _a = (a), _b = (b);                                                      \
		if (!(fabs(_a - _b) <= (tolerance)))                                            \
			print_error("%.17g is not %.17g +- %g\n", _a, _b, (double)(tolerance)); \
		assert_true(fabs(_a - _b) <= (tolerance));                                      \
	} while (0)

#endif
