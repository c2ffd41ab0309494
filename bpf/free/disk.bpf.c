/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Block I/O from the tracepoints' records alone. They carry no name of the request: disk and first sector have to do, and
 * two requests there at one time are not measured, for it cannot be told which is which.
 */
#define SLO_HIST_MAX 4096
#include "bpf/slo_bpf.h"

struct place {
	__u64 sector;
	__u32 dev;
	__u32 pad;
};

struct begun {
	__u64 start_ns; /* queued or, where nothing queues, issued; 0: more than one */
	__u64 issued_ns;
	struct slo_abi_owner owner;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct place);
	__type(value, struct begun);
} disk_begun SEC(".maps");

static __always_inline void begin(const struct place *p, int issued)
{
	struct begun b = { .start_ns = bpf_ktime_get_ns() };

	if (issued)
		b.issued_ns = b.start_ns;
	slo_owner_current(&b.owner);
	if (bpf_map_update_elem(&disk_begun, p, &b, BPF_ANY))
		slo_stat_inc(SLO_ABI_DISK_IO, inflight_full);
}

SEC("tracepoint/block/block_rq_insert")
int disk_insert(void *ctx)
{
	struct place p = { .sector = slo_field_u64(ctx, INSERT_SECTOR),
		           .dev = slo_field_u32(ctx, INSERT_DEV) };

	struct begun *known;

	if (!slo_field_u32(ctx, INSERT_SECTORS))
		return 0;
	known = bpf_map_lookup_elem(&disk_begun, &p);
	if (known)
		known->start_ns = 0;
	else
		begin(&p, 0);
	return 0;
}

SEC("tracepoint/block/block_rq_issue")
int disk_issue(void *ctx)
{
	struct place p = { .sector = slo_field_u64(ctx, ISSUE_SECTOR),
		           .dev = slo_field_u32(ctx, ISSUE_DEV) };
	struct begun *known;

	/* Without sectors: a flush, or a command of the driver. They have no place. */
	if (!slo_field_u32(ctx, ISSUE_SECTORS))
		return 0;
	known = bpf_map_lookup_elem(&disk_begun, &p);
	if (!known)
		begin(&p, 1);
	else if (!known->issued_ns)
		known->issued_ns = bpf_ktime_get_ns();
	else
		known->start_ns = 0;
	return 0;
}

/* The kernel's letters: [F]W, R, D, ...; the first may be a flush before a write. */
static __always_inline __u32 operation(__u8 first, __u8 second)
{
	__u8 c = first == 'F' && second == 'W' ? second : first;

	switch (c) {
	case 'R':
		return SLO_ABI_DISK_READ;
	case 'W':
		return SLO_ABI_DISK_WRITE;
	case 'D':
		return SLO_ABI_DISK_DISCARD;
	case 'F':
		return SLO_ABI_DISK_FLUSH;
	default:
		return SLO_ABI_DISK_OTHER;
	}
}

SEC("tracepoint/block/block_rq_complete")
int disk_complete(void *ctx)
{
	struct place p = { .sector = slo_field_u64(ctx, DONE_SECTOR),
		           .dev = slo_field_u32(ctx, DONE_DEV) };
	struct begun *known, b;
	struct slo_measure m = { .dev = p.dev };
	__u64 now = bpf_ktime_get_ns();
	struct slo_abi_event *e;

	known = bpf_map_lookup_elem(&disk_begun, &p);
	if (!known) {
		if (slo_field_u32(ctx, DONE_SECTORS))
			slo_stat_inc(SLO_ABI_DISK_IO, unmatched);
		return 0;
	}
	b = *known;
	bpf_map_delete_elem(&disk_begun, &p);
	if (!b.start_ns) {
		slo_stat_inc(SLO_ABI_DISK_IO, unmatched);
		return 0;
	}
	if (!slo_admit(SLO_ABI_DISK_IO, &b.owner))
		return 0;
	m.start_ns = b.start_ns;
	m.ns = now - b.start_ns;
	m.tag = operation(slo_field_u8(ctx, DONE_RWBS, 0), slo_field_u8(ctx, DONE_RWBS, 1));
	e = slo_latency(SLO_ABI_DISK_IO, &b.owner, &m);
	if (!e)
		return 0;
	e->source = SLO_ABI_SRC_TRACEPOINT;
	e->extra.disk.op = m.tag;
	e->extra.disk.dev = p.dev;
	e->extra.disk.bytes = slo_field_u32(ctx, DONE_SECTORS) * 512;
	e->extra.disk.device_ns = b.issued_ns ? now - b.issued_ns : 0;
	slo_output(ctx, e);
	return 0;
}
