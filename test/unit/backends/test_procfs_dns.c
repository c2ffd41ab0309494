/* SPDX-License-Identifier: Apache-2.0 */
/* DNS by the packet socket, with real packets on the loopback. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/backends.h"
#include "backends/procfs/reader.h"
#include "compat/caps.h"
#include "core/base/clock.h"

/* One side of lookups that this test asks and answers itself. */
struct wire {
	int client, server;
	uint16_t port; /* the client's */
	unsigned int answered; /* of ours, as the backend gave them */
};

static const uint8_t query[] = { 0x12, 0x34, 0x01, 0, 0,   1,   0,   0,   0, 0, 0, 0, 4, 's',
	                         'l',  'o',  'p',  4, 't', 'e', 's', 't', 0, 0, 1, 0, 1 };

static void on_event(void *user, const struct slo_probe_event *ev)
{
	struct wire *w = user;

	w->answered += ev->kind == SLO_EV_SAMPLE && ev->tuple.sport == w->port;
}

static int open_wire(struct wire *w)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53) };
	socklen_t size = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x4d3502);
	w->server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	w->client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(w->server, (const struct sockaddr *)&at, sizeof(at)) ||
	    connect(w->client, (const struct sockaddr *)&at, sizeof(at)) ||
	    getsockname(w->client, (struct sockaddr *)&at, &size))
		return -errno;
	w->port = ntohs(at.sin_port);
	return 0;
}

/* The answer has passed when this returns. */
static void look_up(const struct wire *w)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	uint8_t buf[64];

	assert_int_equal(send(w->client, query, sizeof(query), 0), sizeof(query));
	assert_int_equal(recvfrom(w->server, buf, sizeof(buf), 0, (struct sockaddr *)&peer, &size),
	                 sizeof(query));
	buf[2] |= 0x80;
	assert_int_equal(
		sendto(w->server, buf, sizeof(query), 0, (const struct sockaddr *)&peer, size),
		sizeof(query));
	assert_int_equal(recv(w->client, buf, sizeof(buf), 0), sizeof(query));
}

static unsigned int look_up_seen(struct wire *w, void *be)
{
	const struct slo_backend_ops *ops = &slo_backend_procfs;

	w->answered = 0;
	look_up(w);
	assert_true(ops->poll(be, NULL) >= 0);
	return w->answered;
}

/* -EPERM and the like: this process may not. */
static int open_backend(struct wire *w, void **ret_be)
{
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	const struct slo_backend_config cfg = { .signals = SLO_SIG_BIT(SLO_SIG_DNS_LATENCY),
		                                .on_event = on_event,
		                                .user = w,
		                                .host_root = -1,
		                                .emit_all = true };
	int r = open_wire(w);

	return r ? r : slo_backend_procfs.open(&cfg, verdicts, ret_be, NULL);
}

static void be_the_agent(struct wire *w, void *be)
{
	const struct slo_backend_ops *ops = &slo_backend_procfs;

	assert_int_equal(look_up_seen(w, be), 1);
	assert_int_equal(slo_caps_drop_all_but(0, NULL), 0);
	assert_true(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ops->enable(be, SLO_SIG_DNS_LATENCY, false, NULL), 0);
		assert_int_equal(look_up_seen(w, be), 0);
		assert_int_equal(ops->interval(be, slo_clock_monotonic_ns(), NULL), 0);
		assert_int_equal(ops->enable(be, SLO_SIG_DNS_LATENCY, true, NULL), 0);
		assert_int_equal(look_up_seen(w, be), 1);
	}
}

static void switched_on_again_without_the_right_to_open(void **state)
{
	struct wire w = { .client = -1, .server = -1 };
	void *be = NULL;
	int status = 0;
	pid_t child;

	(void)state;
	if (open_backend(&w, &be)) {
		(void)close(w.client);
		(void)close(w.server);
		skip();
	}
	child = fork();
	if (child == 0) {
		be_the_agent(&w, be);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	slo_backend_procfs.close(be);
	(void)close(w.client);
	(void)close(w.server);
}

/* More packets than the socket has room for, while nobody reads them. */
static void drops_are_counted(void **state)
{
	const struct slo_backend_ops *ops = &slo_backend_procfs;
	const enum slo_signal sig = SLO_SIG_DNS_LATENCY;
	struct wire w = { .client = -1, .server = -1 };
	struct slo_backend_stats st;
	void *be = NULL;

	(void)state;
	if (open_backend(&w, &be)) {
		(void)close(w.client);
		(void)close(w.server);
		skip();
	}
	for (int i = 0; i < 4000; i++)
		look_up(&w);
	assert_true(ops->interval(be, slo_clock_monotonic_ns(), NULL) >= 0);
	ops->stats(be, &st);
	assert_true(st.signal[sig].lost_ring > 0);
	assert_int_equal(st.signal[sig].made, st.signal[sig].sent + st.signal[sig].aggregated +
	                                              st.signal[sig].lost_ring);
	ops->close(be);
	(void)close(w.client);
	(void)close(w.server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(switched_on_again_without_the_right_to_open),
		cmocka_unit_test(drops_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
