/* SPDX-License-Identifier: Apache-2.0 */
/* The BTF file that the ladder's rung for it goes by: the one that was named, or the first of the folders that is good. */
#ifndef SLO_BACKENDS_BTF_CHOICE_H
#define SLO_BACKENDS_BTF_CHOICE_H

#include "core/backend.h"

struct slo_btf_choice {
	char path[1024]; /* read, and of the running kernel as far as that can be told; "": none */
	char why[200]; /* what is wrong with the file named, or the first found, in case of none; "" */
};

/* Folders are looked through only where no file is named, and the kernel has no BTF of its own. */
void slo_btf_choose(const struct slo_backend_config *cfg, struct slo_btf_choice *ret);

bool slo_btf_has_own(const struct slo_backend_config *cfg);

#endif
