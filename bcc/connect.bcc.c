/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connect by the socket's states, as bpf/connect.bpf.c, and the owners of sockets for retransmits. From 4.16 by the
 * tracepoint sock:inet_sock_set_state, before that by kprobes on tcp_set_state() and inet_csk_listen_start().
 */
#include "bcc/slo_bcc.h"
#include "bcc/slo_sock.bcc.h"

#include <linux/tcp.h>
#include <net/inet_sock.h>
#include <net/tcp_states.h>

BPF_TABLE("hash", struct slo_abi_count_key, struct slo_abi_count_val, slo_counts_conn, 4096);

/* A connect(2) under way that has not sent a SYN yet, by its thread. */
struct connect_call {
	__u8 daddr[16];
	__u16 dport;
	__u8 family;
	__u8 pad[5];
};
BPF_TABLE(SLO_LRU, __u64, struct connect_call, conn_calls, 4096);

static __always_inline void conn_begin(void *ctx, struct sock *sk, __u64 key)
{
	struct slo_abi_sock s = { .start_ns = bpf_ktime_get_ns() };
	__u64 thread = bpf_get_current_pid_tgid();

	conn_calls.delete(&thread);
	slo_sock_owner(ctx, sk, &s.owner);
	s.admitted = (slo_is_on(SLO_ABI_CONNECT_LATENCY) || slo_is_on(SLO_ABI_CONNECT_ERRORS)) &&
	             slo_admit(SLO_ABI_CONNECT_LATENCY, &s.owner);
	if (slo_socks.update(&key, &s))
		slo_stat_inc(SLO_ABI_CONNECT_LATENCY, inflight_full);
}

static __always_inline void conn_established(void *ctx, struct sock *sk,
                                             const struct slo_abi_owner *o, __u64 start_ns)
{
	struct slo_measure m = { .start_ns = start_ns, .ns = bpf_ktime_get_ns() - start_ns };
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct slo_abi_event e = {};
	__u32 srtt = 0;

	if (!slo_latency(&e, SLO_ABI_CONNECT_LATENCY, o, &m))
		return;
	slo_event_sock(&e, &sk->__sk_common);
	slo_read(&e.extra.conn.syn_retrans, &tp->total_retrans);
	slo_read(&srtt, &tp->srtt_us);
	e.extra.conn.srtt_us = srtt >> 3;
	slo_submit(ctx, &e);
}

static __always_inline int conn_aggregate(struct slo_abi_event *zero, struct slo_abi_count_key *key,
                                          const struct slo_abi_owner *o)
{
	struct slo_abi_count_val *c = slo_counts_conn.lookup(key);

	if (!c) {
		slo_counts_conn.insert(key, (struct slo_abi_count_val *)zero);
		c = slo_counts_conn.lookup(key);
		if (!c)
			return -1;
	}
	slo_count_add(c, 1, o);
	return 0;
}

/* What no error of the socket names: see failed() in bpf/connect.bpf.c. */
static __always_inline int conn_silent_end(struct tcp_sock *tp, __u32 retrans, int *err)
{
	__u32 sent = 1;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 3, 0)
	slo_read(&sent, &tp->segs_out);
#endif
	if (!sent) {
		*err = EADDRNOTAVAIL;
		return SLO_ABI_F_LOCAL;
	}
	return retrans ? SLO_ABI_F_ABORTED : -1;
}

static __always_inline void conn_failed(void *ctx, struct sock *sk, const struct slo_abi_owner *o,
                                        __u64 start_ns)
{
	struct slo_abi_count_key key = { .cgroup_id = o->cgroup_id, .netns = o->netns };
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct slo_abi_event e = {};
	int err = 0, flags = 0, aggregated;
	__u32 retrans = 0;
	__u16 port = 0;

	slo_read(&retrans, &tp->total_retrans);
	slo_read(&err, &sk->sk_err);
	if (!err)
		flags = conn_silent_end(tp, retrans, &err);
	if (flags < 0 || !slo_is_on(SLO_ABI_CONNECT_ERRORS))
		return;
	slo_read(&port, &sk->__sk_common.skc_dport);
	key.dport = ntohs(port);
	key.tag = (__u8)err;
	key.family = slo_sock_remote(&sk->__sk_common, key.daddr);
	aggregated = conn_aggregate(&e, &key, o);
	if (!slo_count(&e, SLO_ABI_CONNECT_ERRORS, o, aggregated, 1))
		return;
	slo_event_sock(&e, &sk->__sk_common);
	/* A socket that closes has given its port back already; the copy for headers still holds it. */
	if (!(flags & SLO_ABI_F_LOCAL)) {
		slo_read(&port, &tp->inet_conn.icsk_inet.inet_sport);
		e.sport = ntohs(port);
	}
	e.err = err;
	e.flags = (__u8)flags;
	e.extra.conn.syn_retrans = retrans;
	e.extra.conn.after_ns = e.start_ns - start_ns;
	slo_submit(ctx, &e);
}

static __always_inline void conn_ended(void *ctx, struct sock *sk, __u64 key, int oldstate,
                                       int newstate)
{
	struct slo_abi_sock *found = slo_socks.lookup(&key);
	struct slo_abi_owner owner, *o = &owner;
	__u64 start_ns;

	if (!found || !found->start_ns) {
		if (oldstate == TCP_SYN_SENT)
			slo_stat_inc(SLO_ABI_CONNECT_LATENCY, unmatched);
		return;
	}
	if (!found->admitted)
		return;
	slo_keep(o);
	*o = found->owner;
	start_ns = found->start_ns;
	/* Measured once; the owner stays, for retransmits. */
	found->start_ns = 0;
	if (newstate == TCP_ESTABLISHED)
		conn_established(ctx, sk, o, start_ns);
	else
		conn_failed(ctx, sk, o, start_ns);
}

static __always_inline void conn_state(void *ctx, struct sock *sk, int oldstate, int newstate)
{
	__u64 key = (__u64)sk;

	if (newstate == TCP_SYN_SENT)
		conn_begin(ctx, sk, key);
	else if (newstate == TCP_LISTEN)
		slo_sock_listens(ctx, sk);
	else if ((newstate == TCP_ESTABLISHED || newstate == TCP_CLOSE) &&
	         (oldstate == TCP_SYN_SENT || oldstate == TCP_SYN_RECV))
		conn_ended(ctx, sk, key, oldstate, newstate);
	if (newstate == TCP_CLOSE)
		slo_socks.delete(&key);
}

#ifdef SLO_OFF_STATE_SK
int sock_state_tp(void *ctx)
{
	/* The protocol's field has had 8 and 16 bits; TCP is 6 in the low ones, and MPTCP's 262 is not meant. */
	if (slo_field(__u8, ctx, SLO_OFF_STATE_PROTO) != IPPROTO_TCP)
		return 0;
	conn_state(ctx, slo_field(struct sock *, ctx, SLO_OFF_STATE_SK),
	           slo_field(int, ctx, SLO_OFF_STATE_OLD), slo_field(int, ctx, SLO_OFF_STATE_NEW));
	return 0;
}
#endif

int sock_state_kp(struct pt_regs *ctx)
{
	struct sock *sk = (struct sock *)PT_REGS_PARM1(ctx);
	__u8 oldstate = 0;

	bpf_probe_read(&oldstate, 1, (void *)&sk->__sk_common.skc_state);
	conn_state(ctx, sk, oldstate, (int)PT_REGS_PARM2(ctx));
	return 0;
}

int sock_listen_kp(struct pt_regs *ctx)
{
	slo_sock_listens(ctx, (struct sock *)PT_REGS_PARM1(ctx));
	return 0;
}

/* Before the first state there may be no route: what connect(2) returns tells. The address has been copied in already. */
static __always_inline int conn_call(void *uaddr, __u8 family)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct connect_call call = { .family = family };
	__u16 port = 0;

	bpf_probe_read(&port, sizeof(port), (char *)uaddr + 2);
	call.dport = ntohs(port);
	if (family == AF_INET) {
		bpf_probe_read(call.daddr, 4, (char *)uaddr + 4);
	} else {
		bpf_probe_read(call.daddr, 16, (char *)uaddr + 8);
		call.family = slo_unmap(call.daddr);
	}
	if (conn_calls.update(&thread, &call))
		slo_stat_inc(SLO_ABI_CONNECT_ERRORS, inflight_full);
	return 0;
}

int conn_call4_kp(struct pt_regs *ctx)
{
	return conn_call((void *)PT_REGS_PARM2(ctx), AF_INET);
}

int conn_call6_kp(struct pt_regs *ctx)
{
	return conn_call((void *)PT_REGS_PARM2(ctx), AF_INET6);
}

#ifdef SLO_OFF_CONNECT_RET
static __always_inline void conn_refused(void *ctx, const struct connect_call *call, int err)
{
	struct slo_abi_owner owner = {}, *o = &owner;
	struct slo_abi_count_key key = {};
	struct slo_abi_event e = {};
	int aggregated;

	slo_keep(o);
	slo_owner_current(ctx, o);
	if (!slo_admit(SLO_ABI_CONNECT_ERRORS, o))
		return;
	key.cgroup_id = o->cgroup_id;
	key.family = call->family;
	key.dport = call->dport;
	key.tag = (__u8)err;
	slo_copy(key.daddr, call->daddr, 16);
	aggregated = conn_aggregate(&e, &key, o);
	if (!slo_count(&e, SLO_ABI_CONNECT_ERRORS, o, aggregated, 1))
		return;
	e.proto = IPPROTO_TCP;
	e.family = key.family;
	e.dport = key.dport;
	__builtin_memcpy(e.daddr, key.daddr, 16);
	e.err = err;
	e.flags = SLO_ABI_F_LOCAL;
	slo_submit(ctx, &e);
}

int conn_exit_tp(void *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct connect_call *found = conn_calls.lookup(&thread), call;
	long ret = slo_field(long, ctx, SLO_OFF_CONNECT_RET);

	if (!found)
		return 0;
	call = *found;
	conn_calls.delete(&thread);
	if (ret < 0 && ret != -EINPROGRESS && ret != -EINTR)
		conn_refused(ctx, &call, (int)-ret);
	return 0;
}
#endif
