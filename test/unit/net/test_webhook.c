/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/webhook.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/net/sign.h"
#include "core/net/webhook_message.h"
#include "server.h"
#include "test/unit/base/remove_dir.h"
#include "test/unit/net/notice.h"

#define STATUS(code) "HTTP/1.1 " code " X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#define ROUTING_KEY "0123456789abcdef0123456789abcdef"
#define KEY TEST_NOTICE_KEY

/* --- signatures ----------------------------------------------------------------------------------------------- */

static void signature_is_that_of_the_standard(void **state)
{
	static const char body[] = "{\"test\": 2432232314}";
	uint8_t key[64];
	char signature[SLO_WEBHOOK_SIGNATURE_SIZE];
	int n = slo_base64_decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", key);

	(void)state;
	assert_int_equal(n, 24);
	slo_webhook_signature(key, (size_t)n,
	                      &(struct slo_webhook_signed){ "msg_p5jXN8AQM9LWM0D4loKWxJek",
	                                                    "1614265330", body, strlen(body) },
	                      signature);
	assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

/* RFC 4231, cases 2 and 6. */
static void hmac_is_that_of_the_rfc(void **state)
{
	static const uint8_t jefe[] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e };
	static const uint8_t longer[] = { 0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f };
	static const char text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t key[131], digest[SLO_SHA256_BYTES];
	struct slo_hmac h;

	(void)state;
	slo_hmac_init(&h, "Jefe", 4);
	slo_hmac_add(&h, "what do ya want for nothing?", 28);
	slo_hmac_finish(&h, digest);
	assert_memory_equal(digest, jefe, sizeof(jefe));
	memset(key, 0xaa, sizeof(key));
	slo_hmac_init(&h, key, sizeof(key));
	slo_hmac_add(&h, text, strlen(text));
	slo_hmac_finish(&h, digest);
	assert_memory_equal(digest, longer, sizeof(longer));
}

static void base64_goes_both_ways(void **state)
{
	static const char *const rows[][2] = {
		{ "", "" },        { "f", "Zg==" },        { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		char text[16];
		uint8_t back[16];

		slo_base64_encode((const uint8_t *)rows[i][0], strlen(rows[i][0]), text);
		assert_string_equal(text, rows[i][1]);
		assert_int_equal(slo_base64_decode(text, back), strlen(rows[i][0]));
		assert_memory_equal(back, rows[i][0], strlen(rows[i][0]));
	}
	assert_int_equal(slo_base64_decode("a", (uint8_t[4]){ 0 }), -EINVAL);
	assert_int_equal(slo_base64_decode("a-b=", (uint8_t[4]){ 0 }), -EINVAL);
}

/* --- bodies --------------------------------------------------------------------------------------------------- */

static json_t *body_of(enum slo_webhook_format format, enum slo_notice_kind kind)
{
	const struct slo_webhook_config cfg = { .format = format, .secret = ROUTING_KEY };
	struct slo_notice n = notice_of(kind, "id1");
	char *body = NULL;
	size_t len = 0;
	json_t *json;

	assert_int_equal(slo_webhook_render(&cfg, &n, &body, &len, NULL), 0);
	assert_int_equal(strlen(body), len);
	assert_null(strstr(body, ROUTING_KEY));
	json = json_loadb(body, len, 0, NULL);
	assert_non_null(json);
	free(body);
	return json;
}

static const char *text_at(json_t *json, const char *outer, const char *key)
{
	return json_string_value(json_object_get(outer ? json_object_get(json, outer) : json, key));
}

static void every_format_is_json_for_every_kind(void **state)
{
	(void)state;
	for (enum slo_webhook_format f = 0; f < SLO_WEBHOOK_MAX_; f++) {
		for (enum slo_notice_kind k = 0; k < SLO_NOTICE_KIND_MAX_; k++)
			json_decref(body_of(f, k));
	}
}

static void generic_is_the_incident(void **state)
{
	json_t *json = body_of(SLO_WEBHOOK_GENERIC, SLO_NOTICE_OPEN);

	(void)state;
	assert_string_equal(text_at(json, NULL, "incident_id"), "inc-1");
	assert_int_equal(json_object_size(json), 1);
	json_decref(json);
}

static void pagerduty_triggers_and_resolves(void **state)
{
	json_t *json = body_of(SLO_WEBHOOK_PAGERDUTY, SLO_NOTICE_OPEN);

	(void)state;
	assert_string_equal(text_at(json, NULL, "routing_key"), "***");
	assert_string_equal(text_at(json, NULL, "event_action"), "trigger");
	assert_string_equal(text_at(json, NULL, "dedup_key"), KEY);
	assert_string_equal(text_at(json, "payload", "severity"), "critical");
	assert_string_equal(text_at(json, "payload", "source"), "gateway");
	json_decref(json);
	json = body_of(SLO_WEBHOOK_PAGERDUTY, SLO_NOTICE_RESOLVE);
	assert_string_equal(text_at(json, NULL, "event_action"), "resolve");
	json_decref(json);
	json = body_of(SLO_WEBHOOK_PAGERDUTY, SLO_NOTICE_TEST);
	assert_memory_equal(text_at(json, "payload", "summary"), "[TEST] ", 7);
	json_decref(json);
}

static void opsgenie_creates_then_speaks_of_the_alias(void **state)
{
	json_t *json = body_of(SLO_WEBHOOK_OPSGENIE, SLO_NOTICE_OPEN);

	(void)state;
	assert_string_equal(text_at(json, NULL, "alias"), KEY);
	assert_string_equal(text_at(json, NULL, "priority"), "P1");
	json_decref(json);
	json = body_of(SLO_WEBHOOK_JSM, SLO_NOTICE_RESOLVE);
	assert_null(json_object_get(json, "alias"));
	assert_non_null(text_at(json, NULL, "note"));
	json_decref(json);
}

static void alertmanager_ends_what_it_began(void **state)
{
	json_t *open = body_of(SLO_WEBHOOK_ALERTMANAGER, SLO_NOTICE_OPEN);
	json_t *end = body_of(SLO_WEBHOOK_ALERTMANAGER, SLO_NOTICE_RESOLVE);
	json_t *labels = json_object_get(json_array_get(open, 0), "labels");
	bool same = false;

	(void)state;
	assert_int_equal(json_array_size(open), 1);
	assert_string_equal(json_string_value(json_object_get(labels, "severity")), "critical");
	assert_string_equal(text_at(json_array_get(open, 0), NULL, "startsAt"),
	                    "2023-11-14T22:13:20.000Z");
	for (size_t i = 0; i < json_array_size(end); i++) {
		same = same ||
		       json_equal(labels, json_object_get(json_array_get(end, i), "labels"));
		assert_string_equal(text_at(json_array_get(end, i), NULL, "endsAt"),
		                    "2023-11-14T22:14:20.000Z");
	}
	assert_true(same);
	json_decref(open);
	json_decref(end);
}

static void slack_text_is_escaped(void **state)
{
	json_t *json = body_of(SLO_WEBHOOK_SLACK, SLO_NOTICE_TEST);

	(void)state;
	assert_non_null(strstr(text_at(json, NULL, "text"),
	                       "[TEST] gateway: TTFT burns 20x &lt;its&gt; budget &amp; more"));
	json_decref(json);
}

/* --- delivery ------------------------------------------------------------------------------------------------- */

struct rig {
	struct server *server;
	struct slo_http_client *client;
	struct slo_webhook *w;
	char url[64];
	char dir[64];
	enum slo_webhook_format format;
};

static void open_webhook(struct rig *rig)
{
	struct slo_webhook_config cfg = { .format = rig->format,
		                          .url = rig->url,
		                          .secret =
		                                  rig->format == SLO_WEBHOOK_GENERIC
		                                          ? "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		                                          : ROUTING_KEY,
		                          .legacy_signature = true,
		                          .timeout_ms = 1000,
		                          .dir = rig->dir,
		                          .spool_bytes = 1 << 20,
		                          .client = rig->client };
	struct slo_err err = { 0 };

	if (slo_webhook_new(&rig->w, &cfg, &err) < 0)
		fail_msg("%s", err.msg);
}

static struct rig rig_of(enum slo_webhook_format format, const struct server_reply *script,
                         size_t rows, bool on_disk)
{
	const struct slo_http_client_config cfg = { .max_requests = 4, .user_agent = "test/1" };
	struct rig rig = { .server = server_start(script, rows, 0), .format = format };

	(void)snprintf(rig.url, sizeof(rig.url), "http://127.0.0.1:%u/in", rig.server->port);
	assert_int_equal(slo_http_client_new(&rig.client, &cfg, NULL), 0);
	if (on_disk) {
		(void)snprintf(rig.dir, sizeof(rig.dir), "/tmp/slo_webhook.XXXXXX");
		assert_non_null(mkdtemp(rig.dir));
	}
	open_webhook(&rig);
	return rig;
}

static void close_rig(struct rig *rig)
{
	char queue[80];

	slo_webhook_freep(&rig->w);
	slo_http_client_freep(&rig->client);
	server_stop(rig->server);
	if (!rig->dir[0])
		return;
	(void)snprintf(queue, sizeof(queue), "%s/queue", rig->dir);
	remove_dir(queue);
	remove_dir(rig->dir);
}

static struct slo_webhook_stats stats_of(const struct rig *rig)
{
	struct slo_webhook_stats st;

	slo_webhook_stats(rig->w, &st);
	return st;
}

static void send_kind(struct rig *rig, enum slo_notice_kind kind, const char *id)
{
	struct slo_notice n = notice_of(kind, id);

	assert_int_equal(slo_webhook_send(rig->w, &n, NULL), 0);
}

static void header_of(struct server *s, size_t nth, const char *name, char *buf, size_t size)
{
	char line[64];
	const char *at;

	(void)snprintf(line, sizeof(line), "\r\n%s: ", name);
	at = strstr(s->request[nth], line);
	assert_non_null(at);
	at += strlen(line);
	(void)snprintf(buf, size, "%.*s", (int)strcspn(at, "\r"), at);
}

static void signed_message_comes_once_in_order(void **state)
{
	static const struct server_reply ok = { .text = STATUS("200") };
	struct rig rig = rig_of(SLO_WEBHOOK_GENERIC, &ok, 1, true);
	char time[32], signature[64], expected[SLO_WEBHOOK_SIGNATURE_SIZE];
	uint8_t key[64];
	int n = slo_base64_decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", key);

	(void)state;
	send_kind(&rig, SLO_NOTICE_OPEN, "m1");
	send_kind(&rig, SLO_NOTICE_UPDATE, "m2");
	send_kind(&rig, SLO_NOTICE_RESOLVE, "m3");
	slo_webhook_drain(rig.w, 5000);
	assert_int_equal(server_count(rig.server), 3);
	for (size_t i = 0; i < 3; i++) {
		char id[8];

		header_of(rig.server, i, "webhook-id", id, sizeof(id));
		assert_int_equal(id[1], '1' + (char)i);
	}
	header_of(rig.server, 0, "webhook-timestamp", time, sizeof(time));
	header_of(rig.server, 0, "webhook-signature", signature, sizeof(signature));
	slo_webhook_signature(
		key, (size_t)n,
		&(struct slo_webhook_signed){ "m1", time, server_body(rig.server, 0, NULL), 23 },
		expected);
	assert_string_equal(signature, expected);
	header_of(rig.server, 0, "X-Webhook-Signature", signature, sizeof(signature));
	assert_memory_equal(signature, "sha256=", 7);
	header_of(rig.server, 2, "X-LLM-SLO-Event", time, sizeof(time));
	assert_string_equal(time, "resolve");
	assert_int_equal(stats_of(&rig).delivered, 3);
	assert_int_equal(stats_of(&rig).waiting, 0);
	close_rig(&rig);
}

static void retries_keep_the_id(void **state)
{
	static const struct server_reply script[] = { { .text = STATUS("408") },
		                                      { .text = STATUS("500") },
		                                      { .text = NULL },
		                                      { .text = STATUS("429") },
		                                      { .text = STATUS("202") } };
	struct rig rig = rig_of(SLO_WEBHOOK_GENERIC, script, 5, true);

	(void)state;
	send_kind(&rig, SLO_NOTICE_OPEN, "m1");
	for (int i = 0; i < 8 && !stats_of(&rig).delivered; i++)
		slo_webhook_drain(rig.w, 2000);
	assert_int_equal(server_count(rig.server), 5);
	for (size_t i = 0; i < 5; i++) {
		char id[8];

		header_of(rig.server, i, "webhook-id", id, sizeof(id));
		assert_string_equal(id, "m1");
	}
	assert_int_equal(stats_of(&rig).retried, 4);
	assert_int_equal(stats_of(&rig).delivered, 1);
	close_rig(&rig);
}

/* A receiver that answers with half a page, or with one that does not end, has taken the message; another has refused it. */
static void what_comes_behind_a_status_takes_nothing_back(void **state)
{
	static char page[200000];
	static const struct server_reply script[] = {
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\nhalf" },
		{ .text = page },
		{ .text = "HTTP/1.1 400 X\r\nContent-Length: 1000\r\nConnection: close\r\n\r\nhalf" },
		{ .text = STATUS("204") },
	};
	struct rig rig;
	int n = snprintf(page, sizeof(page), "HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\n");

	(void)state;
	memset(page + n, 'x', sizeof(page) - (size_t)n - 1);
	rig = rig_of(SLO_WEBHOOK_GENERIC, script, 4, true);
	for (int i = 0; i < 4; i++) {
		char id[4] = { 'm', (char)('1' + i), '\0' };

		send_kind(&rig, SLO_NOTICE_UPDATE, id);
		slo_webhook_drain(rig.w, 3000);
	}
	assert_int_equal(server_count(rig.server), 4);
	assert_int_equal(stats_of(&rig).retried, 0);
	assert_int_equal(stats_of(&rig).delivered, 3);
	assert_int_equal(stats_of(&rig).dead, 1);
	assert_int_equal(stats_of(&rig).waiting, 0);
	close_rig(&rig);
}

static void five_failures_open_the_circuit(void **state)
{
	static const struct server_reply row = { .text = STATUS("503") };
	struct rig rig = rig_of(SLO_WEBHOOK_GENERIC, &row, 1, true);

	(void)state;
	send_kind(&rig, SLO_NOTICE_OPEN, "m1");
	for (int i = 0; i < 40 && !stats_of(&rig).open_circuit; i++)
		slo_webhook_drain(rig.w, 500); /* each begins with a try */
	assert_true(stats_of(&rig).open_circuit);
	assert_int_equal(server_count(rig.server), 5);
	slo_webhook_tick(rig.w, slo_clock_monotonic_ns() + 30 * SLO_NS_PER_SEC);
	slo_http_client_run(rig.client);
	assert_int_equal(server_count(rig.server), 5);
	assert_int_equal(stats_of(&rig).waiting, 1);
	assert_non_null(strstr(stats_of(&rig).why, "503"));
	close_rig(&rig);
}

/* On disk it waits for the next start; where there is none it is dropped, counted. */
static void the_end_does_not_shorten_a_retry_after(void **state)
{
	static const struct server_reply script[] = {
		{ .text = "HTTP/1.1 429 X\r\nRetry-After: 3\r\nContent-Length: 0\r\n"
		          "Connection: close\r\n\r\n" },
		{ .text = STATUS("202") },
	};

	(void)state;
	for (int on_disk = 0; on_disk < 2; on_disk++) {
		struct rig rig = rig_of(SLO_WEBHOOK_GENERIC, script, 2, on_disk);
		uint64_t begin = slo_clock_monotonic_ns();

		send_kind(&rig, SLO_NOTICE_OPEN, "m1");
		slo_webhook_drain(rig.w, 1500);
		assert_int_equal(server_count(rig.server), 1);
		slo_webhook_drain(rig.w, 1500);
		assert_int_equal(server_count(rig.server), 1);
		/* Nobody waits for what cannot be sent. */
		assert_true(slo_clock_monotonic_ns() - begin < SLO_NS_PER_SEC);
		assert_int_equal(stats_of(&rig).waiting, on_disk);
		assert_int_equal(stats_of(&rig).dropped, !on_disk);
		close_rig(&rig);
	}
}

static void gone_disables_and_refusals_are_buried(void **state)
{
	static const struct server_reply script[] = {
		{ .text = "HTTP/1.1 400 X\r\nContent-Length: 37\r\nConnection: close\r\n\r\nbad " ROUTING_KEY
		          "!" },
		{ .text = "HTTP/1.1 302 X\r\nLocation: /x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" },
		{ .text = STATUS("410") }
	};
	struct rig rig = rig_of(SLO_WEBHOOK_PAGERDUTY, script, 3, true);
	char path[96], text[4096] = "";
	FILE *f;

	(void)state;
	send_kind(&rig, SLO_NOTICE_OPEN, "m1");
	slo_webhook_drain(rig.w, 3000);
	assert_null(strstr(stats_of(&rig).why, ROUTING_KEY)); /* though the answer repeats it */
	send_kind(&rig, SLO_NOTICE_UPDATE, "m2");
	send_kind(&rig, SLO_NOTICE_UPDATE, "m3");
	send_kind(&rig, SLO_NOTICE_UPDATE, "m4");
	slo_webhook_drain(rig.w, 3000);
	assert_int_equal(stats_of(&rig).dead, 3);
	assert_true(stats_of(&rig).disabled);
	assert_int_equal(stats_of(&rig).waiting, 1);
	assert_int_equal(server_count(rig.server), 3);
	assert_non_null(strstr(rig.server->request[0], "POST /in/v2/enqueue HTTP/1.1\r\n"));
	assert_non_null(strstr(rig.server->request[0],
	                       "{\"routing_key\":\"" ROUTING_KEY "\",\"event_action\""));
	(void)snprintf(path, sizeof(path), "%s/dead-letter.jsonl", rig.dir);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	(void)fclose(f);
	assert_non_null(strstr(text, "\"id\":\"m1\""));
	assert_non_null(strstr(text, "\"id\":\"m3\""));
	assert_null(strstr(text, ROUTING_KEY));
	close_rig(&rig);
}

static void restart_sends_what_waited_without_a_secret_on_disk(void **state)
{
	static const struct server_reply script[] = { { .text = NULL, .times = 1 },
		                                      { .text = STATUS("202") } };
	struct rig rig = rig_of(SLO_WEBHOOK_PAGERDUTY, script, 2, true);
	char command[128];

	(void)state;
	send_kind(&rig, SLO_NOTICE_OPEN, "m1");
	slo_webhook_freep(&rig.w);
	(void)snprintf(command, sizeof(command), "%s/queue/0000000000000001.spool", rig.dir);
	assert_int_equal(access(command, F_OK), 0);
	{
		char text[4096] = "";
		FILE *f = fopen(command, "re");
		size_t n = fread(text, 1, sizeof(text), f);

		(void)fclose(f);
		assert_true(n > 100);
		assert_null(memmem(text, n, ROUTING_KEY, 32));
	}
	open_webhook(&rig);
	assert_int_equal(stats_of(&rig).waiting, 1);
	slo_webhook_drain(rig.w, 5000);
	slo_webhook_drain(rig.w, 5000);
	assert_int_equal(stats_of(&rig).delivered, 1);
	close_rig(&rig);
}

/* All of the small disk at @dir. */
static void queue_that_cannot_be_read_now_is_sent_later(void **state)
{
	static const struct server_reply script[] = { { .text = STATUS("202") } };
	struct rig rig = rig_of(SLO_WEBHOOK_GENERIC, script, 1, true);
	struct slo_webhook_stats st;
	struct rlimit was;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	send_kind(&rig, SLO_NOTICE_OPEN, "m1");
	slo_webhook_freep(&rig.w);
	open_webhook(&rig);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, was.rlim_max }), 0);
	slo_webhook_tick(rig.w, slo_clock_monotonic_ns());
	st = stats_of(&rig);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(st.waiting, 1);
	assert_int_equal(st.dropped, 0);
	assert_non_null(strstr(st.why, "queue on disk"));
	slo_webhook_drain(rig.w, 5000);
	assert_int_equal(stats_of(&rig).delivered, 1);
	close_rig(&rig);
}

static void fill_disk(const char *dir)
{
	static const char zeros[4096];
	char path[80];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/filler", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	(void)close(fd);
}

/* A small disk at the rig's folder, in a mount namespace of this test's. False: not here. */
static bool mount_small_disk(struct rig *rig)
{
	slo_webhook_freep(&rig->w);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("slo_webhook", rig->dir, "tmpfs", 0, "size=64k") < 0) {
		print_message("cannot mount a small disk here: %s\n", strerror(errno));
		return false;
	}
	open_webhook(rig);
	fill_disk(rig->dir);
	return true;
}

static void unmount_small_disk(struct rig *rig)
{
	slo_webhook_freep(&rig->w);
	assert_int_equal(umount(rig->dir), 0);
}

static void full_disk_is_told_and_the_message_goes_out(void **state)
{
	static const struct server_reply ok = { .text = STATUS("200") };
	struct rig rig = rig_of(SLO_WEBHOOK_GENERIC, &ok, 1, true);
	struct slo_notice n = notice_of(SLO_NOTICE_OPEN, "m1");
	struct slo_err err = { 0 };

	(void)state;
	if (!mount_small_disk(&rig)) {
		close_rig(&rig);
		skip();
	}
	assert_int_equal(slo_webhook_send(rig.w, &n, &err), -ENOSPC);
	assert_non_null(strstr(err.msg, rig.dir));
	slo_webhook_drain(rig.w, 5000);
	assert_int_equal(stats_of(&rig).delivered, 1);
	assert_int_equal(server_count(rig.server), 1);
	unmount_small_disk(&rig);
	close_rig(&rig);
}

/* The disk was full at its beginning, not at its end, and nobody listened meanwhile. */
static void an_end_does_not_overtake_its_beginning(void **state)
{
	static const struct server_reply script[] = { { .text = STATUS("503") },
		                                      { .text = STATUS("200"), .times = -1 } };
	struct rig rig = rig_of(SLO_WEBHOOK_GENERIC, script, 2, true);
	struct slo_notice n = notice_of(SLO_NOTICE_OPEN, "m1");
	char filler[80], id[8];

	(void)state;
	if (!mount_small_disk(&rig)) {
		close_rig(&rig);
		skip();
	}
	assert_int_equal(slo_webhook_send(rig.w, &n, NULL), -ENOSPC);
	for (int i = 0; i < 100 && !stats_of(&rig).why[0]; i++)
		slo_webhook_drain(rig.w, 10);
	(void)snprintf(filler, sizeof(filler), "%s/filler", rig.dir);
	assert_int_equal(unlink(filler), 0);
	send_kind(&rig, SLO_NOTICE_RESOLVE, "m2");
	assert_int_equal(stats_of(&rig).waiting, 2);
	/* Both are on disk by now: they outlive the process. */
	slo_webhook_freep(&rig.w);
	open_webhook(&rig);
	assert_int_equal(stats_of(&rig).waiting, 2);
	slo_webhook_drain(rig.w, 5000);
	assert_int_equal(server_count(rig.server), 3);
	header_of(rig.server, 1, "webhook-id", id, sizeof(id));
	assert_string_equal(id, "m1");
	header_of(rig.server, 2, "webhook-id", id, sizeof(id));
	assert_string_equal(id, "m2");
	unmount_small_disk(&rig);
	close_rig(&rig);
}

static void test_is_resolved_at_once(void **state)
{
	static const struct server_reply ok = { .text = STATUS("202") };
	struct rig rig = rig_of(SLO_WEBHOOK_OPSGENIE, &ok, 1, false);

	(void)state;
	send_kind(&rig, SLO_NOTICE_TEST, "m1");
	slo_webhook_drain(rig.w, 5000);
	assert_int_equal(server_count(rig.server), 2);
	assert_non_null(strstr(rig.server->request[0], "POST /in/v2/alerts HTTP/1.1\r\n"));
	assert_non_null(
		strstr(rig.server->request[0], "\r\nAuthorization: GenieKey " ROUTING_KEY "\r\n"));
	assert_non_null(strstr(rig.server->request[1], "POST /in/v2/alerts/" KEY
	                                               "/close?identifierType=alias HTTP/1.1\r\n"));
	close_rig(&rig);
}

static void wrong_settings_are_refused_without_their_secrets(void **state)
{
	static const struct {
		enum slo_webhook_format format;
		const char *url, *secret, *says;
	} rows[] = {
		{ SLO_WEBHOOK_GENERIC, "", "", "url" },
		{ SLO_WEBHOOK_SLACK, "hooks.example/T0/B0/S3CR3T", "", "http://" },
		{ SLO_WEBHOOK_PAGERDUTY, "", "", "routing key" },
		{ SLO_WEBHOOK_PAGERDUTY, "", "S3CR3T", "32" },
		{ SLO_WEBHOOK_OPSGENIE, "", "", "API key" },
		{ SLO_WEBHOOK_JSM, "", "S3CR3T\nx", "control" },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct slo_webhook_config cfg = { .format = rows[i].format,
			                          .url = rows[i].url,
			                          .secret = rows[i].secret };
		struct slo_webhook *w = NULL;
		struct slo_err err = { 0 };

		assert_int_equal(slo_webhook_new(&w, &cfg, &err), -EINVAL);
		assert_null(w);
		assert_non_null(strstr(err.msg, rows[i].says));
		assert_null(strstr(err.msg, "S3CR3T"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signature_is_that_of_the_standard),
		cmocka_unit_test(hmac_is_that_of_the_rfc),
		cmocka_unit_test(base64_goes_both_ways),
		cmocka_unit_test(every_format_is_json_for_every_kind),
		cmocka_unit_test(generic_is_the_incident),
		cmocka_unit_test(pagerduty_triggers_and_resolves),
		cmocka_unit_test(opsgenie_creates_then_speaks_of_the_alias),
		cmocka_unit_test(alertmanager_ends_what_it_began),
		cmocka_unit_test(slack_text_is_escaped),
		cmocka_unit_test(signed_message_comes_once_in_order),
		cmocka_unit_test(retries_keep_the_id),
		cmocka_unit_test(what_comes_behind_a_status_takes_nothing_back),
		cmocka_unit_test(five_failures_open_the_circuit),
		cmocka_unit_test(the_end_does_not_shorten_a_retry_after),
		cmocka_unit_test(gone_disables_and_refusals_are_buried),
		cmocka_unit_test(restart_sends_what_waited_without_a_secret_on_disk),
		cmocka_unit_test(queue_that_cannot_be_read_now_is_sent_later),
		cmocka_unit_test(full_disk_is_told_and_the_message_goes_out),
		cmocka_unit_test(an_end_does_not_overtake_its_beginning),
		cmocka_unit_test(test_is_resolved_at_once),
		cmocka_unit_test(wrong_settings_are_refused_without_their_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
