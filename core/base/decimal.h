/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal numbers as records have them to double, quickly where that is exact. */
#ifndef SLO_BASE_DECIMAL_H
#define SLO_BASE_DECIMAL_H

#include <stdbool.h>

/*
 * What strtod() in the C locale makes of the number at the beginning of @s, and where it ends: for up to 15 digits or so and
 * a power of ten up to 22, which are nearly all (W. Clinger, How to read floating point numbers accurately, 1990). False, and
 * nothing done, for all others and for what is no number.
 */
bool slo_decimal_read(const char *s, double *ret, char **ret_end);

#endif
