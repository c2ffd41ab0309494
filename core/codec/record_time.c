/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/record_time.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_SEC INT64_C(1000000000)
#define DAY_SECONDS INT64_C(86400)
/* Whole years that fit into 64 bits of nanoseconds around 1970. */
#define YEAR_MIN 1678
#define YEAR_MAX 2261

struct parts {
	int year, month, day, hour, minute, second;
	int64_t ns;
	int offset; /* minutes east of UTC */
};

/* @n digits at *@s into *@ret; false, and *@s anywhere, where there are none. */
static bool digits(const char **s, int n, int *ret)
{
	int v = 0;

	for (; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (**s - '0');
	}
	*ret = v;
	return true;
}

static bool one_of(const char **s, const char *accepted)
{
	for (; *accepted; accepted++) {
		if (**s == *accepted) {
			(*s)++;
			return true;
		}
	}
	return false;
}

static bool fraction(const char **s, int64_t *ret_ns)
{
	int64_t unit = NS_PER_SEC / 10;

	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		*ret_ns += (**s - '0') * unit;
		unit /= 10;
	}
	return true;
}

static bool zone(const char **s, int *ret_minutes)
{
	int sign = **s == '-' ? -1 : 1;
	int hour, minute;

	if (one_of(s, "Zz"))
		return true;
	if (!one_of(s, "+-") || !digits(s, 2, &hour) || !one_of(s, ":") || !digits(s, 2, &minute) ||
	    hour > 23 || minute > 59)
		return false;
	*ret_minutes = sign * (hour * 60 + minute);
	return true;
}

static bool split(const char *s, struct parts *p)
{
	return digits(&s, 4, &p->year) && one_of(&s, "-") && digits(&s, 2, &p->month) &&
	       one_of(&s, "-") && digits(&s, 2, &p->day) && one_of(&s, "Tt") &&
	       digits(&s, 2, &p->hour) && one_of(&s, ":") && digits(&s, 2, &p->minute) &&
	       one_of(&s, ":") && digits(&s, 2, &p->second) &&
	       (!one_of(&s, ".") || fraction(&s, &p->ns)) && zone(&s, &p->offset) && *s == '\0';
}

static int month_days(int year, int month)
{
	static const signed char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. @year >= 1. */
static int64_t days_since_1970(int year, int month, int day)
{
	static const short before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int64_t y = year - 1;
	int64_t days = y * 365 + y / 4 - y / 100 + y / 400 + before[month - 1] + day - 1;

	if (month > 2 && month_days(year, 2) == 29)
		days++;
	return days - 719162; /* of 1970-01-01 since 0001-01-01 */
}

/* Fields in their ranges; the second 60 is left to the caller. */
static bool is_possible(const struct parts *p)
{
	return p->year >= 1 && p->month >= 1 && p->month <= 12 && p->day >= 1 &&
	       p->day <= month_days(p->year, p->month) && p->hour <= 23 && p->minute <= 59 &&
	       p->second <= 60;
}

int slo_record_time_parse(const char *rfc3339, int64_t *ret_unix_ns, struct slo_err *err)
{
	struct parts p = { 0 };
	int64_t seconds;

	if (!split(rfc3339, &p) || !is_possible(&p))
		return slo_err_set(err, -EINVAL,
		                   "\"%.40s\" is no RFC 3339 time, expected 2026-01-02T03:04:05Z",
		                   rfc3339);
	seconds = days_since_1970(p.year, p.month, p.day) * DAY_SECONDS + p.second;
	seconds += (p.hour * INT64_C(60) + p.minute - p.offset) * 60;
	/* Leap seconds are inserted at the end of a UTC day only. */
	if (p.second == 60 && seconds % DAY_SECONDS != 0)
		return slo_err_set(err, -EINVAL, "\"%.40s\" is no leap second", rfc3339);
	if (seconds == -62135596800 && p.ns == 0) {
		*ret_unix_ns = 0;
		return 0;
	}
	if (p.year < YEAR_MIN || p.year > YEAR_MAX)
		return slo_err_set(err, -ERANGE, "\"%.40s\" is outside the years %d to %d", rfc3339,
		                   YEAR_MIN, YEAR_MAX);
	*ret_unix_ns = seconds * NS_PER_SEC + p.ns;
	return 0;
}

const char *slo_record_time_print(int64_t unix_ns, char buf[SLO_RECORD_TIME_SIZE])
{
	int64_t rest = unix_ns % NS_PER_SEC;
	int64_t seconds = unix_ns / NS_PER_SEC - (rest < 0);
	int64_t ns = rest < 0 ? rest + NS_PER_SEC : rest;
	time_t t = (time_t)seconds;
	struct tm tm = { 0 };
	char *end;
	size_t n;

	(void)gmtime_r(&t, &tm);
	n = strftime(buf, SLO_RECORD_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	end = buf + n;
	if (ns) {
		end += snprintf(end, SLO_RECORD_TIME_SIZE - n, ".%09lld", (long long)ns);
		while (end[-1] == '0')
			end--;
	}
	*end++ = 'Z';
	*end = '\0';
	return buf;
}
