/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled programs on disk: state_dir/bcc/RELEASE-KEY.slobcc. The key names the kernel (release, build, machine), every text
 * and flag and the wire format; an entry may be copied to hosts of the same kernel. What is wrong with an entry makes it as
 * good as absent.
 */
#ifndef SLO_BCC_CACHE_H
#define SLO_BCC_CACHE_H

#include <stdbool.h>

#include "backends/bcc/handover.h"

#define SLO_BCC_FLAGS_MAX 32
#define SLO_BCC_FLAG_LEN 64

/* What is to be compiled, besides the texts. */
struct slo_bcc_want {
	char flag[SLO_BCC_FLAGS_MAX][SLO_BCC_FLAG_LEN]; /* -DNAME=VALUE */
	unsigned int flag_count;
	const char *
		headers; /* folder; NULL: looked for. Not part of the key, which headers need not be there for */
	const char *root; /* folder of the host's root, for the search of headers */
};

struct slo_bcc_kernel {
	char release[SLO_BCC_RELEASE_LEN];
	char build[160]; /* uname -v: number and time of the build, and so its configuration */
	char machine[32];
};

void slo_bcc_kernel_read(struct slo_bcc_kernel *ret);

/* Flags past the maximum are an assertion. */
void slo_bcc_flag(struct slo_bcc_want *w, const char *fmt, ...) slo_printf(2, 3);

void slo_bcc_key(const struct slo_bcc_want *w, const struct slo_bcc_kernel *k,
                 char ret_key[SLO_SHA256_HEX_SIZE]);

/* The request for llm-slo-bcc, as handover.h has it: a memfd, the caller's. */
int slo_bcc_request(const struct slo_bcc_want *w, const char *key, struct slo_err *err);

/*
 * @headers: a folder that was named, or NULL: the kernel's own below folder @root ("" this root). Where there are some now, of
 * another configuration than it was made with, an entry is wrong.
 * Headers that are there now, @w's or else the kernel's own, of another configuration than it was made with make an entry wrong.
 * 0 with *@ret as slo_bcc_program_from(); -ENOENT: no entry; -EBADMSG: there is one, and @err says what is wrong with it;
 * -EPERM: others could have written it, or errno.
 */
int slo_bcc_cache_load(const char *state_dir, const struct slo_bcc_kernel *k,
                       const struct slo_bcc_want *w, const char *key, struct slo_bcc_program *ret,
                       struct slo_err *err);
/*
 * Does it lack files, and did the headers change since that was found? Then compiling anew may give them; what can no longer
 * be told is no reason to.
 */
bool slo_bcc_is_worth_another_try(const struct slo_bcc_image_head *head);

/* Whole or not at all; two agents at once write the same. 0 or negative errno. */
int slo_bcc_cache_store(const char *state_dir, const struct slo_bcc_kernel *k, const char *key,
                        const struct slo_bcc_program *p, struct slo_err *err);

#endif
