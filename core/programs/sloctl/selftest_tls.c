/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS: a recorded handshake (TLS 1.3 by OpenSSL with a pre-shared key, so without certificates) is played again over
 * loopback by two processes, the server late by a known time. We hold no TLS library; the bytes and their way are real, and
 * nothing on the wire tells that the keys are nobody's. A second connection is refused with an alert.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "core/programs/sloctl/selftest_case.h"

#define ANSWER_MS 30
#define IO_MS 1000
/* The kernel's interval lies inside the application's; 5 ms hold on an emulated CPU. */
#define TOLERANCE_MS 5
#define TOLERANCE_PART 0.2
/* AlertDescription handshake_failure (RFC 8446, 6). */
#define HANDSHAKE_FAILURE 40

/* ClientHello.random: ours each time, for a hello that is seen twice is taken for one on its way through a proxy. */
#define RANDOM_AT 11
#define RANDOM_LEN 32

static const unsigned char hello[] = {
	/* server_name self-test.llm-slo.invalid, supported_versions 1.3, X25519, pre_shared_key "slo" */
	0x16, 0x03, 0x01, 0x00, 0xfc, 0x01, 0x00, 0x00, 0xf8, 0x03, 0x03, 0xb4, 0x4b, 0xee, 0xd1,
	0x02, 0x1c, 0xc9, 0x77, 0x8a, 0x1c, 0xb3, 0x47, 0x09, 0xe3, 0x01, 0x75, 0x89, 0x35, 0x9d,
	0xda, 0x65, 0x61, 0x19, 0x8f, 0xe4, 0x54, 0xec, 0x08, 0x64, 0xd2, 0xb5, 0x08, 0x20, 0xb3,
	0x9a, 0xab, 0xfe, 0x3b, 0x1e, 0x9e, 0xf2, 0xeb, 0x0f, 0x78, 0x77, 0xab, 0x1f, 0x58, 0x8b,
	0x1c, 0x95, 0x7c, 0xe4, 0xe8, 0x5d, 0xd5, 0x80, 0xe5, 0xb2, 0x9e, 0xca, 0xf4, 0x24, 0x21,
	0xd6, 0x00, 0x04, 0x13, 0x01, 0x00, 0xff, 0x01, 0x00, 0x00, 0xab, 0x00, 0x00, 0x00, 0x1e,
	0x00, 0x1c, 0x00, 0x00, 0x19, 0x73, 0x65, 0x6c, 0x66, 0x2d, 0x74, 0x65, 0x73, 0x74, 0x2e,
	0x6c, 0x6c, 0x6d, 0x2d, 0x73, 0x6c, 0x6f, 0x2e, 0x69, 0x6e, 0x76, 0x61, 0x6c, 0x69, 0x64,
	0x00, 0x0b, 0x00, 0x04, 0x03, 0x00, 0x01, 0x02, 0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00,
	0x1d, 0x00, 0x16, 0x00, 0x00, 0x00, 0x17, 0x00, 0x00, 0x00, 0x0d, 0x00, 0x04, 0x00, 0x02,
	0x04, 0x03, 0x00, 0x2b, 0x00, 0x03, 0x02, 0x03, 0x04, 0x00, 0x2d, 0x00, 0x02, 0x01, 0x01,
	0x00, 0x33, 0x00, 0x26, 0x00, 0x24, 0x00, 0x1d, 0x00, 0x20, 0xeb, 0xc7, 0xe9, 0x49, 0xfd,
	0xb0, 0x49, 0x71, 0x4e, 0xd2, 0xdb, 0xa0, 0x80, 0xd0, 0xdb, 0xba, 0x9a, 0xb1, 0xe3, 0xa2,
	0x01, 0x9d, 0xe7, 0x56, 0xd9, 0xa1, 0x8a, 0x2a, 0xf7, 0xdf, 0x86, 0x75, 0x00, 0x29, 0x00,
	0x2e, 0x00, 0x09, 0x00, 0x03, 0x73, 0x6c, 0x6f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x20,
	0x74, 0x37, 0xe5, 0x0c, 0x0b, 0x59, 0xb9, 0x7c, 0x75, 0xbc, 0xa1, 0xa5, 0x5f, 0x5e, 0x1f,
	0xdb, 0x62, 0xc8, 0xbb, 0xbd, 0x5f, 0xfa, 0x5a, 0x94, 0x43, 0x81, 0x2b, 0x1b, 0xf6, 0xb0,
	0x9a, 0xdd,
};

/* ServerHello, ChangeCipherSpec, EncryptedExtensions, Finished */
static const unsigned char answer[] = {
	0x16, 0x03, 0x03, 0x00, 0x80, 0x02, 0x00, 0x00, 0x7c, 0x03, 0x03, 0x0a, 0x79, 0x8f, 0x04,
	0x38, 0xd1, 0xc8, 0x47, 0x54, 0x06, 0xbb, 0x6c, 0xa2, 0xb7, 0x84, 0xf3, 0x87, 0x43, 0x43,
	0x04, 0xc2, 0x1c, 0x15, 0xb7, 0x25, 0xbd, 0x91, 0xe0, 0xd9, 0x02, 0x4f, 0xcf, 0x20, 0xb3,
	0x9a, 0xab, 0xfe, 0x3b, 0x1e, 0x9e, 0xf2, 0xeb, 0x0f, 0x78, 0x77, 0xab, 0x1f, 0x58, 0x8b,
	0x1c, 0x95, 0x7c, 0xe4, 0xe8, 0x5d, 0xd5, 0x80, 0xe5, 0xb2, 0x9e, 0xca, 0xf4, 0x24, 0x21,
	0xd6, 0x13, 0x01, 0x00, 0x00, 0x34, 0x00, 0x2b, 0x00, 0x02, 0x03, 0x04, 0x00, 0x33, 0x00,
	0x24, 0x00, 0x1d, 0x00, 0x20, 0x5c, 0xbd, 0x73, 0xae, 0xd7, 0xee, 0xe1, 0x5d, 0xa2, 0x19,
	0x3c, 0x8a, 0x50, 0x86, 0x06, 0xc3, 0xdf, 0x6c, 0xfa, 0x68, 0xe6, 0x48, 0xa3, 0x89, 0x84,
	0x9a, 0x11, 0x77, 0x70, 0xda, 0x19, 0x1a, 0x00, 0x29, 0x00, 0x02, 0x00, 0x00, 0x14, 0x03,
	0x03, 0x00, 0x01, 0x01, 0x17, 0x03, 0x03, 0x00, 0x17, 0x82, 0x7d, 0xb4, 0x43, 0x26, 0xbc,
	0x40, 0xc6, 0x13, 0x94, 0x9e, 0x34, 0x43, 0x0c, 0x0d, 0x06, 0xb5, 0x2c, 0xca, 0xc3, 0x75,
	0x1e, 0x62, 0x17, 0x03, 0x03, 0x00, 0x35, 0x59, 0x29, 0xb5, 0xb1, 0x1a, 0x16, 0x1a, 0x2b,
	0xe8, 0x24, 0xa6, 0xcc, 0x8a, 0x89, 0xbe, 0xb3, 0xf6, 0x82, 0x97, 0xc4, 0x11, 0xd5, 0x25,
	0x5b, 0x5f, 0xe8, 0x7e, 0xff, 0x9a, 0x67, 0xb1, 0x3b, 0xd6, 0xeb, 0x20, 0x98, 0x23, 0xe4,
	0x33, 0x3b, 0x45, 0x1f, 0x7b, 0x59, 0x30, 0x1e, 0xff, 0xed, 0x0e, 0x35, 0x97, 0xe6, 0xdd,
};

/* ChangeCipherSpec, Finished */
static const unsigned char finish[] = {
	0x14, 0x03, 0x03, 0x00, 0x01, 0x01, 0x17, 0x03, 0x03, 0x00, 0x35, 0x37, 0x6d,
	0xfd, 0xab, 0xd0, 0xd7, 0x93, 0x7a, 0xba, 0xbc, 0xa5, 0xef, 0x68, 0xde, 0x9f,
	0x86, 0x2e, 0x47, 0xfc, 0x25, 0xee, 0x94, 0x80, 0x75, 0xd0, 0x1b, 0x99, 0x29,
	0x5f, 0xcf, 0xed, 0x0f, 0x12, 0xd6, 0x83, 0x41, 0xee, 0x48, 0xa2, 0x7c, 0x9d,
	0x82, 0xae, 0x22, 0xc6, 0xbf, 0x78, 0xd8, 0x0f, 0xcb, 0xa0, 0xa5, 0xab,
};

static const unsigned char alert[] = { 0x15, 0x03, 0x03, 0x00, 0x02, 0x02, HANDSHAKE_FAILURE };

/* 0, or negative errno where not all came in time. */
static int take(int fd, unsigned char *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, IO_MS) <= 0)
			return -ETIMEDOUT;
		n = recv(fd, buf + got, len - got, MSG_DONTWAIT);
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		got += (size_t)n;
	}
	return 0;
}

static void give(int fd, const unsigned char *buf, size_t len)
{
	(void)send(fd, buf, len, MSG_NOSIGNAL);
}

/* What the client asks for stands in the first byte of its random. */
static void answer_one(int listener)
{
	slo_cleanup(slo_closep) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	unsigned char buf[sizeof(hello)];

	if (fd < 0 || take(fd, buf, sizeof(hello)) < 0)
		return;
	(void)poll(NULL, 0, ANSWER_MS);
	if (buf[RANDOM_AT]) {
		give(fd, alert, sizeof(alert));
		return;
	}
	give(fd, answer, sizeof(answer));
	(void)take(fd, buf, sizeof(finish));
}

static void serve(int ctl, void *arg)
{
	slo_selftest_serve(ctl, arg, answer_one);
}

static int listen_on(enum slo_selftest_family f, uint16_t *ret_port)
{
	slo_cleanup(slo_closep) int fd = -1;
	union slo_selftest_addr addr;

	slo_selftest_loopback(f, 0, &addr);
	fd = socket(addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, &addr.any, slo_selftest_addr_len(&addr)) || listen(fd, 4))
		return -errno;
	*ret_port = slo_selftest_local_port(fd);
	return slo_take_fd(fd);
}

/* Two signals, one server. */
static int prepare(struct slo_selftest *t, struct slo_err *err)
{
	struct slo_selftest_sockets l;
	int r;

	if (t->tls.server.pid)
		return 0;
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++)
		l.fd[f] = listen_on((enum slo_selftest_family)f, &t->tls.port[f]);
	if (l.fd[SLO_SELFTEST_V4] < 0 && l.fd[SLO_SELFTEST_V6] < 0)
		return slo_err_set(err, l.fd[SLO_SELFTEST_V4],
		                   "TCP port of the loopback interface: %s",
		                   strerror(-l.fd[SLO_SELFTEST_V4]));
	r = slo_selftest_fork(&t->tls.server, SLO_SELFTEST_COMM, serve, &l, err);
	slo_closep(&l.fd[SLO_SELFTEST_V4]);
	slo_closep(&l.fd[SLO_SELFTEST_V6]);
	return r;
}

/*
 * When the kernel sent what was given last, by the socket's own clock where that shows: before, we may have been off the CPU
 * for long (seen on a loaded emulator: 72 ms). @before_ns: read before it was given.
 */
static int sent_at(int fd, uint64_t before_ns, uint64_t *ret)
{
	struct tcp_info info;
	uint64_t at;
	int r = slo_selftest_tcp_info(fd, &info, &at);

	if (r < 0)
		return r;
	at -= info.tcpi_last_data_sent * SLO_NS_PER_MS;
	*ret = at > before_ns + SLO_SELFTEST_TICK_NS ? at : before_ns;
	return 0;
}

static int exchange(int fd, bool refused, struct slo_selftest_tls_side *side)
{
	unsigned char mine[sizeof(hello)], got[sizeof(answer)];
	uint64_t begin, end;
	int r;

	memcpy(mine, hello, sizeof(mine));
	if (getrandom(mine + RANDOM_AT, RANDOM_LEN, GRND_NONBLOCK) != RANDOM_LEN)
		return -errno;
	mine[RANDOM_AT] = refused;
	begin = slo_clock_monotonic_ns();
	give(fd, mine, sizeof(mine));
	r = sent_at(fd, begin, &begin);
	if (!r)
		r = take(fd, got, refused ? sizeof(alert) : sizeof(answer));
	if (r < 0)
		return r;
	end = slo_clock_monotonic_ns();
	if (!refused) {
		give(fd, finish, sizeof(finish));
		r = sent_at(fd, end, &end);
	}
	if (r < 0)
		return r;
	side->took_ns = end - begin;
	side->has = true;
	return 0;
}

static int handshake(struct slo_selftest *t, enum slo_selftest_family f, bool refused,
                     struct slo_selftest_tls_side *side)
{
	slo_cleanup(slo_closep) int fd = -1;
	union slo_selftest_addr addr;

	slo_selftest_loopback(f, t->tls.port[f], &addr);
	fd = socket(addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, &addr.any, slo_selftest_addr_len(&addr)))
		return -errno;
	side->sport = slo_selftest_local_port(fd);
	return exchange(fd, refused, side);
}

static int cause(struct slo_selftest *t, bool refused, struct slo_err *err)
{
	struct slo_selftest_tls_side *side = t->tls.side[refused];
	int r = 0;

	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++) {
		if (t->tls.port[f])
			r = handshake(t, (enum slo_selftest_family)f, refused, &side[f]);
	}
	if (!side[SLO_SELFTEST_V4].has && !side[SLO_SELFTEST_V6].has)
		return slo_err_set(err, r, "TCP over the loopback interface: %s", strerror(-r));
	return 0;
}

static int cause_good(struct slo_selftest *t, struct slo_err *err)
{
	return cause(t, false, err);
}

static int cause_refused(struct slo_selftest *t, struct slo_err *err)
{
	return cause(t, true, err);
}

static bool is_of(const struct slo_selftest *t, const struct slo_probe_event *ev,
                  enum slo_signal sig, enum slo_selftest_family f, uint16_t sport)
{
	return ev->signal == sig && ev->tuple.dport == t->tls.port[f] && ev->tuple.sport == sport &&
	       ev->tuple.family == slo_selftest_family_number(f);
}

static void judge_side(const struct slo_selftest *t, enum slo_selftest_family f,
                       struct slo_selftest_result *r)
{
	const struct slo_selftest_tls_side *side = &t->tls.side[false][f];
	struct slo_selftest_check c = {
		.which = slo_selftest_family_name(f),
		.truth = (double)side->took_ns / 1e6,
	};

	c.tolerance = TOLERANCE_MS + TOLERANCE_PART * c.truth;
	for (unsigned int i = 0; i < t->count; i++) {
		const struct slo_probe_event *ev = &t->events[i];

		if (!is_of(t, ev, SLO_SIG_TLS_HANDSHAKE, f, side->sport))
			continue;
		if (c.seen)
			c.fault = "one handshake was reported twice";
		else if (ev->detail.tls.version != SLO_TLS_1_3)
			c.fault = "not told to be TLS 1.3";
		else if (strcmp(ev->detail.tls.sni, "self-test.llm-slo.invalid") != 0)
			c.fault = "the server name is wrong";
		c.seen = true;
		c.value = slo_event_value(ev);
	}
	slo_selftest_check(r, &c);
}

static void judge_refused_side(const struct slo_selftest *t, enum slo_selftest_family f,
                               struct slo_selftest_result *r)
{
	const struct slo_selftest_tls_side *side = &t->tls.side[true][f];
	struct slo_selftest_check c = { .which = slo_selftest_family_name(f), .truth = 1 };

	for (unsigned int i = 0; i < t->count; i++) {
		const struct slo_probe_event *ev = &t->events[i];

		if (!is_of(t, ev, SLO_SIG_TLS_FAIL, f, side->sport))
			continue;
		if (ev->detail.tls.reason != SLO_TLS_ALERT ||
		    ev->detail.tls.alert != HANDSHAKE_FAILURE || !ev->detail.tls.by_peer)
			c.fault = "not told to be the server's alert";
		c.seen = true;
		c.value += slo_event_value(ev);
	}
	slo_selftest_check(r, &c);
}

static void say(const struct slo_selftest *t, bool refused, struct slo_selftest_result *r)
{
	const struct slo_selftest_tls_side *side = t->tls.side[refused];
	const char *over =
		slo_selftest_family_names(side[SLO_SELFTEST_V4].has, side[SLO_SELFTEST_V6].has);

	if (refused)
		(void)snprintf(r->what, sizeof(r->what),
		               "A TLS ClientHello answered with an alert over %s", over);
	else
		(void)snprintf(r->what, sizeof(r->what),
		               "A recorded TLS 1.3 handshake, answered after %d ms, over %s",
		               ANSWER_MS, over);
}

static void judge_good(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	say(t, false, r);
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++) {
		if (t->tls.side[false][f].has)
			judge_side(t, (enum slo_selftest_family)f, r);
	}
}

static void judge_refused(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	say(t, true, r);
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++) {
		if (t->tls.side[true][f].has)
			judge_refused_side(t, (enum slo_selftest_family)f, r);
	}
}

const struct slo_selftest_case slo_selftest_tls = {
	.signal = SLO_SIG_TLS_HANDSHAKE,
	.net = true,
	.prepare = prepare,
	.cause = cause_good,
	.judge = judge_good,
};

const struct slo_selftest_case slo_selftest_tls_refused = {
	.signal = SLO_SIG_TLS_FAIL,
	.net = true,
	.prepare = prepare,
	.cause = cause_refused,
	.judge = judge_refused,
};
