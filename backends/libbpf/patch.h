/* SPDX-License-Identifier: Apache-2.0 */
/* Writes constants and field offsets (bpf/slo_fields.h) into programs that cannot have them as data. */
#ifndef SLO_LIBBPF_PATCH_H
#define SLO_LIBBPF_PATCH_H

#include <bpf/libbpf.h>

#include "bpf/slo_fields.h"
#include "core/base/err.h"

/* SLO_K_* of a constant's name, or -ENOENT. */
int slo_patch_const_from_name(const char *name);

/*
 * Where @field of a record of size @bytes (0: any) is, from @format: the text of a tracepoint's format file. Offset, or
 * -ENOENT; -EMSGSIZE where it has another size.
 */
int slo_patch_find_field(const char *format, const char *field, unsigned int bytes);

/*
 * Replaces all placeholders of @prog, which must not be loaded yet. @consts: one value for each SLO_K_*; @root: dirfd of the
 * host's root. 0; -ENOENT where the kernel lacks a tracepoint or a field that is no option (@err names it).
 */
int slo_patch_program(struct bpf_program *prog, const uint32_t consts[SLO_K_MAX_], int root,
                      struct slo_err *err);

#endif
