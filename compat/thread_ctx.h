/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that say what each of their threads works for: OpenTelemetry's thread context (OTEP 4947), a thread-local
 * variable that the executable or a library exports under a fixed name.
 */
#ifndef SLO_COMPAT_THREAD_CTX_H
#define SLO_COMPAT_THREAD_CTX_H

#include <stdbool.h>
#include <stdint.h>

#define SLO_THREAD_CTX_SYMBOL "otel_thread_ctx_v1"

struct slo_thread_ctx {
	unsigned int processes; /* looked at */
	unsigned int publishers; /* of those, have it */
	unsigned int unreadable; /* of those, whose mappings or files could not be read */
	uint32_t first; /* pid of the first publisher; 0 none */
	bool all; /* false: time or room ran out before every process was looked at */
};

/*
 * Looks through the processes below @root (a dirfd), reading each mapped file once; ends after about a second. 0 or negative
 * errno with *@ret untouched.
 */
int slo_thread_ctx_find(int root, struct slo_thread_ctx *ret);

/* Where each thread of a process has the pointer. */
struct slo_thread_ctx_place {
	int64_t offset; /* from the thread pointer, or from the beginning of the module's block */
	uint32_t module; /* 0: none, @offset is all; else its place in the thread's vector (DTV) */
	int16_t dtv_at; /* of the vector's address, from the thread pointer */
	uint16_t dtv_step; /* bytes of a place in it */
};

typedef void (*slo_thread_ctx_fn)(void *user, uint32_t pid,
                                  const struct slo_thread_ctx_place *place);

/*
 * The same for whoever has other work: @fn (not NULL) gets each publisher whose place could be found, once a pass. @root is
 * borrowed for life. 0 or -ENOMEM.
 */
struct slo_thread_ctx_walk;
int slo_thread_ctx_walk_new(struct slo_thread_ctx_walk **ret, int root, slo_thread_ctx_fn fn,
                            void *user);
/* NULL-safe, sets *w = NULL. */
void slo_thread_ctx_walk_freep(struct slo_thread_ctx_walk **w);
/* Looks at processes for about @budget_ns. True: that was the last of a pass, the next step begins another one. */
bool slo_thread_ctx_walk_step(struct slo_thread_ctx_walk *w, uint64_t budget_ns);

#endif
