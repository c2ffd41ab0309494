/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a program costs, measured by itself in one run of SLO_ABI_COST_EACH, after gaps drawn at random: no pattern of runs can hide
 * between them. The kernel's own account reads the clock twice in each run, which takes longer than most of them do, and wants
 * CAP_SYS_ADMIN. No helper is called in a run that is not timed: a draw in each took 26 ns, where returns are guarded (SRSO).
 */
#ifndef SLO_BPF_SLO_COST_H
#define SLO_BPF_SLO_COST_H

/* Beyond it somebody else had the CPU: an interrupt, a hypervisor. It would count SLO_ABI_COST_EACH times. */
#define SLO_COST_MAX_NS 100000

/* Plain adds: a softirq that cuts in loses one of many. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slo_abi_cost);
} own_cost SEC(".maps");

/* As the verifier knows it: a number of 64 bits. */
static __u64 (*const slo_random)(void) = (void *)BPF_FUNC_get_prandom_u32;

struct slo_run {
	__u64 begin_ns; /* 0: not timed */
	__u64 read_ns; /* what it takes to read the clock is no part of the run */
};

static __always_inline struct slo_abi_cost *slo_own_cost(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&own_cost, &zero);
}

/*
 * begin_ns is 0 in a way that verifiers cannot know: of a constant they would keep both cases apart to the program's end, and take
 * twice as long to load it.
 */
static __always_inline void slo_run_begin(struct slo_run *run)
{
	struct slo_abi_cost *cost = slo_own_cost();

	if (!cost) {
		/* Never: the map has the one key. */
		run->begin_ns = run->read_ns = slo_random() >> 32;
		return;
	}
	run->begin_ns = run->read_ns = cost->zero;
	if (cost->left > 1) {
		cost->left--;
		return;
	}
	run->begin_ns = bpf_ktime_get_ns();
	run->read_ns = bpf_ktime_get_ns();
}

static __always_inline void slo_run_end(const struct slo_run *run)
{
	struct slo_abi_cost *cost;
	__u64 took, reading;

	if (!run->begin_ns)
		return;
	took = bpf_ktime_get_ns() - run->read_ns;
	reading = run->read_ns - run->begin_ns;
	took = took > reading ? took - reading : 0;
	cost = slo_own_cost();
	if (!cost)
		return;
	cost->timed++;
	cost->ns += took < SLO_COST_MAX_NS ? took : SLO_COST_MAX_NS;
	cost->runs += cost->gap ? cost->gap : 1;
	cost->gap = cost->left = 1 + (slo_random() & (2 * SLO_ABI_COST_EACH - 1));
}

/* A program of @type @ctx that is timed; stands where its name and arguments would: int SLO_TIMED(name, type, ctx) { ... } */
#define SLO_TIMED(name, type, ctx)                         \
	name(type ctx);                                    \
	static __always_inline int timed_##name(type ctx); \
	int name(type ctx)                                 \
	{                                                  \
		struct slo_run run;                        \
		int ret;                                   \
                                                           \
		slo_run_begin(&run);                       \
		ret = timed_##name(ctx);                   \
		slo_run_end(&run);                         \
		return ret;                                \
	}                                                  \
	static __always_inline int timed_##name(type ctx)

/* BPF_PROG() that is timed. */
#define SLO_PROG(name, args...)                                                      \
	name(unsigned long long *ctx);                                               \
	static __always_inline int timed_##name(unsigned long long *ctx, ##args);    \
	int name(unsigned long long *ctx)                                            \
	{                                                                            \
		struct slo_run run;                                                  \
		int ret;                                                             \
                                                                                     \
		slo_run_begin(&run);                                                 \
		_Pragma("GCC diagnostic push")                                       \
			_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") ret = \
				timed_##name(___bpf_ctx_cast(args));                 \
		_Pragma("GCC diagnostic pop") slo_run_end(&run);                     \
		return ret;                                                          \
	}                                                                            \
	static __always_inline int timed_##name(unsigned long long *ctx, ##args)

#endif
