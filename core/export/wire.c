/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/wire.h"

/* NOLINTNEXTLINE(misc-no-recursion): slo_wire_value() is asked for no group here */
int slo_wire_skip_group(struct slo_wire *w, uint32_t number)
{
	uint32_t open[SLO_WIRE_GROUPS_MAX];
	struct slo_wire_field f;
	size_t depth = 0;

	open[depth++] = number;
	while (depth) {
		if (slo_wire_tag(w, &f) < 0)
			return -EBADMSG;
		if (f.type == SLO_WIRE_GROUP) {
			if (depth == SLO_WIRE_GROUPS_MAX)
				return -EBADMSG;
			open[depth++] = f.number;
		} else if (f.type == SLO_WIRE_GROUP_END) {
			if (open[--depth] != f.number)
				return -EBADMSG;
		} else if (slo_wire_value(w, &f) < 0) {
			return -EBADMSG;
		}
	}
	return 0;
}
