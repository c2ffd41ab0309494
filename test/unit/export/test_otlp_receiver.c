/* SPDX-License-Identifier: Apache-2.0 */
/* One thread: what is sent waits in the socket until the receiver is run. */
#include <arpa/inet.h>
#include <collector.pb-c.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <status.pb-c.h>

#include "core/base/base.h"
#include "core/export/otlp_receiver.h"
#include "core/net/gzip.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/export/otlp_write.h"

#define PROTOBUF "application/x-protobuf"
#define JSON "application/json"

struct rig {
	struct slo_otlp_receiver *receiver;
	bool full; /* no room for batches */
	size_t batches, spans;
	char answer[4096];
	const char *body; /* of the answer, behind its head */
	size_t body_len;
	int status;
};

static struct rig rig;

static int take_batch(void *user, struct slo_otlp_batch *batch)
{
	struct rig *g = user;
	const struct slo_span *spans;

	if (g->full)
		return -EAGAIN;
	g->batches++;
	g->spans += slo_otlp_batch_spans(batch, &spans);
	slo_otlp_batch_freep(&batch);
	return 0;
}

static void open_receiver(const char *token)
{
	const struct slo_otlp_receiver_config cfg = { .listen = "127.0.0.1:0",
		                                      .token = token,
		                                      .max_body = 4096,
		                                      .on_batch = take_batch,
		                                      .user = &rig };
	struct slo_err err = { 0 };

	rig = (struct rig){ 0 };
	assert_int_equal(slo_otlp_receiver_open(&rig.receiver, &cfg, &err), 0);
	assert_true(slo_otlp_receiver_port(rig.receiver) != 0);
}

static int close_receiver(void **state)
{
	(void)state;
	slo_otlp_receiver_freep(&rig.receiver);
	return 0;
}

static int connect_to(uint16_t port)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		                        .sin_port = htons(port),
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Runs the receiver until it has closed the connection. */
static size_t read_answer(int fd)
{
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN },
		                 { .fd = slo_otlp_receiver_fd(rig.receiver), .events = POLLIN } };
	size_t len = 0;

	for (int i = 0; i < 1000; i++) {
		ssize_t n;

		assert_true(poll(fds, 2, 1000) > 0);
		if (fds[1].revents)
			slo_otlp_receiver_run(rig.receiver);
		if (!fds[0].revents)
			continue;
		n = recv(fd, rig.answer + len, sizeof(rig.answer) - 1 - len, 0);
		if (n <= 0)
			return len;
		len += (size_t)n;
	}
	fail_msg("the answer does not end");
	return 0;
}

/* One request with the head lines @head, and its answer in the rig. */
static void ask(const char *line, const char *head, const void *body, size_t len)
{
	int fd = connect_to(slo_otlp_receiver_port(rig.receiver));
	char text[1024];
	size_t got;
	int n = snprintf(
		text, sizeof(text),
		"%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n",
		line, head, len);

	assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
	if (len)
		(void)send(fd, body, len, MSG_NOSIGNAL);
	got = read_answer(fd);
	(void)close(fd);
	rig.answer[got] = '\0';
	assert_int_equal(strncmp(rig.answer, "HTTP/1.1 ", 9), 0);
	rig.status = (int)strtol(rig.answer + 9, NULL, 10);
	rig.body = strstr(rig.answer, "\r\n\r\n");
	assert_non_null(rig.body);
	rig.body += 4;
	rig.body_len = got - (size_t)(rig.body - rig.answer);
}

static void post(const char *head, const void *body, size_t len)
{
	ask("POST /v1/traces", head, body, len);
}

/* The status that a failed answer has in protobuf. */
static void assert_rpc_status(int code, const char *message)
{
	SloProto__RpcStatus *got;

	assert_non_null(strstr(rig.answer, "Content-Type: " PROTOBUF));
	got = slo_proto__rpc_status__unpack(NULL, rig.body_len, (const uint8_t *)rig.body);
	assert_non_null(got);
	assert_int_equal(got->code, code);
	if (!strstr(got->message, message))
		fail_msg("%s", got->message);
	slo_proto__rpc_status__free_unpacked(got, NULL);
}

static struct bytes one_span(uint8_t id)
{
	const struct test_span spans[] = { { .id = id, .ms = 5 } };
	struct bytes request = { 0 };

	write_service(&request, "s", spans, 1);
	return request;
}

#define JSON_SPAN                                                                                             \
	"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"01010101010101010101010101010101\"," \
	"\"spanId\":\"0101010101010101\"}]}]}]}"

static void spans_are_taken_in_every_dress(void **state)
{
	struct bytes request = one_span(1), packed = { 0 };

	(void)state;
	open_receiver("");
	post("Content-Type: " PROTOBUF "\r\n", request.p, request.len);
	assert_int_equal(rig.status, 200);
	assert_non_null(strstr(rig.answer, "Content-Type: " PROTOBUF));
	assert_int_equal(rig.body_len, 0);
	assert_int_equal(slo_gzip(request.p, request.len, &packed.p, &packed.len), 0);
	post("content-type: Application/X-Protobuf ; a=b\r\nContent-Encoding: GZIP\r\n", packed.p,
	     packed.len);
	assert_int_equal(rig.status, 200);
	post("Content-Type: " JSON "; charset=utf-8\r\nContent-Encoding: identity\r\n", JSON_SPAN,
	     strlen(JSON_SPAN));
	assert_int_equal(rig.status, 200);
	assert_string_equal(rig.body, "{}");
	assert_int_equal(rig.spans, 3);
	free(packed.p);
	free(request.p);
}

static void an_empty_request_is_a_good_one(void **state)
{
	struct slo_otlp_receiver_stats st;

	(void)state;
	open_receiver(NULL);
	post("Content-Type: " PROTOBUF "\r\n", NULL, 0);
	assert_int_equal(rig.status, 200);
	post("Content-Type: " JSON "\r\n", "{}", 2);
	assert_int_equal(rig.status, 200);
	slo_otlp_receiver_stats(rig.receiver, &st);
	assert_int_equal(st.requests, 2);
	assert_int_equal(rig.batches, 0);
}

static void what_was_rejected_is_told(void **state)
{
	struct bytes request = one_span(0); /* an id of zeros */
	struct slo_otlp_receiver_stats st;
	SloProto__ExportResponse *got;
	static const char text[] = "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}]}]}]}";

	(void)state;
	open_receiver(NULL);
	post("Content-Type: " PROTOBUF "\r\n", request.p, request.len);
	assert_int_equal(rig.status, 200);
	got = slo_proto__export_response__unpack(NULL, rig.body_len, (const uint8_t *)rig.body);
	assert_true(got && got->partial_success);
	assert_int_equal(got->partial_success->rejected, 1);
	assert_string_equal(got->partial_success->error_message, "span 0: span_id is all zeros");
	slo_proto__export_response__free_unpacked(got, NULL);
	post("Content-Type: " JSON "\r\n", text, strlen(text));
	assert_string_equal(rig.body,
	                    "{\"partialSuccess\":{\"rejectedSpans\":\"1\",\"errorMessage\":"
	                    "\"span 0: trace_id has 0 bytes instead of 16\"}}");
	slo_otlp_receiver_stats(rig.receiver, &st);
	assert_int_equal(st.rejected_spans, 2);
	assert_int_equal(st.spans, 0);
	assert_int_equal(rig.batches, 0);
	free(request.p);
}

static void failures_have_their_status(void **state)
{
	static char large[5000];
	struct bytes bomb = { 0 };

	(void)state;
	open_receiver(NULL);
	post("Content-Type: " PROTOBUF "\r\n", "\x0a", 1);
	assert_int_equal(rig.status, 400);
	assert_rpc_status(3, "no ExportTraceServiceRequest");
	post("Content-Type: " PROTOBUF "\r\nContent-Encoding: gzip\r\n", "\x0a", 1);
	assert_int_equal(rig.status, 400);
	assert_rpc_status(3, "the body is no gzip");
	post("Content-Type: " PROTOBUF "\r\nContent-Encoding: zstd\r\n", "", 0);
	assert_int_equal(rig.status, 415);
	assert_rpc_status(3, "send gzip or none");
	post("", "", 0);
	assert_int_equal(rig.status, 415);
	assert_non_null(strstr(rig.body, "\"code\":3"));
	post("Content-Type: " PROTOBUF "\r\n", large, sizeof(large));
	assert_int_equal(rig.status, 413);
	assert_rpc_status(8, "too long");
	assert_int_equal(slo_gzip((const uint8_t *)large, sizeof(large), &bomb.p, &bomb.len), 0);
	post("Content-Type: " PROTOBUF "\r\nContent-Encoding: gzip\r\n", bomb.p, bomb.len);
	assert_int_equal(rig.status, 413);
	assert_rpc_status(8, "more than 4096 bytes when unpacked");
	post("Content-Type: " JSON "\r\n", "[", 1);
	assert_int_equal(rig.status, 400);
	assert_non_null(strstr(rig.body, "{\"code\":3,\"message\":\"no JSON: "));
	free(bomb.p);
}

static void spans_of_an_agent_do_not_go_round(void **state)
{
	struct bytes request = one_span(1);

	(void)state;
	open_receiver(NULL);
	post("Content-Type: " PROTOBUF "\r\nUser-Agent: llm-slo-agent/1.2.3\r\n", request.p,
	     request.len);
	assert_int_equal(rig.status, 508);
	assert_rpc_status(3, "[otlp] endpoint");
	assert_int_equal(rig.batches, 0);
	post("Content-Type: " PROTOBUF "\r\nUser-Agent: OTel-OTLP-Exporter-Python/1.38.0\r\n",
	     request.p, request.len);
	assert_int_equal(rig.status, 200);
	assert_int_equal(rig.batches, 1);
	free(request.p);
}

static void other_signals_are_told_that_traces_are_taken(void **state)
{
	struct slo_otlp_receiver_stats st;

	(void)state;
	open_receiver(NULL);
	ask("POST /v1/logs", "Content-Type: " PROTOBUF "\r\n", "", 0);
	assert_int_equal(rig.status, 404);
	assert_rpc_status(12, "only traces are taken here, by POST to /v1/traces");
	ask("POST /v1/metrics", "Content-Type: " JSON "\r\n", "{}", 2);
	assert_int_equal(rig.status, 404);
	assert_non_null(strstr(rig.body, "only traces"));
	ask("GET /v1/traces", "", "", 0);
	assert_int_equal(rig.status, 405);
	slo_otlp_receiver_stats(rig.receiver, &st);
	assert_int_equal(st.bad_requests, 3);
}

static void a_full_pipeline_asks_for_patience(void **state)
{
	struct bytes request = one_span(1);
	struct slo_otlp_receiver_stats st;

	(void)state;
	open_receiver(NULL);
	rig.full = true;
	post("Content-Type: " PROTOBUF "\r\n", request.p, request.len);
	assert_int_equal(rig.status, 429);
	assert_non_null(strstr(rig.answer, "Retry-After: 1\r\n"));
	assert_rpc_status(8, "try again later");
	slo_otlp_receiver_stats(rig.receiver, &st);
	assert_int_equal(st.throttled, 1);
	assert_int_equal(st.spans, 0);
	assert_int_equal(st.bad_requests, 0);
	free(request.p);
}

static void a_token_is_asked_for(void **state)
{
	(void)state;
	open_receiver("s3cret");
	post("Content-Type: " PROTOBUF "\r\n", "", 0);
	assert_int_equal(rig.status, 401);
	assert_rpc_status(16, "bearer token");
	post("Content-Type: " PROTOBUF "\r\nAuthorization: Bearer s3cret\r\n", "", 0);
	assert_int_equal(rig.status, 200);
}

static void bodies_above_the_protocols_limit_are_not_offered(void **state)
{
	struct slo_otlp_receiver_config cfg = { .listen = "127.0.0.1:0",
		                                .max_body = (64U << 20) + 1,
		                                .on_batch = take_batch };
	struct slo_otlp_receiver *r = NULL;
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_otlp_receiver_open(&r, &cfg, &err), -EINVAL);
	assert_null(r);
	cfg.max_body = 0;
	cfg.listen = "nowhere";
	assert_true(slo_otlp_receiver_open(&r, &cfg, &err) < 0);
	assert_null(r);
	assert_true(*err.msg);
}

/* A failure that is not the sender's: it keeps what it sent. */
static bool asks_for_patience(void)
{
	return strncmp(rig.answer, "HTTP/1.1 5", 10) == 0 ||
	       strncmp(rig.answer, "HTTP/1.1 429", 12) == 0;
}

/* A request while the @n-th allocation fails: an answer of a failure, or none; then the next one is taken. False: none failed. */
static bool post_without_memory(const char *head, const void *body, size_t len, int n)
{
	int fd = connect_to(slo_otlp_receiver_port(rig.receiver));
	char text[512];
	int size = snprintf(text, sizeof(text),
	                    "POST /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	                    "%sContent-Length: %zu\r\n\r\n",
	                    head, len);
	size_t batches = rig.batches;
	bool failed;

	assert_int_equal(send(fd, text, (size_t)size, MSG_NOSIGNAL), size);
	assert_int_equal(send(fd, body, len, MSG_NOSIGNAL), len);
	fail_alloc_after = n;
	rig.answer[read_answer(fd)] = '\0';
	failed = fail_alloc_after < 0;
	fail_alloc_after = -1;
	(void)close(fd);
	if (strncmp(rig.answer, "HTTP/1.1 200", 12) == 0 && rig.batches == batches + 1)
		return failed;
	/* Taken, and no memory for the answer: then the connection ends, and the sender sends it again. */
	if (!failed || (rig.batches != batches && *rig.answer) ||
	    (*rig.answer && !asks_for_patience()))
		fail_msg("allocation %d: %zu batches, %s", n, rig.batches - batches, rig.answer);
	return failed;
}

static void every_allocation_of_a_request_may_fail(void **state)
{
	struct bytes request = one_span(1);
	uint8_t *packed = NULL;
	size_t packed_len = 0;
	int n;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	open_receiver(NULL);
	assert_int_equal(slo_gzip(request.p, request.len, &packed, &packed_len), 0);
	for (n = 0;
	     post_without_memory("Content-Type: " JSON "\r\n", JSON_SPAN, sizeof(JSON_SPAN) - 1, n);
	     n++)
		assert_true(n < 500);
	assert_true(n > 10);
	for (n = 0; post_without_memory("Content-Type: " PROTOBUF "\r\nContent-Encoding: gzip\r\n",
	                                packed, packed_len, n);
	     n++)
		assert_true(n < 500);
	assert_true(n > 5);
	post("Content-Type: " PROTOBUF "\r\n", request.p, request.len);
	assert_int_equal(rig.status, 200);
	free(packed);
	free(request.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(spans_are_taken_in_every_dress, close_receiver),
		cmocka_unit_test_teardown(an_empty_request_is_a_good_one, close_receiver),
		cmocka_unit_test_teardown(what_was_rejected_is_told, close_receiver),
		cmocka_unit_test_teardown(failures_have_their_status, close_receiver),
		cmocka_unit_test_teardown(spans_of_an_agent_do_not_go_round, close_receiver),
		cmocka_unit_test_teardown(other_signals_are_told_that_traces_are_taken,
		                          close_receiver),
		cmocka_unit_test_teardown(a_full_pipeline_asks_for_patience, close_receiver),
		cmocka_unit_test_teardown(a_token_is_asked_for, close_receiver),
		cmocka_unit_test_teardown(bodies_above_the_protocols_limit_are_not_offered,
		                          close_receiver),
		cmocka_unit_test_teardown(every_allocation_of_a_request_may_fail, close_receiver),
	};

	return cmocka_run_group_tests_name("otlp_receiver", tests, NULL, NULL);
}
