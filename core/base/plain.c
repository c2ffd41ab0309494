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

bool slo_wants_colour(int fd)
{
	const char *off = getenv("NO_COLOR");

	return !(off && *off) && isatty(fd);
}
