/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/markup.h"

#include <stdint.h>
#include <string.h>

#include "core/base/jsonw.h"
#include "core/base/plain.h"

static const char *entity(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

size_t slo_markup_put_char(FILE *out, const char *text, size_t n)
{
	size_t len = 1;

	if ((unsigned char)*text >= 0x80)
		len = slo_jsonw_utf8_length((const unsigned char *)text, n);
	if (len == 0 || (unsigned char)*text < ' ' || *text == 0x7f)
		(void)fputs("\xef\xbf\xbd", out);
	else
		(void)fwrite(text, 1, len, out);
	return len ? len : 1;
}

static size_t put_escaped(FILE *out, const char *text, size_t n)
{
	const char *escaped = entity(*text);

	if (!escaped)
		return slo_markup_put_char(out, text, n);
	(void)fputs(escaped, out);
	return 1;
}

void slo_markup_put(FILE *out, const char *text)
{
	(void)slo_markup_put_clipped(out, text, SIZE_MAX);
}

/* Whether more than @columns characters stand in @text of @n bytes. */
static int is_longer(const char *text, size_t n, size_t columns)
{
	for (; n > 0 && columns > 0; columns--) {
		size_t len = 1;

		if ((unsigned char)*text >= 0x80)
			len = slo_jsonw_utf8_length((const unsigned char *)text, n);
		len = len ? len : 1;
		text += len;
		n -= len;
	}
	return n > 0;
}

size_t slo_markup_put_clipped(FILE *out, const char *text, size_t columns)
{
	size_t n = strlen(text), put = 0;
	int longer = is_longer(text, n, columns);

	while (n > 0 && put + (longer ? 1 : 0) < columns) {
		size_t len = put_escaped(out, text, n);

		text += len;
		n -= len;
		put++;
	}
	if (longer && columns > 0) {
		(void)fputs("\xe2\x80\xa6", out);
		put++;
	}
	return put;
}

void slo_markup_put_plain(FILE *out, const char *text)
{
	while (*text) {
		size_t n = slo_plain_control(text);

		(void)fputc(n ? '?' : *text, out);
		text += n ? n : 1;
	}
}
