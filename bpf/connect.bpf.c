/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connect: SYN_SENT to ESTABLISHED is the latency, SYN_SENT to CLOSE a failure. The state machine covers blocking,
 * non-blocking and io_uring connects, and MPTCP subflows. Failures before the first state change (no route) are taken
 * from connect(2)'s exit, where a hook for it can be had.
 */
#include "bpf/slo_bpf.h"
#include "bpf/slo_sock.h"

#define SLO_EADDRNOTAVAIL 99
#define SLO_EINPROGRESS 115
#define SLO_EINTR 4

/* A connect(2) under way that has not sent a SYN yet. Keyed by the task's address, which no program follows. */
struct connect_call {
	__u8 daddr[16];
	__u16 dport;
	__u8 family;
	__u8 pending; /* 0: a SYN was sent, or the call is over; the record stays for the task's next call */
	__u8 pad[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct connect_call);
} conn_calls SEC(".maps");

/* In place: an update and a delete each cost several look-ups. */
static __always_inline void call_over(void)
{
	__u64 task = bpf_get_current_task();
	struct connect_call *call = bpf_map_lookup_elem(&conn_calls, &task);

	if (call)
		call->pending = 0;
}

static __always_inline void begin(const struct sock *sk, __u64 key)
{
	struct slo_abi_sock s = { .start_ns = bpf_ktime_get_ns() };

	if (!slo_is_off(SLO_ABI_CONNECT_ERRORS))
		call_over();
	slo_sock_owner(sk, &s.owner);
	s.admitted = slo_admit(SLO_ABI_CONNECT_LATENCY, &s.owner);
	if (slo_sock_keep(key, &s))
		slo_stat_inc(SLO_ABI_CONNECT_LATENCY, inflight_full);
	if (slo_traces_here())
		slo_trace_begin(key, s.start_ns, s.owner.tgid, s.owner.tid, slo_thread_pointer());
}

static __always_inline void established(const struct sock *sk, const struct slo_abi_sock *b)
{
	struct slo_measure m = { .start_ns = b->start_ns, .ns = bpf_ktime_get_ns() - b->start_ns };
	struct slo_abi_event *e;
	struct tcp_sock *tp;

	e = slo_latency(SLO_ABI_CONNECT_LATENCY, &b->owner, &m);
	if (!e)
		return;
	slo_event_sock(e, &sk->__sk_common);
	tp = (struct tcp_sock *)bpf_skc_to_tcp_sock((void *)sk);
	if (tp) {
		e->extra.conn.syn_retrans = tp->total_retrans;
		e->extra.conn.srtt_us = tp->srtt_us >> 3;
	}
	slo_trace_end(e, (__u64)sk, b->start_ns);
	slo_submit(e);
}

static __always_inline void count_key(struct slo_abi_count_key *key, const struct sock *sk,
                                      const struct slo_abi_owner *o, __u8 tag)
{
	const struct sock_common *c = &sk->__sk_common;
	__u8 unused[16];

	key->cgroup_id = o->cgroup_id;
	key->netns = o->netns;
	key->dport = bpf_ntohs(c->skc_dport);
	key->tag = tag;
	key->family = slo_sock_addresses(c, unused, key->daddr);
}

/*
 * sk_err names a failure. Without one: no segment was ever sent (no free local port, see inet_hash_connect()), or the
 * application closed the socket: after a repeated SYN it gave up on a silent peer, before that it raced another address.
 */
static __always_inline void failed(const struct sock *sk, const struct slo_abi_sock *b)
{
	struct tcp_sock *tp = (struct tcp_sock *)bpf_skc_to_tcp_sock((void *)sk);
	__u32 retrans = tp ? tp->total_retrans : 0;
	__u8 flags = 0;
	int err = sk->sk_err;
	struct slo_abi_count_key key = {};
	struct slo_abi_event *e;

	if (!err && tp && !tp->segs_out) {
		err = SLO_EADDRNOTAVAIL;
		flags = SLO_ABI_F_LOCAL;
	} else if (!err && !retrans) {
		return;
	} else if (!err) {
		flags = SLO_ABI_F_ABORTED;
	}
	count_key(&key, sk, &b->owner, (__u8)err);
	e = slo_count(SLO_ABI_CONNECT_ERRORS, &b->owner, &key, 1);
	if (!e)
		return;
	slo_event_sock(e, &sk->__sk_common);
	/* A socket that closes has given its port back already; the copy for headers still holds it. */
	if (tp && !(flags & SLO_ABI_F_LOCAL))
		e->sport = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
	e->err = err;
	e->flags = flags;
	e->extra.conn.syn_retrans = retrans;
	e->extra.conn.after_ns = e->start_ns - b->start_ns;
	slo_trace_end(e, (__u64)sk, b->start_ns);
	slo_submit(e);
}

static __always_inline int call_ends(long ret, __u8 source)
{
	__u64 task = bpf_get_current_task();
	struct connect_call *found = bpf_map_lookup_elem(&conn_calls, &task), call;
	struct slo_abi_count_key key = {};
	struct slo_abi_owner o = {};
	struct slo_abi_event *e;

	if (!found || !found->pending)
		return 0;
	found->pending = 0;
	call = *found;
	if (ret >= 0 || ret == -SLO_EINPROGRESS || ret == -SLO_EINTR)
		return 0;
	slo_owner_current(&o);
	if (!slo_admit(SLO_ABI_CONNECT_ERRORS, &o))
		return 0;
	key.cgroup_id = o.cgroup_id;
	key.family = call.family;
	key.dport = call.dport;
	key.tag = (__u8)-ret;
	slo_copy16(key.daddr, call.daddr);
	e = slo_count(SLO_ABI_CONNECT_ERRORS, &o, &key, 1);
	if (!e)
		return 0;
	e->source = source;
	e->proto = SLO_IPPROTO_TCP;
	e->family = call.family;
	e->dport = call.dport;
	slo_copy16(e->daddr, call.daddr);
	e->err = (int)-ret;
	e->flags = SLO_ABI_F_LOCAL;
	slo_trace_own(e);
	slo_submit(e);
	return 0;
}

/*
 * The call's own function, behind whose only argument stands the result. The first program of all: where it is refused the object is
 * loaded once more, and so little was verified in vain.
 */
SEC("fexit/" SLO_SYS_PREFIX "connect")
int SLO_TIMED(conn_connect_fexit, __u64 *, ctx)
{
	return call_ends((long)ctx[1], SLO_ABI_SRC_FENTRY);
}

/* A socket whose beginning was not seen: the agent is younger, or the map has forgotten it. */
static __always_inline void ended(const struct sock *sk, __u64 key, int oldstate, int newstate)
{
	struct slo_abi_sock *found = slo_sock_known(key), s;

	if (!found || !found->start_ns) {
		if (oldstate == SLO_TCP_SYN_SENT)
			slo_stat_inc(SLO_ABI_CONNECT_LATENCY, unmatched);
		else if (found)
			/* Of the socket that had this memory before: the kernel left out the run that saw it close. */
			found->pad = SLO_SOCK_CLOSED;
		return;
	}
	s = *found;
	/* Measured once; the owner stays, for retransmits. */
	found->start_ns = 0;
	if (!s.admitted)
		return;
	if (newstate == SLO_TCP_ESTABLISHED)
		established(sk, &s);
	else
		failed(sk, &s);
}

/* A listener's child that nobody has accepted yet; what connects from both ends at once has a socket. */
static __always_inline int is_passive(const struct sock *sk, int oldstate)
{
	return oldstate == SLO_TCP_SYN_RECV && !sk->sk_socket;
}

SEC("tp_btf/inet_sock_set_state")
int SLO_PROG(conn_set_state, const struct sock *sk, int oldstate, int newstate)
{
	__u64 key = (__u64)sk;

	if (newstate != SLO_TCP_ESTABLISHED && newstate != SLO_TCP_CLOSE &&
	    newstate != SLO_TCP_SYN_SENT && newstate != SLO_TCP_LISTEN)
		return 0;
	if (slo_sock_protocol(sk) != SLO_IPPROTO_TCP)
		return 0;
	if (newstate == SLO_TCP_SYN_SENT)
		begin(sk, key);
	else if (newstate == SLO_TCP_LISTEN)
		slo_sock_listens(sk, sk->__sk_common.skc_num);
	else if ((oldstate == SLO_TCP_SYN_SENT || oldstate == SLO_TCP_SYN_RECV) &&
	         !is_passive(sk, oldstate))
		ended(sk, key, oldstate, newstate);
	if (newstate == SLO_TCP_CLOSE && !slo_is_off(SLO_ABI_TCP_RETRANSMITS))
		slo_sock_closes(key);
	return 0;
}

static __always_inline void fill_call(struct connect_call *call, struct bpf_sock_addr *ctx,
                                      __u8 family)
{
	__u32 *to = slo_addr_words(call->daddr);

	call->family = family;
	call->pending = 1;
	call->dport = bpf_ntohs((__u16)ctx->user_port);
	if (family == SLO_AF_INET) {
		to[0] = ctx->user_ip4;
		to[1] = to[2] = to[3] = 0;
	} else {
		to[0] = ctx->user_ip6[0];
		to[1] = ctx->user_ip6[1];
		to[2] = ctx->user_ip6[2];
		to[3] = ctx->user_ip6[3];
	}
}

static __always_inline int call_begins(struct bpf_sock_addr *ctx, __u8 family)
{
	__u64 task = bpf_get_current_task();
	struct connect_call *known, call = {};

	if (ctx->protocol != SLO_IPPROTO_TCP) {
		call_over();
		return 1;
	}
	known = bpf_map_lookup_elem(&conn_calls, &task);
	if (known) {
		fill_call(known, ctx, family);
		return 1;
	}
	fill_call(&call, ctx, family);
	bpf_map_update_elem(&conn_calls, &task, &call, BPF_ANY);
	return 1;
}

SEC("cgroup/connect4")
int SLO_TIMED(conn_connect4, struct bpf_sock_addr *, ctx)
{
	return call_begins(ctx, SLO_AF_INET);
}

SEC("cgroup/connect6")
int SLO_TIMED(conn_connect6, struct bpf_sock_addr *, ctx)
{
	return call_begins(ctx, SLO_AF_INET6);
}

/* The layout of a syscall exit tracepoint's record, fixed since 2.6. */
struct sys_exit_record {
	__u64 common;
	__u64 nr;
	long ret;
};

/* Where one such tracepoint is hooked, each system call of every task takes a longer way: 29 ns on the build machine. */
SEC("tracepoint/syscalls/sys_exit_connect")
int SLO_TIMED(conn_connect_exit, struct sys_exit_record *, ctx)
{
	return call_ends(ctx->ret, SLO_ABI_SRC_TRACEPOINT);
}
