/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for parsed JSON. A line is some sixty small pieces that come and go together, and musl's malloc() takes several times
 * as long for them as the parser does for all the rest.
 */
#ifndef SLO_CODEC_JSON_POOL_H
#define SLO_CODEC_JSON_POOL_H

#include <stddef.h>

/*
 * As malloc() and free(). Small pieces lie in one area of 8 MiB, of which no more is resident than was once in use; what is
 * large or finds no room there, and all of it under ASan, is malloc()'s, and slo_json_pool_free() takes any piece of malloc()'s.
 * A piece is freed by the thread that asked for it.
 */
void *slo_json_pool_malloc(size_t size);
void slo_json_pool_free(void *piece);

#endif
