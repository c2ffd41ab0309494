/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/nearest.h"

#include <string.h>

#define WORD_MAX 63

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment (Damerau-Levenshtein without overlapping edits), three rows at a time. */
size_t slo_edit_distance(const char *a, const char *b)
{
	size_t alen = strnlen(a, WORD_MAX), blen = strnlen(b, WORD_MAX);
	size_t rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= blen; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= alen; i++) {
		size_t *now = rows[i % 3];
		const size_t *up = rows[(i - 1) % 3], *upup = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			now[j] =
				min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    upup[j - 2] + 1 < now[j])
				now[j] = upup[j - 2] + 1;
		}
	}
	return rows[alen % 3][blen];
}

void slo_nearest_offer(struct slo_nearest *n, const char *candidate)
{
	size_t limit = strnlen(candidate, WORD_MAX) / 3, distance;

	distance = slo_edit_distance(n->word, candidate);
	/* One edit in a short word (pid, pids) is still a slip; but no word has nothing in common with "". */
	if (distance > (limit > 0 ? limit : 1) || *n->word == '\0')
		return;
	if (n->best && distance >= n->distance)
		return;
	n->best = candidate;
	n->distance = distance;
}
