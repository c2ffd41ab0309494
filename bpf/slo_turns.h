/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose a CPU was during a wait for it, for the programs of old kernels: no loops, and each element at a constant place, so
 * the newest stands first, and turns move down. No maps here, for their syntax differs.
 */
#ifndef SLO_BPF_SLO_TURNS_H
#define SLO_BPF_SLO_TURNS_H

#define SLO_TURNS 4 /* of a wait that saw more, what is older counts as others' */

/* A time in which tasks of one cgroup had the CPU without a break; it ends where the next begins. */
struct slo_turn {
	__u64 holder; /* cgroup id; 0 nobody */
	__u64 since_ns;
};

struct slo_turns {
	struct slo_turn turn[SLO_TURNS];
};

/*
 * Did @cgroup_id have the CPU for the longer part of a wait that ends now? Who left it last does not tell: several tasks
 * that waited for a neighbour get it one after the other, and what cuts in for a moment is not what was waited for.
 */
static __always_inline __u32 slo_turns_own(const struct slo_turns *t, __u64 cgroup_id, __u64 now,
                                           __u64 wait_ns)
{
	__u64 begin = now - wait_ns, end = now, own = 0, from;

#pragma unroll
	for (int i = 0; i < SLO_TURNS; i++) {
		from = t->turn[i].since_ns > begin ? t->turn[i].since_ns : begin;
		if (t->turn[i].holder == cgroup_id && end > from)
			own += end - from;
		end = from;
	}
	return own * 2 > wait_ns;
}

/* @cgroup_id has the CPU from now on. */
static __always_inline void slo_turns_take(struct slo_turns *t, __u64 cgroup_id, __u64 now)
{
	if (t->turn[0].holder == cgroup_id)
		return;
#pragma unroll
	for (int i = SLO_TURNS - 1; i > 0; i--) {
		struct slo_turn newer = t->turn[i - 1];

		slo_opaque(
			newer.holder); /* two stores of words: old verifiers take no copy from map to map */
		slo_opaque(newer.since_ns);
		t->turn[i].holder = newer.holder;
		t->turn[i].since_ns = newer.since_ns;
	}
	t->turn[0].holder = cgroup_id;
	t->turn[0].since_ns = now;
}

#endif
