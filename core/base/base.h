/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound cleanup, ownership transfer and table checks. Includes nothing of ours. */
#ifndef SLO_BASE_BASE_H
#define SLO_BASE_BASE_H

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define slo_cleanup(fn) __attribute__((cleanup(fn)))
#define slo_printf(f, a) __attribute__((format(printf, f, a)))
#define slo_must_check __attribute__((warn_unused_result))

#define SLO_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* One row per enum value, checked when the table is compiled. */
#define SLO_TABLE_COMPLETE(table, max) \
	static_assert(SLO_ARRAY_SIZE(table) == (size_t)(max), #table " has missing or extra rows")

/* Hand a pointer or descriptor on to its new owner; the local no longer owns it. */
#define slo_take_ptr(p)                     \
	({                                  \
		__typeof__(p) _taken = (p); \
		(p) = NULL;                 \
		_taken;                     \
	})
#define slo_take_fd(fd)            \
	({                         \
		int _taken = (fd); \
		(fd) = -1;         \
		_taken;            \
	})

static inline void slo_freep(void *p)
{
	free(*(void **)p);
	*(void **)p = NULL;
}

static inline void slo_closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

#endif
