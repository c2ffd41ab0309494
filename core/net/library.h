/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Libraries that are loaded when they are first needed: where HTTP is not spoken, they and the thirty that they are linked to
 * (TLS, Kerberos, LDAP) stay out of memory. In the static build (SLO_LINKED) they are linked, and the tables filled from that.
 */
#ifndef SLO_NET_LIBRARY_H
#define SLO_NET_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

struct slo_library_function {
	const char *name;
	size_t at; /* of its pointer in the caller's table */
	void (*linked)(void); /* NULL but in the static build */
};

struct slo_library {
	const char *soname;
	const char *advice; /* what to install */
	const struct slo_library_function *function;
	size_t count;
};

#ifdef SLO_LINKED
#define SLO_LIBRARY_FUNCTION(table, member, prefix) \
	{ #prefix #member, offsetof(struct table, member), (void (*)(void))(prefix##member) },
#else
#define SLO_LIBRARY_FUNCTION(table, member, prefix) \
	{ #prefix #member, offsetof(struct table, member), NULL },
#endif

/*
 * Fills @table. *@ret (NULL in the static build) is the caller's to dlclose(), which ends its claim; the code stays until
 * the process ends, for what these libraries load leaves threads' keys and exit handlers behind. -ELIBACC with what to
 * install: it is not there, or lacks a function.
 */
int slo_library_open(void **ret, const struct slo_library *l, void *table, struct slo_err *err);
void slo_library_close(void **library);

/*
 * Whether it could be opened, for who needs it only later and wants to say so now: a child process tries. Without one, or
 * where it fails, it is tried here, into @table.
 */
int slo_library_check(const struct slo_library *l, void *table, struct slo_err *err);

/*
 * For packagers' tools, which see no such library in what the program is linked to: an ELF note as
 * https://uapi-group.org/specifications/specs/elf_dlopen_metadata/ has it.
 */
#define SLO_LIBRARY_NOTE(id, json)                                          \
	static const struct {                                               \
		uint32_t name_len, text_len, type;                          \
		char name[4];                                               \
		char text[(sizeof(json) + 3) & ~(size_t)3];                 \
	} id __attribute__((used, section(".note.dlopen"), aligned(4))) = { \
		.name_len = 4,                                              \
		.text_len = sizeof(id.text),                                \
		.type = 0x407c0c0a,                                         \
		.name = "FDO",                                              \
		.text = json,                                               \
	}

#endif
