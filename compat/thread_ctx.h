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

/* Does the ELF file @fd export it? False for whatever is no 64-bit ELF file of this byte order. */
bool slo_thread_ctx_in_file(int fd);

#endif
