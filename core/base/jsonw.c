/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/jsonw.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>

/* Digits of UINT64_MAX, and of 18 decimals behind a sign, a zero and a point. */
#define NUMBER_MAX 24
/* 2^53: integers up to it are exact as doubles. */
#define EXACT_MAX 9007199254740992.0

static const char digit_pairs[201] = "00010203040506070809101112131415161718192021222324"
				     "25262728293031323334353637383940414243444546474849"
				     "50515253545556575859606162636465666768697071727374"
				     "75767778798081828384858687888990919293949596979899";

static const uint64_t powers_of_ten[] = {
	UINT64_C(1),
	UINT64_C(10),
	UINT64_C(100),
	UINT64_C(1000),
	UINT64_C(10000),
	UINT64_C(100000),
	UINT64_C(1000000),
	UINT64_C(10000000),
	UINT64_C(100000000),
	UINT64_C(1000000000),
	UINT64_C(10000000000),
	UINT64_C(100000000000),
	UINT64_C(1000000000000),
	UINT64_C(10000000000000),
	UINT64_C(100000000000000),
	UINT64_C(1000000000000000),
	UINT64_C(10000000000000000),
	UINT64_C(100000000000000000),
	UINT64_C(1000000000000000000),
};

void slo_jsonw_init(struct slo_jsonw *w, char *buf, size_t size)
{
	*w = (struct slo_jsonw){ .size = size };
	w->buf = buf;
}

/* Once @len has passed @size it never comes back, so nothing is written behind a gap. */
static inline void put(struct slo_jsonw *w, const char *p, size_t n)
{
	if (w->len <= w->size && n <= w->size - w->len) {
		memcpy(w->buf + w->len, p, n);
	} else {
		w->overflow = true;
	}
	w->len += n;
}

static inline void put_char(struct slo_jsonw *w, char c)
{
	if (w->len < w->size) {
		w->buf[w->len] = c;
	} else {
		w->overflow = true;
	}
	w->len++;
}

static inline void put_comma(struct slo_jsonw *w)
{
	if (w->comma)
		put_char(w, ',');
	w->comma = true;
}

ssize_t slo_jsonw_finish(struct slo_jsonw *w)
{
	if (w->len >= w->size)
		w->overflow = true;
	if (w->overflow) {
		if (w->size)
			w->buf[0] = '\0';
		return -ENOSPC;
	}
	w->buf[w->len] = '\0';
	return (ssize_t)w->len;
}

static void begin(struct slo_jsonw *w, char c)
{
	put_comma(w);
	put_char(w, c);
	w->comma = false;
}

static void end(struct slo_jsonw *w, char c)
{
	put_char(w, c);
	w->comma = true;
}

void slo_jsonw_object_begin(struct slo_jsonw *w)
{
	begin(w, '{');
}

void slo_jsonw_object_end(struct slo_jsonw *w)
{
	end(w, '}');
}

void slo_jsonw_array_begin(struct slo_jsonw *w)
{
	begin(w, '[');
}

void slo_jsonw_array_end(struct slo_jsonw *w)
{
	end(w, ']');
}

void slo_jsonw_raw(struct slo_jsonw *w, const char *json, size_t n)
{
	put_comma(w);
	put(w, json, n);
}

void slo_jsonw_key_n(struct slo_jsonw *w, const char *key, size_t n)
{
	/* A third of a record is keys: one check for the comma, two quotes and the colon. */
	if (w->len <= w->size && w->size - w->len >= n + 4) {
		char *p = w->buf + w->len;

		*p = ',';
		p += w->comma;
		*p++ = '"';
		memcpy(p, key, n);
		p += n;
		*p++ = '"';
		*p++ = ':';
		w->len = (size_t)(p - w->buf);
		w->comma = false;
		return;
	}
	put_comma(w);
	put_char(w, '"');
	put(w, key, n);
	put(w, "\":", 2);
	w->comma = false;
}

void slo_jsonw_key_escaped(struct slo_jsonw *w, const char *key)
{
	slo_jsonw_str(w, key);
	put_char(w, ':');
	w->comma = false;
}

static inline bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/*
 * Bytes at the start of @p that need no escape, eight at a time: a byte is high, below 0x20, or
 * equal to one of the two where its top bit is set below ("Determine if a word has a byte less than
 * n", Anderson, Bit Twiddling Hacks).
 */
static size_t plain_length(const unsigned char *p, size_t n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t tops = ones << 7;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t word;
		uint64_t quote;
		uint64_t slash;

		memcpy(&word, p + i, 8);
		quote = word ^ (ones * '"');
		slash = word ^ (ones * '\\');
		if ((word | (word - ones * 0x20) | (quote - ones) | (slash - ones)) & tops)
			break;
	}
	while (i < n && is_plain(p[i]))
		i++;
	return i;
}

size_t slo_jsonw_utf8_length(const unsigned char *s, size_t n)
{
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t need;

	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		need = 2;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		need = 3;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		need = 4;
	} else {
		return 0;
	}
	if (n < need)
		return 0;

	/*
	 * The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
	 */
	if (s[0] == 0xe0) {
		low = 0xa0;
	} else if (s[0] == 0xed) {
		high = 0x9f;
	} else if (s[0] == 0xf0) {
		low = 0x90;
	} else if (s[0] == 0xf4) {
		high = 0x8f;
	}
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return need;
}

static void put_ascii_escape(struct slo_jsonw *w, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";
	char u[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	for (size_t i = 0; i + 1 < sizeof(letters); i += 2) {
		if ((unsigned char)letters[i] == c) {
			u[1] = letters[i + 1];
			put(w, u, 2);
			return;
		}
	}
	put(w, u, sizeof(u));
}

void slo_jsonw_strn(struct slo_jsonw *w, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0;

	put_comma(w);
	put_char(w, '"');
	while (i < n) {
		size_t plain = plain_length(p + i, n - i);
		size_t sequence;

		if (plain)
			put(w, s + i, plain);
		i += plain;
		if (i == n)
			break;
		if (p[i] < 0x80) {
			put_ascii_escape(w, p[i++]);
			continue;
		}
		sequence = slo_jsonw_utf8_length(p + i, n - i);
		if (sequence) {
			put(w, s + i, sequence);
		} else {
			put(w, "\xef\xbf\xbd", 3); /* U+FFFD */
		}
		i += sequence ? sequence : 1;
	}
	put_char(w, '"');
}

void slo_jsonw_plain(struct slo_jsonw *w, const char *s, size_t n)
{
	if (w->len <= w->size && w->size - w->len >= n + 3) {
		char *p = w->buf + w->len;

		*p = ',';
		p += w->comma;
		*p++ = '"';
		memcpy(p, s, n);
		p[n] = '"';
		w->len = (size_t)(p + n + 1 - w->buf);
		w->comma = true;
		return;
	}
	put_comma(w);
	put_char(w, '"');
	if (n)
		put(w, s, n);
	put_char(w, '"');
}

void slo_jsonw_str(struct slo_jsonw *w, const char *s)
{
	slo_jsonw_strn(w, s, strlen(s));
}

char *slo_print_u64(char *end, uint64_t v)
{
	while (v >= 100) {
		end -= 2;
		memcpy(end, digit_pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10) {
		end -= 2;
		memcpy(end, digit_pairs + 2 * v, 2);
	} else {
		*--end = (char)('0' + v);
	}
	return end;
}

/* Exactly @n digits of @v before @end, zeros in front. */
static char *print_padded(char *end, uint64_t v, unsigned int n)
{
	for (; n >= 2; n -= 2) {
		end -= 2;
		memcpy(end, digit_pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (n)
		*--end = (char)('0' + v % 10);
	return end;
}

static void put_number(struct slo_jsonw *w, const char *from, const char *to)
{
	put_comma(w);
	put(w, from, (size_t)(to - from));
}

void slo_jsonw_u64(struct slo_jsonw *w, uint64_t v)
{
	char buf[NUMBER_MAX];
	char *to = buf + sizeof(buf);

	put_number(w, slo_print_u64(to, v), to);
}

/* Also right for INT64_MIN, whose negative is no int64_t. */
static uint64_t magnitude(int64_t v)
{
	return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

void slo_jsonw_i64(struct slo_jsonw *w, int64_t v)
{
	char buf[NUMBER_MAX];
	char *to = buf + sizeof(buf);
	char *from = slo_print_u64(to, magnitude(v));

	if (v < 0)
		*--from = '-';
	put_number(w, from, to);
}

void slo_jsonw_decimal(struct slo_jsonw *w, int64_t value, unsigned int decimals)
{
	char buf[NUMBER_MAX];
	char *to = buf + sizeof(buf);
	char *from = to;
	uint64_t whole;
	uint64_t fraction;

	assert(decimals < SLO_ARRAY_SIZE(powers_of_ten));
	whole = magnitude(value) / powers_of_ten[decimals];
	fraction = magnitude(value) % powers_of_ten[decimals];
	if (fraction) {
		from = print_padded(to, fraction, decimals);
		while (to[-1] == '0')
			to--;
		*--from = '.';
	}
	from = slo_print_u64(from, whole);
	if (value < 0)
		*--from = '-';
	put_number(w, from, to);
}

void slo_jsonw_bool(struct slo_jsonw *w, bool v)
{
	if (v) {
		slo_jsonw_raw(w, "true", 4);
	} else {
		slo_jsonw_raw(w, "false", 5);
	}
}

void slo_jsonw_null(struct slo_jsonw *w)
{
	slo_jsonw_raw(w, "null", 4);
}

/* Least of 15 to 17 digits that reads back as @v; 17 always do (IEEE 754-2019, 5.12.2). */
static void put_shortest(struct slo_jsonw *w, double v)
{
	const char *point = localeconv()->decimal_point;
	char buf[40];
	char *at;
	int n = 0;

	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(buf, sizeof(buf), "%.*g", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	/* The locale may have its own decimal point, of several bytes even; JSON has the one. */
	at = *point ? strstr(buf, point) : NULL;
	put_comma(w);
	if (!at) {
		put(w, buf, (size_t)n);
		return;
	}
	put(w, buf, (size_t)(at - buf));
	put_char(w, '.');
	at += strlen(point);
	put(w, at, (size_t)(buf + n - at));
}

void slo_jsonw_double(struct slo_jsonw *w, double v)
{
	double scaled = v * 1e6;

	if (!__builtin_isfinite(v)) {
		slo_jsonw_null(w);
		return;
	}
	if (v == 0) {
		if (__builtin_signbit(v)) {
			slo_jsonw_raw(w, "-0.0", 4);
		} else {
			slo_jsonw_raw(w, "0", 1);
		}
		return;
	}
	/*
	 * Most of our numbers have at most six decimals. Below 2^53 the integer and 10^6 are exact
	 * as doubles, so their quotient is the double nearest to the decimal printed: if it is @v,
	 * the text reads back as @v.
	 */
	if (scaled > -EXACT_MAX && scaled < EXACT_MAX) {
		int64_t fixed = (int64_t)(scaled + (v < 0 ? -0.5 : 0.5));

		if ((double)fixed / 1e6 == v) {
			slo_jsonw_decimal(w, fixed, 6);
			return;
		}
	}
	put_shortest(w, v);
}
