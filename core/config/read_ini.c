/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The INI form. inih splits lines; what it would pass over in silence is caught in the reader that feeds it: it cuts
 * lines at 200 bytes and names at 50, ignores what follows a "]", reports only the first bad line, and takes any
 * indented line as more of the value above. Here a value goes on only after a comma and only on an indented line.
 */
#include "core/config/load.h"

#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#define LOGICAL_MAX (SLO_CONFIG_VALUE_LEN + 128)

struct reading {
	const struct slo_config_loading *l;
	const char *at, *end; /* text still to come */
	unsigned int next_line; /* number of the line at @at */
	unsigned int line; /* where @logical begins */
	bool expect; /* a setting was handed over, inih has not called back yet */
	bool skip; /* below a header that was refused: what it holds cannot be judged */
	char logical[LOGICAL_MAX]; /* comment cut, continuation lines joined, trimmed */
};

/* One line as it stands in the file. */
struct physical {
	const char *text;
	size_t len; /* trimmed on the right */
	size_t indent;
	bool comment; /* and nothing else */
};

static struct physical peek_line(const struct reading *r, const char **ret_next)
{
	const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	struct physical p = { .text = r->at,
		              .len = (size_t)((newline ? newline : r->end) - r->at) };

	*ret_next = newline ? newline + 1 : r->end;
	while (p.indent < p.len && (p.text[p.indent] == ' ' || p.text[p.indent] == '\t'))
		p.indent++;
	/* As inih: a ';' after white space begins a comment, and so does ';' or '#' at the start. */
	for (size_t i = 0; i < p.len; i++) {
		bool begins = p.text[i] == ';' && i > 0 && isspace((unsigned char)p.text[i - 1]);

		p.comment = i == p.indent && (p.text[i] == ';' || p.text[i] == '#');
		if (begins || p.comment)
			p.len = i;
	}
	while (p.len > 0 && isspace((unsigned char)p.text[p.len - 1]))
		p.len--;
	if (p.indent > p.len)
		p.indent = p.len;
	return p;
}

static void append_line(struct reading *r, const struct physical *p)
{
	size_t at = strlen(r->logical), len = p->len - p->indent;

	if (memchr(p->text, '\0', p->len)) {
		slo_config_error(r->l, SLO_CONFIG_LINE(r->next_line),
		                 "a NUL byte: not a text file");
		return;
	}
	if (at + 1 + len >= sizeof(r->logical)) {
		slo_config_error(r->l, SLO_CONFIG_LINE(r->next_line),
		                 "line too long (accepted: %zu bytes)", LOGICAL_MAX);
		return;
	}
	if (at > 0)
		r->logical[at++] = ' ';
	memcpy(r->logical + at, p->text + p->indent, len);
	r->logical[at + len] = '\0';
}

static bool wants_more(const char *logical)
{
	size_t len = strlen(logical);

	return len > 0 && logical[len - 1] == ',';
}

/* False at the end of the text. */
static bool next_logical(struct reading *r)
{
	const char *next;
	struct physical p;

	if (r->at == r->end)
		return false;
	r->logical[0] = '\0';
	p = peek_line(r, &next);
	append_line(r, &p);
	r->line = r->next_line++;
	r->at = next;
	while (wants_more(r->logical) && r->at != r->end) {
		p = peek_line(r, &next);
		/* A comment may stand between; an empty line or one that is not indented ends the value. */
		if (!p.comment && (p.len == 0 || p.indent == 0))
			break;
		if (!p.comment)
			append_line(r, &p);
		r->next_line++;
		r->at = next;
	}
	return true;
}

static void trim(char *s)
{
	size_t lead = strspn(s, " \t"), len = strlen(s);

	while (len > lead && isspace((unsigned char)s[len - 1]))
		len--;
	memmove(s, s + lead, len - lead);
	s[len - lead] = '\0';
}

/* "[ name ]" becomes "[name]"; a bad or unknown header is told once and all below it skipped. */
static void check_header(struct reading *r)
{
	const struct slo_config_place *at = SLO_CONFIG_LINE(r->line);
	char *end = strchr(r->logical, ']');

	r->skip = true;
	if (!end) {
		slo_config_error(r->l, at, "%.60s: ']' is missing", r->logical);
		return;
	}
	if (end[1] != '\0') {
		slo_config_error(r->l, at,
		                 "%.60s: text after ']' (a setting needs a line of its own)",
		                 r->logical);
		return;
	}
	*end = '\0';
	trim(r->logical + 1);
	if (!slo_config_section_exists(r->logical + 1)) {
		slo_config_unknown_section(r->l, at, r->logical + 1);
		return;
	}
	if (strlen(r->logical + 1) >= SLO_CONFIG_NAME_LEN) {
		slo_config_error(r->l, at,
		                 "[%.60s]: section name too long (accepted: at most %d characters)",
		                 r->logical + 1, SLO_CONFIG_NAME_LEN - 1);
		return;
	}
	r->skip = strncmp(r->logical + 1, "slo.", 4) == 0 &&
	          !slo_config_open_slo(r->l, at, r->logical + 1);
	/* The bracket was overwritten, so there is room for it again. */
	memcpy(r->logical + strlen(r->logical), "]", 2);
}

static void check_answered(struct reading *r)
{
	if (r->expect && !r->skip)
		slo_config_error(r->l, SLO_CONFIG_LINE(r->line),
		                 "%.60s: neither [section] nor key = value", r->logical);
	r->expect = false;
}

/*
 * inih's reader, fgets-like. @num is its buffer's size: a longer line is cut here and its value taken in handle(). Each
 * ends in a newline, or inih from 56 on takes the next ones for the rest of it.
 */
static char *feed(char *str, int num, void *stream)
{
	struct reading *r = stream;

	check_answered(r);
	if (!next_logical(r))
		return NULL;
	if (r->logical[0] == '[')
		check_header(r);
	else
		r->expect = r->logical[0] != '\0';
	/* inih need not see a header that was refused. */
	(void)snprintf(str, (size_t)num - 1, "%s", r->skip && !r->expect ? "" : r->logical);
	memcpy(str + strlen(str), "\n", 2);
	return str;
}

static int handle(struct reading *r, const char *section, const char *name)
{
	const char *value = r->logical + strcspn(r->logical, "=:");

	r->expect = false;
	if (r->skip)
		return 1;
	if (*value)
		value++;
	value += strspn(value, " \t");
	if (*name == '\0') {
		slo_config_error(r->l, SLO_CONFIG_LINE(r->line), "%.60s: the key is missing",
		                 r->logical);
		return 1;
	}
	if (*section == '\0') {
		slo_config_error(r->l, SLO_CONFIG_LINE(r->line),
		                 "%.60s: outside of any section ([agent]?)", name);
		return 1;
	}
	if (strstr(value, " #") || strstr(value, "\t#"))
		slo_config_warn(
			r->l, SLO_CONFIG_LINE(r->line),
			"[%s] %s: the '#' is part of the value; a comment after a value begins with ';'",
			section, name);
	slo_config_apply(r->l, SLO_CONFIG_LINE(r->line), section, name, value, false);
	return 1;
}

/* inih may be built to pass the line number, too. Ours is right also where lines are joined. */
#if INI_HANDLER_LINENO
static int setting(void *user, const char *section, const char *name, const char *value, int lineno)
{
	(void)lineno;
#else
static int setting(void *user, const char *section, const char *name, const char *value)
{
#endif
	(void)value;
	return handle(user, section, name);
}

void slo_config_read_ini(const struct slo_config_loading *l, const char *text, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct reading r = { .l = l, .at = text, .end = text + len, .next_line = 1 };

	if (len >= 3 && memcmp(text, bom, 3) == 0)
		r.at += 3;
	/* Its verdict, the first bad line, is known already: each bad line was told by check_answered(). */
	(void)ini_parse_stream(feed, &r, setting, &r);
	check_answered(&r);
}
