/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/clock.h"

#include <stdbool.h>
#include <time.h>

#define OFFSET_READINGS 8
#define STEP_NS 1000000 /* NTP slews by less between two turns, a preemption may be longer */

static uint64_t now_ns(clockid_t id)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(id, &ts); /* fails for an unknown clock only */
	return (uint64_t)ts.tv_sec * SLO_NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t slo_clock_monotonic_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

uint64_t slo_clock_boottime_ns(void)
{
	return now_ns(CLOCK_BOOTTIME);
}

uint64_t slo_clock_realtime_ns(void)
{
	return now_ns(CLOCK_REALTIME);
}

uint64_t slo_clock_thread_cpu_ns(void)
{
	return now_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* CLOCK_REALTIME - @id */
static uint64_t offset_to(clockid_t id)
{
	uint64_t narrowest = UINT64_MAX;
	uint64_t offset = 0;

	for (int i = 0; i < OFFSET_READINGS; i++) {
		uint64_t before = now_ns(id);
		uint64_t real = slo_clock_realtime_ns();
		uint64_t width = now_ns(id) - before;

		if (width < narrowest) {
			narrowest = width;
			offset = real - (before + width / 2);
		}
	}
	return offset;
}

static int64_t follow(clockid_t id, uint64_t *offset_ns)
{
	uint64_t before = now_ns(id);
	int64_t off = (int64_t)(slo_clock_realtime_ns() - before - *offset_ns), step;
	uint64_t now;

	if (off < STEP_NS && off > -STEP_NS)
		return 0;
	now = offset_to(id);
	step = (int64_t)(now - *offset_ns);
	*offset_ns = now;
	return step;
}

uint64_t slo_clock_realtime_offset_ns(void)
{
	return offset_to(CLOCK_MONOTONIC);
}

int64_t slo_clock_follow_realtime(uint64_t *offset_ns)
{
	return follow(CLOCK_MONOTONIC, offset_ns);
}

int64_t slo_clock_follow_set(uint64_t *offset_ns)
{
	bool known = *offset_ns != 0;
	int64_t step = follow(CLOCK_BOOTTIME, offset_ns);

	return known ? step : 0;
}

static void put_digits(char *at, unsigned int n, unsigned int v)
{
	while (n--) {
		at[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

const char *slo_clock_rfc3339(uint64_t realtime_ns, char buf[SLO_CLOCK_RFC3339_SIZE])
{
	static const char template[SLO_CLOCK_RFC3339_SIZE] = "0000-00-00T00:00:00.000Z";
	time_t seconds = (time_t)(realtime_ns / SLO_NS_PER_SEC);
	struct tm tm = { 0 };

	(void)gmtime_r(&seconds, &tm); /* 2^64 ns end in the year 2554 */
	for (size_t i = 0; i < sizeof(template); i++)
		buf[i] = template[i];
	put_digits(buf, 4, (unsigned int)tm.tm_year + 1900);
	put_digits(buf + 5, 2, (unsigned int)tm.tm_mon + 1);
	put_digits(buf + 8, 2, (unsigned int)tm.tm_mday);
	put_digits(buf + 11, 2, (unsigned int)tm.tm_hour);
	put_digits(buf + 14, 2, (unsigned int)tm.tm_min);
	put_digits(buf + 17, 2, (unsigned int)tm.tm_sec);
	put_digits(buf + 20, 3, (unsigned int)(realtime_ns % SLO_NS_PER_SEC / SLO_NS_PER_MS));
	return buf;
}
