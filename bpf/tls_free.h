/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs of tls.bpf.c where neither loops nor functions can be had: each step is a program of its own, and calls the
 * next one as its tail (32 of them at most). Between them a segment travels in skb->cb. What
 * is over is marked and left to user space.
 */
#ifndef SLO_BPF_TLS_FREE_H
#define SLO_BPF_TLS_FREE_H

enum {
	TAIL_INSERT,
	TAIL_BEGIN,
	TAIL_SEGMENT,
	TAIL_STEP,
	TAIL_END,
	TAIL_MAX,
};

enum {
	CB_SEQ,
	CB_END,
	CB_PACKED,
	CB_VERDICT,
	CB_STEPS,
};

/*
 * Before 5.4 each network namespace counts cookies by itself: sockets of two containers, or the two ends of one connection,
 * may have the same. So many of them are told apart, by their sequence numbers, for addresses are not the same in both
 * directions where they are translated.
 */
#define TLS_NAMESAKES 4
#define TLS_WINDOW (1 << 20)

/* With the others it makes 32 less two; the first hello of a browser takes about 25. */
#define TAIL_STEPS 26
#define TAIL_MESSAGE_STEPS 20

/* There are bytes of the segment to read. */
static __always_inline int has_more(const struct slo_abi_tls_dir *d, const struct segment *s)
{
	return is_before(d->need, s->end) && !is_before(d->need, s->seq);
}

#define NAMESAKE_SHIFT 25 /* above what PACK() uses */

static __always_inline __u64 key_of(struct __sk_buff *skb, __u32 namesake)
{
	return bpf_get_socket_cookie(skb) ^ (__u64)namesake << 62;
}

static __always_inline void hand_over(struct __sk_buff *skb, const struct slo_packet *p,
                                      int outgoing, __u32 namesake)
{
	skb->cb[CB_SEQ] = p->seq;
	skb->cb[CB_END] = p->seq + p->payload_len;
	skb->cb[CB_PACKED] = PACK(p, outgoing) | namesake << NAMESAKE_SHIFT;
	skb->cb[CB_STEPS] = 0;
}

static __always_inline struct slo_abi_tls_conn *take_over(struct __sk_buff *skb, struct segment *s)
{
	__u64 key = key_of(skb, skb->cb[CB_PACKED] >> NAMESAKE_SHIFT);
	struct slo_abi_tls_conn *c = bpf_map_lookup_elem(&tls_conns, &key);

	if (c)
		unpack(s, c, skb->cb[CB_SEQ], skb->cb[CB_END], skb->cb[CB_PACKED]);
	return c;
}

/* The packet goes on where that side of the connection stands, as far as a window reaches. */
static __always_inline int is_part_of(struct slo_abi_tls_conn *c, const struct slo_packet *p,
                                      int outgoing)
{
	int from_client = outgoing == !(c->head.flags & SLO_ABI_TLS_F_SERVER);

	return p->seq - dir_of(c, !from_client)->seen + TLS_WINDOW < 2 * TLS_WINDOW;
}

/* 0, or the tail to go on with, one above its number. */
static __always_inline int free_packet(struct __sk_buff *skb, int outgoing)
{
	struct slo_abi_tls_conn *c;
	struct slo_packet p = {};
	__u64 key;

	if (slo_packet_parse(skb, &p) || !is_of_interest(&p))
		return 0;
	if (is_hot(bucket_of(&p))) {
#pragma unroll
		for (__u32 i = 0; i < TLS_NAMESAKES; i++) {
			key = key_of(skb, i);
			c = bpf_map_lookup_elem(&tls_conns, &key);
			if (!c || !is_part_of(c, &p, outgoing))
				continue;
			if (c->head.state >= SLO_ABI_TLS_OVER_DONE)
				return 0;
			hand_over(skb, &p, outgoing, i);
			return TAIL_SEGMENT + 1;
		}
	}
	return begins(skb, &p) ? TAIL_INSERT + 1 : 0;
}

/* Alone with a stack that the connection nearly fills. */
static __always_inline int free_insert(struct __sk_buff *skb)
{
	struct slo_abi_tls_conn zero = {};
	__u64 key;

#pragma unroll
	for (__u32 i = 0; i < TLS_NAMESAKES; i++) {
		key = key_of(skb, i);
		if (!bpf_map_update_elem(&tls_conns, &key, &zero, BPF_NOEXIST)) {
			skb->cb[CB_PACKED] = i << NAMESAKE_SHIFT;
			return 1;
		}
	}
	slo_stat_inc(SLO_ABI_TLS_HANDSHAKE, inflight_full);
	return 0;
}

static __always_inline int free_begin(struct __sk_buff *skb, int outgoing)
{
	__u32 namesake = skb->cb[CB_PACKED] >> NAMESAKE_SHIFT;
	__u64 key = key_of(skb, namesake);
	struct slo_abi_tls_conn *c = bpf_map_lookup_elem(&tls_conns, &key);
	struct slo_abi_owner o = {};
	struct slo_packet p = {};

	if (!c || slo_packet_parse(skb, &p))
		return 0;
	o.cgroup_id = slo_skb_cgroup(skb);
	if (outgoing)
		slo_owner_sender(&o);
	if (outgoing && !slo_admit(SLO_ABI_TLS_HANDSHAKE, &o)) {
		bpf_map_delete_elem(&tls_conns, &key);
		return 0;
	}
	describe(skb, &p, outgoing, &o, c);
	heat(bucket_of(&p), 1);
	hand_over(skb, &p, outgoing, namesake);
	return 1;
}

/* A server's socket is its cgroup's; its process is known where the kernel lets a program ask. */
static __always_inline int free_admit_server(struct slo_abi_tls_conn *c)
{
	struct slo_abi_owner o = c->head.owner;

	slo_owner_sender(&o);
	c->head.owner = o;
	c->head.admitted = 1;
	return slo_admit(SLO_ABI_TLS_HANDSHAKE, &o);
}

/* The tail to go on with, one above its number. */
static __always_inline int free_segment(struct __sk_buff *skb)
{
	struct slo_abi_tls_conn *c;
	struct slo_abi_tls_dir *d;
	struct segment s;
	int r = GO_ON;

	c = take_over(skb, &s);
	if (!c)
		return 0;
	c->head.last_ns = s.now = bpf_ktime_get_ns();
	d = dir_of(c, !s.from_client);
	if (!c->head.admitted && s.outgoing && s.seq != s.end && !free_admit_server(c))
		r = NOT_OURS;
	else if (is_unread(d, &s))
		r = seek(c, d, &s);
	skb->cb[CB_VERDICT] = r;
	return (r == GO_ON && is_unread(d, &s) && has_more(d, &s) ? TAIL_STEP : TAIL_END) + 1;
}

static __always_inline int free_step(struct __sk_buff *skb)
{
	struct slo_abi_tls_conn *c;
	struct slo_abi_tls_dir *d;
	struct segment s;
	__u32 steps;
	int r;

	c = take_over(skb, &s);
	if (!c)
		return 0;
	d = dir_of(c, !s.from_client);
	r = advance(skb, c, d, &s);
	steps = skb->cb[CB_STEPS] + 1;
	skb->cb[CB_STEPS] = steps;
	skb->cb[CB_VERDICT] = r;
	/* Beyond it only whole records are counted. */
	if (steps == TAIL_MESSAGE_STEPS)
		d->step = STEP_NONE;
	return (r == GO_ON && has_more(d, &s) && steps < TAIL_STEPS ? TAIL_STEP : TAIL_END) + 1;
}

static __always_inline void free_end(struct __sk_buff *skb)
{
	struct slo_abi_tls_conn *c;
	struct segment s;
	int r;

	c = take_over(skb, &s);
	if (!c)
		return;
	r = end_segment(c, dir_of(c, !s.from_client), &s, (int)skb->cb[CB_VERDICT]);
	if (r == DONE)
		c->head.state = SLO_ABI_TLS_OVER_DONE;
	else if (r == FAILED)
		c->head.state = SLO_ABI_TLS_OVER_FAILED;
	else if (r == NOT_OURS)
		c->head.state = SLO_ABI_TLS_OVER_NOTHING;
	else if (r == LOST)
		c->head.state = SLO_ABI_TLS_OVER_LOST;
}

/* The tails of one direction; kernels do not let those of another one be called. */
#define TLS_DIRECTION(dir, outgoing)                                            \
	int tail_##dir##_insert(struct __sk_buff *skb);                         \
	int tail_##dir##_begin(struct __sk_buff *skb);                          \
	int tail_##dir##_segment(struct __sk_buff *skb);                        \
	int tail_##dir##_step(struct __sk_buff *skb);                           \
	int tail_##dir##_end(struct __sk_buff *skb);                            \
	struct {                                                                \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                          \
		__uint(max_entries, TAIL_MAX);                                  \
		__uint(key_size, sizeof(__u32));                                \
		__array(values, int(void *));                                   \
	} tls_##dir##_tails SEC(".maps") = {                                    \
		.values = { [TAIL_INSERT] = (void *)&tail_##dir##_insert,       \
		            [TAIL_BEGIN] = (void *)&tail_##dir##_begin,         \
		            [TAIL_SEGMENT] = (void *)&tail_##dir##_segment,     \
		            [TAIL_STEP] = (void *)&tail_##dir##_step,           \
		            [TAIL_END] = (void *)&tail_##dir##_end },           \
	};                                                                      \
	SEC("cgroup_skb/" #dir) int tail_##dir##_insert(struct __sk_buff *skb)  \
	{                                                                       \
		if (free_insert(skb))                                           \
			bpf_tail_call(skb, &tls_##dir##_tails, TAIL_BEGIN);     \
		return 1;                                                       \
	}                                                                       \
	SEC("cgroup_skb/" #dir) int tail_##dir##_begin(struct __sk_buff *skb)   \
	{                                                                       \
		if (free_begin(skb, outgoing))                                  \
			bpf_tail_call(skb, &tls_##dir##_tails, TAIL_SEGMENT);   \
		return 1;                                                       \
	}                                                                       \
	SEC("cgroup_skb/" #dir) int tail_##dir##_segment(struct __sk_buff *skb) \
	{                                                                       \
		int tail = free_segment(skb);                                   \
                                                                                \
		if (tail)                                                       \
			bpf_tail_call(skb, &tls_##dir##_tails, tail - 1);       \
		return 1;                                                       \
	}                                                                       \
	SEC("cgroup_skb/" #dir) int tail_##dir##_step(struct __sk_buff *skb)    \
	{                                                                       \
		int tail = free_step(skb);                                      \
                                                                                \
		if (tail)                                                       \
			bpf_tail_call(skb, &tls_##dir##_tails, tail - 1);       \
		return 1;                                                       \
	}                                                                       \
	SEC("cgroup_skb/" #dir) int tail_##dir##_end(struct __sk_buff *skb)     \
	{                                                                       \
		free_end(skb);                                                  \
		return 1;                                                       \
	}                                                                       \
	SEC("cgroup_skb/" #dir) int tls_##dir(struct __sk_buff *skb)            \
	{                                                                       \
		int tail = free_packet(skb, outgoing);                          \
                                                                                \
		if (tail)                                                       \
			bpf_tail_call(skb, &tls_##dir##_tails, tail - 1);       \
		return 1;                                                       \
	}

TLS_DIRECTION(egress, 1)
TLS_DIRECTION(ingress, 0)

#endif
