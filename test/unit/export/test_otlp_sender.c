/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_sender.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/store/spool.h"
#include "test/unit/base/remove_dir.h"
#include "test/unit/net/server.h"

#define REPLY(status, more) \
	"HTTP/1.1 " status " X\r\nContent-Length: 0\r\nConnection: close\r\n" more "\r\n"
#define ITEMS 3 /* of each request here */

static const struct slo_workload self = { "c1", "node1", "", "", "", "", "", "" };
static const struct server_reply well[] = { { .text = REPLY("200", "") } };
static const struct server_reply busy[] = { { .text = REPLY("503", "") } };

struct rig {
	struct server *server[SLO_OTLP_KIND_MAX_]; /* NULL: nobody is there */
	struct slo_http_client *client;
	struct slo_otlp_sender *s;
	char dir[64]; /* "": no disk */
	uint64_t queue_bytes;
	char variable[SLO_OTLP_KIND_MAX_][96];
};

static void open_sender(struct rig *rig)
{
	char *environment[SLO_OTLP_KIND_MAX_ + 1] = { rig->variable[0], rig->variable[1],
		                                      rig->variable[2], NULL };
	const struct slo_otlp_exporter_config cfg = { .endpoint = "",
		                                      .environment = environment,
		                                      .timeout_ms = 2000,
		                                      .queue_bytes = rig->queue_bytes,
		                                      .spool_dir = rig->dir,
		                                      .spool_bytes = 1 << 20,
		                                      .self = &self,
		                                      .version = "1",
		                                      .client = rig->client };
	struct slo_err err = { 0 };

	if (slo_otlp_sender_new(&rig->s, &cfg, &err) < 0)
		fail_msg("%s", err.msg);
}

static void name_endpoint(struct rig *rig, enum slo_otlp_kind kind)
{
	static const char *const names[] = { "TRACES", "LOGS", "METRICS" };

	(void)snprintf(rig->variable[kind], sizeof(rig->variable[kind]),
	               "OTEL_EXPORTER_OTLP_%s_ENDPOINT=http://127.0.0.1:%u/", names[kind],
	               rig->server[kind] ? rig->server[kind]->port : 1U);
}

/* Each kind's own server, by its script's rows; NULL: nobody. */
static void make_rig(struct rig *rig, const struct server_reply *const script[],
                     const size_t rows[], uint64_t queue_bytes, bool on_disk)
{
	const struct slo_http_client_config http = { .max_requests = 16, .user_agent = "test/1" };

	*rig = (struct rig){ .queue_bytes = queue_bytes };
	for (enum slo_otlp_kind k = 0; k < SLO_OTLP_KIND_MAX_; k++) {
		if (script[k])
			rig->server[k] = server_start(script[k], rows[k], 0);
		name_endpoint(rig, k);
	}
	if (on_disk) {
		(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/slo_otlp_sender.XXXXXX");
		assert_non_null(mkdtemp(rig->dir));
	}
	assert_int_equal(slo_http_client_new(&rig->client, &http, NULL), 0);
	open_sender(rig);
}

static void close_rig(struct rig *rig)
{
	slo_otlp_sender_freep(&rig->s);
	slo_http_client_freep(&rig->client);
	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++) {
		if (rig->server[k])
			server_stop(rig->server[k]);
	}
	if (rig->dir[0])
		remove_dir(rig->dir);
}

static struct slo_otlp_exporter_stats stats_of(const struct rig *rig)
{
	struct slo_otlp_exporter_stats st;

	slo_otlp_sender_stats(rig->s, &st);
	return st;
}

static void put(struct rig *rig, enum slo_otlp_kind kind, char mark)
{
	uint8_t *body = malloc(400);

	assert_non_null(body);
	memset(body, mark, 400);
	slo_otlp_sender_put(rig->s, kind, body, 400, ITEMS);
}

static void run_for(struct rig *rig, uint64_t ms)
{
	uint64_t until = slo_clock_monotonic_ns() + ms * SLO_NS_PER_MS;
	struct pollfd p = { .fd = slo_http_client_fd(rig->client), .events = POLLIN };

	while (slo_clock_monotonic_ns() < until) {
		slo_otlp_sender_tick(rig->s, slo_clock_monotonic_ns());
		(void)poll(&p, 1, 10);
		slo_http_client_run(rig->client);
	}
}

/* --- one endpoint that fails ---------------------------------------------------------------------------------- */

static void put_rounds(struct rig *rig, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		put(rig, SLO_OTLP_METRICS, 'm');
		put(rig, SLO_OTLP_TRACES, (char)('a' + i));
		put(rig, SLO_OTLP_LOGS, (char)('a' + i));
	}
}

static void kind_that_fails_holds_up_no_other(void **state)
{
	static const struct server_reply *const failing[] = { busy, NULL };

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(failing); i++) {
		const struct server_reply *const script[] = { well, well, failing[i] };
		const size_t rows[] = { 1, 1, 1 };
		struct slo_otlp_exporter_stats st;
		struct rig rig;

		make_rig(&rig, script, rows, 1 << 20, false);
		put(&rig, SLO_OTLP_METRICS, 'm');
		run_for(&rig, 300);
		assert_int_equal(stats_of(&rig).last[SLO_OTLP_METRICS].verdict, SLO_OTLP_AGAIN);
		put_rounds(&rig, 20);
		run_for(&rig, 1500);
		st = stats_of(&rig);
		assert_int_equal(st.exported[SLO_OTLP_TRACES], 20 * ITEMS);
		assert_int_equal(st.exported[SLO_OTLP_LOGS], 20 * ITEMS);
		assert_int_equal(st.queue_batches, 21);
		assert_int_equal(st.last[SLO_OTLP_TRACES].verdict, SLO_OTLP_ACCEPTED);
		assert_int_equal(st.last[SLO_OTLP_METRICS].verdict, SLO_OTLP_AGAIN);
		close_rig(&rig);
	}
}

/* Memory holds two requests: the rest is on disk, through a restart too. */
static void nor_on_disk(void **state)
{
	const struct server_reply *const nobody[] = { NULL, NULL, NULL };
	const size_t rows[] = { 1, 1, 1 };
	struct slo_otlp_exporter_stats st;
	struct rig rig;

	(void)state;
	make_rig(&rig, nobody, rows, 1000, true);
	put_rounds(&rig, 20);
	run_for(&rig, 100);
	slo_otlp_sender_freep(&rig.s);
	rig.server[SLO_OTLP_TRACES] = server_start(well, 1, 0);
	rig.server[SLO_OTLP_LOGS] = server_start(well, 1, 0);
	rig.server[SLO_OTLP_METRICS] = server_start(busy, 1, 0);
	for (enum slo_otlp_kind k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		name_endpoint(&rig, k);
	open_sender(&rig);
	assert_int_equal(stats_of(&rig).spool_batches, 60);
	run_for(&rig, 2000);
	st = stats_of(&rig);
	assert_int_equal(st.exported[SLO_OTLP_TRACES], 20 * ITEMS);
	assert_int_equal(st.exported[SLO_OTLP_LOGS], 20 * ITEMS);
	assert_int_equal(st.exported[SLO_OTLP_METRICS] + st.dropped[SLO_OTLP_METRICS], 0);
	assert_int_equal(st.spool_batches, 20);
	for (size_t k = 0; k < SLO_OTLP_METRICS; k++)
		assert_int_equal(server_count(rig.server[k]), 20);
	close_rig(&rig);
}

/* What a kind that fails has in memory pushes out none of what the others have. */
static void memory_is_taken_from_who_holds_the_most(void **state)
{
	const struct server_reply *const nobody[] = { NULL, NULL, NULL };
	const size_t rows[] = { 1, 1, 1 };
	struct slo_otlp_exporter_stats st;
	struct rig rig;

	(void)state;
	make_rig(&rig, nobody, rows, 8000, false);
	put(&rig, SLO_OTLP_TRACES, 't');
	for (int i = 0; i < 60; i++)
		put(&rig, SLO_OTLP_METRICS, 'm');
	run_for(&rig, 200);
	put(&rig, SLO_OTLP_LOGS, 'l');
	run_for(&rig, 50);
	st = stats_of(&rig);
	assert_true(st.queue_bytes <= 8000 && st.queue_batches == 20);
	assert_int_equal(st.dropped[SLO_OTLP_TRACES] + st.dropped[SLO_OTLP_LOGS], 0);
	assert_int_equal(st.dropped[SLO_OTLP_METRICS], (62 - 20) * ITEMS);
	close_rig(&rig);
}

/* --- an earlier spool ----------------------------------------------------------------------------------------- */

/* Of the time when one folder held all kinds. */
static void write_earlier(const char *dir, int rounds)
{
	const struct slo_spool_config cfg = { .dir = dir, .max_bytes = 1 << 20 };
	slo_spool_auto struct slo_spool *spool = NULL;
	char body[400];

	assert_int_equal(slo_spool_open(&spool, &cfg, NULL), 0);
	for (int i = 0; i < rounds; i++) {
		for (uint32_t k = SLO_OTLP_KIND_MAX_; k-- > 0;) {
			memset(body, 'a' + i, sizeof(body));
			assert_int_equal(slo_spool_append(spool, k | ITEMS << 8, body, sizeof(body),
			                                  false, NULL),
			                 0);
		}
	}
}

static void assert_in_order(struct server *server, size_t count)
{
	assert_int_equal(server_count(server), count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(server_body(server, i, NULL)[0], 'a' + (int)i);
}

static void earlier_spool_is_delivered(void **state)
{
	static const struct server_reply *const failing[] = { well, busy };
	const size_t rows[] = { 1, 1, 1 };

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(failing); i++) {
		const struct server_reply *const script[] = { well, well, failing[i] };
		size_t left = i ? 20 : 0;
		struct slo_otlp_exporter_stats st;
		struct rig rig;

		make_rig(&rig, script, rows, 1 << 20, true);
		slo_otlp_sender_freep(&rig.s);
		write_earlier(rig.dir, 20);
		open_sender(&rig);
		assert_int_equal(stats_of(&rig).spool_batches, 60);
		run_for(&rig, 1500);
		st = stats_of(&rig);
		assert_int_equal(st.exported[SLO_OTLP_TRACES], 20 * ITEMS);
		assert_int_equal(st.exported[SLO_OTLP_LOGS], 20 * ITEMS);
		assert_int_equal(st.exported[SLO_OTLP_METRICS], (20 - left) * ITEMS);
		assert_int_equal(st.spool_batches, left);
		for (size_t k = 0; k < SLO_OTLP_METRICS; k++)
			assert_in_order(rig.server[k], 20);
		close_rig(&rig);
	}
}

/* More than a kind's share of the disk: it waits for room, all of it comes. */
static void earlier_spool_larger_than_a_share_is_delivered(void **state)
{
	const struct server_reply *const script[] = { well, well, well };
	const size_t rows[] = { 1, 1, 1 };
	struct slo_otlp_exporter_stats st;
	struct rig rig;

	(void)state;
	make_rig(&rig, script, rows, 1 << 20, true);
	slo_otlp_sender_freep(&rig.s);
	write_earlier(rig.dir, 400); /* the share of metrics is 128 KiB, and gets 172 */
	open_sender(&rig);
	slo_otlp_sender_drain(rig.s, 20000);
	st = stats_of(&rig);
	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++) {
		assert_int_equal(st.exported[k], 400 * ITEMS);
		assert_int_equal(st.dropped[k], 0);
	}
	assert_int_equal(st.spool_batches + st.spool_bytes, 0);
	close_rig(&rig);
}

/* --- Retry-After ---------------------------------------------------------------------------------------------- */

static const struct server_reply asks[] = {
	{ .text = REPLY("503", "Retry-After: 3\r\n") },
	{ .text = REPLY("200", "") },
};

/* Four are under way at once: the first is told to wait, the others are taken. */
static void success_of_another_does_not_shorten_it(void **state)
{
	const struct server_reply *const script[] = { asks, well, well };
	const size_t rows[] = { 2, 1, 1 };
	struct rig rig;

	(void)state;
	make_rig(&rig, script, rows, 1 << 20, false);
	for (char c = 'a'; c < 'e'; c++)
		put(&rig, SLO_OTLP_TRACES, c);
	run_for(&rig, 2000);
	assert_int_equal(server_count(rig.server[0]), 4);
	assert_int_equal(stats_of(&rig).exported[SLO_OTLP_TRACES], 3 * ITEMS);
	run_for(&rig, 1800);
	assert_int_equal(server_count(rig.server[0]), 5);
	assert_int_equal(stats_of(&rig).exported[SLO_OTLP_TRACES], 4 * ITEMS);
	close_rig(&rig);
}

/* It waits on disk, for the next start; where there is none it is lost, counted. Nobody waits for what cannot be sent. */
static void nor_does_the_end(void **state)
{
	const struct server_reply *const script[] = { asks, well, well };
	const size_t rows[] = { 2, 1, 1 };

	(void)state;
	for (int on_disk = 0; on_disk < 2; on_disk++) {
		struct slo_otlp_exporter_stats st;
		uint64_t begin;
		struct rig rig;

		make_rig(&rig, script, rows, 1 << 20, on_disk);
		put(&rig, SLO_OTLP_TRACES, 'a');
		run_for(&rig, 300);
		begin = slo_clock_monotonic_ns();
		put(&rig, SLO_OTLP_LOGS, 'l');
		slo_otlp_sender_drain(rig.s, 1500);
		st = stats_of(&rig);
		assert_true(slo_clock_monotonic_ns() - begin < SLO_NS_PER_SEC);
		assert_int_equal(server_count(rig.server[0]), 1);
		assert_int_equal(st.exported[SLO_OTLP_LOGS], ITEMS);
		assert_int_equal(st.spool_batches, on_disk);
		assert_int_equal(st.dropped[SLO_OTLP_TRACES], on_disk ? 0 : ITEMS);
		assert_int_equal(st.queue_batches, 0);
		close_rig(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kind_that_fails_holds_up_no_other),
		cmocka_unit_test(nor_on_disk),
		cmocka_unit_test(memory_is_taken_from_who_holds_the_most),
		cmocka_unit_test(earlier_spool_is_delivered),
		cmocka_unit_test(earlier_spool_larger_than_a_share_is_delivered),
		cmocka_unit_test(success_of_another_does_not_shorten_it),
		cmocka_unit_test(nor_does_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
