/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one wire format between BPF programs (CO-RE and BCC) and user space, and of binary captures.
 * Host byte order; a capture names its own in the file header. Fixed width, no implicit padding.
 */
#ifndef SLO_BPF_ABI_H
#define SLO_BPF_ABI_H

#if !defined(__VMLINUX_H__) && !defined(SLO_BPF_SIDE)
#include <linux/types.h>
#endif

#define SLO_ABI_VERSION 2
#define SLO_ABI_VERSION_OLDEST 1 /* that is still read: the same without struct slo_abi_traced */

/* Same numbers as enum slo_signal (core/model/signal.h); backends/decode.c asserts it. */
enum slo_abi_signal {
	SLO_ABI_DNS_LATENCY = 0,
	SLO_ABI_TCP_RETRANSMITS,
	SLO_ABI_RUNQUEUE_DELAY,
	SLO_ABI_CONNECT_LATENCY,
	SLO_ABI_CONNECT_ERRORS,
	SLO_ABI_TLS_HANDSHAKE,
	SLO_ABI_TLS_FAIL,
	SLO_ABI_CPU_STEAL,
	SLO_ABI_CFS_THROTTLED,
	SLO_ABI_MEM_RECLAIM,
	SLO_ABI_DISK_IO,
	SLO_ABI_SYSCALL,
	SLO_ABI_SIGNAL_MAX,
};

enum slo_abi_kind {
	SLO_ABI_SAMPLE = 0, /* one measurement; value is ns, or a count for *_total */
	SLO_ABI_TIMEOUT, /* value is ns waited; the answer never came */
	SLO_ABI_HIST, /* struct slo_abi_agg: histogram of one key and interval */
	SLO_ABI_COUNT, /* struct slo_abi_agg: count of one key and interval */
	SLO_ABI_GAUGE, /* value is millionths of the signal's unit (pct) */
	SLO_ABI_KIND_MAX,
};

/* Same numbers as enum slo_source (core/model/event.h). */
enum slo_abi_source {
	SLO_ABI_SRC_NONE = 0,
	SLO_ABI_SRC_CGROUP_SKB,
	SLO_ABI_SRC_FENTRY,
	SLO_ABI_SRC_TP_BTF,
	SLO_ABI_SRC_RAW_TP,
	SLO_ABI_SRC_TRACEPOINT,
	SLO_ABI_SRC_KPROBE,
	SLO_ABI_SRC_UPROBE,
	SLO_ABI_SRC_BCC,
	SLO_ABI_SRC_PROCFS,
	SLO_ABI_SRC_NETLINK,
	SLO_ABI_SRC_REPLAY,
	SLO_ABI_SRC_SYNTHETIC,
	SLO_ABI_SRC_MAX,
};

/* flags of struct slo_abi_event */
#define SLO_ABI_F_LOCAL 0x01 /* the failure arose on this host, no packet was sent */
#define SLO_ABI_F_UPSTREAM 0x02 /* DNS: asked by a resolver of this host, not by a client */
#define SLO_ABI_F_PASSIVE 0x04 /* TCP: the socket was accepted, not connected */
#define SLO_ABI_F_ABORTED 0x08 /* the application gave up before an outcome */
#define SLO_ABI_F_TRUNCATED 0x10 /* DNS: TC bit; the name is cut */

/* Retransmit kinds: why the segment was sent again. Tag of aggregates and extra.retr.kind. */
enum slo_abi_retr_kind {
	SLO_ABI_RETR_OTHER = 0,
	SLO_ABI_RETR_SYN,
	SLO_ABI_RETR_SYNACK,
	SLO_ABI_RETR_RTO,
	SLO_ABI_RETR_FAST,
	SLO_ABI_RETR_TLP,
	SLO_ABI_RETR_FAILED, /* the attempt failed on this host (6.17+ report those too) */
	SLO_ABI_RETR_MAX,
};

/* Why a runnable task waited: tag of aggregates and extra.runq.cause. Each wait has one cause, so none counts twice. */
enum slo_abi_wait {
	SLO_ABI_WAIT_OTHER = 0, /* other cgroups had the CPU */
	SLO_ABI_WAIT_OWN, /* a task of its own cgroup had it */
	SLO_ABI_WAIT_QUOTA, /* its cgroup was throttled meanwhile */
	SLO_ABI_WAIT_MAX,
};

enum slo_abi_tls_reason {
	SLO_ABI_TLS_ALERT = 0, /* a plain alert, see alert */
	SLO_ABI_TLS_ENCRYPTED_ALERT, /* an encrypted record as short as an alert, then the end */
	SLO_ABI_TLS_CLOSED, /* FIN before the handshake was over */
	SLO_ABI_TLS_RESET, /* RST before the handshake was over */
	SLO_ABI_TLS_TIMEOUT, /* no answer, nobody closed */
	SLO_ABI_TLS_REASON_MAX,
};

/* flags of struct slo_abi_tls */
#define SLO_ABI_TLS_F_RETRY 0x1 /* HelloRetryRequest: one round trip more */
#define SLO_ABI_TLS_F_EARLY 0x2 /* 0-RTT data were sent */
#define SLO_ABI_TLS_F_SERVER 0x4 /* we are the server: the hello came in */
#define SLO_ABI_TLS_F_PEER 0x8 /* failures: the peer sent the alert or closed */

/* In a histogram's tag: counted by user space alone, so that two writers never meet in one value. */
#define SLO_ABI_TLS_TAG_USER 0x100
/* In a count's tag, above the reason. */
#define SLO_ABI_TLS_TAG_SERVER 0x80

enum slo_abi_reclaim_kind {
	SLO_ABI_RECLAIM_DIRECT = 0, /* global: the machine is short */
	SLO_ABI_RECLAIM_MEMCG, /* the cgroup is at its limit */
	SLO_ABI_RECLAIM_COMPACT, /* for a large page */
	SLO_ABI_RECLAIM_THROTTLE, /* made to wait for writeback or for progress of others */
	SLO_ABI_RECLAIM_MAX,
};

enum slo_abi_disk_op {
	SLO_ABI_DISK_READ = 0,
	SLO_ABI_DISK_WRITE,
	SLO_ABI_DISK_FLUSH,
	SLO_ABI_DISK_DISCARD,
	SLO_ABI_DISK_OTHER,
	SLO_ABI_DISK_OP_MAX,
};

enum slo_abi_sys_family {
	SLO_ABI_SYS_READ = 0,
	SLO_ABI_SYS_WRITE,
	SLO_ABI_SYS_SYNC, /* fsync, fdatasync, sync_file_range, msync */
	SLO_ABI_SYS_FAMILY_MAX,
};

/* Only storage is measured: a read that waits for a peer is idle time, not latency. */
enum slo_abi_file_class {
	SLO_ABI_FILE_REGULAR = 0,
	SLO_ABI_FILE_BLOCK,
	SLO_ABI_FILE_DIR,
	SLO_ABI_FILE_OTHER, /* of a filesystem without storage behind it */
	SLO_ABI_FILE_UNKNOWN, /* one of these: what waits for a peer takes no such call */
	SLO_ABI_FILE_CLASS_MAX,
};

#define SLO_ABI_COMM_LEN 16
#define SLO_ABI_NAME_LEN 72
#define SLO_ABI_SNI_LEN 80

struct slo_abi_dns {
	__u64 last_ns; /* CLOCK_MONOTONIC of the last (re)transmission of the query */
	__u16 id;
	__u16 qtype; /* 0: stands behind the name in name[] */
	__u16 rcode; /* of the answer */
	__u16 retries; /* queries sent again for this answer */
	__u8 name_len; /* bytes of name[] in use */
	__u8 pad[7];
	/* The question as sent: length-prefixed labels, 0, qtype, qclass (network order); cut where longer. */
	__u8 name[SLO_ABI_NAME_LEN];
};

struct slo_abi_retr {
	__u32 kind; /* enum slo_abi_retr_kind */
	__u32 tcp_state;
	__u32 segs; /* segments sent again; equals value */
	__u32 pad;
};

struct slo_abi_conn {
	__u32 syn_retrans; /* SYNs sent again before the outcome */
	__u32 srtt_us; /* smoothed RTT at the outcome; 0 unknown */
	__u64 after_ns; /* errors: begin of the connect to its failure */
};

struct slo_abi_runq {
	__u32 cpu;
	__u32 prio;
	__u32 cause; /* enum slo_abi_wait */
	__u32 pad;
};

struct slo_abi_tls {
	__u64 server_ns; /* ClientHello to ServerHello; 0 unknown */
	__u64 after_ns; /* failures: ClientHello to the failure */
	__u16 version; /* 0x0303 is 1.2, 0x0304 is 1.3; 0 unknown */
	__u8 reason; /* failures: enum slo_abi_tls_reason */
	__u8 alert; /* AlertDescription of a plain alert (RFC 8446, 6); 0 none or close_notify */
	__u8 flags; /* SLO_ABI_TLS_F_* */
	__u8 sni_len;
	__u8 pad[2];
	__u8 sni[SLO_ABI_SNI_LEN]; /* host name as sent, cut where longer */
};

struct slo_abi_reclaim {
	__u32 kind; /* enum slo_abi_reclaim_kind */
	__u32 order; /* of the allocation that stalled */
	__u64 pages; /* reclaimed; 0 unknown */
	__u64 throttled_ns; /* of the value, made to wait for others' progress */
};

struct slo_abi_disk {
	__u64 device_ns; /* issue to completion; value is queue and device; 0 unknown */
	__u32 dev; /* major << 20 | minor */
	__u32 op; /* enum slo_abi_disk_op */
	__u32 bytes;
	__u32 pad;
};

struct slo_abi_sys {
	__s64 ret; /* bytes, or a negative errno */
	__u32 nr; /* system call number of this architecture */
	__u32 family; /* enum slo_abi_sys_family */
	__u32 fclass; /* enum slo_abi_file_class */
	__u32 dev; /* of the file's filesystem, major << 20 | minor; 0 none */
};

struct slo_abi_throttle {
	__u32 periods; /* enforcement periods of the quota in the interval */
	__u32 throttled; /* of those, ran out of quota */
};

union slo_abi_extra {
	struct slo_abi_dns dns;
	struct slo_abi_retr retr;
	struct slo_abi_conn conn;
	struct slo_abi_runq runq;
	struct slo_abi_tls tls;
	struct slo_abi_reclaim reclaim;
	struct slo_abi_disk disk;
	struct slo_abi_sys sys;
	struct slo_abi_throttle throttle;
	__u8 raw[104];
};

struct slo_abi_event {
	__u16 version; /* SLO_ABI_VERSION */
	__u16 size; /* bytes of this record */
	__u8 signal; /* enum slo_abi_signal */
	__u8 kind; /* enum slo_abi_kind */
	__u8 source; /* enum slo_abi_source */
	__u8 family; /* AF_INET 2, AF_INET6 10, 0 none */
	__u64 start_ns; /* CLOCK_MONOTONIC */
	__u64 value; /* see enum slo_abi_kind */
	__u32 tgid; /* 0 unknown; of the initial pid namespace */
	__u32 tid;
	__u64 cgroup_id; /* 0 unknown */
	__u32 netns; /* inode number; 0 unknown */
	__s32 err; /* positive errno; 0 none */
	__u16 sport; /* host byte order */
	__u16 dport;
	__u8 proto; /* IPPROTO_*; 0 none */
	__u8 flags; /* SLO_ABI_F_* */
	__u16 sample_weight; /* 0 and 1: not sampled */
	__u8 saddr[16]; /* IPv4 in the first four bytes, network order */
	__u8 daddr[16];
	char comm[SLO_ABI_COMM_LEN];
	union slo_abi_extra extra;
};

/* Which request a thread works for; all zero: not known. The value of the map that others pin, see backends/traces.h. */
struct slo_abi_trace {
	__u8 trace_id[16];
	__u8 span_id[8];
};

/*
 * Where the threads of a process have the pointer to their context (OTEP 4947): the value of the second map of slo_traces,
 * which is keyed by process and of the first one's size.
 */
struct slo_abi_thread_ctx {
	__s64 offset; /* from the thread pointer, or from the beginning of the module's block */
	__u32 module; /* 0: none, @offset is all; else its place in the thread's vector (DTV) */
	__s16 dtv_at; /* of the vector's address, from the thread pointer */
	__u16 dtv_step; /* bytes of a place in it */
	__u64 pass; /* of user space: the one that found it last */
};

/* What programs that may know it send instead of a struct slo_abi_event: told by its size. */
struct slo_abi_traced {
	struct slo_abi_event event;
	struct slo_abi_trace trace;
};

#define SLO_ABI_TRACES_PINNED 0 /* what slo_traces holds */
#define SLO_ABI_TRACES_THREADS 1
#define SLO_ABI_TRACES_MAX 16384 /* entries of the map that others pin */
#define SLO_ABI_BEGUN_MAX 4096 /* measurements under way whose trace is known */

/*
 * Key of the trace of what is under way, kept from its beginning to its end. The time it began at is a part of the key, so
 * that what was left behind is never taken for something later.
 */
struct slo_abi_begun {
	__u64 of; /* tells it from others of its kind: address or cookie of the socket, SLO_ABI_BEGUN_DNS() */
	__u64 start_ns; /* as its record says */
};
#define SLO_ABI_BEGUN_DNS(cookie, id) ((__u64)(cookie) << 16 | (id))

/* Histogram: slot i counts values v with 2^(i+9) <= v < 2^(i+10) ns; slot 0 all below 1024 ns, the last all above. */
#define SLO_ABI_SLOTS 28

/* Key of the in-kernel aggregates of latency signals. */
struct slo_abi_hist_key {
	__u64 cgroup_id;
	/*
	 * Signal's own: DNS hop (SLO_ABI_F_UPSTREAM or 0), enum slo_abi_wait, TLS side (SLO_ABI_TLS_F_SERVER or 0,
	 * | SLO_ABI_TLS_TAG_USER), enum slo_abi_reclaim_kind, enum slo_abi_disk_op,
	 * enum slo_abi_sys_family | enum slo_abi_file_class << 8
	 */
	__u32 tag;
	__u32 dev; /* disk: major << 20 | minor; else 0 */
};

/* Where one map holds the histograms of several signals: the signal stands in the tag's top byte. */
#define SLO_ABI_TAG_SIGNAL_SHIFT 24

/* Key of the in-kernel aggregates of *_total signals. */
struct slo_abi_count_key {
	__u64 cgroup_id;
	__u8 daddr[16];
	__u16 dport; /* 0 where the remote port is ephemeral */
	__u8 family;
	__u8 tag; /* signal's own: enum slo_abi_retr_kind, enum slo_abi_tls_reason | SLO_ABI_TLS_TAG_SERVER */
	__u32 netns;
};

/* Worst measurement since the epoch in ctl began; racy by design, never a count. */
struct slo_abi_worst {
	__u64 value;
	__u32 epoch;
	__u32 tgid;
	char comm[SLO_ABI_COMM_LEN];
};

/* Cumulative: user space subtracts what it read before, so nothing is lost between reads. */
struct slo_abi_hist_val {
	__u64 count;
	__u64 sum; /* ns */
	struct slo_abi_worst worst; /* before the slots: one cache line with the sums */
	__u32 slot[SLO_ABI_SLOTS];
};

struct slo_abi_count_val {
	__u64 count;
	__u32 tgid; /* last seen owner; 0 unknown */
	__u32 pad;
	char comm[SLO_ABI_COMM_LEN];
};

/* Made by user space once an interval from the maps: the change of one key. size = sizeof. */
struct slo_abi_agg {
	struct slo_abi_event
		head; /* kind HIST or COUNT; value = sum or count, start_ns = interval's start */
	__u64 interval_ns;
	__u64 count;
	__u64 max;
	__u32 slot[SLO_ABI_SLOTS];
};

/* A DNS query that waits for its answer. Never keyed by thread: any thread may read the answer. */
struct slo_abi_dns_key {
	__u64 cookie; /* of the socket */
	__u8 laddr[16]; /* the client's */
	__u8 raddr[16]; /* the server's */
	__u16 lport;
	__u16 rport;
	__u16 id;
	__u8 family;
	__u8 proto;
};

/* Whose a socket, or the work done for it, is. */
struct slo_abi_owner {
	__u64 cgroup_id; /* 0 unknown */
	__u32 tgid; /* 0 unknown */
	__u32 tid;
	__u32 netns;
	__u32 flags; /* SLO_ABI_F_PASSIVE */
	char comm[SLO_ABI_COMM_LEN];
};

/* Of the maps route_out and route_in (bpf/route.bpf.c). */
enum {
	SLO_ABI_ROUTE_DNS,
	SLO_ABI_ROUTE_TLS,
	SLO_ABI_ROUTE_MAX,
};

/* A TCP socket that this host connected. */
struct slo_abi_sock {
	struct slo_abi_owner owner;
	__u64 start_ns; /* of the connect; 0: it was not seen */
	__u32 admitted; /* inside the targets when it began */
	__u32 pad;
};

struct slo_abi_listener {
	__u32 netns;
	__u32 port;
};

struct slo_abi_dns_query {
	struct slo_abi_owner owner;
	__u64 first_ns;
	__u64 last_ns;
	__u32 retries;
	__u8 upstream; /* asked by a resolver of this host */
	__u8 name_len;
	__u8 rcode; /* of the answer, as truncated */
	__u8 truncated;
	__u64 answered_ns; /* 0: under way; else user space takes it from here (programs without BTF) */
	__u8 name[SLO_ABI_NAME_LEN];
};

/* One direction of a TLS connection, read record by record from whatever segments carry it. */
#define SLO_ABI_TLS_GATHER 40
struct slo_abi_tls_dir {
	__u32 need; /* TCP sequence number of the next byte to look at */
	__u32 seen; /* of the byte behind the last one that passed */
	__u16 left; /* bytes of the record from need on */
	__u16 skip; /* of them, or of records that follow, nobody looks at */
	__u16 todo; /* bytes of the message, then of its extensions, behind those being skipped and gathered */
	__u8 step; /* what the bytes gathered will be */
	__u8 have; /* bytes gathered */
	__u8 want; /* bytes to gather */
	__u8 hdr_have;
	__u8 flags;
	__u8 rest; /* bytes of the name behind those being gathered */
	__u8 hdr[12]; /* 5 used; the rest bounds what a verifier takes for possible */
	__u8 buf[2 * SLO_ABI_TLS_GATHER]; /* half used, as hdr */
};

/* Where a handshake stands: struct slo_abi_tls_conn.state. */
enum slo_abi_tls_state {
	SLO_ABI_TLS_CANDIDATE = 0, /* the first bytes might become a ClientHello */
	SLO_ABI_TLS_HELLO, /* the ClientHello is one */
	SLO_ABI_TLS_ANSWERED, /* ServerHello seen */
	SLO_ABI_TLS_FINISHED, /* client's Finished seen after a certificate of its: the server may still refuse that */
	/* Over, and left to user space (programs without BTF): */
	SLO_ABI_TLS_OVER_DONE,
	SLO_ABI_TLS_OVER_FAILED, /* see reason */
	SLO_ABI_TLS_OVER_NOTHING, /* not ours */
	SLO_ABI_TLS_OVER_LOST,
};

/* What a handshake's outcome needs of it. */
struct slo_abi_tls_head {
	struct slo_abi_owner owner;
	__u64 start_ns; /* ClientHello */
	__u64 server_ns; /* ServerHello; 0 not seen */
	__u64 end_ns; /* client's Finished; 0 not seen */
	__u64 last_ns; /* last segment of the handshake; 0: being made */
	__u8 laddr[16]; /* this socket's */
	__u8 raddr[16];
	__u16 lport;
	__u16 rport;
	__u16 version;
	__u16 bucket; /* of the map tls_hot */
	__u8 family;
	__u8 flags; /* SLO_ABI_TLS_F_* */
	__u8 state; /* enum slo_abi_tls_state */
	__u8 reason; /* enum slo_abi_tls_reason */
	__u8 alert;
	__u8 tag_len; /* bytes that encryption adds to a TLS 1.3 record, its type included */
	__u8 admitted; /* the target filter has been asked */
	__u8 short_record; /* the server's last record was as short as an encrypted alert */
	__u8 sni_len;
	__u8 pad[7];
	__u8 sni[SLO_ABI_SNI_LEN];
};

/* A handshake under way; keyed by the socket's cookie, without BTF with a number of namesakes in the upper two bits. */
struct slo_abi_tls_conn {
	struct slo_abi_tls_head head;
	struct slo_abi_tls_dir dir[2]; /* the client's, the server's */
};

/* Handshakes under way, by a hash of the ports: what other packets are let through by. */
#define SLO_ABI_TLS_BUCKETS 4096
struct slo_abi_tls_hot {
	__u32 count[SLO_ABI_TLS_BUCKETS];
};

/* One run of a program in so many is timed, on average. A power of two. */
#define SLO_ABI_COST_EACH 64
/* Per CPU, of all programs of an object. Runs are runs + gap - left. */
struct slo_abi_cost {
	__u64 runs; /* up to the last one that was timed */
	__u64 timed; /* of them */
	__u64 ns; /* that these took */
	__u32 gap; /* from the last one timed to the next, drawn at random */
	__u32 left; /* of the gap */
	__u64 zero; /* always, which verifiers do not know */
};

/* Per-CPU counters, one set a signal. made = sent + aggregated + lost_ring + lost_map + shed. */
struct slo_abi_stats {
	__u64 made; /* measurements finished and passed by the target filter */
	__u64 sent; /* put into the ring */
	__u64 aggregated; /* in the aggregate only, as meant */
	__u64 lost_ring; /* meant for the ring, ring full */
	__u64 lost_map; /* meant for the aggregate, aggregate map full */
	__u64 shed; /* dropped by rate limit */
	__u64 agg_lost; /* of all made: not in the aggregate (map full), even if sent */
	__u64 inflight_full; /* begun, but the in-flight map was full: never measured */
	__u64 unmatched; /* ended without a known beginning */
	__u64 filtered; /* finished, outside the targets */
};

/* Which target kinds are set: bits of ctl.targets. Kinds are ANDed, members of a kind ORed. */
#define SLO_ABI_TGT_CGROUP 0x1
#define SLO_ABI_TGT_PID 0x2
#define SLO_ABI_TGT_COMM 0x4

/* One per signal, written by user space at run time. */
struct slo_abi_ctl {
	__u64 threshold; /* ns or count: at or above it an event is sent */
	__u32 epoch; /* grows by one each interval */
	__u32 emit_all; /* 1: an event for each measurement */
	__u32 targets; /* SLO_ABI_TGT_* */
	__u32 off; /* 1: measure nothing (the hook serves another signal too) */
};

/* What bpf/ext/btfcheck.bpf.c found of the tasks that it saw running. */
struct slo_abi_btf_check {
	__u64 same; /* all as helpers say */
	__u64 other;
	__u64 unread;
};

/*
 * Token bucket of single events, mapped into user space, which adds tokens; a program takes one per event. A race may take
 * as many too many as there are CPUs.
 */
struct slo_abi_bucket {
	__s64 tokens;
	__u32 unlimited; /* 1: no limit */
	__u32 pad;
};

/* Binary capture: this header, then records, each a struct slo_abi_event, slo_abi_traced or slo_abi_agg, 8-byte aligned. */
#define SLO_ABI_CAPTURE_MAGIC 0x31504143304f4c53ULL /* "SLO0CAP1", little endian */
struct slo_abi_capture {
	__u64 magic;
	__u32 version; /* SLO_ABI_VERSION */
	__u32 event_size; /* sizeof(struct slo_abi_event) */
	__u64 realtime_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC when the capture began */
	char node[64];
};

_Static_assert(sizeof(struct slo_abi_dns) == 96, "abi: dns");
_Static_assert(sizeof(struct slo_abi_tls) == 104, "abi: tls");
_Static_assert(sizeof(union slo_abi_extra) == 104, "abi: extra");
_Static_assert(sizeof(struct slo_abi_event) == 208, "abi: event");
_Static_assert(sizeof(struct slo_abi_trace) == 24, "abi: trace");
_Static_assert(sizeof(struct slo_abi_cost) == 40, "abi: cost");
_Static_assert(sizeof(struct slo_abi_thread_ctx) == 24, "abi: thread context");
_Static_assert(sizeof(struct slo_abi_traced) == 232, "abi: traced event");
_Static_assert(sizeof(struct slo_abi_begun) == 16, "abi: begun");
_Static_assert(sizeof(struct slo_abi_dns_key) == 48, "abi: dns key");
_Static_assert(sizeof(struct slo_abi_owner) == 40, "abi: owner");
_Static_assert(sizeof(struct slo_abi_sock) == 56, "abi: sock");
_Static_assert(sizeof(struct slo_abi_dns_query) == 144, "abi: dns query");
_Static_assert(sizeof(struct slo_abi_tls_dir) == 112, "abi: tls direction");
_Static_assert(sizeof(struct slo_abi_tls_head) == 208, "abi: tls head");
_Static_assert(sizeof(struct slo_abi_tls_conn) == 432, "abi: tls connection");
_Static_assert(sizeof(struct slo_abi_hist_key) == 16, "abi: hist key");
_Static_assert(sizeof(struct slo_abi_count_key) == 32, "abi: count key");
_Static_assert(sizeof(struct slo_abi_hist_val) == 160, "abi: hist value");
_Static_assert(sizeof(struct slo_abi_count_val) == 32, "abi: count value");
_Static_assert(sizeof(struct slo_abi_agg) == 344, "abi: aggregate");
_Static_assert(sizeof(struct slo_abi_stats) == 80, "abi: stats");
_Static_assert(sizeof(struct slo_abi_ctl) == 24, "abi: ctl");
_Static_assert(sizeof(struct slo_abi_btf_check) == 24, "abi: BTF check");
_Static_assert(sizeof(struct slo_abi_capture) == 88, "abi: capture");
_Static_assert(__builtin_offsetof(struct slo_abi_event, start_ns) == 8, "abi: start_ns");
_Static_assert(__builtin_offsetof(struct slo_abi_event, cgroup_id) == 32, "abi: cgroup_id");
_Static_assert(__builtin_offsetof(struct slo_abi_event, saddr) == 56, "abi: saddr");
_Static_assert(__builtin_offsetof(struct slo_abi_event, comm) == 88, "abi: comm");
_Static_assert(__builtin_offsetof(struct slo_abi_event, extra) == 104, "abi: extra offset");

#endif
