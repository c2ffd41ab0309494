/* SPDX-License-Identifier: Apache-2.0 */
/* Between the loading of objects and the attaching of their programs. */
#ifndef SLO_BACKENDS_LIBBPF_OBJECT_PARTS_H
#define SLO_BACKENDS_LIBBPF_OBJECT_PARTS_H

#include <string.h>

#include "backends/libbpf/object.h"

/* Called by other programs, attached nowhere. */
static inline bool slo_rung_is_tail(const char *prog)
{
	return strncmp(prog, "tail_", strlen("tail_")) == 0;
}

/* Which of the optional parts @extras, a bit each, @prog belongs to, or -1. */
int slo_rung_extra_of(const struct slo_rung *r, unsigned int extras, const char *prog);

/*
 * All that are loaded, but those on demand where it is not @o->late; on failure none, with the errno, the program in
 * @ret_failed, and a message in @err only where there is more to say.
 */
int slo_bpf_obj_attach_all(struct slo_bpf_obj *o, const struct slo_attach_env *env,
                           const char **ret_failed, struct slo_err *err);

#endif
