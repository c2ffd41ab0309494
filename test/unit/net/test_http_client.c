/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/http_client.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/net/http_transfer.h"
#include "server.h"

struct seen {
	unsigned int count;
	int error;
	unsigned int status;
	int64_t retry_after_ms;
	char why[256];
	char type[64];
	char body[256];
	size_t body_len;
	char streamed[256];
	int stream_answer;
	struct slo_http_client *cancel_in;
	uint64_t cancel_id;
};

static void note(void *user, const struct slo_http_reply *reply)
{
	struct seen *s = user;

	s->count++;
	s->error = reply->error;
	s->status = reply->status;
	s->retry_after_ms = reply->retry_after_ms;
	s->body_len = reply->body_len;
	(void)snprintf(s->why, sizeof(s->why), "%s", reply->why);
	(void)snprintf(s->type, sizeof(s->type), "%s", reply->content_type);
	(void)snprintf(s->body, sizeof(s->body), "%.*s", (int)reply->body_len,
	               reply->body ? (const char *)reply->body : "");
}

static int note_data(void *user, const uint8_t *data, size_t len)
{
	struct seen *s = user;

	(void)snprintf(s->streamed + strlen(s->streamed), sizeof(s->streamed) - strlen(s->streamed),
	               "%.*s", (int)len, (const char *)data);
	if (s->cancel_in)
		slo_http_client_cancel(s->cancel_in, s->cancel_id);
	return s->stream_answer;
}

static const char *url_of(const struct server *s, const char *path)
{
	static char url[128];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", s->port, path);
	return url;
}

/* One request to a server with this script; what came of it. */
static struct seen ask(const struct server_reply *script, size_t rows,
                       const struct slo_http_request *like)
{
	struct server *server = server_start(script, rows, 0);
	struct slo_http_request req = *like;
	struct seen seen = { 0 };

	req.method = like->method ? like->method : "GET";
	req.url = url_of(server, "/x?secret=1");
	req.timeout_ms = like->timeout_ms ? like->timeout_ms : 5000;
	req.on_done = note;
	req.user = &seen;
	(void)slo_http_fetch(&req, NULL);
	server_stop(server);
	assert_int_equal(seen.count, 1);
	return seen;
}

static void answer_comes_whole(void **state)
{
	struct server_reply row = { .text = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
		                            "Content-Length: 5\r\n\r\nhello" };
	struct seen s = ask(&row, 1, &(struct slo_http_request){ 0 });

	(void)state;
	assert_int_equal(s.error, 0);
	assert_int_equal(s.status, 200);
	assert_string_equal(s.body, "hello");
	assert_string_equal(s.type, "text/plain");
	assert_int_equal(s.retry_after_ms, -1);
}

static void post_says_what_it_was_given_and_no_more(void **state)
{
	static const struct server_reply row = {
		.text = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
	};
	struct server *server = server_start(&row, 1, 0);
	const struct slo_http_header headers[] = { { "X-Key", "v" }, { "X-Empty", "" } };
	struct seen seen = { 0 };
	struct slo_http_request req = { .method = "POST",
		                        .url = url_of(server, "/v1/x"),
		                        .headers = headers,
		                        .header_count = 2,
		                        .body = "a\0b",
		                        .body_len = 3,
		                        .timeout_ms = 5000,
		                        .on_done = note,
		                        .user = &seen };
	size_t len;

	(void)state;
	assert_int_equal(slo_http_fetch(&req, NULL), 0);
	assert_int_equal(seen.status, 202);
	assert_non_null(strstr(server->request[0], "POST /v1/x HTTP/1.1\r\n"));
	assert_non_null(strstr(server->request[0], "\r\nX-Key: v\r\n"));
	assert_non_null(strstr(server->request[0], "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(server->request[0], "\r\nUser-Agent: llm-slo/"));
	assert_null(strcasestr(server->request[0], "\r\nContent-Type:"));
	assert_null(strcasestr(server->request[0], "\r\nExpect:"));
	assert_memory_equal(server_body(server, 0, &len), "a\0b", 3);
	assert_int_equal(len, 3);
	server_stop(server);
}

static void bad_answers_are_told_apart(void **state)
{
	static const struct {
		struct server_reply reply;
		uint64_t timeout_ms;
		size_t max;
		int error;
		unsigned int status;
	} rows[] = {
		{ { .text = NULL }, 0, 0, -ECONNRESET, 0 },
		{ { .text = "garbage\r\nmore\r\n\r\n" }, 0, 0, -EPROTO, 0 },
		{ { .text = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf" },
		  0,
		  0,
		  -EPROTO,
		  200 },
		{ { .text = "HTTP/1.1 100 Continue\r\n\r\n" }, 0, 0, -ECONNRESET, 0 },
		{ { .text = "HTTP/1.1 200 OK\r\n\r\n", .delay_ms = 3000 }, 100, 0, -ETIMEDOUT, 0 },
		{ { .text = "HTTP/1.1 200 OK\r\n\r\n0123456789" }, 0, 9, -EFBIG, 200 },
		{ { .text = "HTTP/1.1 200 OK\r\n\r\n0123456789" }, 0, 10, 0, 200 },
		{ { .text = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n" },
		  0,
		  0,
		  0,
		  302 },
		{ { .text = "HTTP/1.1 400 Bad Request\r\n\r\nno" }, 0, 0, 0, 400 },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct slo_http_request req = { .timeout_ms = rows[i].timeout_ms,
			                        .max_reply_bytes = rows[i].max };
		struct seen s = ask(&rows[i].reply, 1, &req);

		assert_int_equal(s.error, rows[i].error);
		assert_int_equal(s.status, rows[i].status);
		if (s.error)
			assert_non_null(strstr(s.why, "http://127.0.0.1:"));
		assert_null(strstr(s.why, "secret"));
	}
}

static void retry_after_is_read_in_both_forms(void **state)
{
	struct server_reply row = { .text = "HTTP/1.1 429 No\r\nretry-after:  7 \r\n\r\n" };
	struct seen s = ask(&row, 1, &(struct slo_http_request){ 0 });

	(void)state;
	assert_int_equal(s.status, 429);
	assert_int_equal(s.retry_after_ms, 7000);
	assert_int_equal(slo_http_retry_after_ms("Wed, 21 Oct 2026 07:28:00 GMT", 1792567670),
	                 10000);
	assert_int_equal(slo_http_retry_after_ms("Wednesday, 21-Oct-26 07:28:00 GMT", 1792567670),
	                 10000);
	assert_int_equal(slo_http_retry_after_ms("Wed Oct 21 07:28:00 2026", 1792567670), 10000);
	assert_int_equal(slo_http_retry_after_ms("Wed, 21 Oct 2015 07:28:00 GMT", 1792567670), 0);
	assert_int_equal(slo_http_retry_after_ms("0", 0), 0);
	assert_int_equal(slo_http_retry_after_ms("99999999999999999999", 0), 86400000);
	assert_int_equal(slo_http_retry_after_ms("-1", 0), -1);
	assert_int_equal(slo_http_retry_after_ms("soon", 0), -1);
	assert_int_equal(slo_http_retry_after_ms("", 0), -1);
}

static void nobody_there_is_refused(void **state)
{
	struct seen seen = { 0 };
	struct slo_http_request req = { .method = "GET",
		                        .url = "http://127.0.0.1:1/",
		                        .timeout_ms = 2000,
		                        .on_done = note,
		                        .user = &seen };
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_http_fetch(&req, &err), -ECONNREFUSED);
	assert_int_equal(seen.error, -ECONNREFUSED);
	assert_string_equal(err.msg, seen.why);
	assert_non_null(strstr(err.msg, "http://127.0.0.1:1: "));
}

static void requests_that_cannot_be_are_refused_at_once(void **state)
{
	static const struct slo_http_header split = { "X-A", "b\r\nX-C: d" }, odd = { "X A", "b" };
	const struct slo_http_request rows[] = {
		{ .method = "GET", .url = "ftp://127.0.0.1/" },
		{ .method = "GET", .url = "file:///etc/passwd" },
		{ .method = "GET", .url = "127.0.0.1:80" },
		{ .method = "GET", .url = "http://" },
		{ .method = "GET", .url = "" },
		{ .method = "GE T", .url = "http://127.0.0.1/" },
		{ .method = "GET",
		  .url = "http://127.0.0.1/",
		  .headers = &split,
		  .header_count = 1 },
		{ .method = "GET", .url = "http://127.0.0.1/", .headers = &odd, .header_count = 1 },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct slo_http_request req = rows[i];
		struct seen seen = { 0 };
		struct slo_err err = { 0 };

		req.on_done = note;
		req.user = &seen;
		req.timeout_ms = 100;
		assert_int_equal(slo_http_fetch(&req, &err), -EINVAL);
		assert_int_equal(seen.count, 0);
		assert_true(err.msg[0] != '\0');
	}
}

static void missing_ca_file_fails_closed(void **state)
{
	static const struct server_reply row = { .text = NULL };
	struct server *server = server_start(&row, 1, 0);
	char url[64];
	struct seen seen = { 0 };
	struct slo_http_request req = { .method = "GET",
		                        .url = url,
		                        .timeout_ms = 2000,
		                        .tls = { .ca_file = "/nonexistent/ca.pem" },
		                        .on_done = note,
		                        .user = &seen };

	(void)state;
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server->port);
	assert_int_equal(slo_http_fetch(&req, NULL), -EKEYREJECTED);
	server_stop(server);
}

/* --- with a loop ---------------------------------------------------------------------------------------------- */

static struct slo_http_client *client_of(size_t max)
{
	const struct slo_http_client_config cfg = { .max_requests = max, .user_agent = "test/1" };
	struct slo_http_client *c = NULL;

	assert_int_equal(slo_http_client_new(&c, &cfg, NULL), 0);
	return c;
}

/* The caller's loop: waits on the one descriptor. */
static void run_until(struct slo_http_client *c, const unsigned int *count, unsigned int n)
{
	uint64_t until = slo_clock_monotonic_ns() + 10 * SLO_NS_PER_SEC;
	struct pollfd p = { .fd = slo_http_client_fd(c), .events = POLLIN };

	while (*count < n && slo_clock_monotonic_ns() < until) {
		if (poll(&p, 1, 1000) > 0)
			slo_http_client_run(c);
	}
	assert_int_equal(*count, n);
}

static void one_too_many_is_refused_and_many_come_back(void **state)
{
	static const struct server_reply row = {
		.text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	};
	struct server *server = server_start(&row, 1, 0);
	struct slo_http_client *c = client_of(8);
	struct seen seen = { 0 };
	struct slo_http_request req = { .method = "GET",
		                        .url = url_of(server, "/"),
		                        .timeout_ms = 5000,
		                        .on_done = note,
		                        .user = &seen };
	uint64_t id = 0, last = 0;

	(void)state;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(slo_http_client_submit(c, &req, &id, NULL), 0);
		assert_true(id > last);
		last = id;
	}
	assert_int_equal(slo_http_client_submit(c, &req, &id, NULL), -EAGAIN);
	assert_int_equal(id, last);
	assert_int_equal(seen.count, 0); /* never from submit */
	run_until(c, &seen.count, 8);
	assert_int_equal(slo_http_client_submit(c, &req, NULL, NULL), 0);
	run_until(c, &seen.count, 9);
	slo_http_client_freep(&c);
	server_stop(server);
}

static void cancel_ends_with_ecanceled(void **state)
{
	static const struct server_reply row = { .text = NULL, .delay_ms = 5000 };
	struct server *server = server_start(&row, 1, 0);
	struct slo_http_client *c = client_of(3);
	struct seen seen = { 0 };
	struct slo_http_request req = { .method = "GET",
		                        .url = url_of(server, "/"),
		                        .timeout_ms = 5000,
		                        .on_done = note,
		                        .user = &seen };
	uint64_t first, second;

	(void)state;
	assert_int_equal(slo_http_client_submit(c, &req, &first, NULL), 0);
	for (int i = 0; i < 20; i++) {
		slo_http_client_run(c);
		(void)usleep(1000);
	}
	assert_int_equal(slo_http_client_submit(c, &req, &second, NULL), 0);
	slo_http_client_cancel(c, second); /* not begun */
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.error, -ECANCELED);
	slo_http_client_cancel(c, first); /* under way */
	assert_int_equal(seen.count, 2);
	slo_http_client_cancel(c, first);
	assert_int_equal(seen.count, 2);
	assert_int_equal(slo_http_client_submit(c, &req, NULL, NULL), 0);
	slo_http_client_freep(&c);
	assert_int_equal(seen.count, 3);
	assert_null(c);
	server_stop(server);
}

static struct seen stream(const char *text, int answer, bool cancel)
{
	const struct server_reply row = { .text = text };
	struct server *server = server_start(&row, 1, 0);
	struct slo_http_client *c = client_of(1);
	struct seen seen = { .stream_answer = answer };
	struct slo_http_request req = { .method = "GET",
		                        .url = url_of(server, "/"),
		                        .timeout_ms = 5000,
		                        .on_data = note_data,
		                        .on_done = note,
		                        .user = &seen };

	assert_int_equal(slo_http_client_submit(c, &req, &seen.cancel_id, NULL), 0);
	seen.cancel_in = cancel ? c : NULL;
	run_until(c, &seen.count, 1);
	slo_http_client_freep(&c);
	server_stop(server);
	return seen;
}

static void streams_come_in_pieces(void **state)
{
	struct seen s = stream(
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
		0, false);

	(void)state;
	assert_int_equal(s.error, 0);
	assert_string_equal(s.streamed, "abcde");
	assert_int_equal(s.body_len, 0);
	s = stream("HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone", 0, false);
	assert_int_equal(s.status, 410);
	assert_string_equal(s.streamed, "");
	assert_string_equal(s.body, "gone");
	s = stream("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 1, false);
	assert_int_equal(s.error, -ECANCELED);
	s = stream("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nabc", 0, true);
	assert_int_equal(s.error, -ECANCELED);
	assert_string_equal(s.streamed, "abc");
}

struct chain {
	struct slo_http_client *c;
	struct slo_http_request req;
	unsigned int count;
};

static void again(void *user, const struct slo_http_reply *reply)
{
	struct chain *chain = user;

	(void)reply;
	if (++chain->count < 5)
		assert_int_equal(slo_http_client_submit(chain->c, &chain->req, NULL, NULL), 0);
}

static void done_may_submit(void **state)
{
	static const struct server_reply row = { .text = "HTTP/1.1 204 No\r\n\r\n" };
	struct server *server = server_start(&row, 1, 0);
	struct chain chain = { .c = client_of(1),
		               .req = { .method = "GET",
		                        .url = url_of(server, "/"),
		                        .timeout_ms = 5000,
		                        .on_done = again,
		                        .user = &chain } };

	(void)state;
	assert_int_equal(slo_http_client_submit(chain.c, &chain.req, NULL, NULL), 0);
	run_until(chain.c, &chain.count, 5);
	slo_http_client_freep(&chain.c);
	server_stop(server);
}

/* A name that needs the network's name servers must not hold up the loop, nor the end. */
static void names_are_looked_up_beside_the_loop(void **state)
{
	struct slo_http_client *c = client_of(1);
	struct seen seen = { 0 };
	struct slo_http_request req = { .method = "GET",
		                        .url = "http://nobody.invalid/",
		                        .timeout_ms = 300,
		                        .on_done = note,
		                        .user = &seen };
	uint64_t begin = slo_clock_monotonic_ns();

	(void)state;
	assert_int_equal(slo_http_client_submit(c, &req, NULL, NULL), 0);
	slo_http_client_run(c);
	slo_http_client_run(c);
	slo_http_client_freep(&c);
	assert_int_equal(seen.count, 1);
	assert_true(slo_clock_monotonic_ns() - begin < SLO_NS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_comes_whole),
		cmocka_unit_test(post_says_what_it_was_given_and_no_more),
		cmocka_unit_test(bad_answers_are_told_apart),
		cmocka_unit_test(retry_after_is_read_in_both_forms),
		cmocka_unit_test(nobody_there_is_refused),
		cmocka_unit_test(requests_that_cannot_be_are_refused_at_once),
		cmocka_unit_test(missing_ca_file_fails_closed),
		cmocka_unit_test(one_too_many_is_refused_and_many_come_back),
		cmocka_unit_test(cancel_ends_with_ecanceled),
		cmocka_unit_test(streams_come_in_pieces),
		cmocka_unit_test(done_may_submit),
		cmocka_unit_test(names_are_looked_up_beside_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
