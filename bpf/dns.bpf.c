/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS latency at the socket's edge of the network: queries leave through cgroup_skb/egress, answers come through
 * cgroup_skb/ingress of the same socket, in every network namespace. UDP and TCP, IPv4 and IPv6.
 */
#include "bpf/slo_bpf.h"

#define SLO_DNS_PORT 53
#define SLO_DNS_HEADER 12
/* A TCP segment may carry several messages. */
#define SLO_DNS_MESSAGES 4

/* How the sender is known; cgroup_skb got its helpers bit by bit. Set before load. */
enum {
	OWNER_NONE,
	OWNER_TASK_PROBE,
	OWNER_TASK_BTF
};
const volatile __u32 dns_owner_by = OWNER_TASK_BTF;

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

struct packet {
	__u8 saddr[16];
	__u8 daddr[16];
	__u32 payload; /* offset in the skb */
	__u32 payload_len;
	__u16 sport;
	__u16 dport;
	__u8 family;
	__u8 proto;
};

struct dns_header {
	__be16 id;
	__u8 flags1; /* QR, opcode, AA, TC, RD */
	__u8 flags2; /* RA, Z, AD, CD, rcode */
	__be16 qdcount;
	__be16 counts[3];
};

/* Ports decide first: nearly every packet ends here. Headers are linear at these hooks. 0 or -1. */
static __always_inline int parse_packet(struct __sk_buff *skb, struct packet *p)
{
	__u8 *data = (__u8 *)(long)skb->data, *end = (__u8 *)(long)skb->data_end;
	__u32 l4;
	__be16 *ports;

	if (data + 28 > end)
		return -1;
	if (skb->protocol == bpf_htons(0x0800)) {
		/* A later fragment has no ports. */
		if (*(__be16 *)(data + 6) & bpf_htons(0x1fff))
			return -1;
		p->family = SLO_AF_INET;
		p->proto = data[9];
		l4 = (data[0] & 0xf) * 4;
	} else if (skb->protocol == bpf_htons(0x86dd) && data + 48 <= end) {
		p->family = SLO_AF_INET6;
		p->proto = data[6];
		l4 = 40;
	} else {
		return -1;
	}
	if (p->proto != SLO_IPPROTO_UDP && p->proto != SLO_IPPROTO_TCP)
		return -1;
	ports = (__be16 *)(data + l4);
	if ((__u8 *)ports + 8 > end)
		return -1;
	p->sport = bpf_ntohs(ports[0]);
	p->dport = bpf_ntohs(ports[1]);
	if (p->sport != SLO_DNS_PORT && p->dport != SLO_DNS_PORT)
		return -1;
	p->payload = l4 + 8;
	if (p->proto == SLO_IPPROTO_TCP) {
		if ((__u8 *)ports + 20 > end)
			return -1;
		p->payload = l4 + (((__u8 *)ports)[12] >> 4) * 4;
	}
	if (p->family == SLO_AF_INET) {
		__builtin_memcpy(p->saddr, data + 12, 4);
		__builtin_memcpy(p->daddr, data + 16, 4);
	} else {
		__builtin_memcpy(p->saddr, data + 8, 16);
		__builtin_memcpy(p->daddr, data + 24, 16);
	}
	if (skb->len <= p->payload)
		return -1;
	p->payload_len = skb->len - p->payload;
	return 0;
}

static __always_inline int is_answer(const struct dns_header *h)
{
	return h->flags1 & 0x80;
}

/* Opcode QUERY, exactly one question, and an answer exactly where it comes from port 53. */
static __always_inline int is_plausible(const struct dns_header *h, const struct packet *p)
{
	return (h->flags1 & 0x78) == 0 && h->qdcount == bpf_htons(1) &&
	       !is_answer(h) == (p->sport != SLO_DNS_PORT);
}

static __always_inline void task_owner(struct slo_abi_owner *o)
{
	struct task_struct *task;

	if (dns_owner_by == OWNER_TASK_BTF) {
		task = (struct task_struct *)bpf_get_current_task_btf();
		o->tgid = task->tgid;
		o->tid = task->pid;
		o->netns = task->nsproxy ? task->nsproxy->net_ns->ns.inum : 0;
		if (slo_cgroup_v1)
			o->cgroup_id = slo_task_cgroup_id(task);
		__builtin_memcpy(o->comm, task->comm, sizeof(o->comm));
	} else if (dns_owner_by == OWNER_TASK_PROBE) {
		task = (struct task_struct *)bpf_get_current_task();
		o->tgid = BPF_CORE_READ(task, tgid);
		o->tid = BPF_CORE_READ(task, pid);
		o->netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
		BPF_CORE_READ_INTO(&o->comm, task, comm);
	}
}

static __always_inline void key_of(struct __sk_buff *skb, const struct packet *p, __u16 id,
                                   int outgoing, struct slo_abi_dns_key *key)
{
	key->cookie = bpf_get_socket_cookie(skb);
	slo_copy16(key->laddr, outgoing ? p->saddr : p->daddr);
	slo_copy16(key->raddr, outgoing ? p->daddr : p->saddr);
	key->lport = outgoing ? p->sport : p->dport;
	key->rport = outgoing ? p->dport : p->sport;
	key->id = id;
	key->family = p->family;
	key->proto = p->proto;
}

static __always_inline void copy_question(struct __sk_buff *skb, struct slo_abi_dns_query *q,
                                          __u32 off, __u32 left)
{
	__s64 len = left < SLO_ABI_NAME_LEN ? left : SLO_ABI_NAME_LEN;

	/* Signed, one bound at a time: verifiers before 6.5 learn nothing from != 0. */
	slo_opaque(len);
	if (len < 1)
		return;
	slo_opaque(len);
	if (len > SLO_ABI_NAME_LEN || bpf_skb_load_bytes(skb, off, q->name, len))
		return;
	q->name_len = (__u8)len;
}

static __always_inline void on_query(struct __sk_buff *skb, const struct packet *p,
                                     const struct dns_header *h, __u32 off, __u32 left)
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
	q.owner.cgroup_id = slo_cgroup_v1 ? 0 : bpf_skb_cgroup_id(skb);
	task_owner(&q.owner);
	if (!slo_admit(SLO_ABI_DNS_LATENCY, &q.owner))
		return;
	q.first_ns = q.last_ns = now;
	q.upstream = bpf_map_lookup_elem(&dns_resolvers, &q.owner.tgid) != 0;
	copy_question(skb, &q, off + SLO_DNS_HEADER, left - SLO_DNS_HEADER);
	if (bpf_map_update_elem(&dns_queries, &key, &q, BPF_NOEXIST))
		slo_stat_inc(SLO_ABI_DNS_LATENCY, inflight_full);
}

static __always_inline void on_answer(struct __sk_buff *skb, const struct packet *p,
                                      const struct dns_header *h)
{
	__u32 rcode = h->flags2 & 0xf;
	__u64 now = bpf_ktime_get_ns();
	struct slo_abi_dns_key key = {};
	struct slo_abi_dns_query *known, q;
	struct slo_measure m = {};
	struct slo_abi_event *e;

	key_of(skb, p, bpf_ntohs(h->id), 0, &key);
	known = bpf_map_lookup_elem(&dns_queries, &key);
	if (!known) {
		slo_stat_inc(SLO_ABI_DNS_LATENCY, unmatched);
		return;
	}
	q = *known;
	/* Of two answers at once, one wins. */
	if (bpf_map_delete_elem(&dns_queries, &key))
		return;
	m.start_ns = q.first_ns;
	m.ns = now - q.first_ns;
	m.tag = q.upstream ? SLO_ABI_F_UPSTREAM : 0;
	m.force = rcode || q.retries;
	e = slo_latency(SLO_ABI_DNS_LATENCY, &q.owner, &m);
	if (!e)
		return;
	e->source = SLO_ABI_SRC_CGROUP_SKB;
	e->family = key.family;
	e->proto = key.proto;
	e->sport = key.lport;
	e->dport = key.rport;
	slo_copy16(e->saddr, key.laddr);
	slo_copy16(e->daddr, key.raddr);
	e->flags = (q.upstream ? SLO_ABI_F_UPSTREAM : 0) |
	           (h->flags1 & 0x02 ? SLO_ABI_F_TRUNCATED : 0);
	e->extra.dns.last_ns = q.last_ns;
	e->extra.dns.id = key.id;
	e->extra.dns.rcode = (__u16)rcode;
	e->extra.dns.retries = (__u16)q.retries;
	e->extra.dns.name_len = q.name_len;
	__builtin_memcpy(e->extra.dns.name, q.name, SLO_ABI_NAME_LEN);
	slo_submit(e);
}

static __always_inline void learn_resolver(void)
{
	struct slo_abi_owner o = {};
	__u8 yes = 1;

	task_owner(&o);
	if (o.tgid)
		bpf_map_update_elem(&dns_resolvers, &o.tgid, &yes, BPF_ANY);
}

static __noinline int message(struct __sk_buff *skb, const struct packet *p, __u32 off, __u32 left,
                              int outgoing)
{
	struct dns_header h;

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

/*
 * Over TCP each message follows its length (RFC 1035 4.2.2), which may have travelled alone in the segment before.
 * A segment from the middle of a message fits no length and no header; what looks like one has to match a query.
 */
static __always_inline void tcp_messages(struct __sk_buff *skb, const struct packet *p,
                                         int outgoing)
{
	__u32 off = p->payload, left = p->payload_len;
	struct dns_header h;
	__be16 prefix;
	__u32 len;

	for (int i = 0; i < SLO_DNS_MESSAGES && left >= SLO_DNS_HEADER + 2; i++) {
		if (bpf_skb_load_bytes(skb, off, &prefix, sizeof(prefix)) ||
		    bpf_skb_load_bytes(skb, off + 2, &h, sizeof(h)))
			return;
		if (i == 0 && !is_plausible(&h, p))
			break;
		message(skb, p, off + 2, left - 2, outgoing);
		len = bpf_ntohs(prefix) + 2;
		if (len >= left)
			return;
		off += len;
		left -= len;
	}
	if (off == p->payload)
		message(skb, p, off, left, outgoing);
}

static __always_inline void packet(struct __sk_buff *skb, int outgoing)
{
	struct packet p = {};

	if (parse_packet(skb, &p))
		return;
	if (p.proto == SLO_IPPROTO_UDP)
		message(skb, &p, p.payload, p.payload_len, outgoing);
	else
		tcp_messages(skb, &p, outgoing);
}

SEC("cgroup_skb/egress")
int dns_egress(struct __sk_buff *skb)
{
	packet(skb, 1);
	return 1;
}

SEC("cgroup_skb/ingress")
int dns_ingress(struct __sk_buff *skb)
{
	packet(skb, 0);
	return 1;
}

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
