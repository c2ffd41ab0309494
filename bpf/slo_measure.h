/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What CO-RE programs and those compiled at run time share word for word: how a measurement is added to an aggregate and
 * accounted for, and how its event begins. No maps here, for their syntax differs. slo_add(pointer, n) and, where that need not be
 * atomic, slo_add_atomic() are defined by who includes this.
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

/* A key of the map of names. */
struct slo_comm {
	char text[SLO_ABI_COMM_LEN];
};

/* Before 6.x a renamed task keeps bytes of its longer old name behind the NUL; a map's key must not. */
static __always_inline void slo_comm_key(struct slo_comm *key, const char *comm)
{
	char live = -1;

#pragma unroll
	for (int i = 0; i < SLO_ABI_COMM_LEN; i++) {
		live = comm[i] ? live : 0;
		key->text[i] = comm[i] & live;
	}
}

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
	slo_add_atomic(&c->count, n);
	if (o->tgid && c->tgid != o->tgid) {
		c->tgid = o->tgid;
		slo_copy(c->comm, o->comm, SLO_ABI_COMM_LEN);
	}
}

#define slo_stat_inc(sig, field)                               \
	do {                                                   \
		struct slo_abi_stats *st_ = slo_stats_of(sig); \
		if (st_)                                       \
			slo_add(&st_->field, 1);               \
	} while (0)

/* One token of the rate limit. Without fetching atomics (before 5.12) two CPUs may take the same last one. */
static __always_inline int slo_take_token(struct slo_abi_bucket *b)
{
	if (!b || b->unlimited)
		return 1;
	if (b->tokens <= 0)
		return 0;
	slo_add_atomic(&b->tokens, -1);
	return 1;
}

/* The fate of one measurement, as far as it is known before its event is made. @aggregated: 0 or -1; @wanted: its event is. */
static __always_inline void slo_made(struct slo_abi_stats *st, int aggregated, int wanted)
{
	slo_add(&st->made, 1);
	if (aggregated < 0)
		slo_add(&st->agg_lost, 1);
	if (wanted)
		return;
	if (aggregated < 0)
		slo_add(&st->lost_map, 1);
	else
		slo_add(&st->aggregated, 1);
}

/* @e is zeroed and has room for @bytes. */
static __always_inline void slo_event_begin(struct slo_abi_event *e, __u16 bytes,
                                            const struct slo_abi_owner *o)
{
	e->version = SLO_ABI_VERSION;
	e->size = bytes;
	e->tgid = o->tgid;
	e->tid = o->tid;
	e->cgroup_id = o->cgroup_id;
	e->netns = o->netns;
	slo_copy(e->comm, o->comm, SLO_ABI_COMM_LEN);
}

/* The kernel's own classes (op_stat_group()), so that counts can be compared with /sys/block/X/stat. */
static __always_inline __u32 slo_disk_operation(__u32 op, int has_data)
{
	switch (op) {
	case 0:
		return SLO_ABI_DISK_READ;
	case 1:
		/* A lone flush travels as a write of nothing. */
		return has_data ? SLO_ABI_DISK_WRITE : SLO_ABI_DISK_FLUSH;
	case 2:
		return SLO_ABI_DISK_FLUSH;
	case 3:
	case 5: /* secure erase */
		return SLO_ABI_DISK_DISCARD;
	case 7: /* zone append; before 5.18 write same */
	case 9: /* write zeroes */
		return SLO_ABI_DISK_WRITE;
	default:
		return SLO_ABI_DISK_OTHER;
	}
}

struct slo_dns_header {
	__be16 id;
	__u8 flags1; /* QR, opcode, AA, TC, RD */
	__u8 flags2; /* RA, Z, AD, CD, rcode */
	__be16 qdcount;
	__be16 counts[3];
};

#endif
