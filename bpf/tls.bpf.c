/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TLS handshakes timed on the wire, whatever the library: the records that leave and reach a socket, on any port, over
 * IPv4 and IPv6. A handshake is measured at the first socket of this host that carries its ClientHello: the client's
 * where the client is here, else the server's; a proxy that passes it on is not counted again.
 *
 * Begin: ClientHello. End: TLS 1.3, the client's Finished (its first encrypted record after ServerHello); before, the
 * second ChangeCipherSpec, which is the server's, or the client's where a session is resumed.
 */
#include "bpf/slo_skb.h"

#define TLS_VERSION_1_3 0x0304
#define TLS_RECORD_MAX (16384 + 2048) /* RFC 5246, 6.2.3 */
#define TLS_SESSION_ID_MAX 32
/* Handshake header, version, random, length of the session id. */
#define TLS_HELLO_BEGIN 39
#define TLS_RECORD_HEADER 5
/* Bytes that tell a ClientHello from nearly everything: record header and message type. */
#define TLS_PEEK 6

/* Inside of TLS 1.3 records: alert, EndOfEarlyData, Finished with SHA-256 and SHA-384 (RFC 8446, 4.4.4, 4.5, 6). */
#define TLS_ALERT_LEN 2
#define TLS_END_OF_EARLY_DATA_LEN 4
#define TLS_FINISHED_256_LEN (4 + 32)
#define TLS_FINISHED_384_LEN (4 + 48)
/* What encryption adds: the type's byte and the tag of 16 bytes, or of 8 with TLS_AES_128_CCM_8_SHA256. */
#define TLS_TAG_LEN 17
#define TLS_TAG_LEN_CCM_8 9
#define TLS_SUITE_CCM_8 0x1305

/* A ClientHello with the same random passes another socket of this host within this time. */
#define TLS_HOP_NS 10000000000ULL

/* Of one segment; a ClientHello has some 15 extensions. Beyond the first bound only whole records are counted. */
#define TLS_MESSAGE_STEPS 36
#define TLS_STEPS 48

enum {
	RECORD_CCS = 20,
	RECORD_ALERT,
	RECORD_HANDSHAKE,
	RECORD_DATA,
	RECORD_HEARTBEAT,
};

enum {
	HELLO_CLIENT = 1,
	HELLO_SERVER = 2,
	EXT_SERVER_NAME = 0,
	EXT_SUPPORTED_VERSIONS = 43,
};

enum step {
	STEP_NONE, /* the rest of the record does not matter */
	STEP_HELLO,
	STEP_CIPHERS,
	STEP_COMPRESSION,
	STEP_EXTENSIONS,
	STEP_EXTENSION,
	STEP_VERSION,
	STEP_NAME,
	STEP_NAME_BEGIN,
	STEP_NAME_REST,
	STEP_ALERT,
};

enum verdict {
	GO_ON,
	WAIT, /* for the next segment */
	DONE,
	FAILED,
	NOT_OURS, /* no ClientHello, or measured at another socket */
	LOST, /* bytes were missed that the outcome depends on */
};

enum {
	DIR_CCS = 0x1, /* ChangeCipherSpec seen */
	DIR_DEAD = 0x2, /* not TLS: nothing more is read */
	DIR_FIN = 0x4,
	DIR_RESYNC = 0x8, /* need is a record's begin by assumption */
	DIR_RETRY = 0x10, /* the hello being read is a HelloRetryRequest */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct slo_abi_tls_conn);
} tls_conns SEC(".maps");

/* User space, which ends what nobody answers, counts down too. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slo_abi_tls_hot);
} tls_hot SEC(".maps");

/* Randoms of the ClientHellos that are measured, folded; value: when. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u64);
} tls_randoms SEC(".maps");

static struct slo_abi_tls_conn tls_zero;

/* One packet of a connection under way. */
struct segment {
	__u64 now;
	__u32 seq;
	__u32 end;
	__u32 payload; /* offset in the skb */
	__u8 flags; /* TCP */
	__u8 outgoing;
	__u8 from_client;
};

/*
 * Functions that are not static are verified once and by themselves, not anew for every way that leads to them: without
 * that, the steps of a segment multiply. They take numbers only (pointers from 5.12 on), so offset, flags and direction
 * of a segment come as one, and each finds the connection by its cookie.
 */
#define PACK(p, outgoing) ((p)->payload | (__u32)(p)->flags << 16 | (__u32)(outgoing) << 24)
#define SLO_GLOBAL __attribute__((noinline))

static __always_inline void unpack(struct segment *s, const struct slo_abi_tls_conn *c, __u32 seq,
                                   __u32 end, __u32 packed)
{
	s->now = c->head.last_ns;
	s->seq = seq;
	s->end = end;
	s->payload = packed & 0xffff;
	s->flags = packed >> 16;
	s->outgoing = packed >> 24 & 1;
	s->from_client = s->outgoing == !(c->head.flags & SLO_ABI_TLS_F_SERVER);
}

static __always_inline __u32 be16(const __u8 *p)
{
	return (__u32)p[0] << 8 | p[1];
}

static __always_inline __u64 load64(const __u8 *p)
{
	__u64 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

/* TCP sequence numbers wrap. */
static __always_inline int is_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

static __always_inline __u32 min_u32(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

static __always_inline void heat(__u32 bucket, __u32 n)
{
	__u32 zero = 0;
	struct slo_abi_tls_hot *hot = bpf_map_lookup_elem(&tls_hot, &zero);

	if (hot)
		__sync_fetch_and_add(&hot->count[bucket & (SLO_ABI_TLS_BUCKETS - 1)], n);
}

static __always_inline int is_hot(__u32 bucket)
{
	__u32 zero = 0;
	struct slo_abi_tls_hot *hot = bpf_map_lookup_elem(&tls_hot, &zero);

	return hot && hot->count[bucket & (SLO_ABI_TLS_BUCKETS - 1)];
}

/*
 * Fills @buf up to @want bytes from where the direction stands, @most of them now. Above zero: bytes taken; 0: the
 * segment ends here; negative: unreadable.
 */
static __always_inline int gather(struct __sk_buff *skb, const struct segment *s, __u32 need,
                                  __u8 *buf, __u32 have, __u32 want, __u32 most, const __u32 room)
{
	__s64 n;

	if (!is_before(need, s->end) || want <= have)
		return 0;
	n = min_u32(min_u32(want - have, most), s->end - need);
	/* Signed, one bound at a time: verifiers before 6.5 learn nothing from != 0. */
	slo_opaque(n);
	if (n < 1)
		return 0;
	slo_opaque(n);
	if (n > room)
		return -1;
	slo_opaque(have);
	if (have >= room)
		return -1;
	if (bpf_skb_load_bytes(skb, s->payload + (need - s->seq), buf + have, (__u32)n))
		return -1;
	return (int)n;
}

/* The next @want bytes behind @skip will be @step; false where the message ends before. */
static __always_inline int expect(struct slo_abi_tls_dir *d, __u32 step, __u32 skip, __u32 want)
{
	if (skip + want > d->todo) {
		d->step = STEP_NONE;
		return 0;
	}
	d->todo -= skip + want;
	d->skip = skip;
	d->want = want;
	d->step = step;
	return 1;
}

/* Whether a socket of this host measures this ClientHello already. Ours is remembered for the others. */
static __always_inline int is_hop(const struct segment *s, const __u8 *random)
{
	struct slo_abi_ctl *ctl = slo_ctl_of(SLO_ABI_TLS_HANDSHAKE);
	__u64 key = load64(random) ^ load64(random + 8) ^ load64(random + 16) ^ load64(random + 24);
	__u64 now = s->now;
	__u64 *when = bpf_map_lookup_elem(&tls_randoms, &key);

	if (when && now - *when < TLS_HOP_NS)
		return 1;
	/* A server that turns out to be no target must not keep a client that is one from being measured. */
	if (s->outgoing || (ctl && !ctl->targets))
		bpf_map_update_elem(&tls_randoms, &key, &now, BPF_ANY);
	return 0;
}

static __always_inline int on_client_hello(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                           const struct segment *s)
{
	if (d->buf[0] != HELLO_CLIENT || is_hop(s, d->buf + 6))
		return NOT_OURS;
	c->head.state = SLO_ABI_TLS_HELLO;
	(void)expect(d, STEP_CIPHERS, d->buf[38], 2);
	return GO_ON;
}

/* The ServerHello or HelloRetryRequest is read. */
static __always_inline int end_server_hello(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                            const struct segment *s)
{
	d->step = STEP_NONE;
	if (d->flags & DIR_RETRY) {
		d->flags &= ~DIR_RETRY;
		c->head.flags |= SLO_ABI_TLS_F_RETRY;
		return GO_ON;
	}
	c->head.server_ns = s->now;
	c->head.state = SLO_ABI_TLS_ANSWERED;
	return GO_ON;
}

static __always_inline int on_server_hello(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                           const struct segment *s)
{
	if (d->buf[0] != HELLO_SERVER) {
		d->step = STEP_NONE;
		return GO_ON;
	}
	c->head.version = be16(d->buf + 4);
	/* The SHA-256 of "HelloRetryRequest" in place of a random (RFC 8446, 4.1.3). */
	if (load64(d->buf + 6) == bpf_cpu_to_be64(0xcf21ad74e59a6111ULL))
		d->flags |= DIR_RETRY;
	return expect(d, STEP_CIPHERS, d->buf[38], 3) ? GO_ON : end_server_hello(c, d, s);
}

static __always_inline int on_hello(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                    const struct segment *s)
{
	__u32 len = be16(d->buf + 2);

	if (d->buf[1] || len < TLS_HELLO_BEGIN - 4 || d->buf[4] != 3 ||
	    d->buf[38] > TLS_SESSION_ID_MAX) {
		d->step = STEP_NONE;
		return s->from_client ? NOT_OURS : GO_ON;
	}
	d->todo = len - (TLS_HELLO_BEGIN - 4);
	return s->from_client ? on_client_hello(c, d, s) : on_server_hello(c, d, s);
}

static __always_inline int on_ciphers(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                      const struct segment *s)
{
	__u32 v = be16(d->buf);

	if (s->from_client) {
		(void)expect(d, STEP_COMPRESSION, v, 1);
		return GO_ON;
	}
	c->head.tag_len = v == TLS_SUITE_CCM_8 ? TLS_TAG_LEN_CCM_8 : TLS_TAG_LEN;
	return expect(d, STEP_EXTENSIONS, 0, 2) ? GO_ON : end_server_hello(c, d, s);
}

static __always_inline int on_extension(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                        const struct segment *s)
{
	__u32 type = be16(d->buf), len = be16(d->buf + 2);
	int more;

	if (s->from_client && type == EXT_SERVER_NAME)
		more = expect(d, STEP_NAME, 0, 5);
	else if (!s->from_client && type == EXT_SUPPORTED_VERSIONS)
		more = expect(d, STEP_VERSION, 0, 2);
	else
		more = expect(d, STEP_EXTENSION, len, 4);
	return more || s->from_client ? GO_ON : end_server_hello(c, d, s);
}

static __always_inline int on_name(struct slo_abi_tls_dir *d)
{
	__u32 len = min_u32(be16(d->buf + 3), SLO_ABI_SNI_LEN);
	__u32 first = min_u32(len, SLO_ABI_TLS_GATHER);

	d->rest = len - first;
	if (d->buf[2] || !len)
		d->step = STEP_NONE;
	else
		(void)expect(d, STEP_NAME_BEGIN, 0, first);
	return GO_ON;
}

static __always_inline int on_name_part(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d)
{
	int begin = d->step == STEP_NAME_BEGIN;

	if (begin)
		__builtin_memcpy(c->head.sni, d->buf, SLO_ABI_TLS_GATHER);
	else
		__builtin_memcpy(c->head.sni + SLO_ABI_TLS_GATHER, d->buf, SLO_ABI_TLS_GATHER);
	c->head.sni_len = begin ? d->want : SLO_ABI_TLS_GATHER + d->want;
	if (!begin || !d->rest)
		d->step = STEP_NONE;
	else
		(void)expect(d, STEP_NAME_REST, 0, d->rest);
	return GO_ON;
}

static __always_inline int fail(struct slo_abi_tls_conn *c, __u32 reason, int by_peer)
{
	c->head.reason = reason;
	if (by_peer)
		c->head.flags |= SLO_ABI_TLS_F_PEER;
	return FAILED;
}

/* A warning is no end (unrecognized_name, before ServerHello), close_notify will be followed by one. */
static __always_inline int on_alert(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                    const struct segment *s)
{
	d->step = STEP_NONE;
	c->head.alert = d->buf[1];
	if (d->buf[0] == 1 || !d->buf[1])
		return GO_ON;
	return fail(c, SLO_ABI_TLS_ALERT, !s->outgoing);
}

/* All bytes that the direction's step waited for are in its buffer. */
static __always_inline int act(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                               const struct segment *s)
{
	switch (d->step) {
	case STEP_HELLO:
		return on_hello(c, d, s);
	case STEP_CIPHERS:
		return on_ciphers(c, d, s);
	case STEP_COMPRESSION:
		(void)expect(d, STEP_EXTENSIONS, d->buf[0], 2);
		return GO_ON;
	case STEP_EXTENSIONS:
		d->todo = be16(d->buf);
		if (expect(d, STEP_EXTENSION, 0, 4) || s->from_client)
			return GO_ON;
		return end_server_hello(c, d, s);
	case STEP_EXTENSION:
		return on_extension(c, d, s);
	case STEP_VERSION:
		c->head.version = be16(d->buf);
		return end_server_hello(c, d, s);
	case STEP_NAME:
		return on_name(d);
	case STEP_NAME_BEGIN:
	case STEP_NAME_REST:
		return on_name_part(c, d);
	case STEP_ALERT:
		return on_alert(c, d, s);
	default:
		d->step = STEP_NONE;
		return GO_ON;
	}
}

/* TLS 1.3: in place of Finished the client may send an alert, or its certificate first. */
static __always_inline int on_client_data(struct slo_abi_tls_conn *c, const struct segment *s,
                                          __u32 len)
{
	__u32 inner = len - c->head.tag_len;

	if (c->head.state < SLO_ABI_TLS_ANSWERED)
		c->head.flags |= SLO_ABI_TLS_F_EARLY;
	if (c->head.state != SLO_ABI_TLS_ANSWERED || c->head.version < TLS_VERSION_1_3)
		return GO_ON;
	if (inner == TLS_ALERT_LEN)
		return fail(c, SLO_ABI_TLS_ENCRYPTED_ALERT, !s->outgoing);
	if ((c->head.flags & SLO_ABI_TLS_F_EARLY) && inner == TLS_END_OF_EARLY_DATA_LEN)
		return GO_ON;
	c->head.end_ns = s->now;
	if (inner == TLS_FINISHED_256_LEN || inner == TLS_FINISHED_384_LEN)
		return DONE;
	c->head.state = SLO_ABI_TLS_FINISHED;
	return GO_ON;
}

/*
 * TLS 1.3: what the server says after a client's certificate tells whether it takes it. An alert is two bytes; nothing
 * else that it sends during a handshake is (EncryptedExtensions has six at least).
 */
static __always_inline int on_server_data(struct slo_abi_tls_conn *c, __u32 len)
{
	c->head.short_record = c->head.state >= SLO_ABI_TLS_ANSWERED &&
	                       c->head.version >= TLS_VERSION_1_3 &&
	                       len - c->head.tag_len == TLS_ALERT_LEN;
	if (c->head.state == SLO_ABI_TLS_FINISHED && !c->head.short_record)
		return DONE;
	return GO_ON;
}

static __always_inline int on_ccs(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                  const struct segment *s)
{
	const struct slo_abi_tls_dir *other = &c->dir[s->from_client ? 1 : 0];

	d->flags |= DIR_CCS;
	/* In TLS 1.3 it only pleases middleboxes. */
	if (c->head.state != SLO_ABI_TLS_ANSWERED || c->head.version >= TLS_VERSION_1_3 ||
	    !(other->flags & DIR_CCS))
		return GO_ON;
	c->head.end_ns = s->now;
	return DONE;
}

static __always_inline void on_handshake(const struct slo_abi_tls_conn *c,
                                         struct slo_abi_tls_dir *d, const struct segment *s)
{
	/* A message may go on in this record. */
	if (d->step != STEP_NONE)
		return;
	if (s->from_client ? c->head.state != SLO_ABI_TLS_CANDIDATE
	                   : c->head.state != SLO_ABI_TLS_HELLO)
		return;
	d->skip = d->have = 0;
	d->want = TLS_HELLO_BEGIN;
	d->step = STEP_HELLO;
}

static __always_inline int on_no_record(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d)
{
	if (c->head.state == SLO_ABI_TLS_CANDIDATE)
		return NOT_OURS;
	if (d->flags & DIR_RESYNC)
		return LOST;
	/* A server that does not speak TLS: the client will say what it makes of that, or close. */
	d->flags |= DIR_DEAD;
	return WAIT;
}

static __always_inline int on_record(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                     const struct segment *s)
{
	__u32 type = d->hdr[0], len = be16(d->hdr + 3);

	if (type < RECORD_CCS || type > RECORD_HEARTBEAT || d->hdr[1] != 3 || len > TLS_RECORD_MAX)
		return on_no_record(c, d);
	d->flags &= ~DIR_RESYNC;
	d->left = len;
	if (type == RECORD_HANDSHAKE) {
		on_handshake(c, d, s);
		return GO_ON;
	}
	if (c->head.state == SLO_ABI_TLS_CANDIDATE)
		return NOT_OURS;
	d->step = STEP_NONE;
	if (type == RECORD_CCS)
		return on_ccs(c, d, s);
	if (type == RECORD_DATA)
		return s->from_client ? on_client_data(c, s, len) : on_server_data(c, len);
	if (type != RECORD_ALERT)
		return GO_ON;
	/* Encrypted with what the client's ChangeCipherSpec of TLS 1.2 switched on. */
	if (len != TLS_ALERT_LEN)
		return fail(c, SLO_ABI_TLS_ENCRYPTED_ALERT, !s->outgoing);
	d->skip = d->have = 0;
	d->want = TLS_ALERT_LEN;
	d->step = STEP_ALERT;
	return GO_ON;
}

static __always_inline int read_header(struct __sk_buff *skb, struct slo_abi_tls_conn *c,
                                       struct slo_abi_tls_dir *d, const struct segment *s)
{
	int n = gather(skb, s, d->need, d->hdr, d->hdr_have, TLS_RECORD_HEADER, TLS_RECORD_HEADER,
	               TLS_RECORD_HEADER);

	if (n <= 0)
		return n ? LOST : WAIT;
	d->need += n;
	d->hdr_have += n;
	if (d->hdr_have < TLS_RECORD_HEADER)
		return WAIT;
	d->hdr_have = 0;
	return on_record(c, d, s);
}

static __always_inline int advance(struct __sk_buff *skb, struct slo_abi_tls_conn *c,
                                   struct slo_abi_tls_dir *d, const struct segment *s)
{
	__u32 skip;
	int n;

	if (!d->left)
		return read_header(skb, c, d, s);
	skip = d->step == STEP_NONE ? d->left : min_u32(d->skip, d->left);
	d->need += skip;
	d->left -= skip;
	d->skip -= d->step == STEP_NONE ? 0 : skip;
	if (!d->left)
		return GO_ON;
	n = gather(skb, s, d->need, d->buf, d->have, d->want, d->left, SLO_ABI_TLS_GATHER);
	if (n <= 0)
		return n ? LOST : WAIT;
	d->need += n;
	d->left -= n;
	d->have += n;
	if (d->have < d->want)
		return d->left ? WAIT : GO_ON;
	d->have = 0;
	return act(c, d, s);
}

/* One step through a segment: a record's header, or the next piece of a message that matters. */
SLO_GLOBAL int tls_advance(struct __sk_buff *skb, __u64 cookie, __u32 seq, __u32 end, __u32 packed)
{
	struct slo_abi_tls_conn *c = bpf_map_lookup_elem(&tls_conns, &cookie);
	struct segment s;

	if (!c)
		return WAIT;
	unpack(&s, c, seq, end, packed);
	return advance(skb, c, s.from_client ? &c->dir[0] : &c->dir[1], &s);
}

/* Goes on at @seq, the begin of a record as far as can be known. */
static __always_inline int resync(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                  const struct segment *s, __u32 seq)
{
	if (c->head.state == SLO_ABI_TLS_CANDIDATE)
		return NOT_OURS;
	if (!s->from_client && c->head.state == SLO_ABI_TLS_HELLO)
		return LOST;
	d->need = seq;
	d->left = d->skip = 0;
	d->have = d->hdr_have = 0;
	d->step = STEP_NONE;
	d->flags |= DIR_RESYNC;
	return GO_ON;
}

/*
 * Segments come as they arrive: again, out of order, in part again. Read is what the direction stands at; bytes that
 * passed before their turn are not seen again, and what follows them is taken for the begin of a record.
 */
static __always_inline int read_segment(struct __sk_buff *skb, struct slo_abi_tls_conn *c,
                                        struct slo_abi_tls_dir *d, const struct segment *s,
                                        __u64 cookie, __u32 packed)
{
	int r = GO_ON;

	if (is_before(d->need, s->seq) && s->seq == d->need + d->left &&
	    (s->from_client || c->head.state != SLO_ABI_TLS_HELLO))
		r = resync(c, d, s, s->seq);
	if (r != GO_ON || is_before(d->need, s->seq))
		return r;
	for (int i = 0; i < TLS_STEPS && is_before(d->need, s->end) && r == GO_ON; i++) {
		if (i == TLS_MESSAGE_STEPS)
			d->step = STEP_NONE;
		r = tls_advance(skb, cookie, s->seq, s->end, packed);
	}
	return r;
}

static __always_inline int is_read(const struct slo_abi_tls_dir *d)
{
	return !is_before(d->need, d->seen) || (d->flags & DIR_DEAD);
}

/* One side closed. A handshake that only waits for the verdict on a certificate was good, unless an alert was it. */
static __always_inline int on_close(struct slo_abi_tls_conn *c, const struct segment *s, int reset)
{
	if (c->head.state == SLO_ABI_TLS_CANDIDATE)
		return NOT_OURS;
	if (c->head.short_record)
		return fail(c, SLO_ABI_TLS_ENCRYPTED_ALERT,
		            !(c->head.flags & SLO_ABI_TLS_F_SERVER));
	if (c->head.state == SLO_ABI_TLS_FINISHED)
		return reset || !s->from_client ? DONE : GO_ON;
	return fail(c, reset ? SLO_ABI_TLS_RESET : SLO_ABI_TLS_CLOSED, !s->outgoing);
}

static __always_inline int on_segment(struct __sk_buff *skb, struct slo_abi_tls_conn *c,
                                      const struct segment *s, __u64 cookie, __u32 packed)
{
	struct slo_abi_tls_dir *d = s->from_client ? &c->dir[0] : &c->dir[1];
	int r = GO_ON;

	if (is_before(d->need, s->end) && !(d->flags & DIR_DEAD))
		r = read_segment(skb, c, d, s, cookie, packed);
	if (is_before(d->seen, s->end))
		d->seen = s->end;
	if (r > WAIT)
		return r;
	if (is_before(s->seq, s->end) && !is_before(d->need, s->seq) && !is_read(d))
		r = resync(c, d, s, d->seen);
	if (r > WAIT)
		return r;
	if (s->flags & SLO_TCP_FIN)
		d->flags |= DIR_FIN;
	if (s->flags & SLO_TCP_RST)
		return on_close(c, s, 1);
	return (d->flags & DIR_FIN) && is_read(d) ? on_close(c, s, 0) : GO_ON;
}

static __always_inline void fill(struct slo_abi_event *e, const struct slo_abi_tls_head *h)
{
	e->source = SLO_ABI_SRC_CGROUP_SKB;
	e->family = h->family;
	e->proto = SLO_IPPROTO_TCP;
	e->sport = h->lport;
	e->dport = h->rport;
	slo_copy16(e->saddr, h->laddr);
	slo_copy16(e->daddr, h->raddr);
	if (h->server_ns)
		e->extra.tls.server_ns = h->server_ns - h->start_ns;
	e->extra.tls.version = h->version;
	e->extra.tls.flags = h->flags;
	e->extra.tls.sni_len = h->sni_len;
	__builtin_memcpy(e->extra.tls.sni, h->sni, SLO_ABI_SNI_LEN);
}

static __always_inline void count_failure(const struct slo_abi_tls_head *h)
{
	struct slo_abi_count_key key = {
		.cgroup_id = h->owner.cgroup_id,
		.family = h->family,
		.netns = h->owner.netns,
		.tag = h->reason,
	};
	struct slo_abi_event *e;

	slo_copy16(key.daddr, h->raddr);
	if (h->flags & SLO_ABI_TLS_F_SERVER)
		key.tag |= SLO_ABI_TLS_TAG_SERVER;
	else
		key.dport = h->rport;
	e = slo_count(SLO_ABI_TLS_FAIL, &h->owner, &key, 1);
	if (!e)
		return;
	fill(e, h);
	e->extra.tls.after_ns = h->last_ns - h->start_ns;
	e->extra.tls.reason = h->reason;
	e->extra.tls.alert = h->alert;
	slo_submit(e);
}

static __always_inline void measure(const struct slo_abi_tls_head *h)
{
	struct slo_measure m = {
		.start_ns = h->start_ns,
		.ns = h->end_ns - h->start_ns,
		.tag = h->flags & SLO_ABI_TLS_F_SERVER,
	};
	struct slo_abi_event *e = slo_latency(SLO_ABI_TLS_HANDSHAKE, &h->owner, &m);

	if (!e)
		return;
	fill(e, h);
	slo_submit(e);
}

/* Of two ends at once, one wins. */
SLO_GLOBAL int tls_finish(__u64 cookie, __u32 verdict)
{
	const struct slo_abi_tls_conn *c = bpf_map_lookup_elem(&tls_conns, &cookie);
	struct slo_abi_tls_head h;

	if (!c)
		return 0;
	h = c->head;
	if (bpf_map_delete_elem(&tls_conns, &cookie))
		return 0;
	heat(h.bucket, -1);
	if (verdict == LOST)
		slo_stat_inc(SLO_ABI_TLS_HANDSHAKE, unmatched);
	if (verdict >= NOT_OURS || (!h.admitted && !slo_admit(SLO_ABI_TLS_HANDSHAKE, &h.owner)))
		return 0;
	if (verdict == DONE)
		measure(&h);
	else
		count_failure(&h);
	return 0;
}

/* What may be the begin of a ClientHello. Where the application writes less than the first six bytes, its first byte. */
static __always_inline int may_begin(struct __sk_buff *skb, const struct slo_packet *p)
{
	__u8 b[TLS_PEEK];

	if (p->payload_len < TLS_PEEK)
		return !bpf_skb_load_bytes(skb, p->payload, b, 1) && b[0] == RECORD_HANDSHAKE;
	return !bpf_skb_load_bytes(skb, p->payload, b, TLS_PEEK) && b[0] == RECORD_HANDSHAKE &&
	       b[1] == 3 && b[2] <= 4 && b[5] == HELLO_CLIENT;
}

static __always_inline __u32 bucket_of(const struct slo_packet *p)
{
	return (p->sport ^ p->dport) & (SLO_ABI_TLS_BUCKETS - 1);
}

static __always_inline struct slo_abi_tls_conn *insert(__u64 cookie, __u32 bucket)
{
	if (bpf_map_update_elem(&tls_conns, &cookie, &tls_zero, BPF_NOEXIST)) {
		slo_stat_inc(SLO_ABI_TLS_HANDSHAKE, inflight_full);
		return 0;
	}
	heat(bucket, 1);
	return bpf_map_lookup_elem(&tls_conns, &cookie);
}

static __noinline int begin(struct __sk_buff *skb, const struct slo_packet *p, int outgoing,
                            __u64 cookie)
{
	struct slo_abi_owner o = {};
	struct slo_abi_tls_conn *c;

	o.cgroup_id = slo_cgroup_v1 ? 0 : bpf_skb_cgroup_id(skb);
	if (outgoing)
		slo_owner_sender(&o);
	if (outgoing && !slo_admit(SLO_ABI_TLS_HANDSHAKE, &o))
		return 0;
	c = insert(cookie, bucket_of(p));
	if (!c)
		return 0;
	c->head.owner = o;
	c->head.admitted = outgoing;
	c->head.flags = outgoing ? 0 : SLO_ABI_TLS_F_SERVER;
	c->head.bucket = bucket_of(p);
	c->head.family = p->family;
	c->head.lport = outgoing ? p->sport : p->dport;
	c->head.rport = outgoing ? p->dport : p->sport;
	slo_packet_addresses(skb, p, outgoing ? c->head.laddr : c->head.raddr,
	                     outgoing ? c->head.raddr : c->head.laddr);
	c->dir[0].need = c->dir[0].seen = p->seq;
	/* What the hello acknowledges is where the server goes on. */
	c->dir[1].need = c->dir[1].seen = p->ack;
	c->head.start_ns = bpf_ktime_get_ns();
	c->head.last_ns = c->head.start_ns;
	return 1;
}

/* A server is known by what it sends: only there its process runs. */
static __always_inline int admit_server(struct slo_abi_tls_conn *c)
{
	slo_owner_sender(&c->head.owner);
	c->head.admitted = 1;
	return slo_admit(SLO_ABI_TLS_HANDSHAKE, &c->head.owner);
}

/* A packet of a connection whose handshake may be under way. 1: it is. */
SLO_GLOBAL int tls_go_on(struct __sk_buff *skb, __u64 cookie, __u32 seq, __u32 end, __u32 packed)
{
	struct slo_abi_tls_conn *c = bpf_map_lookup_elem(&tls_conns, &cookie);
	struct segment s;
	int r;

	if (!c)
		return 0;
	c->head.last_ns = bpf_ktime_get_ns();
	unpack(&s, c, seq, end, packed);
	if (!c->head.admitted && s.outgoing && s.seq != s.end && !admit_server(c))
		r = NOT_OURS;
	else
		r = on_segment(skb, c, &s, cookie, packed);
	if (r > WAIT)
		tls_finish(cookie, r);
	return 1;
}

static __always_inline int is_off(__u32 signal)
{
	const struct slo_abi_ctl *ctl = slo_ctl_of(signal);

	return !ctl || ctl->off;
}

static __always_inline void packet(struct __sk_buff *skb, int outgoing)
{
	struct slo_packet p = {};
	__u64 cookie;

	if (slo_packet_parse(skb, &p) || p.proto != SLO_IPPROTO_TCP)
		return;
	if (!p.payload_len && !(p.flags & (SLO_TCP_FIN | SLO_TCP_RST)))
		return;
	if (is_off(SLO_ABI_TLS_HANDSHAKE) && is_off(SLO_ABI_TLS_FAIL))
		return;
	if (is_hot(bucket_of(&p))) {
		cookie = bpf_get_socket_cookie(skb);
		if (tls_go_on(skb, cookie, p.seq, p.seq + p.payload_len, PACK(&p, outgoing)))
			return;
	}
	if (!p.payload_len || !may_begin(skb, &p))
		return;
	cookie = bpf_get_socket_cookie(skb);
	if (begin(skb, &p, outgoing, cookie))
		tls_go_on(skb, cookie, p.seq, p.seq + p.payload_len, PACK(&p, outgoing));
}

SEC("cgroup_skb/egress")
int tls_egress(struct __sk_buff *skb)
{
	packet(skb, 1);
	return 1;
}

SEC("cgroup_skb/ingress")
int tls_ingress(struct __sk_buff *skb)
{
	packet(skb, 0);
	return 1;
}
