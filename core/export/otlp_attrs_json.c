/* SPDX-License-Identifier: Apache-2.0 */
/* slo_otlp_attr_json(): one form of a record, the JSON line, is what every path out is made of. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/export/otlp_attrs.h"

#define DEPTH_MAX 4
#define KEY_MAX 96
#define NUMBER_MAX 40

struct reader {
	const char *p, *end;
	struct slo_otlp_attr_list *l;
	const char *const *skip;
	char prefix[KEY_MAX]; /* "outer." */
	size_t prefix_len[DEPTH_MAX + 1]; /* at each depth */
};

static void blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
		r->p++;
}

static bool take(struct reader *r, char c)
{
	blanks(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* The string between its quotes, escapes as they are. */
static int raw_string(struct reader *r, const char **ret, size_t *ret_len)
{
	const char *p;

	if (!take(r, '"'))
		return -EBADMSG;
	p = *ret = r->p;
	while (p < r->end && *p != '"')
		p += *p == '\\' ? 2 : 1;
	if (p >= r->end)
		return -EBADMSG;
	*ret_len = (size_t)(p - *ret);
	r->p = p + 1;
	return 0;
}

/* The writer escapes quote, backslash and control characters alone. */
static size_t unescape(const char *s, size_t n, char *to, size_t size)
{
	static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
	size_t len = 0;

	for (size_t i = 0; i < n && len < size; i++) {
		const char *known;
		char hex[5] = "";

		if (s[i] != '\\' || i + 1 == n) {
			to[len++] = s[i];
			continue;
		}
		i++;
		known = s[i] ? strchr(from, s[i]) : NULL;
		if (known) {
			to[len++] = into[known - from];
		} else if (s[i] == 'u' && n - i > 4) {
			memcpy(hex, s + i + 1, 4);
			to[len++] = (char)(strtoul(hex, NULL, 16) & 0x7f);
			i += 4;
		} else {
			to[len++] = s[i];
		}
	}
	return len;
}

static bool skips(const struct reader *r, const char *key)
{
	for (size_t i = 0; r->skip && r->skip[i]; i++) {
		if (*r->skip[i] == *key && strcmp(r->skip[i], key) == 0)
			return true;
	}
	return false;
}

static void put_number(struct reader *r, const char *key, const char *s, size_t n)
{
	char text[NUMBER_MAX];
	size_t len = n < sizeof(text) ? n : sizeof(text) - 1;

	memcpy(text, s, len);
	text[len] = '\0';
	if (strpbrk(text, ".eE")) {
		slo_otlp_attr_double(r->l, key, strtod(text, NULL));
	} else {
		slo_otlp_attr_i64(r->l, key, strtoll(text, NULL, 10));
	}
}

static int put_string(struct reader *r, const char *key)
{
	char text[SLO_OTLP_ATTR_TEXT_BYTES / 2];
	const char *s;
	size_t n;

	if (raw_string(r, &s, &n) < 0)
		return -EBADMSG;
	if (!*key)
		return 0;
	if (n < sizeof(text) && !memchr(s, '\\', n)) {
		slo_otlp_attr_strn(r->l, key, s, n);
		return 0;
	}
	n = unescape(s, n, text, sizeof(text) - 1);
	text[n] = '\0';
	slo_otlp_attr_str(r->l, key, text);
	return 0;
}

static int put_scalar(struct reader *r, const char *key)
{
	const char *s = r->p;
	size_t n;

	while (r->p < r->end && *r->p != ',' && *r->p != '}' && *r->p != ']' && *r->p != ' ' &&
	       *r->p != '\n' && *r->p)
		r->p++;
	n = (size_t)(r->p - s);
	if (!n)
		return -EBADMSG;
	if (!*key || *s == 'n')
		return 0;
	if (*s == 't' || *s == 'f') {
		slo_otlp_attr_bool(r->l, key, *s == 't');
	} else {
		put_number(r, key, s, n);
	}
	return 0;
}

/* An array, or an object that is skipped or too deep, whatever it holds. */
static int pass_over(struct reader *r)
{
	unsigned int depth = 0;
	const char *s;
	size_t n;

	do {
		blanks(r);
		if (r->p == r->end)
			return -EBADMSG;
		if (*r->p == '"') {
			if (raw_string(r, &s, &n) < 0)
				return -EBADMSG;
			continue;
		}
		depth += *r->p == '[' || *r->p == '{';
		depth -= *r->p == ']' || *r->p == '}';
		r->p++;
	} while (depth);
	return 0;
}

/* What stands behind a key; "" is one that is skipped. */
static int put_value(struct reader *r, const char *key)
{
	blanks(r);
	if (r->p == r->end)
		return -EBADMSG;
	if (*r->p == '"')
		return put_string(r, key);
	if (*r->p == '[' || *r->p == '{')
		return pass_over(r);
	return put_scalar(r, key);
}

/* The full name of a member, kept in the list's text; "" where it is skipped or has no room. */
static const char *full_key(struct reader *r, const char *s, size_t n)
{
	char key[2 * KEY_MAX];
	size_t outer = strlen(r->prefix), len = n < KEY_MAX ? n : KEY_MAX - 1;

	memcpy(key, r->prefix, outer);
	memcpy(key + outer, s, len);
	key[outer + len] = '\0';
	return skips(r, key) ? "" : slo_otlp_attr_text(r->l, key, outer + len);
}

/* Into a nested object: its members are named below @key. */
static bool descend(struct reader *r, const char *key, size_t *depth)
{
	if (!*key || *depth == DEPTH_MAX || r->p == r->end || *r->p != '{' ||
	    strlen(key) + 2 > sizeof(r->prefix))
		return false;
	r->p++;
	r->prefix_len[*depth] = strlen(r->prefix);
	(void)snprintf(r->prefix, sizeof(r->prefix), "%s.", key);
	++*depth;
	return true;
}

static void ascend(struct reader *r, size_t *depth)
{
	--*depth;
	r->prefix[r->prefix_len[*depth]] = '\0';
}

static int put_member(struct reader *r, size_t *depth)
{
	const char *s, *key;
	size_t n;

	if (raw_string(r, &s, &n) < 0 || !take(r, ':'))
		return -EBADMSG;
	key = full_key(r, s, n);
	blanks(r);
	return descend(r, key, depth) ? 0 : put_value(r, key);
}

int slo_otlp_attr_json(struct slo_otlp_attr_list *l, const char *json, size_t len,
                       const char *const *skip)
{
	struct reader r = { .p = json, .end = json + len, .l = l, .skip = skip };
	size_t depth = 1;

	if (!take(&r, '{'))
		return -EBADMSG;
	while (depth) {
		if (take(&r, '}')) {
			ascend(&r, &depth);
		} else {
			(void)take(&r, ',');
			if (put_member(&r, &depth) < 0)
				return -EBADMSG;
		}
	}
	return 0;
}
