/* SPDX-License-Identifier: Apache-2.0 */
/* The one error carrier: a negative errno to branch on and a sentence for people. */
#ifndef SLO_BASE_ERR_H
#define SLO_BASE_ERR_H

#include "core/base/base.h"

struct slo_err {
	int code; /* 0 or negative errno */
	char msg[256]; /* no trailing newline; "" when code is 0 */
};

/*
 * Fill @err (may be NULL) and return @code, so callers write: return slo_err_set(err, -ENOENT, ...). Macros, so that
 * compilers and analyzers see which code comes back.
 */
#define slo_err_set(err, code, ...)                      \
	({                                               \
		int _code = (code);                      \
		slo_err_fill((err), _code, __VA_ARGS__); \
		_code;                                   \
	})

/* Put "<fmt>: " in front of the message already in @err; returns @code. */
#define slo_err_wrap(err, code, ...)                       \
	({                                                 \
		int _code = (code);                        \
		slo_err_prefix((err), _code, __VA_ARGS__); \
		_code;                                     \
	})

/* What the macros call. */
void slo_err_fill(struct slo_err *err, int code, const char *fmt, ...) slo_printf(3, 4);
void slo_err_prefix(struct slo_err *err, int code, const char *fmt, ...) slo_printf(3, 4);

#endif
