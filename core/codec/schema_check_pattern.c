/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/schema_check_pattern.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* regcomp() may take exponential memory for nested repeats: x{250}{250}{250}. */
#define REPEAT_MAX 128
#define REPEATED_SPACE_MAX 4096

#define ONE_CHARACTER "[^\n\r]" /* what . is in ECMA-262 */

struct translation {
	const char *at; /* in the pattern */
	char out[SLO_SCHEMA_PATTERN_MAX * sizeof(ONE_CHARACTER)];
	size_t len;
	unsigned long space; /* product of all bounds: a limit to what regcomp() unrolls */
	bool can_repeat; /* the last thing may be followed by a quantifier */
};

static void emit(struct translation *t, const char *text, size_t n)
{
	assert(t->len + n < sizeof(t->out));
	memcpy(t->out + t->len, text, n);
	t->len += n;
	t->out[t->len] = '\0';
}

static int take_set(struct translation *t, struct slo_err *err)
{
	const char *begin = t->at++;

	if (*t->at == '^')
		t->at++;
	if (*t->at == ']')
		return slo_err_set(err, -EINVAL, "] first in a set is none in ECMA-262");
	for (; *t->at != ']'; t->at++) {
		if (*t->at == '\0')
			return slo_err_set(err, -EINVAL, "a set without its ]");
		if (*t->at == '\\' || *t->at == '[')
			return slo_err_set(err, -EINVAL, "%c within a set is not supported",
			                   *t->at);
	}
	t->at++;
	emit(t, begin, (size_t)(t->at - begin));
	t->can_repeat = true;
	return 0;
}

static int take_escape(struct translation *t, struct slo_err *err)
{
	char c = t->at[1];

	if (c == 'd') {
		emit(t, "[0-9]", 5);
	} else if (ispunct((unsigned char)c) && c != '<' && c != '>' && c != '`' && c != '\'') {
		/* POSIX gives \ before an ordinary character no meaning: ^ $ and such keep it, the rest goes without. */
		if (strchr(".[]\\()*+?{}|^$", c))
			emit(t, t->at, 2);
		else
			emit(t, t->at + 1, 1);
	} else {
		return slo_err_set(err, -EINVAL, "\\%c is not supported",
		                   isprint((unsigned char)c) ? c : '?');
	}
	t->at += 2;
	t->can_repeat = true;
	return 0;
}

/* {m}, {m,} or {m,n}. */
static int take_bounds(struct translation *t, struct slo_err *err)
{
	const char *begin = t->at;
	unsigned long bound[2] = { 0, 0 };
	int digits = 0;

	for (int i = 0; i < 2; i++) {
		for (t->at++; isdigit((unsigned char)*t->at) && bound[i] <= REPEAT_MAX;
		     t->at++, digits++)
			bound[i] = bound[i] * 10 + (unsigned long)(*t->at - '0');
		if (*t->at != ',')
			break;
	}
	if (*t->at != '}' || digits == 0 || begin[1] == ',')
		return slo_err_set(err, -EINVAL, "{ is no repeat: {m}, {m,} or {m,n} up to %d",
		                   REPEAT_MAX);
	t->at++;
	bound[0] = bound[0] > bound[1] ? bound[0] : bound[1];
	t->space *= bound[0] ? bound[0] : 1;
	if (bound[0] > REPEAT_MAX || t->space > REPEATED_SPACE_MAX)
		return slo_err_set(err, -EINVAL,
		                   "repeats more than %d times, or all together more than %d",
		                   REPEAT_MAX, REPEATED_SPACE_MAX);
	emit(t, begin, (size_t)(t->at - begin));
	return 0;
}

static int take_quantifier(struct translation *t, struct slo_err *err)
{
	if (!t->can_repeat)
		return slo_err_set(err, -EINVAL,
		                   "%c repeats nothing (a lazy quantifier is not supported)",
		                   *t->at);
	t->can_repeat = false;
	if (*t->at == '{')
		return take_bounds(t, err);
	emit(t, t->at++, 1);
	return 0;
}

static int take(struct translation *t, struct slo_err *err)
{
	char c = *t->at;

	if ((unsigned char)c >= 0x80 || iscntrl((unsigned char)c))
		return slo_err_set(err, -EINVAL, "only printable ASCII is supported");
	if (c == '[')
		return take_set(t, err);
	if (c == '\\')
		return take_escape(t, err);
	if (strchr("*+?{", c))
		return take_quantifier(t, err);
	if (c == '}' || c == ']')
		return slo_err_set(err, -EINVAL, "%c alone: write \\%c", c, c);
	if (c == '(' && (t->at[1] == '?' || t->at[1] == ')'))
		return slo_err_set(err, -EINVAL, "(%c is not supported", t->at[1]);
	/* An empty branch matches nothing to POSIX, the empty string to ECMA-262. */
	if (c == '|' &&
	    (t->len == 0 || t->at[-1] == '(' || t->at[-1] == '|' || !t->at[1] || t->at[1] == ')'))
		return slo_err_set(err, -EINVAL, "an empty branch is not supported");
	if (c == '.')
		emit(t, ONE_CHARACTER, sizeof(ONE_CHARACTER) - 1);
	else
		emit(t, t->at, 1);
	t->can_repeat = !strchr("(|^$", c);
	t->at++;
	return 0;
}

int slo_schema_pattern_compile(regex_t *ret, const char *pattern, struct slo_err *err)
{
	struct translation t = { .at = pattern, .space = 1 };
	char why[80];
	int r;

	if (strlen(pattern) > SLO_SCHEMA_PATTERN_MAX)
		return slo_err_set(err, -EINVAL, "longer than %d bytes", SLO_SCHEMA_PATTERN_MAX);
	while (*t.at) {
		r = take(&t, err);
		if (r < 0)
			return r;
	}
	r = regcomp(ret, t.out, REG_EXTENDED | REG_NOSUB);
	if (r == 0)
		return 0;
	(void)regerror(r, ret, why, sizeof(why));
	return slo_err_set(err, r == REG_ESPACE ? -ENOMEM : -EINVAL, "%s", why);
}
