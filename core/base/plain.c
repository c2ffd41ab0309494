/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/plain.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *slo_plain(char *text)
{
	for (char *at = text; *at;) {
		size_t n = slo_plain_control(at);

		memset(at, '?', n);
		at += n ? n : 1;
	}
	return text;
}

static bool is_in(char c, const char *set)
{
	return c && strchr(set, c);
}

/*
 * Behind the last '@' of the authority at @at; @at: it names no user. A password with a '/' that should have been
 * percent-encoded ends the authority too early: what then stands for a port is none, and the '@' is farther on.
 */
static char *behind_user(char *at, const char *end)
{
	static const char blank[] = " \t\r\n\"'<>";
	char *behind = at, *colon = NULL, *c;

	for (c = at; c < end && !is_in(*c, blank) && !is_in(*c, "/?#"); c++) {
		if (*c == '@')
			behind = c + 1;
		else if (*c == ':')
			colon = c;
	}
	while (colon && ++colon < c && *colon >= '0' && *colon <= '9')
		;
	if (behind > at || !colon || colon == c || *at == '[')
		return behind;
	for (; c < end && !is_in(*c, blank); c++) {
		if (*c == '@')
			behind = c + 1;
	}
	return behind;
}

size_t slo_plain_urls(char *text, size_t len)
{
	static const char mark[] = { ':', '/', '/' };
	char *at = text, *behind;

	while ((at = memmem(at, len - (size_t)(at - text), mark, sizeof(mark)))) {
		size_t stars;

		at += sizeof(mark);
		behind = behind_user(at, text + len);
		if (behind == at)
			continue;
		stars = (size_t)(behind - 1 - at) < 3 ? (size_t)(behind - 1 - at) : 3;
		memset(at, '*', stars);
		memmove(at + stars, behind - 1, (size_t)(text + len - (behind - 1)));
		len -= (size_t)(behind - 1 - at) - stars;
	}
	return len;
}

bool slo_wants_colour(int fd)
{
	const char *off = getenv("NO_COLOR");

	return !(off && *off) && isatty(fd);
}
