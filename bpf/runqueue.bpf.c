/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Run-queue delay by one hook and no in-flight map: the scheduler keeps the time a task was queued
 * (sched_info.last_queued), and sched_switch fires before sched_info_arrive() clears it.
 */
#define SLO_PERCPU
#include "bpf/slo_bpf.h"
#include "bpf/slo_turns.h"

/* Where the kernel keeps no enqueue time: when each waiting task was queued. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} runq_queued SEC(".maps");

/*
 * From 6.12 a task that goes to sleep may stay in its queue for a while. Where it is moved to another CPU in that state, the
 * kernel stamps it as queued, and leaves the stamp when it wakes up: its sleep looks like a wait, of seconds. When each such
 * task was moved, by rq->clock.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} runq_moved_asleep SEC(".maps");

/* From the queue that it leaves to the stamp, by the clocks of two CPUs. */
#define MOVE_NS 5000000ULL
/* What looks like a wait shorter than this is not asked about: a look-up costs as much as the rest. */
#define ASLEEP_MIN_NS 100000ULL

/* When a CFS queue (one cgroup on one CPU) was last throttled, and when one of its tasks first ran after that. */
struct throttling {
	__u64 began; /* the queue's own stamp; names the episode */
	__u64 over_ns; /* rq->clock */
};

/* LRU: only queues that were throttled ever are in it; one that fell out begins anew. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, struct throttling);
} runq_throttled SEC(".maps");

/* A period of the quota is 100 ms by default; a throttling that began before that is over. */
#define PERIOD_NS 100000000ULL
/* The stamp is taken just before the task that used up the quota is queued again. */
#define STAMP_SLACK_NS 2000000ULL

/*
 * Time since @cfs was throttled last, or since a parent was; ~0 never. The stamp's clock runs no faster than rq->clock.
 */
static __always_inline __u64 throttled_ago(const struct cfs_rq *cfs, const struct rq *rq,
                                           __u64 *began)
{
	const struct cfs_rq___task_clock *old = (const void *)cfs;
	__u64 now = 0;

	if (bpf_core_field_exists(cfs->throttled_clock_pelt)) {
		*began = cfs->throttled_clock_pelt;
		now = rq->clock_pelt;
	} else if (bpf_core_field_exists(old->throttled_clock_task)) {
		*began = old->throttled_clock_task;
		now = rq->clock_task;
	}
	return *began && now >= *began ? now - *began : ~0ULL;
}

/* Was the wait of @wait_ns that ends now begun before the last throttling of @cfs was over? */
static __always_inline int waited_for_quota(const struct cfs_rq *cfs, const struct rq *rq,
                                            __u64 wait_ns)
{
	__u64 key = (__u64)cfs, now = rq->clock;
	struct throttling *known, fresh = {};
	__u64 ago = throttled_ago(cfs, rq, &fresh.began);

	if (ago == ~0ULL || ago > wait_ns + PERIOD_NS)
		return 0;
	known = bpf_map_lookup_elem(&runq_throttled, &key);
	if (known && known->began == fresh.began)
		return now - wait_ns < known->over_ns;
	/* The first of its tasks to run since. */
	fresh.over_ns = now;
	bpf_map_update_elem(&runq_throttled, &key, &fresh, BPF_ANY);
	return ago <= wait_ns + STAMP_SLACK_NS || wait_ns > STAMP_SLACK_NS;
}

/* A time in which tasks of one cgroup had the CPU without a break; it ends where the next begins. */
struct turn {
	__u64 holder; /* cgroup id; 0 nobody */
	__u64 since_ns;
};

#define TURNS 8 /* a power of two */

struct turns {
	__u64 at; /* number of the present one */
	struct turn turn[TURNS];
	struct slo_past past;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct turns);
} runq_turns SEC(".maps");

static __always_inline struct turns *turns_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&runq_turns, &zero);
}

static __always_inline void take_turn(struct turns *t, __u64 cgroup_id, __u64 now)
{
	struct turn *turn = &t->turn[t->at & (TURNS - 1)];
	__u64 ns;

	if (turn->holder == cgroup_id)
		return;
	t->at++;
	/* The oldest makes room. */
	turn = &t->turn[t->at & (TURNS - 1)];
	ns = t->turn[(t->at + 1) & (TURNS - 1)].since_ns - turn->since_ns;
	if (turn->since_ns)
		slo_past_add(&t->past, turn->holder, turn->since_ns, ns, ns);
	turn->holder = cgroup_id;
	turn->since_ns = now;
}

/*
 * Did its own cgroup have the CPU for the longer part of a wait? Who left the CPU last does not tell: several tasks that
 * waited for a neighbour get it one after the other, and the first to run is not to blame for the next one's wait.
 * Not static: verified once and by itself, or its loop would multiply what comes after it (0.16 s of loading).
 */
__attribute__((noinline)) int waited_for_own(__u64 cgroup_id, __u64 now, __u64 wait_ns)
{
	__u64 begin = now - wait_ns, end = now, own = 0, from;
	const struct turns *t = turns_here();

	if (!t)
		return 0;
	for (int i = 0; i < TURNS; i++) {
		const struct turn *turn = &t->turn[(t->at - i) & (TURNS - 1)];

		from = turn->since_ns > begin ? turn->since_ns : begin;
		if (turn->holder == cgroup_id && end > from)
			own += end - from;
		if (turn->since_ns <= begin)
			return own * 2 > wait_ns;
		end = turn->since_ns;
	}
	own += slo_past_part(&t->past, cgroup_id, begin, end);
	return own * 2 > wait_ns;
}

/* Nearly every wait begins within the present turn, which is all there is to look at: no call then. */
static __always_inline int holder_is_own(struct turns *t, __u64 cgroup_id, __u64 now, __u64 wait_ns)
{
	const struct turn *turn = &t->turn[t->at & (TURNS - 1)];

	if (turn->since_ns <= now - wait_ns)
		return turn->holder == cgroup_id && wait_ns;
	return waited_for_own(cgroup_id, now, wait_ns);
}

static __always_inline __u32 cause_of(struct task_struct *next, struct turns *turns,
                                      __u64 cgroup_id, __u64 now, __u64 wait_ns)
{
	const struct cfs_rq *cfs = next->se.cfs_rq;

	if (waited_for_quota(cfs, cfs->rq, wait_ns))
		return SLO_ABI_WAIT_QUOTA;
	return holder_is_own(turns, cgroup_id, now, wait_ns) ? SLO_ABI_WAIT_OWN
	                                                     : SLO_ABI_WAIT_OTHER;
}

/* A wait of @ns is over @now, by the clock of the turns; @start_ns 0: not known by the monotonic clock. */
static __always_inline void finish(struct task_struct *next, struct turns *turns, __u64 cgroup_id,
                                   __u64 now, __u64 start_ns, __u64 ns)
{
	struct slo_abi_owner o = { .cgroup_id = cgroup_id, .tgid = next->tgid, .tid = next->pid };
	struct slo_measure m = { .ns = ns };
	struct slo_abi_event *e;

	__builtin_memcpy(o.comm, next->comm, sizeof(o.comm));
	if (!slo_admit(SLO_ABI_RUNQUEUE_DELAY, &o))
		return;
	m.tag = cause_of(next, turns, cgroup_id, now, ns);
	e = slo_latency(SLO_ABI_RUNQUEUE_DELAY, &o, &m);
	if (!e)
		return;
	/* The clock is read for what is sent only: it costs as much as a map look-up. */
	e->start_ns = start_ns ? start_ns : bpf_ktime_get_ns() - ns;
	e->source = SLO_ABI_SRC_TP_BTF;
	e->extra.runq.cpu = bpf_get_smp_processor_id();
	e->extra.runq.prio = next->prio;
	e->extra.runq.cause = m.tag;
	slo_trace_other(e);
	slo_submit(e);
}

/* Loaded only where there are such tasks. A move of one that is woken, or waits, ends at the first line. */
SEC("tp_btf/sched_migrate_task")
int SLO_PROG(runq_move, struct task_struct *p)
{
	__u32 pid = p->pid;
	__u64 at;

	if (!p->se.sched_delayed)
		return 0;
	at = p->se.cfs_rq->rq->clock;
	bpf_map_update_elem(&runq_moved_asleep, &pid, &at, BPF_ANY);
	return 0;
}

/* Was the stamp @queued set when the task was moved asleep? When it woke up is not known then. */
static __always_inline int stamped_asleep(__u32 pid, __u64 queued, __u64 wait_ns)
{
	const __u64 *at;

	if (!bpf_core_field_exists(struct sched_entity, sched_delayed) || wait_ns < ASLEEP_MIN_NS)
		return 0;
	at = bpf_map_lookup_elem(&runq_moved_asleep, &pid);
	if (!at || queued + MOVE_NS < *at || queued > *at + MOVE_NS)
		return 0;
	slo_stat_inc(SLO_ABI_RUNQUEUE_DELAY, unmatched);
	return 1;
}

SEC("tp_btf/sched_switch")
int SLO_PROG(runq_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 queued = next->sched_info.last_queued;
	__u64 clock = next->se.cfs_rq->rq->clock, left = prev->se.cfs_rq->rq->clock;
	__u64 cgroup_id = next->pid ? slo_task_cgroup_id(next) : 0;
	struct turns *turns = turns_here();
	/* A clock behind is the cfs_rq of a task last seen on another CPU. */
	__u64 now = clock > left ? clock : left;

	if (!turns)
		return 0;
	/* The idle task never waits. */
	if (next->pid && queued && clock >= queued &&
	    !stamped_asleep(next->pid, queued, clock - queued))
		finish(next, turns, cgroup_id, now, 0, clock - queued);
	take_turn(turns, cgroup_id, now);
	return 0;
}

static __always_inline void queue(__u32 pid)
{
	__u64 now = bpf_ktime_get_ns();

	if (pid && bpf_map_update_elem(&runq_queued, &pid, &now, BPF_ANY))
		slo_stat_inc(SLO_ABI_RUNQUEUE_DELAY, inflight_full);
}

SEC("tp_btf/sched_wakeup")
int SLO_PROG(runq_wakeup, struct task_struct *p)
{
	queue(p->pid);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int SLO_PROG(runq_wakeup_new, struct task_struct *p)
{
	queue(p->pid);
	return 0;
}

static __always_inline int is_running(struct task_struct *t)
{
	const struct task_struct___state *old = (const void *)t;

	if (bpf_core_field_exists(t->__state))
		return t->__state == 0;
	return old->state == 0;
}

SEC("tp_btf/sched_switch")
int SLO_PROG(runq_switch_map, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 pid = next->pid;
	__u64 cgroup_id = pid ? slo_task_cgroup_id(next) : 0;
	__u64 now = bpf_ktime_get_ns();
	struct turns *turns = turns_here();
	__u64 *queued;

	if (is_running(prev))
		queue(prev->pid);
	if (!turns)
		return 0;
	queued = bpf_map_lookup_elem(&runq_queued, &pid);
	if (queued && now >= *queued)
		finish(next, turns, cgroup_id, now, *queued, now - *queued);
	if (queued)
		bpf_map_delete_elem(&runq_queued, &pid);
	take_turn(turns, cgroup_id, now);
	return 0;
}
