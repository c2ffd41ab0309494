/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "live_rig.h"
#include "test/unit/net/server.h"

#define REPLY(status) "HTTP/1.1 " status " X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

/* A port that nobody listens on: bound, and given back. */
static unsigned int free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	(void)close(fd);
	return ntohs(a.sin_port);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* What is logged goes to a file from now on: the descriptor that it went to. */
static int listen_in(FILE **ret)
{
	int log = dup(STDERR_FILENO);

	*ret = tmpfile();
	assert_non_null(*ret);
	(void)fflush(stderr);
	assert_true(dup2(fileno(*ret), STDERR_FILENO) >= 0);
	return log;
}

static void listen_out(FILE *file, int log, char *ret, size_t size)
{
	(void)fflush(stderr);
	assert_true(dup2(log, STDERR_FILENO) >= 0);
	(void)close(log);
	rewind(file);
	ret[fread(ret, 1, size - 1, file)] = '\0';
	(void)fclose(file);
}

/* What the agent's log says in @seconds, with nothing measured and no span received. */
static void run_for(struct slo_live *l, int seconds, char *ret, size_t size)
{
	const struct timespec turn = { .tv_nsec = 50000000 };
	uint64_t until = slo_clock_monotonic_ns() + (uint64_t)seconds * SLO_NS_PER_SEC;
	FILE *file;
	int log = listen_in(&file);

	while (slo_clock_monotonic_ns() < until) {
		slo_live_run(l, SLO_LIVE_ALL, slo_clock_monotonic_ns());
		(void)nanosleep(&turn, NULL);
	}
	listen_out(file, log, ret, size);
}

static void collector_that_is_not_there_is_told_at_once_and_once(void **state)
{
	slo_live_auto struct slo_live *l = NULL;
	struct slo_err err = { 0 };
	char text[128], said[4096], address[32];

	(void)state;
	(void)snprintf(address, sizeof(address), "http://127.0.0.1:%u", free_port());
	(void)snprintf(text, sizeof(text), "[otlp]\nendpoint = %s\n", address);
	assert_int_equal(rig_start(&l, "", text, &err), 0);
	/* Tried again after a second and two more: told of the first. */
	run_for(l, 4, said, sizeof(said));
	assert_int_equal(count(said, "export fails"), 1);
	assert_non_null(strstr(said, address));
	assert_non_null(strstr(said, "[otlp] endpoint"));
}

/* A collector of traces alone: the first request has metrics, the second spans, the third log records. */
static void what_a_collector_refuses_is_told_as_lost(void **state)
{
	static const struct server_reply script[] = { { .text = REPLY("404") },
		                                      { .text = REPLY("200") },
		                                      { .text = REPLY("404") } };
	struct server *server = server_start(script, 3, 0);
	slo_live_auto struct slo_live *l = NULL;
	struct slo_err err = { 0 };
	char text[128], said[4096];

	(void)state;
	(void)snprintf(text, sizeof(text), "[otlp]\nendpoint = http://127.0.0.1:%u\n",
	               server->port);
	assert_int_equal(rig_start(&l, "", text, &err), 0);
	run_for(l, 1, said, sizeof(said));
	assert_int_equal(count(said, "export is refused, "), 1);
	assert_non_null(strstr(said, " items are lost: metrics: answered with status 404"));
	assert_int_equal(count(said, "tried again"), 0);
	slo_otlp_exporter_traces(l->exporter, (uint8_t *)strdup("spans"), 5, 2);
	run_for(l, 1, said, sizeof(said));
	assert_string_equal(said, "");
	slo_otlp_exporter_event(
		l->exporter,
		&(struct slo_probe_event){ .signal = SLO_SIG_DNS_LATENCY, .kind = SLO_EV_SAMPLE },
		SLO_STATUS_OK, &(struct slo_workload){ "c1", "n1", "", "", "", "", "", "" }, NULL,
		false);
	run_for(l, 2, said, sizeof(said));
	assert_int_equal(server_count(server), 3);
	assert_non_null(strstr(said, "export is refused, 1 items are lost: logs: "));
	assert_int_equal(count(said, "export "), 1);
	slo_live_freep(&l);
	server_stop(server);
}

static void what_is_unsent_at_the_end_is_told_where_nothing_keeps_it(void **state)
{
	struct slo_live *l = NULL;
	struct slo_err err = { 0 };
	char text[128], said[4096];
	FILE *file;
	int log;

	(void)state;
	(void)snprintf(text, sizeof(text), "[otlp]\nendpoint = http://127.0.0.1:%u\n", free_port());
	assert_int_equal(rig_start(&l, "", text, &err), 0);
	slo_otlp_exporter_traces(l->exporter, (uint8_t *)strdup("spans"), 5, 2);
	log = listen_in(&file);
	slo_live_freep(&l);
	listen_out(file, log, said, sizeof(said));
	assert_non_null(strstr(said, "2 items were not sent before the end, and are lost: traces"));
	assert_int_equal(count(said, "lost"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(collector_that_is_not_there_is_told_at_once_and_once),
		cmocka_unit_test(what_a_collector_refuses_is_told_as_lost),
		cmocka_unit_test(what_is_unsent_at_the_end_is_told_where_nothing_keeps_it),
	};

	slo_log_set_level(SLO_LOG_WARN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
