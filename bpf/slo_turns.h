/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose a CPU was during a wait for it: its last turns, and who had most of the time before them. The turns are of the
 * programs of old kernels: no loops, and each element at a constant place, so the newest stands first, and turns move down. No
 * maps here, for their syntax differs.
 */
#ifndef SLO_BPF_SLO_TURNS_H
#define SLO_BPF_SLO_TURNS_H

/* What one cgroup had of a CPU's past. */
struct slo_share {
	__u64 holder; /* cgroup id */
	__u64 since_ns; /* from here on; what is older counts as others' */
	__u64 had_ns; /* of span_ns */
};

/* The time before the turns that are kept, of the two who had most of it. */
struct slo_past {
	struct slo_share share[2];
	__u64 span_ns; /* its later part, by which the rest is judged */
};

/*
 * Each time that the span is so long, what was before counts for half as much. Longer than the scheduler takes to give each
 * its turn (24 ms on large machines): shorter, the past would be whose turn was last.
 */
#define SLO_SPAN_SHIFT 25 /* 34 ms */

/* Loaded by words, and stored at constant places: of two pointers a compiler makes a computed one, which old verifiers refuse. */
static __always_inline struct slo_share slo_share_get(const struct slo_share *from)
{
	struct slo_share s = *from;

	slo_opaque(s.holder);
	slo_opaque(s.since_ns);
	slo_opaque(s.had_ns);
	return s;
}

static __always_inline void slo_share_set(struct slo_share *to, struct slo_share s)
{
	slo_opaque(s.holder);
	slo_opaque(s.since_ns);
	slo_opaque(s.had_ns);
	to->holder = s.holder;
	to->since_ns = s.since_ns;
	to->had_ns = s.had_ns;
}

/* A turn of @ns that began @since_ns is the past's now; @holder had @had_ns of it. */
static __always_inline void slo_past_add(struct slo_past *p, __u64 holder, __u64 since_ns, __u64 ns,
                                         __u64 had_ns)
{
	struct slo_share a = slo_share_get(&p->share[0]), b = slo_share_get(&p->share[1]);
	__u64 span = p->span_ns + ns, parts = (span >> SLO_SPAN_SHIFT) + 1;
	int first = a.holder == holder || (b.holder != holder && a.had_ns <= b.had_ns);
	struct slo_share to = first ? a : b;

	if (to.holder == holder) {
		to.had_ns += had_ns;
	} else if (to.had_ns < had_ns) {
		to.holder = holder;
		to.since_ns = since_ns;
		to.had_ns = had_ns;
	}
	if (first)
		a = to;
	else
		b = to;
	if (parts > 1) {
		a.had_ns /= parts;
		b.had_ns /= parts;
		span /= parts;
	}
	slo_share_set(&p->share[0], a);
	slo_share_set(&p->share[1], b);
	p->span_ns = span;
}

/* What @cgroup_id had of the time from @begin to @end, which is where the past ends. */
static __always_inline __u64 slo_past_part(const struct slo_past *p, __u64 cgroup_id, __u64 begin,
                                           __u64 end)
{
	struct slo_share a = slo_share_get(&p->share[0]), b = slo_share_get(&p->share[1]);
	struct slo_share mine = a.holder == cgroup_id ? a : b;
	__u64 from = mine.since_ns > begin ? mine.since_ns : begin;

	if (mine.holder != cgroup_id || end <= from)
		return 0;
	return ((end - from) >> 6) * ((mine.had_ns << 6) / (p->span_ns + 1));
}

#define SLO_TURNS 4
/* Who has the CPU for less ends no turn: kernel threads cut in several times in a wait. */
#define SLO_MOMENT_NS 1000000ULL

/* A time in which tasks of one cgroup had the CPU, but for moments; it ends where the next begins. */
struct slo_turn {
	__u64 holder; /* cgroup id; 0 nobody */
	__u64 since_ns;
	__u64 moments_ns; /* of others; they count as the holder's, and are a quarter of it at most */
};

struct slo_turns {
	struct slo_turn turn[SLO_TURNS];
	struct slo_past past;
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
	own += slo_past_part(&t->past, cgroup_id, begin, end);
	return own * 2 > wait_ns;
}

/* By words: old verifiers take no copy from map to map. */
static __always_inline void slo_turn_move(struct slo_turn *to, const struct slo_turn *from)
{
	struct slo_turn t = *from;

	slo_opaque(t.holder);
	slo_opaque(t.since_ns);
	slo_opaque(t.moments_ns);
	to->holder = t.holder;
	to->since_ns = t.since_ns;
	to->moments_ns = t.moments_ns;
}

/* Had the latest holder the CPU for a moment only, in a turn of @cgroup_id's? */
static __always_inline int slo_turns_cut_in(const struct slo_turns *t, __u64 cgroup_id, __u64 now)
{
	__u64 moment = now - t->turn[0].since_ns;
	__u64 length = t->turn[0].since_ns - t->turn[1].since_ns;

	return t->turn[1].holder == cgroup_id && moment < SLO_MOMENT_NS &&
	       (t->turn[1].moments_ns + moment) * 4 <= length;
}

/* The oldest turn makes room, unless it is the copy that a moment's end has left of the next one: that one has its time. */
static __always_inline void slo_turns_forget(struct slo_turns *t)
{
	const struct slo_turn *oldest = &t->turn[SLO_TURNS - 1];
	__u64 ns = t->turn[SLO_TURNS - 2].since_ns - oldest->since_ns;

	if (oldest->since_ns && ns > oldest->moments_ns)
		slo_past_add(&t->past, oldest->holder, oldest->since_ns, ns,
		             ns - oldest->moments_ns);
}

/* @cgroup_id has the CPU from now on. */
static __always_inline void slo_turns_take(struct slo_turns *t, __u64 cgroup_id, __u64 now)
{
	if (t->turn[0].holder == cgroup_id)
		return;
	if (slo_turns_cut_in(t, cgroup_id, now)) {
		t->turn[1].moments_ns += now - t->turn[0].since_ns;
#pragma unroll
		for (int i = 1; i < SLO_TURNS; i++)
			slo_turn_move(&t->turn[i - 1], &t->turn[i]);
		return;
	}
	slo_turns_forget(t);
#pragma unroll
	for (int i = SLO_TURNS - 1; i > 0; i--)
		slo_turn_move(&t->turn[i], &t->turn[i - 1]);
	t->turn[0].holder = cgroup_id;
	t->turn[0].since_ns = now;
	t->turn[0].moments_ns = 0;
}

#endif
