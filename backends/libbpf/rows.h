/* SPDX-License-Identifier: Apache-2.0 */
/* Which BPF objects there are, and for each the ladder of mechanisms: rows tried in order by real load and attach. */
#ifndef SLO_LIBBPF_ROWS_H
#define SLO_LIBBPF_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "core/model/event.h"

/* Which set of objects: what it takes of the kernel decides. */
enum slo_flavour {
	SLO_FLAVOUR_CORE, /* BTF, ring buffer: from 5.8 */
	SLO_FLAVOUR_EXT, /* BTF out of a file, neither ring nor global data: 4.18 to 5.7; rows_ext.c */
	SLO_FLAVOUR_FREE, /* no BTF at all: from 4.15; rows_free.c */
	SLO_FLAVOUR_MAX_,
};

enum slo_obj {
	SLO_OBJ_DNS,
	SLO_OBJ_RETRANSMIT,
	SLO_OBJ_RUNQUEUE,
	SLO_OBJ_CONNECT,
	SLO_OBJ_RECLAIM,
	SLO_OBJ_DISK,
	SLO_OBJ_SYSCALL,
	SLO_OBJ_TLS,
	SLO_OBJ_MAX_,
};

#define SLO_ROW_PROGS 6
#define SLO_ROW_EXTRAS 4
#define SLO_ROW_RODATA 2

struct slo_obj_row {
	const char *name; /* bpf/<name>.bpf.c */
	const unsigned char *start, *end; /* the ELF object, embedded */
	uint64_t signals; /* SLO_SIG_BIT of each it measures; the first is the one that names it */
	bool hist_percpu; /* its histogram is a per-CPU map */
};

/* A global in .rodata (in the other flavours a constant of bpf/slo_fields.h) set before load. */
struct slo_rodata {
	const char *name; /* NULL: none */
	uint32_t value;
};

/* An optional part of a row, all or nothing: tried with it, left out with a note where it fails. */
struct slo_extra {
	const char *prog[8]; /* none: no such part, nor any behind it */
	const char *missing; /* what cannot be seen without it */
	uint64_t signals; /* only these need it; 0: all of the object */
	/*
	 * Attached from the start only where the owner of each measurement must be known (env.know_owner), else loaded
	 * and left to slo_bpf_obj_attach_late().
	 */
	bool on_demand;
	/* Tried only where the part before it is refused, in place of it; programs may be of both. */
	bool in_place;
	const char *
		if_named; /* not a part where nothing in the kernel's BTF has this name; NULL: always */
};

struct slo_rung {
	enum slo_obj obj;
	const char *mechanism; /* unique in its object; shown to people */
	const char *hooks;
	enum slo_source source;
	const char *progs[SLO_ROW_PROGS]; /* all needed */
	struct slo_extra extra[SLO_ROW_EXTRAS];
	const char *
		stand_in; /* of progs: attached only while SLO_OBJ_CONNECT, which does the same, is not; NULL none */
	struct slo_rodata rodata[SLO_ROW_RODATA];
	const char *know_owner; /* a __u64 of .bss, 1 where env.know_owner; NULL: none */
	const char *unused_maps[2]; /* not created */
	bool needs_target; /* taxes everybody: only with targets, or by turns (env.by_turns) */
	bool no_cgroup; /* measurements name none, so targets by cgroup would select nothing */
	bool needs_sched_info; /* /proc/self/schedstat must count */
	const char *
		unless_named; /* wrong where something in the kernel's BTF has this name; NULL: nowhere */
	const char *needs; /* kernel features and capabilities */
	const char *note; /* what this rung cannot see; "" none */
};

/* What no rung of TLS sees. */
#define SLO_TLS_NOTE \
	"TLS over TCP only: QUIC, DTLS and hellos inside a SYN (TCP fast open) are not seen"

/* Row of @obj in a flavour; no signals where that has none such. */
const struct slo_obj_row *slo_obj_row(enum slo_flavour flavour, enum slo_obj obj);

/* The rungs of all objects of a flavour, each object's best first; @ret_count is set. */
const struct slo_rung *slo_rungs(enum slo_flavour flavour, size_t *ret_count);

/* The bytes of an object of a flavour (objects.S): to be declared, and then a row. */
#define SLO_OBJ_EMBEDDED(flavour, name)                                  \
	extern const unsigned char slo_bpf_##flavour##_##name##_start[], \
		slo_bpf_##flavour##_##name##_end[]
#define SLO_OBJ_ROW(flavour, obj, of)                             \
	.name = #obj, .start = slo_bpf_##flavour##_##obj##_start, \
	.end = slo_bpf_##flavour##_##obj##_end, .signals = (of)

/* Those that every flavour has, which measure the same in each. */
#define SLO_OBJ_ALL_EMBEDDED(flavour)          \
	SLO_OBJ_EMBEDDED(flavour, dns);        \
	SLO_OBJ_EMBEDDED(flavour, retransmit); \
	SLO_OBJ_EMBEDDED(flavour, runqueue);   \
	SLO_OBJ_EMBEDDED(flavour, connect);    \
	SLO_OBJ_EMBEDDED(flavour, reclaim);    \
	SLO_OBJ_EMBEDDED(flavour, disk);       \
	SLO_OBJ_EMBEDDED(flavour, syscall);    \
	SLO_OBJ_EMBEDDED(flavour, tls)
#define SLO_OBJ_ALL_ROWS(flavour)                                                                \
	[SLO_OBJ_DNS] = { SLO_OBJ_ROW(flavour, dns, SLO_SIG_BIT(SLO_SIG_DNS_LATENCY)) },         \
	[SLO_OBJ_RETRANSMIT] = { SLO_OBJ_ROW(flavour, retransmit,                                \
		                             SLO_SIG_BIT(SLO_SIG_TCP_RETRANSMITS)) },            \
	[SLO_OBJ_RUNQUEUE] = { SLO_OBJ_ROW(flavour, runqueue,                                    \
		                           SLO_SIG_BIT(SLO_SIG_RUNQUEUE_DELAY)),                 \
		               .hist_percpu = true },                                            \
	[SLO_OBJ_CONNECT] = { SLO_OBJ_ROW(flavour, connect,                                      \
		                          SLO_SIG_BIT(SLO_SIG_CONNECT_LATENCY) |                 \
		                                  SLO_SIG_BIT(SLO_SIG_CONNECT_ERRORS)) },        \
	[SLO_OBJ_RECLAIM] = { SLO_OBJ_ROW(flavour, reclaim, SLO_SIG_BIT(SLO_SIG_MEM_RECLAIM)) }, \
	[SLO_OBJ_DISK] = { SLO_OBJ_ROW(flavour, disk, SLO_SIG_BIT(SLO_SIG_DISK_IO)) },           \
	[SLO_OBJ_SYSCALL] = { SLO_OBJ_ROW(flavour, syscall, SLO_SIG_BIT(SLO_SIG_SYSCALL)) },     \
	[SLO_OBJ_TLS] = { SLO_OBJ_ROW(flavour, tls,                                              \
		                      SLO_SIG_BIT(SLO_SIG_TLS_HANDSHAKE) |                       \
		                              SLO_SIG_BIT(SLO_SIG_TLS_FAIL)) }

/* The tables of one flavour, each in its own file; asked for through the two above. */
struct slo_flavour_rows {
	const struct slo_obj_row *objects; /* SLO_OBJ_MAX_ of them */
	const struct slo_rung *rungs;
	size_t rung_count;
};
extern const struct slo_flavour_rows slo_rows_ext, slo_rows_free;

#endif
