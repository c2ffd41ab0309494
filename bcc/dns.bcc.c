/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS latency of UDP, IPv4 and IPv6, as bpf/dns.bpf.c, by kprobes where a packet leaves and where its reader takes it: in
 * the process's own context, with the packet's own headers, whether the socket is connected or not, and without kretprobes.
 * It ends when the answer came to its socket: a reader that waits for a CPU is no slow resolver.
 * Sending: ip_send_skb() and ip6_send_skb(). Reading: skb_consume_udp() from 4.10, __skb_free_datagram_locked() from 4.7,
 * skb_free_datagram_locked() before; the last two serve other protocols and failures too, so the headers decide. Coming:
 * __udp_enqueue_schedule_skb(), __sock_queue_rcv_skb(), sock_queue_rcv_skb().
 */
#include "bcc/slo_bcc.h"

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <linux/udp.h>
#include <linux/uio.h>

#define DNS_PORT 53
#define DNS_HEADER 12

BPF_TABLE("hash", struct slo_abi_dns_key, struct slo_abi_dns_query, dns_queries, 8192);
/* Processes that answer DNS themselves: what they ask is the upstream hop of somebody else's lookup. */
BPF_TABLE(SLO_LRU, __u32, __u8, dns_resolvers, 256);
/*
 * Some network cards leave a message in a page, as loopback and veth leave large ones before 4.14. A program cannot look
 * there, but at what was copied of it: where the threads that read at sockets of port 53, or of any, want it.
 */
BPF_TABLE(SLO_LRU, __u64, __u64, dns_readers, 4096);
/* Sockets that read an answer which was not seen in either place: what they wait for is no timeout. */
BPF_TABLE(SLO_LRU, __u64, __u8, dns_unread, 1024);

/* When what waits to be read came, by its sk_buff. */
BPF_TABLE(SLO_LRU, __u64, __u64, dns_arrived, 4096);

struct dns_packet {
	unsigned char *net;
	unsigned char *payload;
	__u32 len; /* of the payload */
	__u16 sport;
	__u16 dport;
	__u8 family;
	__u8 paged; /* the message is not where it can be read */
};

/* Ports decide first: of nearly all packets no more is read. 0, or -1. */
static __always_inline int dns_parse(struct sk_buff *skb, struct dns_packet *p)
{
	unsigned char *head = 0, *udp;
	__u16 net = 0, transport = 0;
	__u32 tail = 0;
	struct udphdr h = {};
	__u8 first = 0, proto = 0;

	slo_read(&head, &skb->head);
	slo_read(&transport, &skb->transport_header);
	udp = head + transport;
	slo_read(&h, (struct udphdr *)udp);
	p->sport = ntohs(h.source);
	p->dport = ntohs(h.dest);
	if (p->sport != DNS_PORT && p->dport != DNS_PORT)
		return -1;
	p->len = ntohs(h.len);
	if (p->len < sizeof(h) + DNS_HEADER)
		return -1;
	p->len -= sizeof(h);
	slo_read(&net, &skb->network_header);
	p->net = head + net;
	bpf_probe_read(&first, 1, p->net);
	p->family = first >> 4 == 4 ? AF_INET : AF_INET6;
	bpf_probe_read(&proto, 1, p->net + (p->family == AF_INET ? 9 : 6));
	if (proto != IPPROTO_UDP)
		return -1;
	p->payload = udp + sizeof(h);
	bpf_probe_read(&tail, sizeof(tail), &skb->tail);
	p->paged = head + tail < p->payload + DNS_HEADER;
	return 0;
}

static __always_inline int dns_is_answer(const struct slo_dns_header *h)
{
	return h->flags1 & 0x80;
}

/* Opcode QUERY, exactly one question, and an answer exactly where it comes from port 53. */
static __always_inline int dns_is_plausible(const struct slo_dns_header *h,
                                            const struct dns_packet *p)
{
	return (h->flags1 & 0x78) == 0 && h->qdcount == htons(1) &&
	       !dns_is_answer(h) == (p->sport != DNS_PORT);
}

static __always_inline void dns_addresses(const struct dns_packet *p, __u8 *saddr, __u8 *daddr)
{
	if (p->family == AF_INET) {
		bpf_probe_read(saddr, 4, p->net + 12);
		bpf_probe_read(daddr, 4, p->net + 16);
	} else {
		bpf_probe_read(saddr, 16, p->net + 8);
		bpf_probe_read(daddr, 16, p->net + 24);
	}
}

static __always_inline void dns_learn_resolver(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u8 yes = 1;

	if (dns_resolvers.update(&tgid, &yes))
		slo_stat_inc(SLO_ABI_DNS_LATENCY, inflight_full);
}

/*
 * Zeroes what stands behind @len bytes of the name. Without a branch, and what compilers make one of is hidden from them: a
 * verifier of 4.4 goes both ways of each.
 */
static __always_inline void dns_cut(__u64 *word, __u64 len)
{
#pragma unroll
	for (int i = 0; i < SLO_ABI_NAME_LEN / 8; i++) {
		__s64 left = (__s64)len - 8 * i, past = left, whole = 7 - left;

		slo_keep(past);
		slo_keep(whole);
		past >>= 63;
		whole >>= 63;
		slo_keep(past);
		slo_keep(whole);
		/* All, the first bytes, or none. */
		word[i] &= whole | (~past & ((1ULL << (left * 8 & 63)) - 1));
	}
}

/* @key must be zeroed memory; a padding byte left over would make another key of it. */
static __always_inline void dns_query(void *ctx, struct sock *sk, const struct dns_packet *p,
                                      __u16 id)
{
	struct slo_abi_dns_key key = {};
	struct slo_abi_dns_query q = {}, *known;
	__u32 len = p->len - DNS_HEADER;

	key.cookie = (__u64)sk;
	dns_addresses(p, key.laddr, key.raddr);
	key.lport = p->sport;
	key.rport = p->dport;
	key.id = id;
	key.family = p->family;
	key.proto = IPPROTO_UDP;
	q.first_ns = q.last_ns = bpf_ktime_get_ns();
	known = dns_queries.lookup(&key);
	if (known) {
		slo_add(&known->retries, 1);
		known->last_ns = q.last_ns;
		return;
	}
	slo_owner_current(ctx, &q.owner);
	q.owner.netns = slo_sock_netns(sk);
	if (!slo_admit(SLO_ABI_DNS_LATENCY, &q.owner))
		return;
	q.upstream = dns_resolvers.lookup(&q.owner.tgid) != 0;
	q.name_len = len < SLO_ABI_NAME_LEN ? len : SLO_ABI_NAME_LEN;
	/* Always as much as fits: a length that is no constant is hard to prove for verifiers before 4.15. */
	bpf_probe_read(q.name, SLO_ABI_NAME_LEN, p->payload + DNS_HEADER);
	dns_cut((__u64 *)q.name, q.name_len);
	/* One that was left over of an earlier socket must not outlive this one's waiting. */
	dns_unread.delete(&key.cookie);
	if (dns_queries.insert(&key, &q))
		slo_stat_inc(SLO_ABI_DNS_LATENCY, inflight_full);
}

static __always_inline void dns_sent(void *ctx, struct sk_buff *skb)
{
	struct dns_packet p = {};
	struct slo_dns_header h = {};
	struct sock *sk = 0;

	if (dns_parse(skb, &p) || p.paged)
		return;
	slo_read(&h, (struct slo_dns_header *)p.payload);
	if (!dns_is_plausible(&h, &p))
		return;
	slo_read(&sk, &skb->sk);
	if (!sk)
		return;
	if (dns_is_answer(&h))
		dns_learn_resolver();
	else
		dns_query(ctx, sk, &p, ntohs(h.id));
}

/* Taken out. An sk_buff that came while nobody looked has none, or an earlier one's. */
static __always_inline __u64 dns_take_arrival(struct sk_buff *skb, __u64 since_ns)
{
	__u64 key = (__u64)skb, at = 0, now = bpf_ktime_get_ns();
	__u64 *known = dns_arrived.lookup(&key);

	if (known) {
		at = *known;
		dns_arrived.delete(&key);
	}
	return at > since_ns && at < now ? at : now;
}

static __always_inline void dns_answer(void *ctx, struct slo_abi_dns_query *q, __u64 at_ns,
                                       const struct slo_abi_dns_key *key,
                                       const struct slo_dns_header *h)
{
	__u32 rcode = h->flags2 & 0xf;
	struct slo_measure m = { .start_ns = q->first_ns };
	struct slo_abi_event e = {};
	__u8 upstream = q->upstream ? SLO_ABI_F_UPSTREAM : 0;

	m.ns = at_ns - m.start_ns;
	m.tag = upstream;
	m.force = rcode || q->retries;
	if (!slo_latency(&e, SLO_ABI_DNS_LATENCY, &q->owner, &m))
		return;
	e.family = key->family;
	e.proto = IPPROTO_UDP;
	e.sport = key->lport;
	e.dport = key->rport;
	__builtin_memcpy(e.saddr, key->laddr, 16);
	__builtin_memcpy(e.daddr, key->raddr, 16);
	e.flags = upstream | (h->flags1 & 0x02 ? SLO_ABI_F_TRUNCATED : 0);
	e.extra.dns.last_ns = q->last_ns;
	e.extra.dns.id = key->id;
	e.extra.dns.rcode = (__u16)rcode;
	e.extra.dns.retries = (__u16)q->retries;
	e.extra.dns.name_len = q->name_len;
	slo_copy(e.extra.dns.name, q->name, SLO_ABI_NAME_LEN);
	slo_submit(ctx, &e);
}

/* Of a message in pages: its header as the reader got it. */
static __always_inline int dns_read_copy(struct slo_dns_header *h)
{
	__u64 thread = bpf_get_current_pid_tgid(), from = 0;
	__u64 *to = dns_readers.lookup(&thread);

	if (!to)
		return -1;
	from = *to;
	return bpf_probe_read(h, sizeof(*h), (void *)from);
}

static __always_inline void dns_read(void *ctx, struct sock *sk, struct sk_buff *skb)
{
	struct slo_abi_dns_key key = {};
	struct slo_abi_dns_query *known;
	struct dns_packet p = {};
	struct slo_dns_header h = {};
	__u8 yes = 1;

	if (dns_parse(skb, &p) || p.sport != DNS_PORT)
		return;
	key.cookie = (__u64)sk;
	if (p.paged && dns_read_copy(&h)) {
		if (dns_unread.update(&key.cookie, &yes))
			slo_stat_inc(SLO_ABI_DNS_LATENCY, inflight_full);
		return;
	}
	if (!p.paged)
		slo_read(&h, (struct slo_dns_header *)p.payload);
	if (!dns_is_plausible(&h, &p))
		return;
	dns_addresses(&p, key.raddr, key.laddr);
	key.lport = p.dport;
	key.rport = p.sport;
	key.id = ntohs(h.id);
	key.family = p.family;
	key.proto = IPPROTO_UDP;
	known = dns_queries.lookup(&key);
	if (!known) {
		slo_stat_inc(SLO_ABI_DNS_LATENCY, unmatched);
		return;
	}
	/* Of two readers at once the slot's memory may serve both: a socket is read under its own lock. */
	dns_answer(ctx, known, dns_take_arrival(skb, known->first_ns), &key, &h);
	dns_queries.delete(&key);
}

int dns_send4_kp(struct pt_regs *ctx)
{
	dns_sent(ctx, (struct sk_buff *)PT_REGS_PARM2(ctx));
	return 0;
}

int dns_send6_kp(struct pt_regs *ctx)
{
	dns_sent(ctx, (struct sk_buff *)PT_REGS_PARM1(ctx));
	return 0;
}

int dns_arrive_kp(struct pt_regs *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)PT_REGS_PARM2(ctx);
	__u64 key = (__u64)skb, now = bpf_ktime_get_ns();
	unsigned char *head = 0;
	__u16 transport = 0;
	__be16 source = 0;

	slo_read(&head, &skb->head);
	slo_read(&transport, &skb->transport_header);
	slo_read(&source, &((struct udphdr *)(head + transport))->source);
	if (source == htons(DNS_PORT) && dns_arrived.update(&key, &now))
		slo_stat_inc(SLO_ABI_DNS_LATENCY, inflight_full);
	return 0;
}

/* What a reader wanted where is of no use once it has it; without an LRU map the threads of a busy host would fill it. */
static __always_inline void dns_read_is_over(void)
{
#if !SLO_HAVE_LRU
	__u64 thread = bpf_get_current_pid_tgid();

	dns_readers.delete(&thread);
#endif
}

/* A negative length is a look that leaves the packet where it is (MSG_PEEK). */
int dns_read_kp(struct pt_regs *ctx)
{
	if ((int)PT_REGS_PARM3(ctx) < 0)
		return 0;
	dns_read(ctx, (struct sock *)PT_REGS_PARM1(ctx), (struct sk_buff *)PT_REGS_PARM2(ctx));
	dns_read_is_over();
	return 0;
}

/* Before 4.7 there is no length. */
int dns_read_old_kp(struct pt_regs *ctx)
{
	dns_read(ctx, (struct sock *)PT_REGS_PARM1(ctx), (struct sk_buff *)PT_REGS_PARM2(ctx));
	dns_read_is_over();
	return 0;
}

int dns_recv_kp(struct pt_regs *ctx)
{
	struct sock *sk = (struct sock *)PT_REGS_PARM1(ctx);
	struct msghdr *msg = (struct msghdr *)PT_REGS_PARM2(ctx);
	__u64 thread = bpf_get_current_pid_tgid(), to = 0;
	struct iovec *iov = 0;
	__be16 port = 0;

	slo_read(&port, &sk->__sk_common.skc_dport);
	if (port && port != htons(DNS_PORT))
		return 0;
		/* From 6.0 on there is another kind of destination. */
#ifndef SLO_ITER_HAS_UBUF
	bpf_probe_read(&iov, sizeof(iov), &msg->msg_iter.iov);
	bpf_probe_read(&to, sizeof(to), &iov->iov_base);
	if (dns_readers.update(&thread, &to))
		slo_stat_inc(SLO_ABI_DNS_LATENCY, inflight_full);
#endif
	return 0;
}

/* A process that binds the port is a resolver before it has answered anybody. */
int dns_bind_kp(struct pt_regs *ctx)
{
	if ((__u16)PT_REGS_PARM2(ctx) == DNS_PORT)
		dns_learn_resolver();
	return 0;
}
