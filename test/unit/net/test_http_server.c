/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/base/clock.h"

#define TOKEN "s3cret-of-16-bytes"

/* A server in a thread of its own, as the agent's loop would run it. */
struct running {
	struct slo_http_server *server;
	pthread_t thread;
	int stop[2];
	size_t most; /* connections at once */
	char *taken; /* body that a handler took */
	struct slo_http_server_stats st;
};

static void hello(void *user, struct slo_http_in *in, struct slo_http_out *out)
{
	(void)user;
	out->body_len = (size_t)asprintf(&out->body, "%s %s?%s accept=%s\n", in->method, in->path,
	                                 in->query, in->accept);
	out->content_type = "text/x-hello";
}

static void echo(void *user, struct slo_http_in *in, struct slo_http_out *out)
{
	(void)user;
	out->status = in->body_len ? 200 : 204;
	out->body = (char *)in->body;
	out->body_len = in->body_len;
	in->body = NULL;
}

static void busy(void *user, struct slo_http_in *in, struct slo_http_out *out)
{
	(void)user;
	(void)in;
	out->status = 429;
	out->retry_after_s = 7;
}

static const struct slo_http_route routes[] = {
	{ "GET", "/hello", 0, true, hello },        { "GET", "/secret", 0, false, hello },
	{ "POST", "/echo", 1 << 20, true, echo },   { "POST", "/small", 10, true, echo },
	{ "POST", "/busy", 1 << 20, true, busy },   { "POST", "/hello", 100, true, echo },
	{ "POST", "/large", 32 << 20, true, echo }, { 0 },
};

static void *serve(void *arg)
{
	struct running *r = arg;
	struct pollfd p[2] = { { .fd = slo_http_server_fd(r->server), .events = POLLIN },
		               { .fd = r->stop[0], .events = POLLIN } };

	while (!p[1].revents) {
		(void)poll(p, 2, 200);
		slo_http_server_run(r->server);
		slo_http_server_stats(r->server, &r->st);
		if (r->st.connections > r->most)
			r->most = r->st.connections;
	}
	return NULL;
}

static struct running *start(const struct slo_http_server_config *like)
{
	struct slo_http_server_config cfg = *like;
	struct running *r = calloc(1, sizeof(*r));
	struct slo_err err = { 0 };

	assert_non_null(r);
	cfg.listen = cfg.listen ? cfg.listen : "127.0.0.1:0";
	cfg.routes = routes;
	cfg.user = r;
	if (slo_http_server_open(&r->server, &cfg, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(pipe(r->stop), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, serve, r), 0);
	return r;
}

static void stop(struct running *r)
{
	assert_int_equal(write(r->stop[1], "x", 1), 1);
	(void)pthread_join(r->thread, NULL);
	slo_http_server_freep(&r->server);
	(void)close(r->stop[0]);
	(void)close(r->stop[1]);
	free(r);
}

static int dial(const struct running *r)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr = { htonl(INADDR_LOOPBACK) },
		                  .sin_port = htons(slo_http_server_port(r->server)) };
	struct timeval limit = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void put(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* Reads up to the end of the connection. */
static const char *rest(int fd)
{
	static char buf[1 << 16];
	size_t len = 0;
	ssize_t n;

	while (len + 1 < sizeof(buf) && (n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	(void)close(fd);
	return buf;
}

static const char *ask(const struct running *r, const char *text)
{
	int fd = dial(r);

	put(fd, text, strlen(text));
	return rest(fd);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

static unsigned int status_of(const char *answer)
{
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (unsigned int)strtoul(answer + 9, NULL, 10)
	                                            : 0;
}

static void paths_and_methods_are_told_apart(void **state)
{
	struct running *r = start(&(struct slo_http_server_config){ 0 });
	const char *a = ask(r, GET("/hello?a=%20b&c") "Accept: text/x\r\n\r\n");

	(void)state;
	assert_int_equal(status_of(a), 200);
	assert_non_null(strstr(a, "Content-Type: text/x-hello\r\n"));
	assert_non_null(strstr(a, "GET /hello?a=%20b&c accept=text/x\n"));
	a = ask(r, "HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_int_equal(status_of(a), 200);
	assert_non_null(strstr(a, "Content-Length: 2"));
	assert_string_equal(strstr(a, "\r\n\r\n"), "\r\n\r\n");
	a = ask(r, GET("/nothing") "\r\n");
	assert_int_equal(status_of(a), 404);
	a = ask(r, "DELETE /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_int_equal(status_of(a), 405);
	assert_non_null(strstr(a, "Allow: GET, HEAD, POST\r\n"));
	a = ask(r, GET("/echo") "\r\n");
	assert_int_equal(status_of(a), 405);
	assert_non_null(strstr(a, "Allow: POST\r\n"));
	a = ask(r, POST("/busy") "Content-Length: 1\r\n\r\nx");
	assert_int_equal(status_of(a), 429);
	assert_non_null(strstr(a, "Retry-After: 7\r\n"));
	stop(r);
}

static void bodies_come_whole_however_they_are_sent(void **state)
{
	struct running *r = start(&(struct slo_http_server_config){ 0 });
	static char big[(1 << 20) + 200];
	const char *a = ask(r, POST("/echo") "Content-Length: 5\r\n\r\nhello");
	int fd, n;

	(void)state;
	assert_string_equal(strstr(a, "\r\n\r\n") + 4, "hello");
	a = ask(r, POST("/echo") "Transfer-Encoding: chunked\r\n\r\n"
	                         "3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n");
	assert_int_equal(status_of(a), 200);
	assert_string_equal(strstr(a, "\r\n\r\n") + 4, "abcde");
	a = ask(r, POST("/echo") "Content-Length: 0\r\n\r\n");
	assert_int_equal(status_of(a), 204);
	n = snprintf(big, sizeof(big), POST("/echo") "Content-Length: %d\r\n\r\n", 1 << 20);
	memset(big + n, 'y', 1 << 20);
	fd = dial(r);
	put(fd, big, (size_t)n + (1 << 20));
	a = rest(fd);
	assert_int_equal(status_of(a), 200);
	assert_non_null(strstr(a, "Content-Length: 1048576"));
	/* Two requests on one connection, sent at once. */
	a = ask(r, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nA" POST(
			   "/echo") "Content-Length: 1\r\n\r\nB");
	assert_non_null(strstr(a, "\r\n\r\nAHTTP/1.1 200"));
	stop(r);
}

static void long_bodies_are_refused_before_they_are_read(void **state)
{
	struct running *r = start(&(struct slo_http_server_config){ 0 });
	const char expect[] = POST("/small") "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";
	const char *a = ask(r, POST("/small") "Content-Length: 11\r\n\r\n");
	char head[13];
	int fd;

	(void)state;
	assert_int_equal(status_of(a), 413);
	a = ask(r, POST("/small") "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(status_of(a), 413);
	fd = dial(r);
	put(fd, expect, strlen(expect));
	assert_int_equal(recv(fd, head, sizeof(head), 0), sizeof(head));
	assert_memory_equal(head, "HTTP/1.1 100 ", sizeof(head));
	put(fd, "ok", 2);
	a = rest(fd);
	assert_non_null(strstr(a, "\r\n\r\nok"));
	a = ask(r, POST("/small") "Transfer-Encoding: chunked\r\n\r\n"
	                          "8\r\nabcdefgh\r\n8\r\nabcdefgh\r\n0\r\n\r\n");
	assert_int_equal(status_of(a), 413);
	a = ask(r, POST("/small") "Content-Length: 99999999999999999999999\r\n\r\n");
	assert_true(status_of(a) == 413 || status_of(a) == 400);
	a = ask(r, POST("/small") "Content-Length: -1\r\n\r\n");
	assert_int_equal(status_of(a), 400);
	assert_true(r->st.refused >= 3);
	stop(r);
}

static void a_token_is_asked_for(void **state)
{
	struct running *r = start(&(struct slo_http_server_config){ .token = TOKEN });
	const char *a = ask(r, GET("/secret") "\r\n");

	(void)state;
	assert_int_equal(status_of(a), 401);
	assert_non_null(strstr(a, "WWW-Authenticate: Bearer realm=\"llm-slo\"\r\n"));
	a = ask(r, GET("/secret") "Authorization: Bearer s3cret-of-16-byteX\r\n\r\n");
	assert_int_equal(status_of(a), 401);
	assert_non_null(strstr(a, "error=\"invalid_token\""));
	a = ask(r, GET("/secret") "Authorization: Basic " TOKEN "\r\n\r\n");
	assert_int_equal(status_of(a), 401);
	a = ask(r, GET("/secret") "Authorization: Bearer " TOKEN "x\r\n\r\n");
	assert_int_equal(status_of(a), 401);
	a = ask(r, GET("/secret") "Authorization: bearer  " TOKEN "\r\n\r\n");
	assert_int_equal(status_of(a), 200);
	a = ask(r, GET("/hello") "\r\n");
	assert_int_equal(status_of(a), 200);
	stop(r);
}

static void bodies_together_have_a_bound(void **state)
{
	struct running *r = start(&(struct slo_http_server_config){ .max_bytes = 100000 });
	static char piece[60000];
	const char *a;
	int slow = dial(r);

	(void)state;
	memset(piece, 'z', sizeof(piece));
	put(slow, POST("/large") "Content-Length: 90000\r\n\r\n",
	    strlen(POST("/large") "Content-Length: 90000\r\n\r\n"));
	put(slow, piece, sizeof(piece));
	for (int i = 0; i < 100 && !r->st.requests; i++)
		(void)poll(NULL, 0, 2);
	a = ask(r, POST("/large") "Content-Length: 60000\r\n\r\n");
	assert_int_equal(status_of(a), 503);
	assert_non_null(strstr(a, "Retry-After: 1\r\n"));
	/* The first is whole all the same, and then there is room. */
	put(slow, piece, 30000);
	assert_int_equal(status_of(rest(slow)), 200);
	slow = dial(r);
	put(slow, POST("/large") "Content-Length: 60000\r\n\r\n",
	    strlen(POST("/large") "Content-Length: 60000\r\n\r\n"));
	put(slow, piece, sizeof(piece));
	assert_int_equal(status_of(rest(slow)), 200);
	stop(r);
}

static void chunked_bodies_count_in_the_bound(void **state)
{
	struct running *r = start(&(struct slo_http_server_config){ .max_bytes = 20000 });
	static char text[40000];
	int fd = dial(r), n;

	(void)state;
	n = snprintf(text, sizeof(text),
	             POST("/large") "Transfer-Encoding: chunked\r\n\r\n7530\r\n");
	memset(text + n, 'c', 30000);
	put(fd, text, (size_t)n + 30000);
	put(fd, "\r\n0\r\n\r\n", 7);
	assert_int_equal(status_of(rest(fd)), 503);
	stop(r);
}

static void a_thousand_slow_ones_do_not_keep_others_out(void **state)
{
	struct slo_http_server_config cfg = { .max_connections = 64, .timeout_s = 30 };
	struct running *r = start(&cfg);
	static int slow[1000];
	struct rlimit files = { .rlim_cur = 4096, .rlim_max = 4096 };
	uint64_t begin, worst = 0;

	(void)state;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	for (int i = 0; i < 1000; i++) {
		slow[i] = dial(r);
		put(slow[i], "G", 1);
		if (i % 100 != 99)
			continue;
		begin = slo_clock_monotonic_ns();
		assert_int_equal(status_of(ask(r, GET("/hello") "\r\n")), 200);
		begin = slo_clock_monotonic_ns() - begin;
		worst = begin > worst ? begin : worst;
	}
	assert_true(r->most <= 64);
	assert_true(r->st.refused > 900);
	assert_true(worst < 2 * SLO_NS_PER_SEC);
	print_message("1000 slow connections: %zu open at most, worst answer %.1f ms\n", r->most,
	              (double)worst / 1e6);
	for (int i = 0; i < 1000; i++)
		(void)close(slow[i]);
	stop(r);
}

/* What a listener that stays readable does to a loop: turn for nothing. */
static void without_a_free_descriptor_none_is_kept_waiting(void **state)
{
	struct slo_http_server_config cfg = { .listen = "127.0.0.1:0", .routes = routes };
	struct running r = { 0 };
	struct rlimit before, none;
	struct pollfd p;
	int fd[3], turns = 0;

	(void)state;
	assert_int_equal(slo_http_server_open(&r.server, &cfg, NULL), 0);
	for (int i = 0; i < 3; i++)
		fd[i] = dial(&r);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)dup(fd[0]); /* the lowest that is free */
	(void)close((int)none.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	p = (struct pollfd){ .fd = slo_http_server_fd(r.server), .events = POLLIN };
	while (turns < 100 && poll(&p, 1, 0) == 1) {
		slo_http_server_run(r.server);
		turns++;
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_in_range(turns, 1, 99);
	slo_http_server_stats(r.server, &r.st);
	assert_int_equal(r.st.refused, 3);
	slo_http_server_freep(&r.server);
	for (int i = 0; i < 3; i++)
		(void)close(fd[i]);
}

static void a_dripping_request_is_cut_off(void **state)
{
	struct running *r = start(&(struct slo_http_server_config){ .timeout_s = 1 });
	uint64_t begin = slo_clock_monotonic_ns();
	int drip = dial(r), silent = dial(r);
	double seconds;

	(void)state;
	put(drip, "GET /hello HTTP/1.1\r\n", 21);
	for (int i = 0; i < 100; i++) {
		char c;

		if (send(drip, "X", 1, MSG_NOSIGNAL) <= 0 || recv(drip, &c, 1, MSG_DONTWAIT) == 0)
			break;
		(void)poll(NULL, 0, 100);
	}
	seconds = (double)(slo_clock_monotonic_ns() - begin) / 1e9;
	assert_true(seconds > 3.5 && seconds < 8);
	(void)rest(silent);
	(void)close(drip);
	stop(r);
}

static void what_ends_early_is_counted(void **state)
{
	struct running *r = start(&(struct slo_http_server_config){ 0 });
	int fd = dial(r);

	(void)state;
	put(fd, POST("/echo") "Content-Length: 100\r\n\r\nabc",
	    strlen(POST("/echo") "Content-Length: 100\r\n\r\nabc"));
	(void)poll(NULL, 0, 50);
	(void)close(fd);
	for (int i = 0; i < 200 && (!r->st.aborted || r->st.connections); i++)
		(void)poll(NULL, 0, 10);
	assert_int_equal(r->st.aborted, 1);
	assert_int_equal(r->st.connections, 0);
	assert_int_equal(r->st.requests, 0);
	stop(r);
}

static void addresses_are_checked(void **state)
{
	static const char *const bad[] = {
		"", "127.0.0.1", "127.0.0.1:x", "::1:80", "1.2.3.4:99999", "[::1]", "203.0.113.7:0"
	};
	struct slo_http_server_config cfg = { .routes = routes };
	struct slo_http_server *server = NULL;
	struct running *r = start(&(struct slo_http_server_config){ .listen = ":0" });
	struct slo_err err = { 0 };
	char taken[32];

	(void)state;
	assert_int_equal(status_of(ask(r, GET("/hello") "\r\n")), 200);
	(void)snprintf(taken, sizeof(taken), ":%u", slo_http_server_port(r->server));
	cfg.listen = taken;
	assert_int_equal(slo_http_server_open(&server, &cfg, &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, "another program listens there"));
	assert_null(server);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		cfg.listen = bad[i];
		assert_true(slo_http_server_open(&server, &cfg, &err) < 0);
		assert_non_null(strstr(err.msg, "listen '"));
	}
	stop(r);
}

/* A pod's agent.ini says ":4318": clusters have IPv4, IPv6 or both. */
static void no_host_is_every_address_of_both_families(void **state)
{
	struct running *r = start(&(struct slo_http_server_config){ .listen = ":0" });
	struct sockaddr_in6 at = { .sin6_family = AF_INET6,
		                   .sin6_addr = IN6ADDR_LOOPBACK_INIT,
		                   .sin6_port = htons(slo_http_server_port(r->server)) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool six = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;

	(void)state;
	assert_int_equal(status_of(ask(r, GET("/hello") "\r\n")), 200);
	if (six) {
		put(fd, GET("/hello") "\r\n", strlen(GET("/hello") "\r\n"));
		assert_int_equal(status_of(rest(fd)), 200);
	} else if (fd >= 0 && errno != EADDRNOTAVAIL) {
		fail_msg("by IPv6: %s", strerror(errno));
	}
	if (fd >= 0)
		(void)close(fd);
	stop(r);
}

static void on_error(void *user, const struct slo_http_in *in, unsigned int status, const char *why,
                     struct slo_http_out *out)
{
	(void)user;
	out->content_type = "application/json";
	out->body_len = (size_t)asprintf(&out->body, "{\"%s\":%u,\"%s\":1}", in->path, status, why);
}

static void errors_may_have_bodies_of_their_own(void **state)
{
	struct running *r = start(&(struct slo_http_server_config){ .on_error = on_error });
	const char *a = ask(r, GET("/no") "\r\n");

	(void)state;
	assert_int_equal(status_of(a), 404);
	assert_non_null(strstr(a, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(a, "{\"/no\":404,\"no such path\":1}"));
	stop(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_and_methods_are_told_apart),
		cmocka_unit_test(bodies_come_whole_however_they_are_sent),
		cmocka_unit_test(long_bodies_are_refused_before_they_are_read),
		cmocka_unit_test(a_token_is_asked_for),
		cmocka_unit_test(bodies_together_have_a_bound),
		cmocka_unit_test(chunked_bodies_count_in_the_bound),
		cmocka_unit_test(a_thousand_slow_ones_do_not_keep_others_out),
		cmocka_unit_test(without_a_free_descriptor_none_is_kept_waiting),
		cmocka_unit_test(a_dripping_request_is_cut_off),
		cmocka_unit_test(what_ends_early_is_counted),
		cmocka_unit_test(addresses_are_checked),
		cmocka_unit_test(no_host_is_every_address_of_both_families),
		cmocka_unit_test(errors_may_have_bodies_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
