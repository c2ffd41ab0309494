/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people get to read: colour where it is wanted, nothing of the names of others that would drive a terminal or break a
 * line, and no password of a URL.
 */
#ifndef SLO_BASE_PLAIN_H
#define SLO_BASE_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the control character that begins @text (C0 and DEL 1, C1 in UTF-8 2); 0: it begins with none, or is at its end. */
static inline size_t slo_plain_control(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	if ((*c && *c < ' ') || *c == 0x7f)
		return 1;
	/* U+009B alone begins a sequence of xterm, as ESC [ does. */
	return *c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0 ? 2 : 0;
}

/* Each byte of a control character becomes '?', in place. Returns @text. */
char *slo_plain(char *text);

/*
 * User and password of each URL among the @len bytes at @text (a word with "://" before them and '@' behind) become "***",
 * or as many '*' as they were where those are fewer, in place. What is left of @len; no NUL is looked for or written.
 */
size_t slo_plain_urls(char *text, size_t len);

/* @fd is a terminal, and NO_COLOR (https://no-color.org) is not set to anything but "". */
bool slo_wants_colour(int fd);

#endif
