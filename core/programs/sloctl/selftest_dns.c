/* SPDX-License-Identifier: Apache-2.0 */
/* DNS: a responder of our own on port 53 answers late by a known time; the asking socket's clocks are the truth. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/programs/sloctl/selftest_case.h"

/* 127.83.76.79 ("SLO") and the next: no resolver listens there, unless one listens everywhere. */
#define FIRST_ADDRESS 0x7f534c4fU
#define ADDRESSES 4
#define PORT 53
#define ANSWER_MS 30
/* On a starved host the responder itself may come late. */
#define ANSWER_WAIT_MS 1000
/*
 * The kernel's interval lies inside the application's: from the packet's way out to its way in. What the application sees
 * more is its own wake-up. 5 ms hold on an emulated CPU.
 */
#define TOLERANCE_MS 5
#define TOLERANCE_PART 0.2

#define HEADER 12
#define ID_BYTES 2

/* "self-test.llm-slo.invalid." (RFC 6761 keeps .invalid from ever being asked for), type A, class IN. */
static const unsigned char question[] = "\011self-test\007llm-slo\007invalid\000\000\001\000\001";
#define QUESTION (sizeof(question) - 1)

/* The name again as a pointer, A, IN, TTL 0, 192.0.2.1 (RFC 5737: documentation). */
static const unsigned char answer[] = { 0xc0, HEADER, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 1 };

static void sleep_ms(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) && errno == EINTR)
		continue;
}

static size_t make_query(unsigned char *buf, unsigned int id)
{
	memset(buf, 0, HEADER);
	buf[0] = (unsigned char)(id >> 8);
	buf[1] = (unsigned char)id;
	buf[2] = 0x01; /* RD */
	buf[5] = 1; /* QDCOUNT */
	memcpy(buf + HEADER, question, QUESTION);
	return HEADER + QUESTION;
}

/* Only our own question: on ::1 a stranger may ask too, and must not get a made-up answer. */
static void answer_one(int fd)
{
	unsigned char buf[HEADER + QUESTION + sizeof(answer)];
	union slo_selftest_addr from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, &from.any, &len);

	if (n != (ssize_t)(HEADER + QUESTION) || memcmp(buf + HEADER, question, QUESTION) != 0)
		return;
	sleep_ms(ANSWER_MS);
	buf[2] |= 0x80; /* QR */
	buf[3] = 0x80; /* RA, NOERROR */
	buf[7] = 1; /* ANCOUNT */
	memcpy(buf + n, answer, sizeof(answer));
	(void)sendto(fd, buf, sizeof(buf), 0, &from.any, len);
}

static void respond(int ctl, void *arg)
{
	slo_selftest_serve(ctl, arg, answer_one);
}

/* A bound socket, or negative errno. */
static int bind_udp(const union slo_selftest_addr *addr)
{
	slo_cleanup(slo_closep) int fd = socket(addr->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int yes = 1;

	if (fd < 0)
		return -errno;
	/*
	 * Beside a resolver on 0.0.0.0 that allows it, ours is the more precise address. Not so on ::1, where we
	 * would take queries away from a resolver that really listens there.
	 */
	if (addr->any.sa_family == AF_INET)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	else
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (bind(fd, &addr->any, slo_selftest_addr_len(addr)))
		return -errno;
	return slo_take_fd(fd);
}

static int bind_v4(struct slo_selftest_dns_side *side)
{
	int fd = -EADDRINUSE;

	for (uint32_t i = 0; i < ADDRESSES && (fd == -EADDRINUSE || fd == -EADDRNOTAVAIL); i++) {
		slo_selftest_loopback(SLO_SELFTEST_V4, PORT, &side->addr);
		side->addr.v4.sin_addr.s_addr = htonl(FIRST_ADDRESS + i);
		fd = bind_udp(&side->addr);
	}
	return fd;
}

static int refuse_bind(int code, struct slo_err *err)
{
	if (code == -EACCES)
		return slo_err_set(err, code,
		                   "UDP port 53 may not be bound: run as root or with "
		                   "CAP_NET_BIND_SERVICE");
	if (code == -EADDRINUSE)
		return slo_err_set(err, code,
		                   "UDP port 53 is taken on every address: a resolver listens on "
		                   "0.0.0.0; stop it for the test");
	return slo_err_set(err, code, "UDP port 53 of the loopback interface: %s", strerror(-code));
}

static int prepare(struct slo_selftest *t, struct slo_err *err)
{
	struct slo_selftest_dns_side *side = t->dns.side;
	struct slo_selftest_sockets s;
	int r = 0;

	s.fd[SLO_SELFTEST_V4] = bind_v4(&side[SLO_SELFTEST_V4]);
	slo_selftest_loopback(SLO_SELFTEST_V6, PORT, &side[SLO_SELFTEST_V6].addr);
	s.fd[SLO_SELFTEST_V6] = bind_udp(&side[SLO_SELFTEST_V6].addr);
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++)
		side[f].has = s.fd[f] >= 0;
	if (side[SLO_SELFTEST_V4].has || side[SLO_SELFTEST_V6].has)
		r = slo_selftest_fork(&t->dns.responder, SLO_SELFTEST_COMM, respond, &s, err);
	else
		r = refuse_bind(s.fd[SLO_SELFTEST_V4], err);
	/* Ours must not look like a resolver's: who holds port 53 when a session opens is taken for one. */
	slo_closep(&s.fd[SLO_SELFTEST_V4]);
	slo_closep(&s.fd[SLO_SELFTEST_V6]);
	return r;
}

/* Receives; when the kernel took the answer in, where it tells: we may get the CPU later. Bytes or negative errno. */
static ssize_t receive(int fd, void *buf, size_t size, uint64_t *ret_at_ns)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct timespec))];
	} control;
	struct iovec part = { .iov_base = buf, .iov_len = size };
	struct msghdr msg = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);
	const struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
	struct timespec ts;

	*ret_at_ns = slo_clock_monotonic_ns();
	if (n < 0)
		return -errno;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		*ret_at_ns = (uint64_t)ts.tv_sec * SLO_NS_PER_SEC + (uint64_t)ts.tv_nsec -
		             slo_clock_realtime_offset_ns();
	}
	return n;
}

/* One query and its answer. 0 or negative errno. */
static int ask(const struct slo_selftest *t, struct slo_selftest_dns_side *side)
{
	slo_cleanup(slo_closep) int fd =
		socket(side->addr.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned char query[HEADER + QUESTION], got[512];
	uint64_t begin = slo_clock_monotonic_ns(), end;
	size_t len = make_query(query, (unsigned int)(begin >> 8) & 0xffff);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const int yes = 1;
	ssize_t n;

	if (fd < 0 || connect(fd, &side->addr.any, slo_selftest_addr_len(&side->addr)))
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes));
	begin = slo_clock_monotonic_ns();
	if (send(fd, query, len, 0) < 0)
		return -errno;
	if (poll(&p, 1, slo_selftest_wait_ms(t, ANSWER_WAIT_MS)) <= 0)
		return -ETIMEDOUT;
	n = receive(fd, got, sizeof(got), &end);
	if (n < 0)
		return (int)n;
	if ((size_t)n < len || memcmp(got, query, ID_BYTES) != 0)
		return -EBADMSG;
	side->sport[side->done] = slo_selftest_local_port(fd);
	side->took_ns[side->done++] = end - begin;
	return 0;
}

static int ask_all(struct slo_selftest *t, unsigned int tries, struct slo_err *err)
{
	struct slo_selftest_dns_side *side = t->dns.side;
	int r = 0, failed = 0;

	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++) {
		for (r = 0; side[f].has && !r && side[f].done < tries;)
			r = ask(t, &side[f]);
		side[f].has &= side[f].done > 0;
		if (r)
			failed = r;
	}
	if (!side[SLO_SELFTEST_V4].has && !side[SLO_SELFTEST_V6].has)
		return slo_err_set(err, failed,
		                   "our own responder on port 53 was asked in vain: %s",
		                   strerror(-failed));
	return 0;
}

static int cause(struct slo_selftest *t, struct slo_err *err)
{
	return ask_all(t, SLO_SELFTEST_DNS_TRIES, err);
}

int slo_selftest_dns_again(struct slo_selftest *t, struct slo_err *err)
{
	t->dns.unfiltered = true;
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++)
		t->dns.side[f].done = 0;
	return ask_all(t, 1, err);
}

/* The one that took least is the one that scheduling disturbed least. */
static unsigned int best_try(const struct slo_selftest_dns_side *side)
{
	unsigned int best = 0;

	for (unsigned int i = 1; i < side->done; i++) {
		if (side->took_ns[i] < side->took_ns[best])
			best = i;
	}
	return best;
}

static void judge_side(const struct slo_selftest *t, enum slo_selftest_family f,
                       struct slo_selftest_result *r)
{
	const struct slo_selftest_dns_side *side = &t->dns.side[f];
	unsigned int best = best_try(side);
	struct slo_selftest_check c = {
		.which = slo_selftest_family_name(f),
		.truth = (double)side->took_ns[best] / 1e6,
	};

	c.tolerance = TOLERANCE_MS + TOLERANCE_PART * c.truth;
	for (unsigned int i = 0; i < t->count; i++) {
		const struct slo_probe_event *ev = &t->events[i];

		if (ev->signal != SLO_SIG_DNS_LATENCY || ev->tuple.dport != PORT ||
		    ev->tuple.sport != side->sport[best] ||
		    ev->tuple.family != slo_selftest_family_number(f))
			continue;
		if (c.seen)
			c.fault = "one query was reported twice";
		c.seen = true;
		c.value = slo_event_value(ev);
	}
	slo_selftest_check(r, &c);
}

static void judge(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	const struct slo_selftest_dns_side *side = t->dns.side;
	uint32_t v4 = ntohl(side[SLO_SELFTEST_V4].addr.v4.sin_addr.s_addr);
	char where[48] = "";
	size_t used = 0;

	if (side[SLO_SELFTEST_V4].has)
		used = (size_t)snprintf(where, sizeof(where), "127.%u.%u.%u:53", v4 >> 16 & 0xff,
		                        v4 >> 8 & 0xff, v4 & 0xff);
	if (side[SLO_SELFTEST_V6].has)
		(void)snprintf(where + used, sizeof(where) - used, "%s[::1]:53",
		               used ? " and " : "");
	(void)snprintf(r->what, sizeof(r->what),
	               "A query answered after %d ms by a responder on %s%s", ANSWER_MS, where,
	               t->dns.unfiltered ? "; seen only without a pid filter" : "");
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++) {
		if (side[f].has)
			judge_side(t, (enum slo_selftest_family)f, r);
	}
}

const struct slo_selftest_case slo_selftest_dns = {
	.signal = SLO_SIG_DNS_LATENCY,
	.net = true,
	.prepare = prepare,
	.cause = cause,
	.judge = judge,
};
