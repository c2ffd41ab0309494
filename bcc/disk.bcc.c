/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Block I/O by one hook, as bpf/disk.bpf.c: a request carries the times at which it was made and given to the device (from
 * 4.18), and its bio carries the submitter's cgroup (5.0 to 5.17 in the headers). The completing task is a bystander.
 * Before that by kprobes where a request is made, given to the device and done.
 */
#include "bcc/slo_bcc.h"

#include <linux/blkdev.h>
#ifdef SLO_REQUEST_IN_BLK_MQ
#include <linux/blk-mq.h>
#endif
#ifdef SLO_BLKG_HAS_BLKCG
#include <linux/blk-cgroup.h>
#endif

#ifdef SLO_REQUEST_HAS_TIMES
#define DISK_OP_MASK 0xff
#define DISK_PASSTHROUGH 32
#define DISK_MINOR_BITS 20

static __always_inline __u32 disk_device(struct request *rq)
{
	struct gendisk *disk = 0;
	int major = 0, minor = 0;

#ifdef SLO_REQUEST_HAS_DISK
	slo_read(&disk, &rq->rq_disk);
#else
	struct request_queue *q = 0;

	slo_read(&q, &rq->q);
	slo_read(&disk, &q->disk);
#endif
	slo_read(&major, &disk->major);
	slo_read(&minor, &disk->first_minor);
	return (__u32)major << DISK_MINOR_BITS | (__u32)minor;
}

#if defined(CONFIG_BLK_CGROUP) && defined(SLO_BIO_HAS_BLKG) && !defined(SLO_BIO_HAS_CSS) && \
	defined(SLO_BLKG_HAS_BLKCG) && !SLO_CGROUP_V1
#define DISK_CGROUP
#endif

static __always_inline __u64 disk_cgroup_id(struct request *rq)
{
#ifdef DISK_CGROUP
	struct bio *bio = 0;
	struct blkcg_gq *blkg = 0;
	struct blkcg *blkcg = 0;
	struct cgroup *cgroup = 0;
	struct cgroup_root *root = 0;
	int hierarchy = 1;

	slo_read(&bio, &rq->bio);
	slo_read(&blkg, &bio->bi_blkg);
	slo_read(&blkcg, &blkg->blkcg);
	slo_read(&cgroup, &blkcg->css.cgroup);
	slo_read(&root, &cgroup->root);
	/* In a v1 hierarchy of its own it has ids that mean nothing to others. */
	slo_read(&hierarchy, &root->hierarchy_id);
	return hierarchy ? 0 : slo_cgroup_of(cgroup);
#else
	return 0;
#endif
}

static __always_inline int disk_complete(struct bpf_raw_tracepoint_args *ctx)
{
	struct request *rq = (struct request *)ctx->args[0];
	struct slo_abi_owner owner = {}, *o = &owner;
	__u32 bytes = (__u32)ctx->args[2], left = 0, op = 0, flags = 0;
	unsigned short segments = 0;
	__u64 issued = 0, now;
	struct slo_measure m = {};
	struct slo_abi_event e = {};

	/* What is left of a request that completes in pieces comes later. */
	slo_read(&left, &rq->__data_len);
	slo_read(&op, (__u32 *)&rq->cmd_flags);
	op &= DISK_OP_MASK;
	/* A write with a flush or FUA completes in steps, of which the last one counts: the flag is gone then. */
	slo_read(&flags, (__u32 *)&rq->rq_flags);
	if (bytes < left || (flags & (__u32)RQF_FLUSH_SEQ))
		return 0;
	slo_read(&m.start_ns, &rq->start_time_ns);
	if (!m.start_ns) {
		if (op < DISK_PASSTHROUGH)
			slo_stat_inc(SLO_ABI_DISK_IO, unmatched);
		return 0;
	}
	slo_keep(o);
	o->cgroup_id = disk_cgroup_id(rq);
	if (!slo_admit(SLO_ABI_DISK_IO, o))
		return 0;
	now = bpf_ktime_get_ns();
	/* The clocks of two CPUs may differ a little: a request took no less than nothing. */
	m.ns = now > m.start_ns ? now - m.start_ns : 0;
	m.dev = disk_device(rq);
	if (!bytes)
		slo_read(&segments, &rq->nr_phys_segments);
	m.tag = slo_disk_operation(op, bytes || segments);
	if (!slo_latency(&e, SLO_ABI_DISK_IO, o, &m))
		return 0;
	slo_read(&issued, &rq->io_start_time_ns);
	e.extra.disk.op = m.tag;
	e.extra.disk.dev = m.dev;
	e.extra.disk.bytes = bytes;
	if (issued >= m.start_ns && issued <= now)
		e.extra.disk.device_ns = now - issued;
	slo_submit(ctx, &e);
	return 0;
}

/* By its name the agent knows what it tells. */
#ifdef DISK_CGROUP
int disk_complete_cgroup_raw(struct bpf_raw_tracepoint_args *ctx)
#else
int disk_complete_raw(struct bpf_raw_tracepoint_args *ctx)
#endif
{
	return disk_complete(ctx);
}

#else

/* A request under way, by its address. */
struct disk_request {
	struct slo_abi_owner owner; /* who made it */
	__u64 start_ns;
	__u64 issued_ns; /* 0 not yet */
	__u32 bytes; /* nothing is left of them at the end */
	__u32 op; /* enum slo_abi_disk_op */
};
BPF_TABLE("hash", __u64, struct disk_request, disk_requests, 4096);

static __always_inline __u32 disk_device(struct request *rq)
{
	struct gendisk *disk = 0;
	int major = 0, minor = 0;

	slo_read(&disk, &rq->rq_disk);
	slo_read(&major, &disk->major);
	slo_read(&minor, &disk->first_minor);
	return disk ? (__u32)major << 20 | (__u32)minor : 0;
}

/* Part of a flush's steps: the request that asked for it is counted. */
static __always_inline int disk_is_step(struct request *rq)
{
	__u64 flags = 0;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 10, 0)
	bpf_probe_read(&flags, 4, &rq->rq_flags);
	return flags & RQF_FLUSH_SEQ;
#else
	slo_read(&flags, &rq->cmd_flags);
	return (flags & REQ_FLUSH_SEQ) != 0;
#endif
}

static __always_inline __u32 disk_operation(struct request *rq, __u32 bytes)
{
	__u64 flags = 0;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 8, 0)
	__u32 op;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 10, 0)
	bpf_probe_read(&flags, 4, &rq->cmd_flags);
	op = flags & REQ_OP_MASK;
#else
	slo_read(&flags, &rq->cmd_flags);
	op = (__u32)(flags >> REQ_OP_SHIFT);
#endif
	if (op == REQ_OP_DISCARD)
		return SLO_ABI_DISK_DISCARD;
	if (op == REQ_OP_READ)
		return SLO_ABI_DISK_READ;
	if (op == REQ_OP_FLUSH || (op == REQ_OP_WRITE && !bytes))
		return SLO_ABI_DISK_FLUSH;
	return op == REQ_OP_WRITE || op == REQ_OP_WRITE_SAME ? SLO_ABI_DISK_WRITE
	                                                     : SLO_ABI_DISK_OTHER;
#else
	__u32 type = 0;

	slo_read(&type, &rq->cmd_type);
	slo_read(&flags, &rq->cmd_flags);
	if (type != REQ_TYPE_FS)
		return SLO_ABI_DISK_OTHER;
	if (flags & REQ_DISCARD)
		return SLO_ABI_DISK_DISCARD;
	if (!bytes)
		return SLO_ABI_DISK_FLUSH;
	return flags & REQ_WRITE ? SLO_ABI_DISK_WRITE : SLO_ABI_DISK_READ;
#endif
}

/* Called again for what is merged into it later: the first one begins. */
int disk_start_kp(struct pt_regs *ctx)
{
	struct request *rq = (struct request *)PT_REGS_PARM1(ctx);
	struct disk_request d = {};
	__u64 key = (__u64)rq;

	if (!(__u8)PT_REGS_PARM2(ctx) || disk_is_step(rq))
		return 0;
	/* One that was merged into another, or whose end was missed, left its record: not this one's, admitted or not. */
	disk_requests.delete(&key);
	slo_owner_current(ctx, &d.owner);
	if (!slo_admit(SLO_ABI_DISK_IO, &d.owner))
		return 0;
	d.start_ns = bpf_ktime_get_ns();
	if (disk_requests.update(&key, &d))
		slo_stat_inc(SLO_ABI_DISK_IO, inflight_full);
	return 0;
}

int disk_issue_kp(struct pt_regs *ctx)
{
	struct request *rq = (struct request *)PT_REGS_PARM1(ctx);
	__u64 key = (__u64)rq;
	struct disk_request *d = disk_requests.lookup(&key);
	__u32 bytes = 0;

	if (!d)
		return 0;
	slo_keep(d);
	/* Once more after the device was busy: the last time counts. */
	d->issued_ns = bpf_ktime_get_ns();
	slo_read(&bytes, &rq->__data_len);
	d->bytes = bytes;
	d->op = disk_operation(rq, bytes);
	return 0;
}

int disk_done_kp(struct pt_regs *ctx)
{
	struct request *rq = (struct request *)PT_REGS_PARM1(ctx);
	struct disk_request *known, d;
	__u64 key = (__u64)rq, now = bpf_ktime_get_ns();
	struct slo_measure m = {};
	struct slo_abi_event e = {};

	if (disk_is_step(rq))
		return 0;
	known = disk_requests.lookup(&key);
	if (!known)
		return 0;
	d = *known;
	disk_requests.delete(&key);
	m.start_ns = d.start_ns;
	m.ns = now > d.start_ns ? now - d.start_ns : 0;
	m.dev = disk_device(rq);
	m.tag = d.op;
	if (!slo_latency(&e, SLO_ABI_DISK_IO, &d.owner, &m))
		return 0;
	e.extra.disk.op = m.tag;
	e.extra.disk.dev = m.dev;
	e.extra.disk.bytes = d.bytes;
	if (d.issued_ns)
		e.extra.disk.device_ns = now - d.issued_ns;
	slo_submit(ctx, &e);
	return 0;
}
#endif
