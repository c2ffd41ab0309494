/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments sent again, per connection out of its TCP_INFO (netlink); those of connections that came and went within one
 * interval out of the namespace's counter, without a peer.
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
#define STATES 0xfff /* all, but they that have no timer, or no TCP_INFO: below */
#define NO_TIMER (1U << 7 | 1U << 10) /* closed, listening */
#define NO_INFO (1U << 6) /* TIME_WAIT, of which there may be more than of all others */
#define SYN_SENT 2

struct seen {
	uint32_t total;
	uint32_t walk;
};

struct retransmit {
	int netlink, snmp;
	bool blind; /* no sock_diag: the namespace's number is all */
	struct slo_map *sockets; /* cookie -> struct seen */
	struct slo_room room;
	uint32_t walk;
	uint64_t total; /* the namespace's */
	uint64_t told; /* of this interval, by connections */
	uint64_t from_ns, now_ns;
	slo_procfs_event_fn fn; /* NULL in the first reading */
	void *user;
};

static void give(struct retransmit *t, const struct slo_sockdiag *s, uint64_t count)
{
	struct slo_probe_event ev;

	slo_interval_event(&ev, SLO_SIG_TCP_RETRANSMITS, SLO_EV_COUNT, t->from_ns, t->now_ns);
	ev.count = count;
	if (s) {
		ev.source = SLO_SRC_NETLINK;
		ev.tuple = s->tuple;
		ev.detail.retr.tcp_state = s->state;
		ev.detail.retr.kind = s->state == SYN_SENT ? SLO_RETR_SYN : SLO_RETR_OTHER;
	}
	t->fn(t->user, &ev);
}

static void on_socket(void *user, const struct slo_sockdiag *s)
{
	struct retransmit *t = user;
	struct seen *known;
	bool fresh;

	if (!s->has_info)
		return;
	known = slo_map_get(t->sockets, &s->cookie, &fresh);
	if (!known) {
		t->room.beyond++;
		return;
	}
	if (fresh && t->room.lacked)
		known->total = s->total_retrans;
	if (t->fn && s->total_retrans > known->total) {
		t->told += s->total_retrans - known->total;
		give(t, s, s->total_retrans - known->total);
	}
	known->total = s->total_retrans;
	known->walk = t->walk;
}

static void forget_gone(struct retransmit *t)
{
	const struct seen *s;
	const void *key;
	size_t pos = 0;

	while ((s = slo_map_next(t->sockets, &pos, &key))) {
		if (s->walk != t->walk)
			(void)slo_map_erase(t->sockets, key);
	}
}

static int read_all(struct retransmit *t, uint64_t now_ns, struct slo_err *err)
{
	uint64_t total = t->total, grown;
	int r = slo_snmp_read(t->snmp, "RetransSegs", &total, err);

	if (r)
		return r;
	t->walk++;
	t->told = 0;
	t->now_ns = now_ns;
	slo_room_begin(&t->room);
	r = t->blind ? 0
	             : slo_sockdiag_dump(t->netlink, STATES & ~(NO_TIMER | NO_INFO), on_socket, t,
	                                 err);
	if (r == -ENOENT && !t->fn)
		t->blind = true;
	else if (r)
		return r;
	slo_room_end(&t->room);
	forget_gone(t);
	grown = total - t->total;
	if (t->fn && total > t->total && grown > t->told)
		give(t, NULL, grown - t->told);
	/* Connections are read after the counter: what they were ahead is not taken for another's the next time. */
	t->total = grown < t->told && t->fn ? t->total + t->told : total;
	t->from_ns = now_ns;
	return 0;
}

static void retransmit_close(void *state)
{
	struct retransmit *t = state;

	if (!t)
		return;
	slo_map_freep(&t->sockets);
	slo_closep(&t->netlink);
	slo_closep(&t->snmp);
	free(t);
}

static int retransmit_open(int root, void **ret_state, struct slo_err *err)
{
	const struct slo_map_config map = { sizeof(uint64_t), sizeof(struct seen), SOCKETS_MAX };
	struct retransmit *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t)
		return slo_err_set(err, -ENOMEM, "procfs: out of memory");
	t->netlink = t->snmp = -1;
	t->snmp = slo_snmp_open(root, err);
	if (t->snmp >= 0)
		t->netlink = slo_sockdiag_open(err);
	if (t->snmp < 0 || t->netlink < 0)
		r = t->snmp < 0 ? t->snmp : t->netlink;
	if (!r)
		r = slo_map_new(&t->sockets, &map, err);
	if (!r)
		r = read_all(t, slo_clock_monotonic_ns(), err);
	if (r) {
		retransmit_close(t);
		return r;
	}
	*ret_state = t;
	return 0;
}

static void retransmit_probe(int root, struct slo_verdict *v)
{
	struct slo_err err = { 0 };
	void *state = NULL;
	int r = retransmit_open(root, &state, &err);

	if (r)
		slo_verdict_refuse(v, "netlink", r, "%s", err.msg);
	else if (((const struct retransmit *)state)->blind)
		slo_interval_serve(v, SLO_SRC_PROCFS, "snmp", "/proc/net/snmp",
		                   "a number only: no peer, owner or reason, for want of tcp_diag; "
		                   "the agent's network namespace only");
	else
		slo_interval_serve(
			v, SLO_SRC_NETLINK, "netlink", "sock_diag TCP_INFO, /proc/net/snmp",
			"the agent's network namespace only; owner and reason unknown; connections "
			"shorter than an interval count without a peer");
	retransmit_close(state);
}

static int retransmit_read(void *state, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
                           struct slo_err *err)
{
	struct retransmit *t = state;
	int r;

	if (now_ns <= t->from_ns)
		return 0;
	t->fn = fn;
	t->user = user;
	r = read_all(t, now_ns, err);
	return r ? r
	         : slo_room_check(&t->room, "connections", SOCKETS_MAX,
	                          "what is sent again of them has no peer", err);
}

const struct slo_procfs_reader slo_procfs_retransmit = {
	.signal = SLO_SIG_TCP_RETRANSMITS,
	.probe = retransmit_probe,
	.open = retransmit_open,
	.read = retransmit_read,
	.close = retransmit_close,
};
