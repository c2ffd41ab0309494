/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread-local variable in an ELF file, and where the loader has put it in a running process: how programs reach such
 * variables (ELF Handling For Thread-Local Storage, Drepper) says it.
 */
#ifndef SLO_COMPAT_THREAD_CTX_ELF_H
#define SLO_COMPAT_THREAD_CTX_ELF_H

#include "compat/thread_ctx.h"

/* Does the ELF file @fd export it? False for whatever is no 64-bit ELF file of this byte order. */
bool slo_thread_ctx_in_file(int fd);

/*
 * Where a process has the variable of @file, whose executable mapping begins at @start, with what lies at @offset of it.
 * @memory: its /proc/PID/mem. @musl: its C library, else glibc. False: no such variable, not bound yet, or bound in a way
 * that is not known.
 */
bool slo_thread_ctx_locate(int file, int memory, uint64_t start, uint64_t offset, bool musl,
                           struct slo_thread_ctx_place *ret);

#endif
