/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/decimal.h"

#include <stdint.h>
#include <stdlib.h>

#include "core/base/base.h"

/* Both exact in a double: then one multiplication or division rounds once, as it must. */
#define MANTISSA_MAX (UINT64_C(1) << 53)
static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
	                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
#define POWER_MAX ((int)SLO_ARRAY_SIZE(powers) - 1)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits from *@s on, behind those of *@mantissa. False where they become too many. */
static bool read_digits(const char **s, uint64_t *mantissa)
{
	for (; is_digit(**s); (*s)++) {
		*mantissa = 10 * *mantissa + (uint64_t)(**s - '0');
		if (*mantissa > MANTISSA_MAX)
			return false;
	}
	return true;
}

/* The power behind an e, where there is one; false where it is too large. */
static bool read_power(const char **s, int *ret)
{
	const char *p = *s;
	bool minus;
	int power = 0;

	if ((*p++ | 0x20) != 'e')
		return true;
	minus = *p == '-';
	p += *p == '-' || *p == '+';
	if (!is_digit(*p))
		return true; /* the e is no part of the number */
	for (; is_digit(*p); p++) {
		power = 10 * power + (*p - '0');
		if (power > 2 * POWER_MAX)
			return false;
	}
	*ret += minus ? -power : power;
	*s = p;
	return true;
}

bool slo_decimal_read(const char *s, double *ret, char **ret_end)
{
	bool minus = *s == '-';
	uint64_t mantissa = 0;
	const char *begin;
	int power = 0;
	double v;

	s += minus;
	/* Spaces, a plus, 0x, inf, nan, a point in front: others know what to make of them. */
	if (!is_digit(*s) || (s[0] == '0' && (s[1] | 0x20) == 'x') || !read_digits(&s, &mantissa))
		return false;
	if (*s == '.') {
		begin = ++s;
		if (!read_digits(&s, &mantissa))
			return false;
		power = -(int)(s - begin);
		if (power < -POWER_MAX)
			return false;
	}
	if (!read_power(&s, &power) || power > POWER_MAX || power < -POWER_MAX)
		return false;
	v = (double)mantissa;
	v = power < 0 ? v / powers[-power] : v * powers[power];
	*ret = minus ? -v : v;
	*ret_end = (char *)(uintptr_t)s;
	return true;
}

/*
 * musl's strtod() takes ten times as long, and a JSON parser calls it for each number: the static build is linked with
 * --wrap=strtod, so that all calls come here. Elsewhere nobody asks for this.
 */
#ifdef SLO_WRAP_STRTOD
double __real_strtod(const char *s, char **end);
double __wrap_strtod(const char *s, char **end);

double __wrap_strtod(const char *s, char **end)
{
	double v;
	char *behind;

	if (!slo_decimal_read(s, &v, &behind))
		return __real_strtod(s, end);
	if (end)
		*end = behind;
	return v;
}
#endif
