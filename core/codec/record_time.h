/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as records carry them: RFC 3339 text to nanoseconds since 1970 and back. */
#ifndef SLO_CODEC_RECORD_TIME_H
#define SLO_CODEC_RECORD_TIME_H

#include <stdint.h>

#include "core/base/err.h"

/*
 * RFC 3339, any offset; digits behind the ninth of a fraction are dropped, a leap second is the
 * second after it. "0001-01-01T00:00:00Z", what Go programs write for "no time", is 0. -EINVAL:
 * not such a text; -ERANGE: outside the years 1678 to 2261. *@ret_unix_ns changes on success only.
 */
int slo_record_time_parse(const char *rfc3339, int64_t *ret_unix_ns, struct slo_err *err);

/* "2026-01-02T03:04:05.123456789Z" and a NUL. */
#define SLO_RECORD_TIME_SIZE 31

/* In UTC, nanoseconds without trailing zeros, as Go's time.RFC3339Nano. Returns @buf. */
const char *slo_record_time_print(int64_t unix_ns, char buf[SLO_RECORD_TIME_SIZE]);

#endif
