/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which request a measurement belongs to, where others say what a thread works for: the thread itself, in its own memory
 * (OTEP 4947), or a map of pid_tgid to ids that they pin. User space puts that map, and one of the processes that speak,
 * into slo_traces when they appear, with nothing attached anew. Until then all of this is two look-ups that the verifier
 * makes into loads. Never asked where the running task may be a bystander: what ends in an interrupt keeps what it began
 * with. Maps by sizes, for an object that never looks into the value has no type for it.
 */
#ifndef SLO_BPF_SLO_TRACE_H
#define SLO_BPF_SLO_TRACE_H

struct slo_traces_of_others {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLO_ABI_TRACES_MAX);
	__uint(key_size, sizeof(__u64));
	__uint(value_size, sizeof(struct slo_abi_trace));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct slo_traces_of_others);
} slo_traces SEC(".maps");

/* Nobody deletes: what is old goes when room is needed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLO_ABI_BEGUN_MAX);
	__uint(key_size, sizeof(struct slo_abi_begun));
	__uint(value_size, sizeof(struct slo_abi_trace));
} slo_begun SEC(".maps");

static __always_inline void *slo_traces_at(__u32 which)
{
	return bpf_map_lookup_elem(&slo_traces, &which);
}

static __always_inline int slo_traces_here(void)
{
	return slo_traces_at(SLO_ABI_TRACES_PINNED) || slo_traces_at(SLO_ABI_TRACES_THREADS);
}

#ifdef __TARGET_ARCH_arm64
#define SLO_THREAD_POINTER thread.uw.tp_value
#else
#define SLO_THREAD_POINTER thread.fsbase
#endif

/* Of the running thread, where programs trace; those of packets ask in their own way. 0 unknown. */
static __always_inline __u64 slo_thread_pointer(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf))
		return ((struct task_struct *)bpf_get_current_task_btf())->SLO_THREAD_POINTER;
	if (slo_typed_only)
		return 0;
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), SLO_THREAD_POINTER);
}

static __always_inline int slo_read_user(void *to, __u32 size, __u64 at)
{
	return bpf_probe_read_user(to, size, (const void *)at) == 0;
}

/*
 * What the running thread, of process @tgid, says itself: it stands still meanwhile. The record is 16 and 8 bytes of ids and
 * a byte that is 1 where they hold. What is not in memory now cannot be read here: no ids then.
 */
static __always_inline int slo_trace_running(__u32 tgid, __u64 tp, struct slo_abi_trace *ret)
{
	void *threads = slo_traces_at(SLO_ABI_TRACES_THREADS);
	const struct slo_abi_thread_ctx *c;
	__u64 key = tgid, at = tp;
	__u8 valid = 0;

	c = threads ? bpf_map_lookup_elem(threads, &key) : 0;
	if (!c || !tp)
		return 0;
	if (c->module && (!slo_read_user(&at, sizeof(at), tp + c->dtv_at) ||
	                  !slo_read_user(&at, sizeof(at), at + (__u64)c->module * c->dtv_step)))
		return 0;
	return slo_read_user(&at, sizeof(at), at + c->offset) && at &&
	       slo_read_user(&valid, sizeof(valid), at + sizeof(*ret)) && valid == 1 &&
	       slo_read_user(ret, sizeof(*ret), at);
}

static __always_inline struct slo_abi_trace *slo_trace_pinned(__u32 tgid, __u32 tid)
{
	__u64 pid_tgid = (__u64)tgid << 32 | tid;
	void *traces = slo_traces_at(SLO_ABI_TRACES_PINNED);

	return traces ? bpf_map_lookup_elem(traces, &pid_tgid) : 0;
}

static __always_inline void slo_trace_put(struct slo_abi_event *e, const struct slo_abi_trace *t)
{
	if (t)
		((struct slo_abi_traced *)e)->trace = *t;
}

/* @e is the doing of its owner, a thread that does not run now and has worked for nothing else meanwhile. */
static __always_inline void slo_trace_other(struct slo_abi_event *e)
{
	slo_trace_put(e, slo_trace_pinned(e->tgid, e->tid));
}

/* Likewise of the running thread. */
static __always_inline void slo_trace_own(struct slo_abi_event *e)
{
	if (slo_traces_at(SLO_ABI_TRACES_THREADS) &&
	    slo_trace_running(e->tgid, slo_thread_pointer(), &((struct slo_abi_traced *)e)->trace))
		return;
	slo_trace_other(e);
}

/*
 * What begins now is the doing of the running thread, @tid, whose pointer is @tp; the same @of and @start_ns name it at its
 * end.
 */
static __always_inline void slo_trace_begin(__u64 of, __u64 start_ns, __u32 tgid, __u32 tid,
                                            __u64 tp)
{
	struct slo_abi_begun key = { .of = of, .start_ns = start_ns };
	struct slo_abi_trace said, *t = &said;

	if (!slo_trace_running(tgid, tp, &said))
		t = slo_trace_pinned(tgid, tid);
	if (t)
		bpf_map_update_elem(&slo_begun, &key, t, BPF_ANY);
}

static __always_inline void slo_trace_end(struct slo_abi_event *e, __u64 of, __u64 start_ns)
{
	struct slo_abi_begun key = { .of = of, .start_ns = start_ns };

	if (slo_traces_here())
		slo_trace_put(e, bpf_map_lookup_elem(&slo_begun, &key));
}

#endif
