/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "pattern" of JSON Schema, which is ECMA-262, by POSIX regcomp(): only what means the same in both is taken.
 *
 *   literals, . ^ $ | ( ) * + ? {m} {m,} {m,n}, sets [a-z_] and [^/], \d, and \ before punctuation
 *
 * Refused: (?...), lazy quantifiers, references, \w \s \b \u and others, [: [. [= and \ within a set (put -
 * last instead), non-ASCII. A string is matched by bytes: . is one byte of UTF-8.
 */
#ifndef SLO_CODEC_SCHEMA_CHECK_PATTERN_H
#define SLO_CODEC_SCHEMA_CHECK_PATTERN_H

#include <regex.h>
#include <stdbool.h>

#include "core/base/err.h"

#define SLO_SCHEMA_PATTERN_MAX 256 /* bytes of a pattern */

/* 0 and *@ret (the caller's: regfree), -EINVAL with the reason, or -ENOMEM. */
int slo_schema_pattern_compile(regex_t *ret, const char *pattern, struct slo_err *err);

#endif
