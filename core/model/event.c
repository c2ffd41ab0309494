/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/event.h"

#include <errno.h>
#include <string.h>

static const char *const source_names[] = {
	[SLO_SRC_NONE] = "none",
	[SLO_SRC_CGROUP_SKB] = "cgroup_skb",
	[SLO_SRC_FENTRY] = "fentry",
	[SLO_SRC_TP_BTF] = "tp_btf",
	[SLO_SRC_RAW_TP] = "raw_tp",
	[SLO_SRC_TRACEPOINT] = "tracepoint",
	[SLO_SRC_KPROBE] = "kprobe",
	[SLO_SRC_UPROBE] = "uprobe",
	[SLO_SRC_BCC] = "bcc",
	[SLO_SRC_PROCFS] = "procfs",
	[SLO_SRC_NETLINK] = "netlink",
	[SLO_SRC_REPLAY] = "replay",
	[SLO_SRC_SYNTHETIC] = "synthetic",
};
SLO_TABLE_COMPLETE(source_names, SLO_SRC_MAX_);

static const char *const retr_names[] = {
	[SLO_RETR_OTHER] = "other",   [SLO_RETR_SYN] = "syn",   [SLO_RETR_SYNACK] = "synack",
	[SLO_RETR_RTO] = "rto",       [SLO_RETR_FAST] = "fast", [SLO_RETR_TLP] = "tlp",
	[SLO_RETR_FAILED] = "failed",
};
SLO_TABLE_COMPLETE(retr_names, SLO_RETR_MAX_);

const char *slo_source_name(enum slo_source src)
{
	assert((unsigned int)src < SLO_SRC_MAX_);
	return source_names[src];
}

int slo_source_from_name(const char *name, enum slo_source *ret_src)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(source_names); i++) {
		if (strcmp(source_names[i], name) == 0) {
			*ret_src = (enum slo_source)i;
			return 0;
		}
	}
	return -ENOENT;
}

const char *slo_retr_kind_name(enum slo_retr_kind kind)
{
	assert((unsigned int)kind < SLO_RETR_MAX_);
	return retr_names[kind];
}

double slo_event_value(const struct slo_probe_event *ev)
{
	bool in_ms = slo_signal_desc(ev->signal)->unit == SLO_UNIT_MS;

	switch (ev->kind) {
	case SLO_EV_HIST:
		return slo_hist_quantile(&ev->hist, 0.95) / 1e6;
	case SLO_EV_GAUGE:
		return ev->gauge;
	case SLO_EV_COUNT:
		return (double)ev->count;
	case SLO_EV_SAMPLE:
	case SLO_EV_TIMEOUT:
	case SLO_EV_KIND_MAX_:
		break;
	}
	return in_ms ? (double)ev->value_ns / 1e6 : (double)ev->count;
}

uint64_t slo_event_realtime_ns(const struct slo_probe_event *ev)
{
	uint64_t length = ev->interval_ns;

	if (ev->kind == SLO_EV_SAMPLE || ev->kind == SLO_EV_TIMEOUT)
		length = ev->value_ns;
	return ev->start_ns + length + ev->realtime_offset_ns;
}

bool slo_event_is_traced(const struct slo_probe_event *ev)
{
	static const uint8_t none[SLO_TRACE_ID_LEN];

	return memcmp(ev->trace_id, none, sizeof(none)) != 0;
}
