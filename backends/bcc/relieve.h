/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before 4.10 no map drops its oldest entries: those that programs cannot always remove fill up for good. Here the entries of
 * who is gone are removed when a map gets full.
 */
#ifndef SLO_BCC_RELIEVE_H
#define SLO_BCC_RELIEVE_H

#include "backends/bcc/handover.h"

/*
 * Looks at one map of @p, another each time: *@turn, zero at first, is the caller's to keep. @root: dirfd of the host's root,
 * whose /proc tells who is gone. Number of entries removed.
 */
uint32_t slo_bcc_relieve(const struct slo_bcc_program *p, int root, unsigned int *turn);

#endif
