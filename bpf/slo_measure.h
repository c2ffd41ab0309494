/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What CO-RE programs and those compiled at run time share word for word: how a measurement is added to an aggregate.
 * No maps here, for their syntax differs. slo_add(pointer, n) is defined by who includes this.
 */
#ifndef SLO_BPF_SLO_MEASURE_H
#define SLO_BPF_SLO_MEASURE_H

struct slo_measure {
	__u64 start_ns;
	__u64 ns;
	__u32 tag; /* see struct slo_abi_hist_key */
	__u32 dev;
	__u32 force; /* an event whatever the threshold says: an error, a retry */
};

/* Log2 without a loop: the number of the highest bit. @v > 0. */
static __always_inline __u32 slo_log2(__u64 v)
{
	__u32 r, s;
	__u32 x = v >> 32;

	r = x ? 32 : 0;
	x = x ? x : (__u32)v;
	s = (x > 0xffff) << 4;
	x >>= s;
	r |= s;
	s = (x > 0xff) << 3;
	x >>= s;
	r |= s;
	s = (x > 0xf) << 2;
	x >>= s;
	r |= s;
	s = (x > 0x3) << 1;
	x >>= s;
	r |= s;
	return r | (x >> 1);
}

/* Keeps clang from proving a bound that the verifier cannot see. */
#define slo_opaque(v) asm volatile("" : "+r"(v))

static __always_inline __u64 slo_slot(__u64 ns)
{
	__u64 slot;

	if (ns < 1024)
		return 0;
	slot = slo_log2(ns) - 9;
	slo_opaque(slot);
	return slot < SLO_ABI_SLOTS ? slot : SLO_ABI_SLOTS - 1;
}

/*
 * Verifiers before 4.11 take no index into a map's value that is not a constant: there SLO_CONST_INDEX makes a comparison of
 * each slot. The comments keep clang from folding the stores into one with a computed address.
 */
static __always_inline void slo_slot_add(struct slo_abi_hist_val *h, __u64 slot)
{
#ifdef SLO_CONST_INDEX
#pragma unroll
	for (int i = 0; i < SLO_ABI_SLOTS; i++) {
		if (slot == (__u64)i) {
			slo_add(&h->slot[i], 1);
			asm volatile("# %0" ::"i"(i));
		}
	}
#else
	slo_add(&h->slot[slot], 1);
#endif
}

/* In words: a copy as a whole takes the address of a part, which verifiers before 4.11 do not follow. @bytes: a constant. */
#define slo_copy(to, from, bytes)                                               \
	do {                                                                    \
		_Pragma("unroll") for (int i_ = 0; i_ < (int)(bytes) / 4; i_++) \
		{                                                               \
			__u32 part_ = ((const __u32 *)(from))[i_];              \
                                                                                \
			slo_opaque(part_);                                      \
			((__u32 *)(to))[i_] = part_;                            \
		}                                                               \
	} while (0)

static __always_inline void slo_hist_add(struct slo_abi_hist_val *h, __u64 ns, __u32 epoch,
                                         const struct slo_abi_owner *o)
{
	slo_slot_add(h, slo_slot(ns));
	slo_add(&h->count, 1);
	slo_add(&h->sum, ns);
	if (h->worst.epoch != epoch || ns > h->worst.value) {
		h->worst.value = ns;
		h->worst.epoch = epoch;
		h->worst.tgid = o->tgid;
		slo_copy(h->worst.comm, o->comm, SLO_ABI_COMM_LEN);
	}
}

static __always_inline void slo_count_add(struct slo_abi_count_val *c, __u64 n,
                                          const struct slo_abi_owner *o)
{
	__sync_fetch_and_add(&c->count, n);
	if (o->tgid && c->tgid != o->tgid) {
		c->tgid = o->tgid;
		slo_copy(c->comm, o->comm, SLO_ABI_COMM_LEN);
	}
}

#endif
