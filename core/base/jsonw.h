/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming JSON writer into the caller's buffer: no allocation, no printf on the paths that events
 * take. What does not fit is dropped as a whole and remembered, so calls need no checks until
 * slo_jsonw_finish().
 */
#ifndef SLO_BASE_JSONW_H
#define SLO_BASE_JSONW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "core/base/base.h"

/*
 * On the caller's stack. Fields are the writer's own, but for @len and @overflow, which may be
 * read.
 */
struct slo_jsonw {
	char *buf;
	size_t size;
	size_t len; /* bytes needed so far, also beyond @size */
	bool overflow; /* sticky: something did not fit; the buffer's contents are of no use */
	bool comma; /* the next key or element is preceded by one */
};

/* Borrows @buf until the last call. @size 0 measures: @buf may be NULL then. */
void slo_jsonw_init(struct slo_jsonw *w, char *buf, size_t size);
/* Adds a NUL (not counted in the length). The length, or -ENOSPC: @len + 1 bytes are needed. */
ssize_t slo_jsonw_finish(struct slo_jsonw *w);

void slo_jsonw_object_begin(struct slo_jsonw *w);
void slo_jsonw_object_end(struct slo_jsonw *w);
void slo_jsonw_array_begin(struct slo_jsonw *w);
void slo_jsonw_array_end(struct slo_jsonw *w);

/*
 * @n bytes as they are, after a comma where one is due: a ready-made value, or "key":value pairs.
 * @n > 0.
 */
void slo_jsonw_raw(struct slo_jsonw *w, const char *json, size_t n);

/* @key is a literal of ours: printable ASCII without quote and backslash; it is not escaped. */
static inline void slo_jsonw_key(struct slo_jsonw *w, const char *key);
/* Any @key, escaped. */
void slo_jsonw_key_escaped(struct slo_jsonw *w, const char *key);

/*
 * Strings: quote, backslash and control characters are escaped (\n, \t, ... or \u00XX); each byte
 * that is not part of valid UTF-8 (RFC 3629: no overlong form, no surrogate) becomes U+FFFD. Every
 * input gives valid JSON.
 */
void slo_jsonw_str(struct slo_jsonw *w, const char *s);
void slo_jsonw_strn(struct slo_jsonw *w, const char *s, size_t n);
/* A string of @n bytes that needs no escape: of our own tables, never of the outside. */
void slo_jsonw_plain(struct slo_jsonw *w, const char *s, size_t n);

/*
 * Bytes of the well-formed UTF-8 sequence of two bytes or more at @s (RFC 3629 section 4), 0 where
 * there is none; ASCII is none. @n > 0 bytes are there.
 */
size_t slo_jsonw_utf8_length(const unsigned char *s, size_t n);

void slo_jsonw_u64(struct slo_jsonw *w, uint64_t v);
void slo_jsonw_i64(struct slo_jsonw *w, int64_t v);
void slo_jsonw_bool(struct slo_jsonw *w, bool v);
void slo_jsonw_null(struct slo_jsonw *w);
/*
 * Short, and reads back as the same double; in any locale. Infinities and NaN, which JSON cannot
 * say, become null.
 */
void slo_jsonw_double(struct slo_jsonw *w, double v);
/*
 * @value / 10^@decimals exactly, without trailing zeros: (12500000, 6) is 12.5. @decimals 0 to 18.
 */
void slo_jsonw_decimal(struct slo_jsonw *w, int64_t value, unsigned int decimals);

/* A key, see slo_jsonw_key(), with its value. */
static inline void slo_jsonw_member_str(struct slo_jsonw *w, const char *key, const char *s);
static inline void slo_jsonw_member_u64(struct slo_jsonw *w, const char *key, uint64_t v);
static inline void slo_jsonw_member_bool(struct slo_jsonw *w, const char *key, bool v);
static inline void slo_jsonw_member_double(struct slo_jsonw *w, const char *key, double v);

/* Implementation of the inline calls. */
void slo_jsonw_key_n(struct slo_jsonw *w, const char *key, size_t n);

static inline void slo_jsonw_key(struct slo_jsonw *w, const char *key)
{
	slo_jsonw_key_n(w, key, strlen(key));
}

static inline void slo_jsonw_member_str(struct slo_jsonw *w, const char *key, const char *s)
{
	slo_jsonw_key(w, key);
	slo_jsonw_str(w, s);
}

static inline void slo_jsonw_member_u64(struct slo_jsonw *w, const char *key, uint64_t v)
{
	slo_jsonw_key(w, key);
	slo_jsonw_u64(w, v);
}

static inline void slo_jsonw_member_bool(struct slo_jsonw *w, const char *key, bool v)
{
	slo_jsonw_key(w, key);
	slo_jsonw_bool(w, v);
}

static inline void slo_jsonw_member_double(struct slo_jsonw *w, const char *key, double v)
{
	slo_jsonw_key(w, key);
	slo_jsonw_double(w, v);
}

/* For texts that are no JSON: the digits of @v, 20 at most, before @end, without a NUL. Returns the first. */
char *slo_print_u64(char *end, uint64_t v);

#endif
