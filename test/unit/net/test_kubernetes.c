/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/kubernetes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/codec/pod_json.h"
#include "server.h"

#define JSON "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define META(uid, more) \
	"\"metadata\":{\"uid\":\"" uid "\",\"name\":\"pod-" uid "\",\"namespace\":\"ns\"" more "}"
#define LIST(version, next, items)                                                          \
	JSON "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"" version "\"" next \
	     "},\"items\":[" items "]}"
#define LINE(type, object) "{\"type\":\"" type "\",\"object\":{" object "}}\n"

struct setup {
	struct server *server;
	struct slo_http_client *client;
	struct slo_kubernetes *k;
	char token[64];
};

static struct setup begin(const struct server_reply *script, size_t rows, bool kubelet)
{
	const struct slo_http_client_config http = { .max_requests = 4, .user_agent = "test" };
	struct slo_kubernetes_config cfg = { .read = slo_pod_json_read,
		                             .kubelet = kubelet,
		                             .ca_file = "/nothing",
		                             .node = "node 1",
		                             .poll_ms = 100 };
	struct setup s = { .server = server_start(script, rows, 0) };
	char api[64];
	int fd;

	(void)snprintf(s.token, sizeof(s.token), "/tmp/test_kubernetes.XXXXXX");
	fd = mkstemp(s.token);
	assert_true(fd >= 0 && write(fd, "t1\n", 3) == 3);
	(void)close(fd);
	(void)snprintf(api, sizeof(api), "http://127.0.0.1:%u/base/", s.server->port);
	cfg.api = api;
	cfg.token_file = s.token;
	assert_int_equal(slo_http_client_new(&s.client, &http, NULL), 0);
	cfg.client = s.client;
	assert_int_equal(slo_kubernetes_new(&s.k, &cfg, NULL), 0);
	return s;
}

static void end(struct setup *s)
{
	slo_kubernetes_freep(&s->k);
	slo_http_client_freep(&s->client);
	server_stop(s->server);
	(void)unlink(s->token);
}

/* The loop, until that many requests were made and @ms more went by. */
static void run_until(struct setup *s, size_t requests, int ms)
{
	struct pollfd p = { .fd = slo_http_client_fd(s->client), .events = POLLIN };
	int left = ms / 20;

	for (int i = 0; i < 600 && (server_count(s->server) < requests || left-- > 0); i++) {
		slo_kubernetes_tick(s->k, slo_clock_monotonic_ns());
		(void)poll(&p, 1, 20);
		slo_http_client_run(s->client);
	}
	assert_true(server_count(s->server) >= requests);
}

static bool knows(const struct setup *s, const char *uid)
{
	struct slo_pod_names n;

	return slo_kubernetes_find(s->k, uid, "", &n);
}

static void a_list_in_pages_then_a_watch(void **state)
{
	static const struct server_reply script[] = {
		{ LIST("10", ",\"continue\":\"t=1\"", "{" META("a", "") "}"), 0, 1 },
		{ LIST("11", "", "{" META("b", "") "}"), 0, 1 },
		{ JSON LINE("ADDED", META("c", ",\"resourceVersion\":\"12\""))
		          LINE("DELETED", META("a", ",\"resourceVersion\":\"13\""))
		                  LINE("BOOKMARK", "\"metadata\":{\"resourceVersion\":\"20\"}"),
		  0, 1 },
		{ JSON "garbage\n" LINE("ADDED", META("d", ",\"resourceVersion\":\"21\"")), 0, 1 },
		{ NULL, 0, -1 },
	};
	struct setup s = begin(script, SLO_ARRAY_SIZE(script), false);
	struct slo_kubernetes_stats st;

	(void)state;
	run_until(&s, 4, 300);
	slo_kubernetes_stats(s.k, &st);
	assert_true(st.synced);
	assert_int_equal(st.lists, 1);
	assert_int_equal(st.bad_lines, 1);
	assert_true(knows(&s, "a") && knows(&s, "b") && knows(&s, "c") && knows(&s, "d"));
	assert_int_equal(slo_kubernetes_pods(s.k), 4);
	assert_non_null(
		strstr(s.server->request[0],
	               "GET /base/api/v1/pods?fieldSelector=spec.nodeName%3Dnode%201&limit=50 "));
	assert_non_null(strstr(s.server->request[0], "Authorization: Bearer t1\r\n"));
	assert_non_null(strstr(s.server->request[1], "&limit=50&continue=t%3D1 "));
	assert_non_null(strstr(s.server->request[2], "&watch=1&allowWatchBookmarks=true"));
	assert_non_null(strstr(s.server->request[2], "&resourceVersion=11 "));
	assert_non_null(strstr(s.server->request[3], "&resourceVersion=20 "));
	end(&s);
}

static void what_the_server_forgot_is_listed_again(void **state)
{
	static const struct server_reply script[] = {
		{ LIST("10", "", "{" META("a", "") "}"), 0, 1 },
		{ JSON LINE("ERROR", "\"kind\":\"Status\",\"code\":410,\"message\":\"too old\""), 0,
		  1 },
		{ LIST("50", "", "{" META("b", "") "}"), 0, 1 },
		{ "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0, 1 },
		{ LIST("60", "", "{" META("c", "") "}"), 0, 1 },
		{ NULL, 0, -1 },
	};
	struct setup s = begin(script, SLO_ARRAY_SIZE(script), false);
	struct slo_kubernetes_stats st;

	(void)state;
	run_until(&s, 5, 300);
	slo_kubernetes_stats(s.k, &st);
	assert_int_equal(st.relists, 2);
	assert_int_equal(st.lists, 3);
	assert_null(strstr(s.server->request[2], "watch=1"));
	assert_true(knows(&s, "c"));
	/* Gone, but still named for a minute. */
	assert_true(knows(&s, "a"));
	end(&s);
}

static void errors_wait_and_tokens_are_read_again(void **state)
{
	static const struct server_reply script[] = {
		{ "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0,
		  1 },
		{ LIST("10", "", "{" META("a", "") "}"), 0, 1 },
		{ NULL, 0, -1 },
	};
	struct setup s = begin(script, SLO_ARRAY_SIZE(script), false);
	struct slo_kubernetes_stats st;
	FILE *token;

	(void)state;
	run_until(&s, 1, 0);
	token = fopen(s.token, "w");
	assert_non_null(token);
	(void)fputs("t2", token);
	(void)fclose(token);
	for (int i = 0; i < 100; i++) {
		slo_kubernetes_stats(s.k, &st);
		if (*st.why)
			break;
		slo_http_client_run(s.client);
		(void)poll(NULL, 0, 20);
	}
	assert_non_null(strstr(st.why, "HTTP status 401: the token is not taken"));
	run_until(&s, 2, 100);
	assert_non_null(strstr(s.server->request[1], "Authorization: Bearer t2\r\n"));
	assert_true(knows(&s, "a"));
	end(&s);
}

static void the_kubelet_is_asked_now_and_then(void **state)
{
	static const struct server_reply script[] = {
		{ LIST("", "", "{" META("a", "") "}"), 0, 1 },
		{ LIST("", "", "{" META("b", "") "}"), 0, -1 },
	};
	struct setup s = begin(script, SLO_ARRAY_SIZE(script), true);

	(void)state;
	run_until(&s, 3, 0);
	assert_non_null(strstr(s.server->request[0], "GET /base/pods "));
	assert_true(knows(&s, "b"));
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_in_pages_then_a_watch),
		cmocka_unit_test(what_the_server_forgot_is_listed_again),
		cmocka_unit_test(errors_wait_and_tokens_are_read_again),
		cmocka_unit_test(the_kubelet_is_asked_now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
