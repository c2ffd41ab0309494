/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connects: to a listener whose queue is full, so that the first SYN is lost, and to ports where nobody listens. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/programs/sloctl/selftest_case.h"

/*
 * With 1, a listener holds two connections (the queue is full beyond it) and drops further SYNs. Not 0: with
 * tcp_syncookies=0 such a listener never takes any (inet_csk_reqsk_queue_is_full()), and with 1 it makes the kernel
 * log a SYN flood.
 */
#define BACKLOG 1
#define FILLERS 8
/* On loopback a handshake is over within connect(2), unless softirqs are put off. */
#define STUCK_MS 100
/* The SYN is sent again after 1 s, and after 1 or 2 s more. */
#define CONNECT_WAIT_MS 4000
/* Beside the kernel's interval the application sees its own wake-up. */
#define TOLERANCE_MS 5
#define TOLERANCE_PART 0.05

/* One family's listener, and its clients: the last one is stuck. */
struct jam {
	int listener;
	int client[FILLERS];
	unsigned int count;
	uint64_t begin_ns; /* of the last one's connect() */
};

static void jam_fini(struct jam *j)
{
	for (unsigned int i = 0; i < j->count; i++)
		slo_closep(&j->client[i]);
	j->count = 0;
	slo_closep(&j->listener);
}

static int tcp_socket(const union slo_selftest_addr *addr, int flags)
{
	int fd = socket(addr->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	const int yes = 1;

	if (fd >= 0 && addr->any.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	return fd;
}

/* A socket bound to a free loopback port; *@ret_addr is where. Negative errno. */
static int bind_tcp(enum slo_selftest_family f, int flags, union slo_selftest_addr *ret_addr)
{
	slo_cleanup(slo_closep) int fd = -1;

	slo_selftest_loopback(f, 0, ret_addr);
	fd = tcp_socket(ret_addr, flags);
	if (fd < 0 || bind(fd, &ret_addr->any, slo_selftest_addr_len(ret_addr)))
		return -errno;
	slo_selftest_loopback(f, slo_selftest_local_port(fd), ret_addr);
	return slo_take_fd(fd);
}

/* 1 connected, 0 not within the time, negative errno. */
static int wait_connected(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error = 0, r = poll(&p, 1, ms);

	if (r <= 0)
		return r < 0 ? -errno : 0;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	return error ? -error : 1;
}

/* Connects until one gets no answer. 0 or negative errno; -EAGAIN: all got through. */
static int jam_fill(const struct slo_selftest *t, struct jam *j,
                    const union slo_selftest_addr *addr)
{
	while (j->count < FILLERS) {
		int fd = tcp_socket(addr, SOCK_NONBLOCK), r;

		if (fd < 0)
			return -errno;
		j->client[j->count++] = fd;
		j->begin_ns = slo_clock_monotonic_ns();
		if (connect(fd, &addr->any, slo_selftest_addr_len(addr)) && errno != EINPROGRESS)
			return -errno;
		r = wait_connected(fd, slo_selftest_wait_ms(t, STUCK_MS));
		if (r <= 0)
			return r;
	}
	return -EAGAIN;
}

static int jam_begin(struct slo_selftest *t, enum slo_selftest_family f, struct jam *j)
{
	struct slo_selftest_conn_side *side = &t->conn.side[f];
	union slo_selftest_addr addr;
	int r;

	*j = (struct jam){ .listener = bind_tcp(f, SOCK_NONBLOCK, &addr) };
	if (j->listener < 0)
		return j->listener;
	if (listen(j->listener, BACKLOG))
		return -errno;
	r = jam_fill(t, j, &addr);
	if (r < 0)
		return r;
	side->has = true;
	side->sport = slo_selftest_local_port(j->client[j->count - 1]);
	side->dport = slo_selftest_local_port(j->listener);
	return 0;
}

/* Makes room: the SYN sent again will be taken. */
static void jam_accept(const struct jam *j)
{
	int fd;

	while (j->listener >= 0 && (fd = accept4(j->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		(void)close(fd);
}

/*
 * The application's timer, less its own late wake-up where that shows: the kernel knows how long ago the SYN's answer came
 * in, to a tick, and nothing has come since.
 */
static int read_truth(int fd, uint64_t begin_ns, struct slo_selftest_conn_side *side)
{
	struct tcp_info info;
	uint64_t now, late_ns;
	int r = slo_selftest_tcp_info(fd, &info, &now);

	if (r < 0)
		return r;
	side->retrans = info.tcpi_total_retrans;
	side->took_ns = now - begin_ns;
	late_ns = info.tcpi_last_ack_recv * SLO_NS_PER_MS;
	if (late_ns > SLO_SELFTEST_TICK_NS && late_ns < side->took_ns)
		side->took_ns -= late_ns;
	return 0;
}

/* Waits for the stuck connect to come through. */
static int jam_end(struct slo_selftest *t, enum slo_selftest_family f, const struct jam *j)
{
	struct slo_selftest_conn_side *side = &t->conn.side[f];
	int fd = j->client[j->count - 1];
	int r = wait_connected(fd, slo_selftest_wait_ms(t, CONNECT_WAIT_MS));

	if (r <= 0)
		return r < 0 ? r : -ETIMEDOUT;
	r = read_truth(fd, j->begin_ns, side);
	if (r < 0)
		return r;
	return side->retrans ? 0 : -EAGAIN;
}

static int refuse_jam(int code, struct slo_err *err)
{
	if (code == -EAGAIN)
		return slo_err_set(err, code,
		                   "a full listener dropped no SYN: every connect came "
		                   "through at once");
	if (code == -ECONNRESET)
		return slo_err_set(err, code,
		                   "a full listener reset a connect rather than drop its "
		                   "SYN: net.ipv4.tcp_abort_on_overflow is on");
	return slo_err_set(err, code, "TCP connect over the loopback interface: %s",
	                   strerror(-code));
}

/* The families wait for their second SYN together. */
static int make_jams(struct slo_selftest *t, struct slo_err *err)
{
	struct slo_selftest_conn_side *side = t->conn.side;
	struct jam jams[SLO_SELFTEST_FAMILIES];
	int r[SLO_SELFTEST_FAMILIES];

	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++)
		r[f] = jam_begin(t, (enum slo_selftest_family)f, &jams[f]);
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++)
		jam_accept(&jams[f]);
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++) {
		if (!r[f])
			r[f] = jam_end(t, (enum slo_selftest_family)f, &jams[f]);
		side[f].has = !r[f];
	}
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++)
		jam_fini(&jams[f]);
	if (side[SLO_SELFTEST_V4].has || side[SLO_SELFTEST_V6].has)
		return 0;
	return refuse_jam(r[SLO_SELFTEST_V4], err);
}

static int cause_jams(struct slo_selftest *t, struct slo_err *err)
{
	if (!t->conn.tried) {
		t->conn.tried = true;
		t->conn.result = make_jams(t, &t->conn.why);
	}
	return t->conn.result < 0 ? slo_err_set(err, t->conn.result, "%s", t->conn.why.msg) : 0;
}

static bool is_of(const struct slo_probe_event *ev, enum slo_signal sig, enum slo_selftest_family f,
                  uint16_t dport)
{
	return ev->signal == sig && ev->tuple.dport == dport &&
	       ev->tuple.family == slo_selftest_family_number(f);
}

static void say_jam(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	const struct slo_selftest_conn_side *side = t->conn.side;

	(void)snprintf(
		r->what, sizeof(r->what),
		"TCP connect to a full listener, its first SYN dropped, over %s",
		slo_selftest_family_names(side[SLO_SELFTEST_V4].has, side[SLO_SELFTEST_V6].has));
}

static void judge_latency_side(const struct slo_selftest *t, enum slo_selftest_family f,
                               struct slo_selftest_result *r)
{
	const struct slo_selftest_conn_side *side = &t->conn.side[f];
	struct slo_selftest_check c = {
		.which = slo_selftest_family_name(f),
		.truth = (double)side->took_ns / 1e6,
	};

	c.tolerance = TOLERANCE_MS + TOLERANCE_PART * c.truth;
	for (unsigned int i = 0; i < t->count; i++) {
		const struct slo_probe_event *ev = &t->events[i];

		if (!is_of(ev, SLO_SIG_CONNECT_LATENCY, f, side->dport) ||
		    ev->tuple.sport != side->sport)
			continue;
		if (c.seen)
			c.fault = "one connect was reported twice";
		else if (ev->detail.conn.syn_retrans != side->retrans)
			c.fault = "syn_retrans is not the socket's own count";
		c.seen = true;
		c.value = slo_event_value(ev);
	}
	slo_selftest_check(r, &c);
}

static void judge_latency(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	say_jam(t, r);
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++) {
		if (t->conn.side[f].has)
			judge_latency_side(t, (enum slo_selftest_family)f, r);
	}
}

static void judge_retrans_side(const struct slo_selftest *t, enum slo_selftest_family f,
                               struct slo_selftest_result *r)
{
	const struct slo_selftest_conn_side *side = &t->conn.side[f];
	struct slo_selftest_check c = {
		.which = slo_selftest_family_name(f),
		.truth = side->retrans,
	};

	for (unsigned int i = 0; i < t->count; i++) {
		const struct slo_probe_event *ev = &t->events[i];

		if (!is_of(ev, SLO_SIG_TCP_RETRANSMITS, f, side->dport) ||
		    ev->tuple.sport != side->sport)
			continue;
		if (ev->detail.retr.kind != SLO_RETR_SYN)
			c.fault = "not told to be a SYN";
		c.seen = true;
		c.value += slo_event_value(ev);
	}
	slo_selftest_check(r, &c);
}

static void judge_retrans(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	say_jam(t, r);
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++) {
		if (t->conn.side[f].has)
			judge_retrans_side(t, (enum slo_selftest_family)f, r);
	}
}

/* A port that is bound but not listened to refuses, and nobody else can take it meanwhile. */
static int refuse_one(enum slo_selftest_family f, struct slo_selftest_refused_side *side)
{
	slo_cleanup(slo_closep) int bound = -1, client = -1;
	union slo_selftest_addr addr;

	bound = bind_tcp(f, 0, &addr);
	if (bound < 0)
		return bound;
	client = tcp_socket(&addr, 0);
	if (client < 0)
		return -errno;
	if (!connect(client, &addr.any, slo_selftest_addr_len(&addr)))
		return -EISCONN;
	side->err = errno;
	side->dport = slo_selftest_local_port(bound);
	side->has = true;
	return 0;
}

static int cause_refusals(struct slo_selftest *t, struct slo_err *err)
{
	int v4 = refuse_one(SLO_SELFTEST_V4, &t->refused[SLO_SELFTEST_V4]);
	int v6 = refuse_one(SLO_SELFTEST_V6, &t->refused[SLO_SELFTEST_V6]);

	if (v4 < 0 && v6 < 0)
		return slo_err_set(err, v4, "TCP connect to a closed loopback port: %s",
		                   strerror(-v4));
	return 0;
}

static void judge_refusal(const struct slo_selftest *t, enum slo_selftest_family f,
                          struct slo_selftest_result *r)
{
	const struct slo_selftest_refused_side *side = &t->refused[f];
	struct slo_selftest_check c = { .which = slo_selftest_family_name(f), .truth = 1 };

	for (unsigned int i = 0; i < t->count; i++) {
		const struct slo_probe_event *ev = &t->events[i];

		if (!is_of(ev, SLO_SIG_CONNECT_ERRORS, f, side->dport))
			continue;
		if (ev->err != side->err)
			c.fault = "told another error than connect() gave";
		c.seen = true;
		c.value += slo_event_value(ev);
	}
	slo_selftest_check(r, &c);
}

static void judge_refusals(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	const struct slo_selftest_refused_side *side = t->refused;

	(void)snprintf(
		r->what, sizeof(r->what), "TCP connect to a closed port over %s, %s",
		slo_selftest_family_names(side[SLO_SELFTEST_V4].has, side[SLO_SELFTEST_V6].has),
		strerror(side[SLO_SELFTEST_V4].has ? side[SLO_SELFTEST_V4].err
	                                           : side[SLO_SELFTEST_V6].err));
	for (int f = 0; f < SLO_SELFTEST_FAMILIES; f++) {
		if (side[f].has)
			judge_refusal(t, (enum slo_selftest_family)f, r);
	}
}

const struct slo_selftest_case slo_selftest_connects = {
	.signal = SLO_SIG_CONNECT_LATENCY,
	.net = true,
	.cause = cause_jams,
	.judge = judge_latency,
};

const struct slo_selftest_case slo_selftest_retransmits = {
	.signal = SLO_SIG_TCP_RETRANSMITS,
	.net = true,
	.cause = cause_jams,
	.judge = judge_retrans,
};

const struct slo_selftest_case slo_selftest_refusals = {
	.signal = SLO_SIG_CONNECT_ERRORS,
	.net = true,
	.cause = cause_refusals,
	.judge = judge_refusals,
};
