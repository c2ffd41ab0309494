/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which request a measurement belongs to, where others say what a thread works for: a map of pid_tgid to ids that they pin
 * and user space puts into slo_traces when it appears, with nothing attached anew. Until then all of this is one look-up
 * that the verifier makes into a load. Never asked where the running task may be a bystander: what ends in an interrupt
 * keeps what it began with. Maps by sizes, for an object that never looks into the value has no type for it.
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
	__uint(max_entries, 1);
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

static __always_inline void *slo_traces_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&slo_traces, &zero);
}

static __always_inline struct slo_abi_trace *slo_trace_of(__u32 tgid, __u32 tid)
{
	__u64 pid_tgid = (__u64)tgid << 32 | tid;
	void *traces = slo_traces_here();

	return traces ? bpf_map_lookup_elem(traces, &pid_tgid) : 0;
}

static __always_inline void slo_trace_put(struct slo_abi_event *e, const struct slo_abi_trace *t)
{
	if (t)
		((struct slo_abi_traced *)e)->trace = *t;
}

/* @e is its owner's doing from begin to end: the owner has worked for nothing else meanwhile. */
static __always_inline void slo_trace_own(struct slo_abi_event *e)
{
	slo_trace_put(e, slo_trace_of(e->tgid, e->tid));
}

/* What begins now is the doing of thread @tid; the same @of and @start_ns name it at its end. */
static __always_inline void slo_trace_begin(__u64 of, __u64 start_ns, __u32 tgid, __u32 tid)
{
	struct slo_abi_trace *t = slo_trace_of(tgid, tid);
	struct slo_abi_begun key = { .of = of, .start_ns = start_ns };

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
