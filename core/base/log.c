/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "core/base/clock.h"
#include "core/base/plain.h"

#define CUT_MARK "..."

static const char *const level_names[] = {
	[SLO_LOG_ERR] = "err",
	[SLO_LOG_WARN] = "warn",
	[SLO_LOG_INFO] = "info",
	[SLO_LOG_DEBUG] = "debug",
};
SLO_TABLE_COMPLETE(level_names, SLO_LOG_LEVEL_MAX_);

/* ECMA-48 SGR: red, yellow, plain, faint. */
static const char *const level_colours[] = {
	[SLO_LOG_ERR] = "\033[31m",
	[SLO_LOG_WARN] = "\033[33m",
	[SLO_LOG_INFO] = "",
	[SLO_LOG_DEBUG] = "\033[2m",
};
SLO_TABLE_COMPLETE(level_colours, SLO_LOG_LEVEL_MAX_);

static enum slo_log_level current_level = SLO_LOG_INFO;

void slo_log_set_level(enum slo_log_level level)
{
	assert((unsigned int)level < SLO_LOG_LEVEL_MAX_);
	current_level = level;
}

enum slo_log_level slo_log_level(void)
{
	return current_level;
}

const char *slo_log_level_name(enum slo_log_level level)
{
	assert((unsigned int)level < SLO_LOG_LEVEL_MAX_);
	return level_names[level];
}

int slo_log_level_from_name(const char *name, enum slo_log_level *ret_level)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(level_names); i++) {
		if (strcmp(level_names[i], name) == 0) {
			*ret_level = (enum slo_log_level)i;
			return 0;
		}
	}
	return -ENOENT;
}

bool slo_log_site_admit(struct slo_log_site *site, uint64_t now_ns)
{
	if (site->printed == 0 || now_ns - site->window_begin_ns >= SLO_LOG_WINDOW_NS) {
		site->window_begin_ns = now_ns;
		site->printed = 0;
	}
	if (site->printed >= SLO_LOG_BURST) {
		site->suppressed++;
		return false;
	}
	site->printed++;
	return true;
}

/* Copies @in with control characters as \xNN; ends in CUT_MARK where it does not fit. Length. */
static size_t copy_printable(char *out, size_t size, const char *in, bool cut)
{
	static const char hex[] = "0123456789abcdef";
	const size_t room = size - sizeof(CUT_MARK);
	size_t n = 0;

	for (size_t left = 0; *in; in++) {
		unsigned char c = (unsigned char)*in;
		bool control;

		left = left ? left : slo_plain_control(in);
		control = left > 0;
		left -= control;

		if (n + (control ? 4 : 1) > room) {
			cut = true;
			break;
		}
		if (!control) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	if (cut) {
		memcpy(out + n, CUT_MARK, sizeof(CUT_MARK) - 1);
		n += sizeof(CUT_MARK) - 1;
	}
	return n;
}

static struct iovec piece(const char *s, size_t n)
{
	return (struct iovec){ .iov_base = (void *)(uintptr_t)s, .iov_len = n };
}

static void write_line(enum slo_log_level level, uint64_t suppressed, const char *text, size_t n)
{
	const char *colour = slo_wants_colour(STDERR_FILENO) ? level_colours[level] : "";
	const char *plain = *colour ? "\033[0m" : "";
	char stamp[SLO_CLOCK_RFC3339_SIZE];
	char name[16];
	char tail[48] = "";
	struct iovec iov[7];

	(void)snprintf(name, sizeof(name), " %-5s ", level_names[level]);
	if (suppressed)
		(void)snprintf(tail, sizeof(tail), " suppressed=%" PRIu64, suppressed);
	(void)slo_clock_rfc3339(slo_clock_realtime_ns(), stamp);

	iov[0] = piece(stamp, strlen(stamp));
	iov[1] = piece(colour, strlen(colour));
	iov[2] = piece(name, strlen(name));
	iov[3] = piece(text, n);
	iov[4] = piece(plain, strlen(plain));
	iov[5] = piece(tail, strlen(tail));
	iov[6] = piece("\n", 1);
	/* A log that cannot be written has nobody to be told. */
	if (writev(STDERR_FILENO, iov, (int)SLO_ARRAY_SIZE(iov)) < 0)
		return;
}

void slo_log_vwrite(struct slo_log_site *site, enum slo_log_level level, const char *fmt,
                    va_list ap)
{
	char raw[SLO_LOG_LINE_MAX];
	char text[SLO_LOG_LINE_MAX];
	uint64_t suppressed = 0;
	int saved = errno;
	int n;

	if (level > current_level)
		return;
	if (site) {
		if (!slo_log_site_admit(site, slo_clock_monotonic_ns()))
			return;
		suppressed = site->suppressed;
		site->suppressed = 0;
	}
	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	if (n >= 0) {
		write_line(level, suppressed, text,
		           copy_printable(text, sizeof(text), raw, (size_t)n >= sizeof(raw)));
	}
	errno = saved;
}

void slo_log_write(struct slo_log_site *site, enum slo_log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	slo_log_vwrite(site, level, fmt, ap);
	va_end(ap);
}
