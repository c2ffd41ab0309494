/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/backends.h"

const struct slo_backend_ops *const slo_backends[] = {
	&slo_backend_libbpf, &slo_backend_btf_free, &slo_backend_procfs,
	&slo_backend_replay, &slo_backend_null,     NULL,
};
