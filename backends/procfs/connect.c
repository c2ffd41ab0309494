/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects without a hook: a connection's smoothed RTT when it is first seen stands for the time its handshake took, and
 * the namespace's counter of failed attempts for errors.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/procfs/interval.h"
#include "backends/procfs/reader.h"
#include "backends/procfs/snmp.h"
#include "backends/procfs/sockdiag.h"
#include "core/base/clock.h"
#include "core/base/map.h"

#define SOCKETS_MAX 16384
#define ESTABLISHED 1
#define LISTEN 10

struct connects {
	int netlink;
	struct slo_map *sockets; /* cookie -> number of the walk */
	struct slo_map *listening; /* ports: what comes in there was not connected from here */
	struct slo_room room; /* of sockets */
	uint32_t walk;
	uint64_t from_ns, now_ns;
	slo_procfs_event_fn fn; /* NULL in the first reading */
	void *user;
	struct slo_procfs_options options;
	struct slo_hist hist; /* of those below the threshold and above it */
};

static void on_listener(void *user, const struct slo_sockdiag *s)
{
	struct connects *c = user;

	(void)slo_map_get(c->listening, &s->tuple.sport, NULL);
}

static void give_single(const struct connects *c, const struct slo_sockdiag *s, uint64_t ns)
{
	struct slo_probe_event ev;

	slo_interval_event(&ev, SLO_SIG_CONNECT_LATENCY, SLO_EV_SAMPLE, c->now_ns, c->now_ns);
	ev.source = SLO_SRC_NETLINK;
	ev.start_ns = c->now_ns - ns;
	ev.value_ns = ns;
	ev.tuple = s->tuple;
	ev.detail.conn.srtt_us = s->rtt_us;
	ev.detail.conn.syn_retrans = s->total_retrans;
	c->fn(c->user, &ev);
}

static void on_socket(void *user, const struct slo_sockdiag *s)
{
	struct connects *c = user;
	uint64_t ns = s->rtt_us * SLO_NS_PER_US;
	bool fresh;
	uint32_t *walk = slo_map_get(c->sockets, &s->cookie, &fresh);

	if (!walk) {
		c->room.beyond++;
		return;
	}
	*walk = c->walk;
	if (!fresh || c->room.lacked || !c->fn || !ns ||
	    slo_map_find(c->listening, &s->tuple.sport))
		return;
	slo_hist_add(&c->hist, ns);
	if (c->options.emit_all || ns >= c->options.threshold_ns)
		give_single(c, s, ns);
}

static int read_all(struct connects *c, uint64_t now_ns, struct slo_err *err)
{
	const uint32_t *walk;
	const void *key;
	size_t pos = 0;
	int r;

	c->walk++;
	c->now_ns = now_ns;
	slo_map_clear(c->listening);
	slo_room_begin(&c->room);
	r = slo_sockdiag_dump(c->netlink, 1U << LISTEN, on_listener, c, err);
	if (!r)
		r = slo_sockdiag_dump(c->netlink, 1U << ESTABLISHED, on_socket, c, err);
	if (r)
		return r;
	slo_room_end(&c->room);
	while ((walk = slo_map_next(c->sockets, &pos, &key))) {
		if (*walk != c->walk)
			(void)slo_map_erase(c->sockets, key);
	}
	return 0;
}

static void connect_close(void *state)
{
	struct connects *c = state;

	if (!c)
		return;
	slo_map_freep(&c->sockets);
	slo_map_freep(&c->listening);
	slo_closep(&c->netlink);
	free(c);
}

static int connect_open(int root, void **ret_state, struct slo_err *err)
{
	const struct slo_map_config sockets = { sizeof(uint64_t), sizeof(uint32_t), SOCKETS_MAX };
	const struct slo_map_config ports = { sizeof(uint16_t), 0, UINT16_MAX };
	struct connects *c = calloc(1, sizeof(*c));
	int r;

	(void)root;
	if (!c)
		return slo_err_set(err, -ENOMEM, "procfs: out of memory");
	c->netlink = slo_sockdiag_open(err);
	r = c->netlink < 0 ? c->netlink : slo_map_new(&c->sockets, &sockets, err);
	if (!r)
		r = slo_map_new(&c->listening, &ports, err);
	if (!r) {
		c->from_ns = slo_clock_monotonic_ns();
		r = read_all(c, c->from_ns, err);
	}
	if (r) {
		connect_close(c);
		return r;
	}
	*ret_state = c;
	return 0;
}

static void connect_probe(int root, struct slo_verdict *v)
{
	struct slo_err err = { 0 };
	void *state = NULL;
	int r = connect_open(root, &state, &err);

	if (r) {
		slo_verdict_refuse(v, "netlink", r, "%s", err.msg);
	} else {
		slo_interval_serve(
			v, SLO_SRC_NETLINK, "netlink", "sock_diag TCP_INFO",
			"the RTT at first sight, not the time that connect took: SYNs sent again "
			"are told, not timed; the agent's network namespace only; owner unknown; "
			"connections shorter than an interval are not seen");
	}
	connect_close(state);
}

static void connect_tune(void *state, const struct slo_procfs_options *options)
{
	struct connects *c = state;

	c->options = *options;
}

static int connect_read(void *state, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
                        struct slo_err *err)
{
	struct connects *c = state;
	struct slo_probe_event ev;
	int r;

	if (now_ns <= c->from_ns)
		return 0;
	c->fn = fn;
	c->user = user;
	r = read_all(c, now_ns, err);
	if (c->hist.count) {
		slo_interval_event(&ev, SLO_SIG_CONNECT_LATENCY, SLO_EV_HIST, c->from_ns, now_ns);
		ev.source = SLO_SRC_NETLINK;
		ev.hist = c->hist;
		ev.count = c->hist.count;
		fn(user, &ev);
	}
	c->hist = (struct slo_hist){ 0 };
	c->from_ns = now_ns;
	return r ? r
	         : slo_room_check(&c->room, "connections", SOCKETS_MAX,
	                          "none is measured, for new ones cannot be told from them", err);
}

const struct slo_procfs_reader slo_procfs_connect = {
	.signal = SLO_SIG_CONNECT_LATENCY,
	.probe = connect_probe,
	.open = connect_open,
	.read = connect_read,
	.close = connect_close,
	.tune = connect_tune,
};

struct errors {
	int snmp;
	uint64_t total;
	uint64_t from_ns;
};

static void errors_close(void *state)
{
	struct errors *e = state;

	if (e)
		slo_closep(&e->snmp);
	free(e);
}

static int errors_open(int root, void **ret_state, struct slo_err *err)
{
	struct errors *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return slo_err_set(err, -ENOMEM, "procfs: out of memory");
	e->snmp = slo_snmp_open(root, err);
	r = e->snmp < 0 ? e->snmp : slo_snmp_read(e->snmp, "AttemptFails", &e->total, err);
	if (r) {
		errors_close(e);
		return r;
	}
	e->from_ns = slo_clock_monotonic_ns();
	*ret_state = e;
	return 0;
}

static void errors_probe(int root, struct slo_verdict *v)
{
	struct slo_err err = { 0 };
	void *state = NULL;
	int r = errors_open(root, &state, &err);

	if (r)
		slo_verdict_refuse(v, "procfs", r, "%s", err.msg);
	else
		slo_interval_serve(
			v, SLO_SRC_PROCFS, "snmp", "/proc/net/snmp AttemptFails",
			"a number only: no peer, no cause, no owner; incoming attempts that failed and "
			"those the application gave up are in it; the agent's network namespace only");
	errors_close(state);
}

static int errors_read(void *state, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
                       struct slo_err *err)
{
	struct errors *e = state;
	struct slo_probe_event ev;
	uint64_t total = e->total;
	int r = slo_snmp_read(e->snmp, "AttemptFails", &total, err);

	if (r || now_ns <= e->from_ns)
		return r;
	if (total > e->total) {
		slo_interval_event(&ev, SLO_SIG_CONNECT_ERRORS, SLO_EV_COUNT, e->from_ns, now_ns);
		ev.count = total - e->total;
		fn(user, &ev);
	}
	e->total = total;
	e->from_ns = now_ns;
	return 0;
}

const struct slo_procfs_reader slo_procfs_connect_errors = {
	.signal = SLO_SIG_CONNECT_ERRORS,
	.probe = errors_probe,
	.open = errors_open,
	.read = errors_read,
	.close = errors_close,
};
