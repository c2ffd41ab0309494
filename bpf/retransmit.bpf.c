/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP segments sent again, with the reason and the socket's owner. Retransmits run from timers and incoming ACKs, so
 * the current task is a bystander: the owner is remembered when the socket is connected or begins to listen.
 */
#include "bpf/slo_bpf.h"
#include "bpf/slo_sock.h"

#define SLO_CA_RECOVERY 3
#define SLO_CA_LOSS 4
#define SLO_ICSK_TIME_LOSS_PROBE 5

static __always_inline void find_owner(const struct sock *sk, struct slo_abi_owner *o)
{
	__u64 key = (__u64)sk;
	struct slo_abi_listener l = {};
	struct slo_abi_sock *connected = slo_sock_known(key);
	struct slo_abi_owner *known = connected ? &connected->owner : 0;
	__u64 cgroup_id = slo_sock_cgroup_id(sk);

	slo_listener_key(&l, sk, sk->__sk_common.skc_num);
	if (!known) {
		known = bpf_map_lookup_elem(&slo_listeners, &l);
		o->flags = known ? SLO_ABI_F_PASSIVE : 0;
	}
	if (known) {
		o->cgroup_id = known->cgroup_id;
		o->tgid = known->tgid;
		o->tid = known->tid;
		o->flags |= known->flags;
		__builtin_memcpy(o->comm, known->comm, sizeof(o->comm));
	}
	if (cgroup_id)
		o->cgroup_id = cgroup_id;
	o->netns = l.netns;
}

static __always_inline __u32 reason(const struct sock *sk, const struct tcp_sock *tp)
{
	const struct inet_connection_sock *icsk = &tp->inet_conn;
	__u32 ca_state;

	if (sk->__sk_common.skc_state == SLO_TCP_SYN_SENT)
		return SLO_ABI_RETR_SYN;
	ca_state = BPF_CORE_READ_BITFIELD(icsk, icsk_ca_state);
	if (ca_state == SLO_CA_LOSS)
		return SLO_ABI_RETR_RTO;
	if (ca_state == SLO_CA_RECOVERY)
		return SLO_ABI_RETR_FAST;
	/*
	 * A loss probe is still pending while it is sent, a timeout has been cleared by then. A probe may also be pending
	 * while ACKs repair a loss, but not sent: hence last.
	 */
	if (icsk->icsk_pending == SLO_ICSK_TIME_LOSS_PROBE)
		return SLO_ABI_RETR_TLP;
	return SLO_ABI_RETR_OTHER;
}

/* Segments in @skb, byte by byte: the verifier sees cb as an array of char. A lone segment may say 0 or 1. */
static __always_inline __u32 segments(const struct sk_buff *skb)
{
	const char *cb = skb->cb;
	__u32 n;

	if (!bpf_core_field_exists(struct tcp_skb_cb, tcp_gso_segs))
		return 1;
	cb += bpf_core_field_offset(struct tcp_skb_cb, tcp_gso_segs);
	n = (__u8)cb[0] | (__u32)(__u8)cb[1] << 8;
	return n ? n : 1;
}

/* Of a connect under way alone: a connection serves one request after the other. */
static __always_inline void take_trace(struct slo_abi_event *e, const struct sock_common *c)
{
	__u64 key = (__u64)c;
	const struct slo_abi_sock *s;

	if (c->skc_state != SLO_TCP_SYN_SENT || !slo_traces_here())
		return;
	s = bpf_map_lookup_elem(&slo_socks, &key);
	if (s)
		slo_trace_end(e, key, s->start_ns);
}

static __always_inline void report(const struct sock_common *c, struct slo_abi_owner *o, __u32 kind,
                                   __u32 segs)
{
	struct slo_abi_count_key key = { .cgroup_id = o->cgroup_id, .netns = o->netns };
	struct slo_abi_event *e;
	__u8 unused[16];

	if (!slo_admit(SLO_ABI_TCP_RETRANSMITS, o))
		return;
	key.tag = (__u8)kind;
	/* The remote port of an accepted socket is anybody's: keep the number of keys down. */
	key.dport = o->flags & SLO_ABI_F_PASSIVE ? 0 : bpf_ntohs(c->skc_dport);
	key.family = slo_sock_addresses(c, unused, key.daddr);
	e = slo_count(SLO_ABI_TCP_RETRANSMITS, o, &key, segs);
	if (!e)
		return;
	slo_event_sock(e, c);
	e->flags = (__u8)o->flags;
	e->extra.retr.kind = kind;
	e->extra.retr.tcp_state = c->skc_state;
	e->extra.retr.segs = segs;
	take_trace(e, c);
	slo_submit(e);
}

static __always_inline int retransmitted(const struct sock *sk, const struct sk_buff *skb, int err)
{
	struct tcp_sock *tp = (struct tcp_sock *)bpf_skc_to_tcp_sock((void *)sk);
	struct slo_abi_owner o = {};

	if (!tp)
		return 0;
	find_owner(sk, &o);
	report(&sk->__sk_common, &o, err ? SLO_ABI_RETR_FAILED : reason(sk, tp), segments(skb));
	return 0;
}

/* From 6.17 (ad892e912b84, backported) the tracepoint also fires for attempts that failed, and says so. */
SEC("tp_btf/tcp_retransmit_skb")
int SLO_PROG(retr_skb_err, const struct sock *sk, const struct sk_buff *skb, int err)
{
	return retransmitted(sk, skb, err);
}

SEC("tp_btf/tcp_retransmit_skb")
int SLO_PROG(retr_skb, const struct sock *sk, const struct sk_buff *skb)
{
	return retransmitted(sk, skb, 0);
}

SEC("tp_btf/tcp_retransmit_synack")
int SLO_PROG(retr_synack, const struct sock *sk, const struct request_sock *req)
{
	struct slo_abi_owner o = {};

	find_owner(sk, &o);
	o.flags |= SLO_ABI_F_PASSIVE;
	report(&req->__req_common, &o, SLO_ABI_RETR_SYNACK, 1);
	return 0;
}

/* Only where the connect signal's program, which does the same, is not attached. */
SEC("tp_btf/inet_sock_set_state")
int SLO_PROG(retr_set_state, const struct sock *sk, int oldstate, int newstate)
{
	__u64 key = (__u64)sk;
	struct slo_abi_sock s = {};

	if (newstate != SLO_TCP_CLOSE && newstate != SLO_TCP_SYN_SENT && newstate != SLO_TCP_LISTEN)
		return 0;
	if (slo_sock_protocol(sk) != SLO_IPPROTO_TCP)
		return 0;
	if (newstate == SLO_TCP_CLOSE) {
		slo_sock_closes(key);
	} else if (newstate == SLO_TCP_LISTEN) {
		slo_sock_listens(sk, sk->__sk_common.skc_num);
	} else {
		slo_sock_owner(sk, &s.owner);
		(void)slo_sock_keep(key, &s);
	}
	return 0;
}

/* Sockets older than the agent: run once at start over every open file of every process. */
SEC("iter/task_file")
int retr_existing(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct slo_abi_listener l = {};
	struct slo_abi_sock s = {};
	struct socket *socket;
	struct sock *sk;
	__u64 key;

	if (!task || !file)
		return 0;
	socket = (struct socket *)bpf_sock_from_file((void *)file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || slo_sock_protocol(sk) != SLO_IPPROTO_TCP)
		return 0;
	key = (__u64)sk;
	s.owner.tgid = task->tgid;
	s.owner.tid = task->tgid;
	s.owner.netns = slo_sock_netns(sk);
	s.owner.cgroup_id = slo_task_cgroup_id(task);
	__builtin_memcpy(s.owner.comm, task->comm, sizeof(s.owner.comm));
	slo_listener_key(&l, sk, sk->__sk_common.skc_num);
	if (sk->__sk_common.skc_state == SLO_TCP_LISTEN)
		bpf_map_update_elem(&slo_listeners, &l, &s.owner, BPF_NOEXIST);
	else if (!slo_sock_known(key))
		bpf_map_update_elem(&slo_socks, &key, &s, BPF_ANY);
	return 0;
}
