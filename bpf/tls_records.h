/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of one TLS connection, read from whatever segments carry them: what they tell of the handshake, step by step.
 * Bytes that do not matter are skipped by their count; a piece that matters is gathered until it is whole.
 */
#ifndef SLO_BPF_TLS_RECORDS_H
#define SLO_BPF_TLS_RECORDS_H

#include "bpf/tls_filter.h"

#define TLS_VERSION_1_3 0x0304
#define TLS_RECORD_MAX (16384 + 2048) /* RFC 5246, 6.2.3 */
#define TLS_SESSION_ID_MAX 32
/* Handshake header, version, random, length of the session id. */
#define TLS_HELLO_BEGIN 39
#define TLS_RECORD_HEADER 5

/* Inside of TLS 1.3 records: alert, EndOfEarlyData, Finished with SHA-256 and SHA-384 (RFC 8446, 4.4.4, 4.5, 6). */
#define TLS_ALERT_LEN 2
#define TLS_END_OF_EARLY_DATA_LEN 4
#define TLS_FINISHED_256_LEN (4 + 32)
#define TLS_FINISHED_384_LEN (4 + 48)
/* What encryption adds: the type's byte and the tag of 16 bytes, or of 8 with TLS_AES_128_CCM_8_SHA256. */
#define TLS_TAG_LEN 17
#define TLS_TAG_LEN_CCM_8 9
#define TLS_SUITE_CCM_8 0x1305

/* A ClientHello with the same random passes another socket of this host within this time: TCP's longest wait for a lost segment. */
#define TLS_HOP_NS 120000000000ULL

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

/* Randoms of the ClientHellos that are measured, folded; value: when. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u64);
} tls_randoms SEC(".maps");

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

/*
 * Fills @buf up to @want bytes from where the direction stands, @most of them now. Above zero: bytes taken; 0: the
 * segment ends here; negative: unreadable.
 */
static __always_inline int gather(struct __sk_buff *skb, const struct segment *s, __u32 need,
                                  __u8 *buf, __u64 have, __u32 want, __u32 most, const __u32 room)
{
	__s64 n;

	if (!is_before(need, s->end) || want <= have)
		return 0;
	n = min_u32(min_u32(want - (__u32)have, most), s->end - need);
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

/*
 * Bounded where every verifier sees it, and a pointer from then on: the compiler must not keep the offset instead, for
 * verifiers before 5.11 forget the bounds of what is spilled to the stack.
 */
static __always_inline struct slo_abi_tls_dir *dir_of(struct slo_abi_tls_conn *c, __u64 server)
{
	struct slo_abi_tls_dir *d;

	slo_opaque(server);
	d = &c->dir[server & 1];
	slo_opaque(d);
	return d;
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
	const struct slo_abi_tls_dir *other = dir_of(c, s->from_client);

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

#endif
