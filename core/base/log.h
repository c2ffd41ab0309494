/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines for operators on stderr: "<RFC 3339> <level> <message> key=value ...". Only programs log.
 * Each call site may print SLO_LOG_BURST lines per SLO_LOG_WINDOW_NS; the first line after that
 * tells how many were left out.
 */
#ifndef SLO_BASE_LOG_H
#define SLO_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/base.h"

enum slo_log_level {
	SLO_LOG_ERR,
	SLO_LOG_WARN,
	SLO_LOG_INFO,
	SLO_LOG_DEBUG,
	SLO_LOG_LEVEL_MAX_,
};

#define SLO_LOG_BURST 10
#define SLO_LOG_WINDOW_NS UINT64_C(10000000000)
/* A longer line is cut and ends in "...". */
#define SLO_LOG_LINE_MAX 1024

/* State of one call site. Zero is the start. */
struct slo_log_site {
	uint64_t window_begin_ns; /* CLOCK_MONOTONIC */
	uint32_t printed; /* in this window */
	uint64_t suppressed; /* since the last line printed */
};

/* SLO_LOG_INFO at the start. */
void slo_log_set_level(enum slo_log_level level);
enum slo_log_level slo_log_level(void);

const char *slo_log_level_name(enum slo_log_level level);
/* "err", "warn", "info", "debug". 0 and *@ret_level, or -ENOENT with *@ret_level untouched. */
int slo_log_level_from_name(const char *name, enum slo_log_level *ret_level);

/* Whether @site may print at @now_ns; counts the line as printed, or as suppressed. */
bool slo_log_site_admit(struct slo_log_site *site, uint64_t now_ns);

/*
 * Prints one line by one writev(), so that lines of several processes never mix. Control characters
 * are printed as \xNN: a process name or a DNS name can neither forge a line nor drive the
 * terminal. @site NULL: no limit. A line that stderr does not take is lost. Keeps errno.
 */
void slo_log_write(struct slo_log_site *site, enum slo_log_level level, const char *fmt, ...)
	slo_printf(3, 4);
void slo_log_vwrite(struct slo_log_site *site, enum slo_log_level level, const char *fmt,
                    va_list ap) slo_printf(3, 0);

#define slo_log(level, ...)                                          \
	do {                                                         \
		static struct slo_log_site _site;                    \
		if ((level) <= slo_log_level())                      \
			slo_log_write(&_site, (level), __VA_ARGS__); \
	} while (0)

/* slo_log_warn("events lost signal=%s lost=%" PRIu64, name, lost); */
#define slo_log_err(...) slo_log(SLO_LOG_ERR, __VA_ARGS__)
#define slo_log_warn(...) slo_log(SLO_LOG_WARN, __VA_ARGS__)
#define slo_log_info(...) slo_log(SLO_LOG_INFO, __VA_ARGS__)
#define slo_log_debug(...) slo_log(SLO_LOG_DEBUG, __VA_ARGS__)

#endif
