/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS latency at the socket's edge of the network: queries leave through cgroup_skb/egress, answers come through
 * cgroup_skb/ingress of the same socket, in every network namespace. UDP and TCP, IPv4 and IPv6.
 */
#include "bpf/slo_skb.h"

#define SLO_DNS_HEADER 12

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct slo_abi_dns_key);
	__type(value, struct slo_abi_dns_query);
} dns_queries SEC(".maps");

/* Processes that answer DNS themselves: what they ask is the upstream hop of somebody else's lookup. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u8);
} dns_resolvers SEC(".maps");

static __always_inline int is_answer(const struct slo_dns_header *h)
{
	return h->flags1 & 0x80;
}

/* Opcode QUERY, exactly one question, and an answer exactly where it comes from port 53. */
static __always_inline int is_plausible(const struct slo_dns_header *h, const struct slo_packet *p)
{
	return (h->flags1 & 0x78) == 0 && h->qdcount == bpf_htons(1) &&
	       !is_answer(h) == (p->sport != SLO_DNS_PORT);
}

static __always_inline void key_of(struct __sk_buff *skb, const struct slo_packet *p, __u16 id,
                                   int outgoing, struct slo_abi_dns_key *key)
{
	key->cookie = bpf_get_socket_cookie(skb);
	slo_packet_addresses(skb, p, outgoing ? key->laddr : key->raddr,
	                     outgoing ? key->raddr : key->laddr);
	key->lport = outgoing ? p->sport : p->dport;
	key->rport = outgoing ? p->dport : p->sport;
	key->id = id;
	key->family = p->family;
	key->proto = p->proto;
}

static __always_inline void copy_question(struct __sk_buff *skb, struct slo_abi_dns_query *q,
                                          __u32 off, __u32 left)
{
	__u64 len = left;

	if (!left)
		return;
	/*
	 * Verifiers before 6.5 learn nothing from != 0, those before 5.3 only of the very register that is compared, and
	 * compilers like to compare a copy: the bounds are set where neither can be in doubt.
	 */
	asm volatile("if %0 s> 0 goto +1\n"
	             "%0 = 1\n"
	             "if %0 s> %1 goto +1\n"
	             "goto +1\n"
	             "%0 = %1"
	             : "+r"(len)
	             : "i"(SLO_ABI_NAME_LEN));
	if (bpf_skb_load_bytes(skb, off, q->name, (__u32)len))
		return;
	q->name_len = (__u8)len;
}

static __always_inline void on_query(struct __sk_buff *skb, const struct slo_packet *p,
                                     const struct slo_dns_header *h, __u32 off, __u32 left)
{
	struct slo_abi_dns_key key = {};
	struct slo_abi_dns_query *known, q = {};
	__u64 now = bpf_ktime_get_ns();

	key_of(skb, p, bpf_ntohs(h->id), 1, &key);
	known = bpf_map_lookup_elem(&dns_queries, &key);
	if (known) {
		__sync_fetch_and_add(&known->retries, 1);
		known->last_ns = now;
		return;
	}
	q.owner.cgroup_id = slo_skb_cgroup(skb);
	slo_owner_sender(&q.owner);
	if (!slo_admit(SLO_ABI_DNS_LATENCY, &q.owner))
		return;
	q.first_ns = q.last_ns = now;
	q.upstream = bpf_map_lookup_elem(&dns_resolvers, &q.owner.tgid) != 0;
	copy_question(skb, &q, off + SLO_DNS_HEADER, left - SLO_DNS_HEADER);
	if (bpf_map_update_elem(&dns_queries, &key, &q, BPF_NOEXIST))
		slo_stat_inc(SLO_ABI_DNS_LATENCY, inflight_full);
#ifndef SLO_FREE
	slo_trace_sent(SLO_ABI_BEGUN_DNS(key.cookie, key.id), now, &q.owner);
#endif
}

#ifdef SLO_FREE
/* User space does the rest: the room of one stack, without functions, is too small for it. */
static __always_inline void give_answer(const struct slo_abi_dns_key *key,
                                        struct slo_abi_dns_query *known, __u64 now,
                                        const struct slo_dns_header *h)
{
	if (known->answered_ns)
		return;
	known->rcode = h->flags2 & 0xf;
	known->truncated = (h->flags1 & 0x02) != 0;
	known->answered_ns = now;
}
#else
static __always_inline void give_answer(const struct slo_abi_dns_key *key,
                                        const struct slo_abi_dns_query *known, __u64 now,
                                        const struct slo_dns_header *h)
{
	__u32 rcode = h->flags2 & 0xf;
	struct slo_abi_dns_query q = *known;
	struct slo_measure m = {};
	struct slo_abi_event *e;

	/* Of two answers at once, one wins. */
	if (bpf_map_delete_elem(&dns_queries, key))
		return;
	m.start_ns = q.first_ns;
	m.ns = now - q.first_ns;
	m.tag = q.upstream ? SLO_ABI_F_UPSTREAM : 0;
	m.force = rcode || q.retries;
	e = slo_latency(SLO_ABI_DNS_LATENCY, &q.owner, &m);
	if (!e)
		return;
	e->source = SLO_ABI_SRC_CGROUP_SKB;
	e->family = key->family;
	e->proto = key->proto;
	e->sport = key->lport;
	e->dport = key->rport;
	slo_copy16(e->saddr, key->laddr);
	slo_copy16(e->daddr, key->raddr);
	e->flags = (q.upstream ? SLO_ABI_F_UPSTREAM : 0) |
	           (h->flags1 & 0x02 ? SLO_ABI_F_TRUNCATED : 0);
	e->extra.dns.last_ns = q.last_ns;
	e->extra.dns.id = key->id;
	e->extra.dns.rcode = (__u16)rcode;
	e->extra.dns.retries = (__u16)q.retries;
	e->extra.dns.name_len = q.name_len;
	__builtin_memcpy(e->extra.dns.name, q.name, SLO_ABI_NAME_LEN);
	slo_trace_end(e, SLO_ABI_BEGUN_DNS(key->cookie, key->id), q.first_ns);
	slo_submit(e);
}
#endif

static __always_inline void on_answer(struct __sk_buff *skb, const struct slo_packet *p,
                                      const struct slo_dns_header *h)
{
	struct slo_abi_dns_key key = {};
	struct slo_abi_dns_query *known;
	__u64 now = bpf_ktime_get_ns();

	key_of(skb, p, bpf_ntohs(h->id), 0, &key);
	known = bpf_map_lookup_elem(&dns_queries, &key);
	if (known)
		give_answer(&key, known, now, h);
	else
		slo_stat_inc(SLO_ABI_DNS_LATENCY, unmatched);
}

static __always_inline void learn_resolver(void)
{
	struct slo_abi_owner o = {};
	__u8 yes = 1;

	slo_owner_sender(&o);
	if (o.tgid)
		bpf_map_update_elem(&dns_resolvers, &o.tgid, &yes, BPF_ANY);
}

static __always_inline int read_message(struct __sk_buff *skb, const struct slo_packet *p,
                                        __u32 off, __u32 left, int outgoing)
{
	struct slo_dns_header h;

	if (left < SLO_DNS_HEADER || bpf_skb_load_bytes(skb, off, &h, sizeof(h)))
		return 0;
	if (!is_plausible(&h, p))
		return 0;
	if (outgoing && !is_answer(&h))
		on_query(skb, p, &h, off, left);
	else if (outgoing)
		learn_resolver();
	else if (is_answer(&h))
		on_answer(skb, p, &h);
	return 0;
}

#ifdef SLO_FREE
#define message read_message
#else
/*
 * Not static: verified once and by itself, not anew for each message that a segment may hold, which took most of the agent's
 * start. Such a function takes numbers only (pointers from 5.12 on), so it reads the headers again.
 */
__attribute__((noinline)) int dns_message(struct __sk_buff *skb, __u32 off, __u32 left,
                                          int outgoing)
{
	struct slo_packet p = {};

	return slo_packet_parse(skb, &p) ? 0 : read_message(skb, &p, off, left, outgoing);
}
#define message(skb, p, off, left, outgoing) dns_message(skb, off, left, outgoing)
#endif

/* One message that follows its length; false where no other one follows. */
static __always_inline int tcp_message(struct __sk_buff *skb, const struct slo_packet *p,
                                       __u32 *off, __u32 *left, int outgoing)
{
	struct slo_dns_header h;
	__be16 prefix;
	__u32 len;

	if (*left < SLO_DNS_HEADER + 2 || bpf_skb_load_bytes(skb, *off, &prefix, sizeof(prefix)) ||
	    bpf_skb_load_bytes(skb, *off + 2, &h, sizeof(h)))
		return 0;
	if (*off == p->payload && !is_plausible(&h, p))
		return 0;
	message(skb, p, *off + 2, *left - 2, outgoing);
	len = bpf_ntohs(prefix) + 2;
	*off += len;
	*left = len < *left ? *left - len : 0;
	return 1;
}

/*
 * Over TCP each message follows its length (RFC 1035 4.2.2), which may have travelled alone in the segment before.
 * A segment from the middle of a message fits no length and no header; what looks like one has to match a query. Of one
 * segment four messages are read, and two where no loop and no function can be had.
 */
static __always_inline void tcp_messages(struct __sk_buff *skb, const struct slo_packet *p,
                                         int outgoing)
{
	__u32 off = p->payload, left = p->payload_len;

	if (!tcp_message(skb, p, &off, &left, outgoing))
		message(skb, p, off, left, outgoing);
	else if (tcp_message(skb, p, &off, &left, outgoing)) {
#ifndef SLO_FREE
		if (tcp_message(skb, p, &off, &left, outgoing))
			(void)tcp_message(skb, p, &off, &left, outgoing);
#endif
	}
}

static __always_inline void packet(struct __sk_buff *skb, int outgoing)
{
	struct slo_packet p = {};

	/* Ports decide first: nearly every packet ends here. */
	if (slo_packet_parse(skb, &p) || (p.sport != SLO_DNS_PORT && p.dport != SLO_DNS_PORT) ||
	    !p.payload_len)
		return;
	if (p.proto == SLO_IPPROTO_UDP)
		message(skb, &p, p.payload, p.payload_len, outgoing);
	else
		tcp_messages(skb, &p, outgoing);
}

SEC("cgroup_skb/egress")
int SLO_TIMED(dns_egress, struct __sk_buff *, skb)
{
	packet(skb, 1);
	return 1;
}

SEC("cgroup_skb/ingress")
int SLO_TIMED(dns_ingress, struct __sk_buff *, skb)
{
	packet(skb, 0);
	return 1;
}

#ifndef SLO_FREE
/* A process that binds the port is a resolver before it has answered anybody. */
SEC("cgroup/post_bind4")
int dns_bind4(struct bpf_sock *ctx)
{
	if (ctx->src_port == SLO_DNS_PORT)
		learn_resolver();
	return 1;
}

SEC("cgroup/post_bind6")
int dns_bind6(struct bpf_sock *ctx)
{
	if (ctx->src_port == SLO_DNS_PORT)
		learn_resolver();
	return 1;
}
#endif
