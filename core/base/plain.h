/* SPDX-License-Identifier: Apache-2.0 */
/* What a terminal gets: colour where it is wanted, and nothing of the names of others that would drive it or break a line. */
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

/* @fd is a terminal, and NO_COLOR (https://no-color.org) is not set to anything but "". */
bool slo_wants_colour(int fd);

#endif
