/* SPDX-License-Identifier: Apache-2.0 */
/* Which known word did the user mean? */
#ifndef SLO_CONFIG_NEAREST_H
#define SLO_CONFIG_NEAREST_H

#include <stddef.h>

/* Edits (insert, delete, change, swap of neighbours) between two words; only the first 63 bytes of each count. */
size_t slo_edit_distance(const char *a, const char *b);

struct slo_nearest {
	const char *word; /* what the user wrote */
	const char *best; /* NULL: nothing near enough yet */
	size_t distance; /* of @best */
};

/* Keep @candidate where it is nearer than the best so far; borrows it. At most a third of the letters may differ. */
void slo_nearest_offer(struct slo_nearest *n, const char *candidate);

#endif
