/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/csv.h"

#include <stdbool.h>
#include <string.h>

static bool needs_quotes(const char *text)
{
	size_t len = strlen(text);

	return strpbrk(text, ",\"\r\n") || (len > 0 && (text[0] == ' ' || text[len - 1] == ' '));
}

void slo_csv_put(FILE *out, const char *text)
{
	if (!needs_quotes(text)) {
		(void)fputs(text, out);
		return;
	}
	(void)fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			(void)fputc('"', out);
		(void)fputc(*text, out);
	}
	(void)fputc('"', out);
}
