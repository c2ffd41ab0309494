/* SPDX-License-Identifier: Apache-2.0 */
/* The backends compiled in, in the order they are tried. */
#ifndef SLO_BACKENDS_BACKENDS_H
#define SLO_BACKENDS_BACKENDS_H

#include "core/backend.h"

extern const struct slo_backend_ops slo_backend_libbpf;
extern const struct slo_backend_ops slo_backend_libbpf_ext; /* its name is libbpf, too */
extern const struct slo_backend_ops slo_backend_btf_free;
extern const struct slo_backend_ops slo_backend_procfs;
extern const struct slo_backend_ops slo_backend_replay;
extern const struct slo_backend_ops slo_backend_null;

/* NULL-terminated. */
extern const struct slo_backend_ops *const slo_backends[];

#endif
