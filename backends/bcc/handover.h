/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the agent and llm-slo-bcc, which compiles and loads for it and ends: the request is a file (standard input), the
 * reply one message with descriptors.
 *
 * Request: lines, each a word and its value, in any order; the bytes of a file follow its line.
 *   key HEX            name of the result in the cache
 *   headers DIR        kernel headers; none: looked for
 *   root DIR           where the host's root is
 *   flag -DNAME=VALUE  for the compiler
 *   file NAME SIZE     then SIZE bytes and a newline. bpf/...: written beside; bcc/...: compiled as one text, in order
 */
#ifndef SLO_BCC_HANDOVER_H
#define SLO_BCC_HANDOVER_H

#include <stdint.h>

#include "backends/bcc/image.h"

#define SLO_BCC_REPLY_MAGIC 0x0b1c0de1
/* Descriptor of the socket in the helper. */
#define SLO_BCC_SOCKET_FD 3

/* Descriptors with it: the image (a memfd), each map, each program whose code is 0, in the image's order. */
struct slo_bcc_reply {
	uint32_t magic;
	int32_t code; /* 0, or negative errno: then no descriptors, and why */
	int32_t prog_code[SLO_BCC_PROGS_MAX];
	char why[256];
};

/* What was handed over, or loaded from the cache. Owns all descriptors; programs -1 where not loaded (yet). */
struct slo_bcc_program {
	void *bytes; /* malloc()ed */
	struct slo_bcc_image image;
	int map[SLO_BCC_MAPS_MAX];
	int prog[SLO_BCC_PROGS_MAX];
};

/* Not zeroed memory: to be called on each before use, and at the end. */
void slo_bcc_program_init(struct slo_bcc_program *p);
void slo_bcc_program_fini(struct slo_bcc_program *p);

/* Takes @bytes (malloc()ed) in any case, checks them and makes the maps. 0 or negative errno with *@ret untouched. */
int slo_bcc_program_from(struct slo_bcc_program *ret, void *bytes, size_t size,
                         struct slo_err *err);

/* Fd of a map or a program (loaded now, where it was not), borrowed; negative errno, -ENOENT: there is none. */
int slo_bcc_program_map(const struct slo_bcc_program *p, const char *name);
int slo_bcc_program_prog(struct slo_bcc_program *p, const char *name, struct slo_err *err);

/*
 * Runs @helper on the request file @request_fd and waits for it, at most @timeout_ms. 0 with *@ret filled, or the error
 * that the helper or its start gave.
 */
int slo_bcc_run_helper(struct slo_bcc_program *ret, const char *helper, int request_fd,
                       int timeout_ms, struct slo_err *err);

#endif
