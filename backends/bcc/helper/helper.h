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
 * names the package; -ESTALE: those that were named, or the only ones there are, belong to another release; -EIO, -ENOSPC:
 * there is no getting at them below @scratch.
 */
int slo_headers_find(const struct slo_request *req, const char *scratch, struct slo_headers *ret,
                     struct slo_err *err);

/* Unpacks @archive into @scratch/kernel. 0, or -EIO: the place is too small, or tar or xz is missing. */
int slo_headers_unpack(const char *archive, const char *scratch, struct slo_headers *ret,
                       struct slo_err *err);

#define SLO_MEMBERS 8

/*
 * What structures have in the kernel of these headers, as flags of the compiler that last for good. By the headers' text: to
 * a release's number vendors add what later ones brought. Count.
 */
unsigned int slo_members(const char *headers, const char *ret[SLO_MEMBERS]);

/*
 * A folder of one's own in @parent, which slo_scratch_sweep() lets alone while it is locked. Descriptor of the lock, the
 * caller's, or negative errno.
 */
int slo_scratch_make(const char *parent, char path[PATH_MAX]);
void slo_scratch_remove(const char *path, int *lock);
/* Removes what helpers that did not end by themselves left in @parent. */
void slo_scratch_sweep(const char *parent);

/* Exit code of the compiler's process where the compiler was not reached; it printed why. */
#define SLO_COMPILE_NOT_BEGUN 3

/*
 * Of the compiler's wait status, and file @output of what it said: 0; -ENOEXEC: the text does not go with this kernel; -EINTR
 * or another code, with @err: it may the next time.
 */
int slo_compile_outcome(int status, int output, struct slo_err *err);
/* The first error of what the compiler said. */
void slo_compile_complaint(int output, char *ret, size_t size);

/*
 * Writes the request's headers below @scratch, compiles its programs in a child and seals the image in memory file @ret_fd.
 * Files that do not go with this kernel are left out, and the image says so. What fails for a passing reason fails whole:
 * -EINTR by a signal, -ENOMEM, -ENOSPC and others.
 */
int slo_compile(const struct slo_request *req, const struct slo_headers *headers,
                const char *scratch, int *ret_fd, struct slo_err *err);

#endif
