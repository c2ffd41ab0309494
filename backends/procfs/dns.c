/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS latency by a packet socket with a classic BPF filter, which any kernel has: queries that leave this network namespace
 * over UDP and the answers that come in, with the kernel's receive times.
 */
#include "backends/procfs/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backends/decode.h"
#include "backends/procfs/interval.h"
#include "backends/procfs/reader.h"
#include "core/base/clock.h"
#include "core/base/map.h"

#define DNS_PORT 53
#define SNAP_BYTES 512
#define QUERIES_MAX 4096
#define HEADER_BYTES 12
#define RCVBUF_BYTES (1 << 20)
/* glibc waits 5 s before it asks again, which renews the query's last transmission. */
#define TIMEOUT_NS (6 * SLO_NS_PER_SEC)
/* Packets wait for the loop no longer, or its times are wrong anyway. */
#define QUEUED_NS (10 * SLO_NS_PER_SEC)
/* One turn of the loop takes no more. */
#define BATCH 1024

#define LOAD8(at) BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at)
#define LOAD16(at) BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at)
#define EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)

/* Packets begin with the IP header: the socket is of the cooked kind. Jumps count from the next instruction. */
static struct sock_filter filter[] = {
	LOAD8(0),
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
	EQUAL(4, 0, 9), /* to IPv6 */
	LOAD8(9),
	EQUAL(IPPROTO_UDP, 0, 15),
	LOAD16(6), /* a later fragment has no ports */
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 13, 0),
	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
	EQUAL(DNS_PORT, 9, 0),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
	EQUAL(DNS_PORT, 7, 8),
	EQUAL(6, 0, 7), /* IPv6 */
	LOAD8(6),
	EQUAL(IPPROTO_UDP, 0, 5),
	LOAD16(40),
	EQUAL(DNS_PORT, 2, 0),
	LOAD16(42),
	EQUAL(DNS_PORT, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SNAP_BYTES),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };

struct key {
	uint8_t laddr[16];
	uint8_t raddr[16];
	uint16_t lport;
	uint16_t id;
	uint32_t family;
};

struct query {
	uint64_t first_ns, last_ns; /* CLOCK_MONOTONIC */
	uint32_t retries;
	uint8_t name_len;
	uint8_t name[SLO_ABI_NAME_LEN];
};

struct dns {
	int fd;
	bool muted;
	struct slo_map *queries;
	struct slo_procfs_options options;
	struct slo_hist hist; /* of this interval */
	uint64_t from_ns;
	uint64_t offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC, at the last poll */
	slo_procfs_event_fn fn;
	void *user;
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

int slo_dns_packet_parse(const uint8_t *p, size_t size, struct slo_dns_packet *ret)
{
	struct slo_dns_packet d = { 0 };
	size_t at;

	if (size < 20)
		return -EBADMSG;
	if (p[0] >> 4 == 4) {
		d.family = AF_INET;
		memcpy(d.saddr, p + 12, 4);
		memcpy(d.daddr, p + 16, 4);
		at = (size_t)(p[0] & 0xf) * 4;
	} else {
		if (size < 40)
			return -EBADMSG;
		d.family = AF_INET6;
		memcpy(d.saddr, p + 8, 16);
		memcpy(d.daddr, p + 24, 16);
		at = 40;
	}
	if (size < at + 8 + HEADER_BYTES)
		return -EBADMSG;
	d.sport = be16(p + at);
	d.dport = be16(p + at + 2);
	at += 8;
	d.id = be16(p + at);
	d.answer = p[at + 2] & 0x80;
	d.truncated = p[at + 2] & 0x02;
	d.rcode = p[at + 3] & 0xf;
	/* Opcode QUERY, exactly one question, and an answer exactly where it comes from the port. */
	if ((p[at + 2] & 0x78) || be16(p + at + 4) != 1 || d.answer != (d.sport == DNS_PORT))
		return -EBADMSG;
	d.question = p + at + HEADER_BYTES;
	d.question_len = size - at - HEADER_BYTES;
	*ret = d;
	return 0;
}

static void key_of(const struct slo_dns_packet *p, struct key *k)
{
	*k = (struct key){ .id = p->id,
		           .family = p->family,
		           .lport = p->answer ? p->dport : p->sport };
	memcpy(k->laddr, p->answer ? p->daddr : p->saddr, 16);
	memcpy(k->raddr, p->answer ? p->saddr : p->daddr, 16);
}

static void on_query(struct dns *d, const struct slo_dns_packet *p, uint64_t now)
{
	struct query *q;
	struct key key;
	bool fresh;

	key_of(p, &key);
	q = slo_map_get(d->queries, &key, &fresh);
	if (!q)
		return;
	q->last_ns = now;
	if (!fresh) {
		q->retries++;
		return;
	}
	q->first_ns = now;
	q->name_len =
		(uint8_t)(p->question_len < sizeof(q->name) ? p->question_len : sizeof(q->name));
	memcpy(q->name, p->question, q->name_len);
}

/* By way of the wire's record, so that names are read in one place. */
static void give(struct dns *d, const struct key *k, const struct query *q, struct slo_abi_event *e)
{
	struct slo_probe_event ev;

	e->version = SLO_ABI_VERSION;
	e->size = sizeof(*e);
	e->signal = SLO_ABI_DNS_LATENCY;
	e->source = SLO_ABI_SRC_PROCFS;
	e->family = (uint8_t)k->family;
	e->proto = IPPROTO_UDP;
	e->start_ns = q->first_ns;
	e->sport = k->lport;
	e->dport = DNS_PORT;
	memcpy(e->saddr, k->laddr, sizeof(e->saddr));
	memcpy(e->daddr, k->raddr, sizeof(e->daddr));
	e->extra.dns.last_ns = q->last_ns;
	e->extra.dns.id = k->id;
	e->extra.dns.retries = (uint16_t)q->retries;
	e->extra.dns.name_len = q->name_len;
	memcpy(e->extra.dns.name, q->name, q->name_len);
	if (slo_decode(e, sizeof(*e), slo_clock_realtime_offset_ns(), &ev, NULL) == 0)
		d->fn(d->user, &ev);
}

static int on_answer(struct dns *d, const struct slo_dns_packet *p, uint64_t now)
{
	const struct query *found;
	struct slo_abi_event e = { .kind = SLO_ABI_SAMPLE };
	struct query q;
	struct key key;

	key_of(p, &key);
	found = slo_map_find(d->queries, &key);
	if (!found)
		return 0;
	q = *found;
	(void)slo_map_erase(d->queries, &key);
	e.value = now > q.first_ns ? now - q.first_ns : 0;
	slo_hist_add(&d->hist, e.value);
	if (!d->options.emit_all && e.value < d->options.threshold_ns && !p->rcode && !q.retries)
		return 0;
	e.extra.dns.rcode = p->rcode;
	e.flags = p->truncated ? SLO_ABI_F_TRUNCATED : 0;
	give(d, &key, &q, &e);
	return 1;
}

uint64_t slo_dns_stamp_ns(uint64_t stamp_ns, uint64_t offset_ns, uint64_t now_ns)
{
	uint64_t ns = stamp_ns - offset_ns;

	return ns <= now_ns && now_ns - ns < QUEUED_NS ? ns : now_ns;
}

/* The kernel's time of the packet; now where it has none. */
static uint64_t stamp_of(const struct dns *d, struct msghdr *msg)
{
	uint64_t now = slo_clock_monotonic_ns();

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct timespec ts;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return slo_dns_stamp_ns((uint64_t)ts.tv_sec * SLO_NS_PER_SEC + (uint64_t)ts.tv_nsec,
		                        d->offset_ns, now);
	}
	return now;
}

/* One packet. Number of events given; -EAGAIN where there is no packet. */
static int take(struct dns *d)
{
	uint8_t buf[SNAP_BYTES];
	char control[CMSG_SPACE(sizeof(struct timespec))] __attribute__((aligned(8)));
	struct sockaddr_ll from = { 0 };
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_name = &from,
		              .msg_namelen = sizeof(from),
		              .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = control,
		              .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(d->fd, &msg, MSG_DONTWAIT);
	struct slo_dns_packet p;

	if (n < 0)
		return -errno;
	if (slo_dns_packet_parse(buf, (size_t)n, &p))
		return 0;
	/* On the loopback each packet passes twice; a router's passing traffic is no host's of ours. */
	if (!p.answer && from.sll_pkttype == PACKET_OUTGOING)
		on_query(d, &p, stamp_of(d, &msg));
	else if (p.answer && from.sll_pkttype == PACKET_HOST)
		return on_answer(d, &p, stamp_of(d, &msg));
	return 0;
}

/* Of packets that came while it was muted, or were under way to the socket when that began. */
static void discard(const struct dns *d)
{
	uint8_t byte;

	for (int i = 0; i < BATCH && recv(d->fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0; i++)
		continue;
}

static int dns_poll(void *state, slo_procfs_event_fn fn, void *user, struct slo_err *err)
{
	struct dns *d = state;
	int given = 0, r = 0;

	if (d->muted) {
		discard(d);
		return 0;
	}
	d->fn = fn;
	d->user = user;
	(void)slo_clock_follow_realtime(&d->offset_ns);
	for (int i = 0; i < BATCH && (r = take(d)) >= 0; i++)
		given += r;
	if (r < 0 && r != -EAGAIN && r != -EINTR && r != -ENETDOWN)
		return slo_err_set(err, r, "packet socket: %s", strerror(-r));
	return given;
}

static void sweep(struct dns *d)
{
	uint64_t now = slo_clock_monotonic_ns();
	const struct query *q;
	const void *key;
	size_t pos = 0;

	while ((q = slo_map_next(d->queries, &pos, &key))) {
		struct slo_abi_event e = { .kind = SLO_ABI_TIMEOUT, .err = ETIMEDOUT };
		struct key k;

		if (now < q->last_ns + TIMEOUT_NS)
			continue;
		memcpy(&k, key, sizeof(k));
		e.value = q->last_ns + TIMEOUT_NS - q->first_ns;
		give(d, &k, q, &e);
		(void)slo_map_erase(d->queries, key);
	}
}

static void dns_close(void *state)
{
	struct dns *d = state;

	if (!d)
		return;
	slo_map_freep(&d->queries);
	slo_closep(&d->fd);
	free(d);
}

static int attach(int fd, bool mute, struct slo_err *err)
{
	const struct sock_fprog all = { SLO_ARRAY_SIZE(filter), filter };
	const struct sock_fprog none = { SLO_ARRAY_SIZE(nothing), nothing };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, mute ? &none : &all, sizeof(all)))
		return slo_err_set(err, -errno, "packet socket: %s", strerror(errno));
	return 0;
}

/* The filter goes on before the protocol, so that nothing else ever queues up. */
static int open_socket(struct slo_err *err)
{
	const struct sockaddr_ll any = { .sll_family = AF_PACKET,
		                         .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int bytes = RCVBUF_BYTES, on = 1, code;

	if (fd < 0)
		return slo_err_set(err, -errno, "packet socket: %s%s", strerror(errno),
		                   errno == EPERM ? "; needs CAP_NET_RAW" : "");
	/* With CAP_NET_ADMIN beyond the system's limit; without it, up to that. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	code = attach(fd, false, err);
	if (!code && (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
	              bind(fd, (const struct sockaddr *)&any, sizeof(any))))
		code = slo_err_set(err, -errno, "packet socket: %s", strerror(errno));
	if (code)
		(void)close(fd);
	return code ? code : fd;
}

static int dns_open(int root, void **ret_state, struct slo_err *err)
{
	const struct slo_map_config map = { sizeof(struct key), sizeof(struct query), QUERIES_MAX };
	struct dns *d = calloc(1, sizeof(*d));
	int r;

	(void)root;
	if (!d)
		return slo_err_set(err, -ENOMEM, "procfs: out of memory");
	d->fd = open_socket(err);
	r = d->fd < 0 ? d->fd : slo_map_new(&d->queries, &map, err);
	if (r) {
		dns_close(d);
		return r;
	}
	d->from_ns = slo_clock_monotonic_ns();
	*ret_state = d;
	return 0;
}

static void dns_probe(int root, struct slo_verdict *v)
{
	struct slo_err err = { 0 };
	void *state = NULL;
	int r = dns_open(root, &state, &err);

	if (r) {
		slo_verdict_refuse(v, "packet socket", r, "%s", err.msg);
		(void)snprintf(v->needs, sizeof(v->needs), "CAP_NET_RAW, CONFIG_PACKET");
	} else {
		slo_interval_serve(
			v, SLO_SRC_PROCFS, "packet socket",
			"AF_PACKET with a classic BPF filter, UDP port 53",
			"the agent's network namespace only (a container's query as it leaves the "
			"host); UDP only; owner unknown; a resolver's own queries not told from clients'");
	}
	dns_close(state);
}

static void dns_tune(void *state, const struct slo_procfs_options *options)
{
	struct dns *d = state;

	d->options = *options;
}

static int dns_fd(void *state)
{
	const struct dns *d = state;

	return d->fd;
}

/* The descriptor stays: CAP_NET_RAW, which another would take, is dropped once all is attached. */
static int dns_mute(void *state, bool mute, struct slo_err *err)
{
	struct dns *d = state;
	int r = mute == d->muted ? 0 : attach(d->fd, mute, err);

	if (r || mute == d->muted)
		return r;
	d->muted = mute;
	if (!mute)
		d->from_ns = slo_clock_monotonic_ns();
	slo_map_clear(d->queries);
	d->hist = (struct slo_hist){ 0 };
	if (mute)
		discard(d);
	return 0;
}

static int dns_read(void *state, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
                    struct slo_err *err)
{
	struct dns *d = state;
	struct slo_probe_event ev;
	int r = dns_poll(state, fn, user, err);

	if (d->muted)
		return 0;
	sweep(d);
	if (d->hist.count && now_ns > d->from_ns) {
		slo_interval_event(&ev, SLO_SIG_DNS_LATENCY, SLO_EV_HIST, d->from_ns, now_ns);
		ev.hist = d->hist;
		ev.count = d->hist.count;
		fn(user, &ev);
		d->hist = (struct slo_hist){ 0 };
	}
	d->from_ns = now_ns;
	return r < 0 ? r : 0;
}

const struct slo_procfs_reader slo_procfs_dns = {
	.signal = SLO_SIG_DNS_LATENCY,
	.probe = dns_probe,
	.open = dns_open,
	.read = dns_read,
	.close = dns_close,
	.tune = dns_tune,
	.fd = dns_fd,
	.mute = dns_mute,
	.poll = dns_poll,
};
