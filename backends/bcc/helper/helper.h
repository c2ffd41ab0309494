/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of llm-slo-bcc: what is asked, the kernel's headers, the compiler. A process that ends after one request. */
#ifndef SLO_BCC_HELPER_H
#define SLO_BCC_HELPER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "backends/bcc/image.h"

#define SLO_REQUEST_FILES 16
#define SLO_REQUEST_FLAGS 32

struct slo_request_file {
	const char *name; /* NUL-terminated, as the text is not */
	const char *text;
	size_t size;
};

/* Borrows the request's bytes, which parsing changes. */
struct slo_request {
	const char *key; /* never NULL, as the others */
	const char *headers;
	const char *root;
	const char *flag[SLO_REQUEST_FLAGS];
	unsigned int flag_count;
	struct slo_request_file file[SLO_REQUEST_FILES];
	unsigned int file_count;
};

/* @text is NUL-terminated at @size. 0, or -EBADMSG with the line. */
int slo_request_parse(char *text, size_t size, struct slo_request *ret, struct slo_err *err);

/* A folder that BCC takes as BCC_KERNEL_SOURCE. */
struct slo_headers {
	char path[PATH_MAX];
	char from[PATH_MAX]; /* where they were found, for people */
};

/*
 * Finds the headers of the running kernel and lays them out below @scratch where they are split. -ENOENT: none, and @err
 * names the package; -ESTALE: those that were named, or the only ones there are, belong to another release.
 */
int slo_headers_find(const struct slo_request *req, const char *scratch, struct slo_headers *ret,
                     struct slo_err *err);

/* Writes the request's headers below @scratch, compiles its programs in a child and seals the image in memory file @ret_fd. */
int slo_compile(const struct slo_request *req, const struct slo_headers *headers,
                const char *scratch, int *ret_fd, struct slo_err *err);

#endif
