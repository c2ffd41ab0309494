/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Block I/O by one hook: a request carries the times at which it was made and given to the device, and its bio carries
 * the cgroup of whoever submitted it. The current task at completion is a bystander and is never asked.
 */
#define SLO_HIST_MAX 4096 /* cgroups, operations and disks multiply */
#include "bpf/slo_bpf.h"

#define REQ_OP_MASK 0xff
#define REQ_OP_PASSTHROUGH 32 /* and above: commands of the driver, not of a filesystem */
/* The flag was a macro, then (6.12) an enumerator without a name to find it by, then of enum rqf_flags. */
#define RQF_FLUSH_SEQ_MACRO (1U << 4)
#define RQF_FLUSH_SEQ_UNNAMED (1U << 1)
#define DEV_MINOR_BITS 20
#define PF_KTHREAD 0x00200000
#define SUBMITTED_SETS 4096 /* power of two */
#define HASH_FACTOR 0x9e3779b97f4a7c15ULL

/* As long as a cache line, which both hooks touch once. */
struct submitted {
	__u64 key; /* of its bio; 0: free */
	__u64 start_ns; /* 0: no disk was known then that does not stamp */
	struct slo_abi_owner owner;
	__u64 pad;
};

/*
 * Who submitted, by bio; only where that must be known better than by the bio's cgroup, or where a disk does not stamp.
 * A cache with two places for each bio: a third one at the same set makes the first unknown. What a hash map, of the LRU
 * kind for a bio merged on both sides is not found again, takes for a look-up is as much as all the rest.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SUBMITTED_SETS * 2);
	__uint(map_flags,
	       BPF_F_MMAPABLE); /* begins at a page, so that no place lies in two cache lines */
	__type(key, __u32);
	__type(value, struct submitted);
} disk_submitted SEC(".maps");

/* Disks whose requests carry no times (iostats off and no scheduler): requests that could not be measured. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} disk_unstamped SEC(".maps");

/* 1: every request's submitter is wanted. Written by user space, before disk_submit is attached. */
__u64 disk_know_submitter;
/* 1: there is a disk that does not stamp, and a submission is a beginning. */
__u64 disk_know_submission;

static __always_inline __u32 device(const struct gendisk *disk)
{
	return (__u32)disk->major << DEV_MINOR_BITS | (__u32)disk->first_minor;
}

static __always_inline __u32 request_device(const struct request *rq)
{
	const struct request___disk *old = (const void *)rq;

	if (bpf_core_field_exists(rq->q->disk))
		return device(rq->q->disk);
	return device(old->rq_disk);
}

static __always_inline __u32 bio_device(const struct bio *bio)
{
	const struct bio___disk *old = (const void *)bio;

	if (bpf_core_field_exists(bio->bi_bdev))
		return device(bio->bi_bdev->bd_disk);
	return device(old->bi_disk);
}

/*
 * The io controller's cgroup: the submitter's own or, where that controller is not enabled there, the next one above. In
 * a v1 hierarchy of its own it has ids that mean nothing to others: 0.
 */
static __always_inline __u64 bio_cgroup_id(const struct bio *bio)
{
	const struct cgroup *cgroup;

	if (!bpf_core_field_exists(bio->bi_blkg) || slo_cgroup_v1)
		return 0;
	cgroup = bio->bi_blkg->blkcg->css.cgroup;
	if (!cgroup || cgroup->root->hierarchy_id)
		return 0;
	return cgroup->kn->id;
}

/*
 * A write with a flush or FUA completes in steps, of which the last one counts: the flag is gone then. The flush that
 * the block layer makes for it is a part of it, like in the kernel's own account.
 */
static __always_inline int is_step(const struct request *rq)
{
	__u32 flags = rq->rq_flags;

	if (bpf_core_enum_value_exists(enum rqf_flags, __RQF_FLUSH_SEQ))
		return (flags & 1U << bpf_core_enum_value(enum rqf_flags, __RQF_FLUSH_SEQ)) != 0;
	/* Both numbers mean other things elsewhere, but not together with a callback of the flush machinery. */
	return rq->end_io && (flags & (RQF_FLUSH_SEQ_MACRO | RQF_FLUSH_SEQ_UNNAMED));
}

/* 0: none. Since 6.13 a request that is not accounted keeps the stamp of the last one that had its place. */
static __always_inline __u64 started_at(const struct request *rq)
{
	if (bpf_core_enum_value_exists(enum rqf_flags, __RQF_IO_STAT) &&
	    !(rq->rq_flags & 1U << bpf_core_enum_value(enum rqf_flags, __RQF_IO_STAT)))
		return 0;
	return rq->start_time_ns;
}

static __always_inline void note_unstamped(__u32 dev)
{
	__u64 *count = bpf_map_lookup_elem(&disk_unstamped, &dev);
	__u64 one = 1;

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&disk_unstamped, &dev, &one, BPF_NOEXIST);
	disk_know_submission = 1;
	slo_stat_inc(SLO_ABI_DISK_IO, unmatched);
}

/* A number that a place can be computed of, which verifiers allow with no pointer: how far two of them are apart. */
static __always_inline __u64 bio_key(const struct bio *bio)
{
	__u64 key = (__u64)bio - (__u64)&disk_know_submitter;

	slo_opaque(key);
	return key;
}

static __always_inline struct submitted *place(__u64 key, __u32 way)
{
	__u32 i = (__u32)(key * HASH_FACTOR >> 32) & (SUBMITTED_SETS - 1);

	i = i * 2 + way;
	return bpf_map_lookup_elem(&disk_submitted, &i);
}

static __always_inline struct submitted *submitted_of(const struct bio *bio)
{
	__u64 key = bio_key(bio);
	struct submitted *s = place(key, 0);

	if (s && s->key == key)
		return s;
	s = place(key, 1);
	return s && s->key == key ? s : 0;
}

/* A merge in front makes another bio the first. */
static __always_inline struct submitted *request_submitted(const struct request *rq)
{
	struct submitted *s = submitted_of(rq->bio);

	if (!s && rq->biotail != rq->bio)
		s = submitted_of(rq->biotail);
	return s;
}

static __always_inline void report(const struct request *rq, const struct slo_abi_owner *owner,
                                   __u64 start_ns, __u32 bytes)
{
	struct slo_measure m = { .start_ns = start_ns };
	__u64 issued = rq->io_start_time_ns, now;
	struct slo_abi_event *e;

	if (!slo_admit(SLO_ABI_DISK_IO, owner))
		return;
	now = bpf_ktime_get_ns();
	/* The clocks of two CPUs may differ a little: a request took no less than nothing. */
	m.ns = now > start_ns ? now - start_ns : 0;
	m.dev = request_device(rq);
	m.tag = slo_disk_operation(rq->cmd_flags & REQ_OP_MASK, bytes || rq->nr_phys_segments);
	e = slo_latency(SLO_ABI_DISK_IO, owner, &m);
	if (!e)
		return;
	e->source = SLO_ABI_SRC_TP_BTF;
	e->extra.disk.op = m.tag;
	e->extra.disk.dev = m.dev;
	e->extra.disk.bytes = bytes;
	if (issued >= start_ns && issued <= now)
		e->extra.disk.device_ns = now - issued;
	slo_submit(e);
}

SEC("tp_btf/block_rq_complete")
int SLO_PROG(disk_complete, const struct request *rq, int error, unsigned int bytes)
{
	struct slo_abi_owner unknown = {};
	struct submitted *s = 0;
	__u64 start_ns;

	/* What is left of a request that completes in pieces comes later. */
	if (bytes < rq->__data_len || is_step(rq))
		return 0;
	start_ns = started_at(rq);
	if (!start_ns && (rq->cmd_flags & REQ_OP_MASK) >= REQ_OP_PASSTHROUGH)
		return 0;
	if (disk_know_submitter || !start_ns)
		s = request_submitted(rq);
	if (!start_ns && s)
		start_ns = s->start_ns;
	if (!s)
		unknown.cgroup_id = bio_cgroup_id(rq->bio);
	if (start_ns)
		report(rq, s ? &s->owner : &unknown, start_ns, bytes);
	else
		note_unstamped(request_device(rq));
	if (s)
		s->key = 0;
	return 0;
}

/* A kernel thread works for others, whom the bio's cgroup names. */
static __always_inline int is_kernel_thread(const struct bio *bio)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf))
		return (((struct task_struct *)bpf_get_current_task_btf())->flags & PF_KTHREAD) !=
		       0;
	/* Before 5.11: they live in the root cgroup, whose id is 1. */
	return bpf_get_current_cgroup_id() == 1 && bio_cgroup_id(bio) > 1;
}

/* Two CPUs that write into the same place at once make a mixture; the key is written last, so that few can find it. */
static __always_inline void note_submitted(struct submitted *s, const struct bio *bio, __u64 key)
{
	s->key = 0;
	s->start_ns = disk_know_submission ? bpf_ktime_get_ns() : 0;
	if (is_kernel_thread(bio)) {
		__builtin_memset(&s->owner, 0, sizeof(s->owner));
		s->owner.cgroup_id = bio_cgroup_id(bio);
	} else {
		slo_owner_current(&s->owner);
	}
	s->key = key;
}

/* In the submitter's own context, but for the kernel's threads that work for others: writeback, dm. */
SEC("tp_btf/block_getrq")
int SLO_TIMED(disk_submit, __u64 *, ctx)
{
	const struct bio *bio = (const struct bio *)ctx[0];
	struct submitted *s, *other;
	__u64 key;
	__u32 dev;

	if (bpf_core_type_exists(struct trace_event_raw_block_get_rq))
		bio = (const struct bio *)ctx[1];
	if (!disk_know_submitter) {
		dev = bio_device(bio);
		if (!bpf_map_lookup_elem(&disk_unstamped, &dev))
			return 0;
	}
	key = bio_key(bio);
	s = place(key, 0);
	other = place(key, 1);
	/* Its own old one before a free one: it must not be there twice. */
	if (s && other && (other->key == key || (s->key && s->key != key && !other->key)))
		s = other;
	if (s)
		note_submitted(s, bio, key);
	return 0;
}
