/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest beside a baseline: which source its samples were measured on. */
#ifndef SLO_CODEC_BASELINE_MANIFEST_H
#define SLO_CODEC_BASELINE_MANIFEST_H

#include <stddef.h>

#include "core/base/err.h"

#define SLO_BASELINE_TEXT_SIZE 256

struct slo_baseline_manifest {
	char source_ref[SLO_BASELINE_TEXT_SIZE]; /* branch or tag */
	char source_commit[SLO_BASELINE_TEXT_SIZE];
};

/*
 * A JSON object with both as strings of 1 to 255 bytes; other fields are passed over. 0, or -EINVAL with @err
 * "LINE: what" or "field ...: what"; -ENOMEM.
 */
int slo_baseline_manifest_parse(const char *text, size_t len, struct slo_baseline_manifest *ret,
                                struct slo_err *err);

#endif
