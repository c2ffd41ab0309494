/* SPDX-License-Identifier: Apache-2.0 */
/* Which programs the texts of bcc/ hold, where each is attached, and for each signal the ladder of mechanisms. */
#ifndef SLO_BCC_ROWS_H
#define SLO_BCC_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/event.h"

enum slo_bcc_kind {
	SLO_BCC_KPROBE,
	SLO_BCC_TRACEPOINT,
	SLO_BCC_RAW_TP,
};

/* One program and its one place. */
enum slo_bcc_hook {
	SLO_BCC_DNS_SEND4,
	SLO_BCC_DNS_SEND6,
	SLO_BCC_DNS_ARRIVE,
	SLO_BCC_DNS_ARRIVE_4_7,
	SLO_BCC_DNS_ARRIVE_OLD,
	SLO_BCC_DNS_READ,
	SLO_BCC_DNS_READ_4_7,
	SLO_BCC_DNS_READ_OLD,
	SLO_BCC_DNS_RECV4,
	SLO_BCC_DNS_RECV6,
	SLO_BCC_DNS_BIND,
	SLO_BCC_RETR_TP,
	SLO_BCC_RETR_KP,
	SLO_BCC_RETR_TLP_KP,
	SLO_BCC_SYNACK_TP,
	SLO_BCC_SYNACK_KP,
	SLO_BCC_STATE_TP,
	SLO_BCC_STATE_KP,
	SLO_BCC_LISTEN_KP,
	SLO_BCC_CALL4_KP,
	SLO_BCC_CALL6_KP,
	SLO_BCC_CALL_EXIT_TP,
	SLO_BCC_SWITCH_RAW,
	SLO_BCC_WAKEUP_RAW,
	SLO_BCC_WAKEUP_NEW_RAW,
	SLO_BCC_SWITCHED_KP,
	SLO_BCC_WAKEUP_TP,
	SLO_BCC_WAKEUP_NEW_TP,
	SLO_BCC_WAKEUP_KP,
	SLO_BCC_WAKEUP_NEW_KP,
	SLO_BCC_DISK_CGROUP_RAW,
	SLO_BCC_DISK_RAW,
	SLO_BCC_DISK_START_KP,
	SLO_BCC_DISK_ISSUE_MQ_KP,
	SLO_BCC_DISK_ISSUE_KP,
	SLO_BCC_DISK_DONE_KP,
	SLO_BCC_DIRECT_BEGIN,
	SLO_BCC_DIRECT_END,
	SLO_BCC_MEMCG_BEGIN,
	SLO_BCC_MEMCG_END,
	SLO_BCC_COMPACT_BEGIN,
	SLO_BCC_COMPACT_END,
	SLO_BCC_THROTTLED,
	SLO_BCC_DIRECT_BEGIN_KP,
	SLO_BCC_MEMCG_BEGIN_KP,
	SLO_BCC_RECLAIM_END_KP,
	SLO_BCC_HOOK_MAX_,
};

struct slo_bcc_hook_row {
	const char *prog;
	enum slo_bcc_kind kind;
	const char *target; /* function, "category/event", or event */
};

enum slo_bcc_obj {
	SLO_BCC_OBJ_CONNECT, /* first: its program serves retransmits, too, and is counted with it */
	SLO_BCC_OBJ_DNS,
	SLO_BCC_OBJ_RETRANSMIT,
	SLO_BCC_OBJ_RUNQUEUE,
	SLO_BCC_OBJ_DISK,
	SLO_BCC_OBJ_RECLAIM,
	SLO_BCC_OBJ_MAX_,
};

struct slo_bcc_obj_row {
	uint64_t signals; /* SLO_SIG_BIT of each */
	const char *counts; /* map of its *_total signal; NULL: none. Latencies share slo_hist */
	const char *
		flight; /* map of what is under way, which nobody ends while it is not measured; NULL: none to forget */
};

#define SLO_BCC_RUNG_HOOKS 5
#define SLO_BCC_RUNG_EXTRAS 4

/* An optional part, all or nothing. */
struct slo_bcc_extra {
	enum slo_bcc_hook hook[3];
	unsigned int hooks; /* of hook[] in use */
	const char *missing; /* what cannot be seen without it; NULL ends the list */
};

struct slo_bcc_rung {
	enum slo_bcc_obj obj;
	const char *mechanism; /* shown to people */
	const char *hooks;
	enum slo_bcc_hook need[SLO_BCC_RUNG_HOOKS];
	unsigned int needs; /* of need[] in use */
	bool needs_delayacct; /* its end is delay accounting's, which may be off */
	struct slo_bcc_extra extra[SLO_BCC_RUNG_EXTRAS];
	const char *note; /* what this rung cannot see; "" none */
};

/* A tracepoint's field whose place in the record the text is told. */
struct slo_bcc_field {
	const char *define, *category, *event, *field;
};

const struct slo_bcc_hook_row *slo_bcc_hook_row(enum slo_bcc_hook hook);
const struct slo_bcc_obj_row *slo_bcc_obj_row(enum slo_bcc_obj obj);
/* Best first within each object; @ret_count is set, as below. */
const struct slo_bcc_rung *slo_bcc_rungs(size_t *ret_count);
const struct slo_bcc_field *slo_bcc_fields(size_t *ret_count);

#endif
