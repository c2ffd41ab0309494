/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/evidence.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Roles in the order of the faults: dns, egress, cpu, memory, provider throttle, provider error, retrieval. */
#define ROLE__ SLO_EVID_ROLE_SILENT
#define ROLE_S SLO_EVID_ROLE_SPECIFIC
#define ROLE_s SLO_EVID_ROLE_SHARED
#define ROLE_x SLO_EVID_ROLE_EXCULPATES
#define ROLES(d, e, c, m, t, p, r)                                                   \
	{                                                                            \
		ROLE_##d, ROLE_##e, ROLE_##c, ROLE_##m, ROLE_##t, ROLE_##p, ROLE_##r \
	}

/* Names, units and floors of the signals are their own table's; here is what a verdict adds to them. */
struct signal_row {
	enum slo_evidence_group group;
	enum slo_evidence_role role[SLO_FAULT_MAX];
};

/* clang-format off */
static const struct signal_row signals[] = {
	[SLO_SIG_DNS_LATENCY]     = { SLO_EVID_GROUP_NETWORK, ROLES(S, _, _, _, x, _, _) },
	[SLO_SIG_TCP_RETRANSMITS] = { SLO_EVID_GROUP_NETWORK, ROLES(_, S, _, _, x, _, _) },
	[SLO_SIG_RUNQUEUE_DELAY]  = { SLO_EVID_GROUP_CPU,     ROLES(_, _, S, s, _, _, _) },
	[SLO_SIG_CONNECT_LATENCY] = { SLO_EVID_GROUP_NETWORK, ROLES(_, s, _, _, x, _, s) },
	[SLO_SIG_CONNECT_ERRORS]  = { SLO_EVID_GROUP_NETWORK, ROLES(_, S, _, _, _, s, _) },
	[SLO_SIG_TLS_HANDSHAKE]   = { SLO_EVID_GROUP_TLS,     ROLES(_, s, _, _, x, _, _) },
	[SLO_SIG_TLS_FAIL]        = { SLO_EVID_GROUP_TLS,     ROLES(_, s, _, _, _, s, _) },
	[SLO_SIG_CPU_STEAL]       = { SLO_EVID_GROUP_CPU,     ROLES(_, _, S, _, _, _, _) },
	[SLO_SIG_CFS_THROTTLED]   = { SLO_EVID_GROUP_CPU,     ROLES(_, _, S, _, _, _, _) },
	[SLO_SIG_MEM_RECLAIM]     = { SLO_EVID_GROUP_MEMORY,  ROLES(_, _, _, S, _, _, _) },
	[SLO_SIG_DISK_IO]         = { SLO_EVID_GROUP_MEMORY,  ROLES(_, _, _, s, _, _, s) },
	[SLO_SIG_SYSCALL]         = { SLO_EVID_GROUP_MEMORY,  ROLES(_, _, s, s, _, _, s) },
};
SLO_TABLE_COMPLETE(signals, SLO_SIG_MAX_);

static const struct slo_evidence_desc spans[] = {
	[SLO_EVID_THROTTLED_RATIO - SLO_SIG_MAX_] = {
		.name = "throttled_ratio", .help = "Replies 429 or 529 per request", .unit = SLO_EVID_UNIT_RATIO,
		.group = SLO_EVID_GROUP_SPAN, .floor = 0.02, .span = true, .role = ROLES(_, _, _, _, S, _, _) },
	[SLO_EVID_SERVER_ERROR_RATIO - SLO_SIG_MAX_] = {
		.name = "server_error_ratio", .help = "Replies 5xx (but 529) per request", .unit = SLO_EVID_UNIT_RATIO,
		.group = SLO_EVID_GROUP_SPAN, .floor = 0.02, .span = true, .role = ROLES(_, _, _, _, _, S, _) },
	[SLO_EVID_STREAM_ERROR_RATIO - SLO_SIG_MAX_] = {
		.name = "stream_error_ratio", .help = "Streams ended by an error event per request", .unit = SLO_EVID_UNIT_RATIO,
		.group = SLO_EVID_GROUP_SPAN, .floor = 0.02, .span = true, .role = ROLES(_, _, _, _, _, S, _) },
	[SLO_EVID_QUEUE_SHARE - SLO_SIG_MAX_] = {
		.name = "queue_time_share", .help = "Part of a request spent in the engine's queue", .unit = SLO_EVID_UNIT_RATIO,
		.group = SLO_EVID_GROUP_SPAN, .floor = 0.3, .span = true, .role = ROLES(_, _, s, s, _, _, _) },
	[SLO_EVID_RETRIEVAL_SHARE - SLO_SIG_MAX_] = {
		.name = "retrieval_time_share", .help = "Part of a request spent in retrieval", .unit = SLO_EVID_UNIT_RATIO,
		.group = SLO_EVID_GROUP_SPAN, .floor = 0.3, .span = true, .role = ROLES(_, _, _, _, _, _, S) },
	[SLO_EVID_SERVER_THINK - SLO_SIG_MAX_] = {
		.name = "server_think_ms", .help = "Last request byte sent to first response byte received", .unit = SLO_EVID_UNIT_MS,
		.group = SLO_EVID_GROUP_SPAN, .floor = 500, .span = true, .role = ROLES(_, _, _, _, s, s, s) },
};
SLO_TABLE_COMPLETE(spans, SLO_EVID_MAX_ - SLO_SIG_MAX_);
/* clang-format on */

static const char *const unit_names[] = {
	[SLO_EVID_UNIT_MS] = "ms",
	[SLO_EVID_UNIT_COUNT] = "count",
	[SLO_EVID_UNIT_PCT] = "pct",
	[SLO_EVID_UNIT_RATIO] = "ratio",
};
SLO_TABLE_COMPLETE(unit_names, SLO_EVID_UNIT_MAX_);

static const char *const group_names[] = {
	[SLO_EVID_GROUP_NETWORK] = "network", [SLO_EVID_GROUP_CPU] = "cpu",
	[SLO_EVID_GROUP_MEMORY] = "memory",   [SLO_EVID_GROUP_TLS] = "tls",
	[SLO_EVID_GROUP_SPAN] = "span",
};
SLO_TABLE_COMPLETE(group_names, SLO_EVID_GROUP_MAX_);

/* The units that signals have, by their own numbers. */
static const enum slo_evidence_unit signal_units[] = {
	[SLO_UNIT_MS] = SLO_EVID_UNIT_MS,
	[SLO_UNIT_COUNT] = SLO_EVID_UNIT_COUNT,
	[SLO_UNIT_PCT] = SLO_EVID_UNIT_PCT,
};
SLO_TABLE_COMPLETE(signal_units, SLO_UNIT_MAX_);

struct slo_evidence_desc slo_evidence_desc(unsigned int evid)
{
	const struct slo_signal_desc *sig;
	struct slo_evidence_desc d;

	assert(evid < SLO_EVID_MAX_);
	if (evid >= SLO_SIG_MAX_)
		return spans[evid - SLO_SIG_MAX_];
	sig = slo_signal_desc((enum slo_signal)evid);
	d = (struct slo_evidence_desc){ .name = sig->name,
		                        .help = sig->help,
		                        .unit = signal_units[sig->unit],
		                        .group = signals[evid].group,
		                        .floor = sig->warn };
	memcpy(d.role, signals[evid].role, sizeof(d.role));
	return d;
}

const char *slo_evidence_name(unsigned int evid)
{
	assert(evid < SLO_EVID_MAX_);
	return evid < SLO_SIG_MAX_ ? slo_signal_desc((enum slo_signal)evid)->name
	                           : spans[evid - SLO_SIG_MAX_].name;
}

const char *slo_evidence_unit_name(enum slo_evidence_unit unit)
{
	assert((unsigned int)unit < SLO_EVID_UNIT_MAX_);
	return unit_names[unit];
}

const char *slo_evidence_group_name(enum slo_evidence_group group)
{
	assert((unsigned int)group < SLO_EVID_GROUP_MAX_);
	return group_names[group];
}

int slo_evidence_from_name(const char *name, unsigned int *ret_evid)
{
	for (unsigned int e = 0; e < SLO_EVID_MAX_; e++) {
		if (strcmp(slo_evidence_name(e), name) == 0) {
			*ret_evid = e;
			return 0;
		}
	}
	return -ENOENT;
}

static enum slo_evidence_unit unit_of(unsigned int evid)
{
	assert(evid < SLO_EVID_MAX_);
	return evid < SLO_SIG_MAX_ ? signal_units[slo_signal_desc((enum slo_signal)evid)->unit]
	                           : spans[evid - SLO_SIG_MAX_].unit;
}

#define VALUE_MAX 1e12

double slo_evidence_max(unsigned int evid)
{
	enum slo_evidence_unit unit = unit_of(evid);

	if (unit == SLO_EVID_UNIT_PCT)
		return 100;
	return unit == SLO_EVID_UNIT_RATIO ? 1 : VALUE_MAX;
}

/* Half a percent away from 0 and 1: what a hundred and more requests, or ticks of a second, can tell from them. */
#define LOGIT_EDGE 0.005

static double logit(double share)
{
	share = fmin(fmax(share, LOGIT_EDGE), 1 - LOGIT_EDGE);
	return log(share / (1 - share));
}

double slo_evidence_scale(unsigned int evid, double value)
{
	enum slo_evidence_unit unit = unit_of(evid);

	if (unit == SLO_EVID_UNIT_PCT)
		return logit(value / 100);
	if (unit == SLO_EVID_UNIT_RATIO)
		return logit(value);
	return log1p(fmin(fmax(value, 0), VALUE_MAX));
}
