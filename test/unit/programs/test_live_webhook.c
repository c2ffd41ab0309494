/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "live_rig.h"
#include "test/unit/base/remove_dir.h"
#include "test/unit/net/notice.h"
#include "test/unit/net/server.h"

#define STATUS(code) "HTTP/1.1 " code " X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

static const struct timespec turn = { .tv_nsec = 20000000 };

static struct slo_live *start_in(const struct server *server, const char *state_dir)
{
	struct slo_live *l = NULL;
	struct slo_err err = { 0 };
	char text[128];

	(void)snprintf(text, sizeof(text),
	               "[webhook]\nenabled = on\nformat = generic\nurl = http://127.0.0.1:%u/\n",
	               server->port);
	if (rig_start(&l, state_dir, text, &err) < 0)
		fail_msg("%s", err.msg);
	return l;
}

static struct slo_live *start(const struct server *server)
{
	return start_in(server, "");
}

static void notify(struct slo_live *l, const char *id)
{
	const struct slo_notice n = notice_of(SLO_NOTICE_OPEN, id);

	assert_int_equal(slo_webhook_send(l->webhook, &n, NULL), 0);
}

static bool is_settled(const struct slo_live *l, uint64_t settled)
{
	struct slo_webhook_stats st;

	slo_webhook_stats(l->webhook, &st);
	return st.delivered + st.dead >= settled || st.open_circuit;
}

struct said {
	FILE *file;
	int log;
};

static struct said listen_to_log(void)
{
	struct said s = { tmpfile(), dup(STDERR_FILENO) };

	assert_non_null(s.file);
	(void)fflush(stderr);
	assert_true(dup2(fileno(s.file), STDERR_FILENO) >= 0);
	return s;
}

static void read_log(struct said *s, char *ret, size_t size)
{
	(void)fflush(stderr);
	assert_true(dup2(s->log, STDERR_FILENO) >= 0);
	(void)close(s->log);
	rewind(s->file);
	ret[fread(ret, 1, size - 1, s->file)] = '\0';
	(void)fclose(s->file);
}

/*
 * What the log says until so many messages are settled, or the circuit is open; where the clock of the log's minute is
 * @later_ns ahead.
 */
static void say_of(struct slo_live *l, uint64_t settled, uint64_t later_ns, char *ret, size_t size)
{
	struct said file = listen_to_log();

	for (int i = 0; i < 1500 && !is_settled(l, settled); i++) {
		slo_http_client_run(l->client);
		slo_webhook_tick(l->webhook, slo_clock_monotonic_ns());
		(void)nanosleep(&turn, NULL);
	}
	l->now_ns = slo_clock_monotonic_ns() + later_ns;
	slo_live_tell_tick(l);
	slo_live_tell_tick(l);
	read_log(&file, ret, size);
	assert_true(is_settled(l, settled));
}

static size_t lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

static void refusals_are_told_once_a_minute_until_it_works_again(void **state)
{
	static const struct server_reply script[] = { { .text = STATUS("401"), .times = 2 },
		                                      { .text = STATUS("202") } };
	struct server *server = server_start(script, 2, 0);
	slo_live_auto struct slo_live *l = start(server);
	char said[4096];

	(void)state;
	notify(l, "m1");
	say_of(l, 1, 0, said, sizeof(said));
	assert_int_equal(lines(said), 1);
	assert_non_null(strstr(said, "webhook: refused for good"));
	assert_non_null(strstr(said, "status 401"));
	assert_non_null(strstr(said, "sloctl webhook test"));
	notify(l, "m2");
	say_of(l, 2, 0, said, sizeof(said));
	assert_string_equal(said, "");
	say_of(l, 2, 61 * SLO_NS_PER_SEC, said, sizeof(said));
	assert_int_equal(lines(said), 1);
	assert_non_null(strstr(said, "messages=1"));
	notify(l, "m3");
	say_of(l, 3, 122 * SLO_NS_PER_SEC, said, sizeof(said));
	assert_int_equal(lines(said), 1);
	assert_non_null(strstr(said, "webhook works again"));
	notify(l, "m4");
	say_of(l, 4, 183 * SLO_NS_PER_SEC, said, sizeof(said));
	assert_string_equal(said, "");
	server_stop(server);
}

static void receiver_that_is_gone_is_told(void **state)
{
	static const struct server_reply script[] = { { .text = STATUS("410") } };
	struct server *server = server_start(script, 1, 0);
	slo_live_auto struct slo_live *l = start(server);
	char said[4096];

	(void)state;
	notify(l, "m1");
	say_of(l, 1, 0, said, sizeof(said));
	assert_int_equal(lines(said), 1);
	assert_non_null(strstr(said, "until the next start"));
	assert_non_null(strstr(said, "status 410"));
	say_of(l, 1, 61 * SLO_NS_PER_SEC, said, sizeof(said));
	assert_string_equal(said, "");
	server_stop(server);
}

static void open_circuit_is_told(void **state)
{
	static const struct server_reply script[] = { { .text = STATUS("503") } };
	struct server *server = server_start(script, 1, 0);
	slo_live_auto struct slo_live *l = start(server);
	char said[4096];

	(void)state;
	notify(l, "m1");
	say_of(l, 1, 0, said, sizeof(said));
	assert_int_equal(lines(said), 1);
	assert_non_null(strstr(said, "tried again once a minute"));
	assert_non_null(strstr(said, "status 503"));
	assert_non_null(strstr(said, "waiting=1"));
	server_stop(server);
}

/* Two messages that waited: the end of the second was never written. */
static void what_a_restart_finds_broken_is_told(void **state)
{
	static const struct server_reply script[] = { { .text = STATUS("503") } };
	struct server *server = server_start(script, 1, 0);
	char dir[] = "/tmp/slo_live_webhook.XXXXXX", path[96], said[4096];
	struct slo_live *l;
	struct said log;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	l = start_in(server, dir);
	notify(l, "m1");
	notify(l, "m2");
	slo_live_freep(&l);
	(void)snprintf(path, sizeof(path), "%s/webhook/queue/0000000000000001.spool", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	log = listen_to_log();
	l = start_in(server, dir);
	read_log(&log, said, sizeof(said));
	assert_int_equal(lines(said), 1);
	assert_non_null(strstr(said, "webhook: what waited on disk was broken in part"));
	assert_non_null(strstr(said, "cut_bytes="));
	slo_live_freep(&l);
	server_stop(server);
	(void)snprintf(path, sizeof(path), "%s/webhook/queue", dir);
	remove_dir(path);
	(void)snprintf(path, sizeof(path), "%s/webhook", dir);
	remove_dir(path);
	remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_are_told_once_a_minute_until_it_works_again),
		cmocka_unit_test(receiver_that_is_gone_is_told),
		cmocka_unit_test(open_circuit_is_told),
		cmocka_unit_test(what_a_restart_finds_broken_is_told),
	};

	slo_log_set_level(SLO_LOG_INFO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
