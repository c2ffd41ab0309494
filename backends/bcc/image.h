/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled program as bytes: maps, programs, and bytecode whose map references are numbers of that list. What the helper
 * makes, the cache keeps and either of them loads. Host byte order; only for the kernel that its key names.
 */
#ifndef SLO_BCC_IMAGE_H
#define SLO_BCC_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/sha256.h"

#define SLO_BCC_IMAGE_MAGIC "SLOBCC2"
#define SLO_BCC_MAPS_MAX 32
#define SLO_BCC_PROGS_MAX 48
#define SLO_BCC_INSNS_MAX (1U << 18)
#define SLO_BCC_NAME_LEN 32
#define SLO_BCC_RELEASE_LEN 72
#define SLO_BCC_FOLDER_LEN 128

/* Followed by the maps, the programs, the instructions. Texts end with a NUL. */
struct slo_bcc_image_head {
	char magic[8];
	uint32_t size; /* of all */
	uint32_t map_count;
	uint32_t prog_count;
	uint32_t insn_count;
	uint32_t kern_version; /* LINUX_VERSION_CODE; kernels before 5.0 ask for it */
	uint32_t compile_ms;
	uint32_t peak_kb; /* of the helper */
	uint32_t changed_s; /* of the folder below; 0 unknown */
	char release[SLO_BCC_RELEASE_LEN]; /* of the headers */
	char key[SLO_SHA256_HEX_SIZE + 7]; /* of what was asked for */
	char config[SLO_SHA256_HEX_SIZE + 7]; /* of the headers' autoconf.h; "" unknown */
	char include[SLO_BCC_FOLDER_LEN]; /* the headers' include/linux; "" too long to say */
	char left_out[256]; /* files that did not compile, and why; "" none */
	uint8_t digest[SLO_SHA256_BYTES]; /* of all, this field zero */
};

struct slo_bcc_image_map {
	char name[SLO_BCC_NAME_LEN];
	uint32_t type, key, value, max, flags, pad;
};

struct slo_bcc_image_prog {
	char name[SLO_BCC_NAME_LEN]; /* ends in _kp, _tp or _raw: its type */
	uint32_t first; /* instruction */
	uint32_t count;
};

/* Borrows the bytes. */
struct slo_bcc_image {
	const struct slo_bcc_image_head *head;
	const struct slo_bcc_image_map *maps;
	const struct slo_bcc_image_prog *progs;
	const void *insns; /* struct bpf_insn */
};

/*
 * Checks everything but the key. @bytes: 8-byte aligned, any content. 0 with @ret inside of @bytes, or -EBADMSG with what is
 * wrong.
 */
int slo_bcc_image_parse(const void *bytes, size_t size, struct slo_bcc_image *ret,
                        struct slo_err *err);

/* Seals @head, which begins @head->size bytes: computes the digest. */
void slo_bcc_image_seal(struct slo_bcc_image_head *head);

/* Makes the maps, @ret_fds[map_count], the caller's. 0, or negative errno with none left open. */
int slo_bcc_image_make_maps(const struct slo_bcc_image *img, int *ret_fds, struct slo_err *err);

/* Loads program @i on those maps. Fd or negative errno, @err with the verifier's last words. */
int slo_bcc_image_load(const struct slo_bcc_image *img, uint32_t i, const int *map_fds,
                       struct slo_err *err);

/* Below a folder of headers: the kernel's configuration. */
#define SLO_BCC_AUTOCONF "/include/generated/autoconf.h"
/* SHA-256 of a file. 0 or negative errno. */
int slo_bcc_file_digest(const char *path, char ret_hex[SLO_SHA256_HEX_SIZE]);

/* When a folder include/linux or one of its neighbours changed last, seconds since 1970; 0: it is not there. */
uint32_t slo_bcc_include_changed(const char *include);

/* -1 where there is none. */
int slo_bcc_image_find_map(const struct slo_bcc_image *img, const char *name);
int slo_bcc_image_find_prog(const struct slo_bcc_image *img, const char *name);

#endif
