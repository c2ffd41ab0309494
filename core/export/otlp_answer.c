/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_answer.h"

#include <collector.pb-c.h>
#include <errno.h>
#include <status.pb-c.h>
#include <stdio.h>
#include <string.h>

#define SAID_MAX 120

static bool is_protobuf(const struct slo_http_reply *reply)
{
	return strncmp(reply->content_type, "application/x-protobuf", 22) == 0;
}

static void quote_failure(const struct slo_http_reply *reply, char *to, size_t size)
{
	SloProto__RpcStatus *status = NULL;

	if (is_protobuf(reply))
		status = slo_proto__rpc_status__unpack(NULL, reply->body_len, reply->body);
	if (status) {
		slo_http_quote(to, size, status->message, strlen(status->message));
		slo_proto__rpc_status__free_unpacked(status, NULL);
	} else if (!is_protobuf(reply)) {
		slo_http_quote(to, size, (const char *)reply->body, reply->body_len);
	}
}

static bool is_retryable(unsigned int status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

static void read_failure(const struct slo_http_reply *reply, struct slo_otlp_answer *ret)
{
	char said[SAID_MAX] = "";

	quote_failure(reply, said, sizeof(said));
	ret->verdict = is_retryable(reply->status) ? SLO_OTLP_AGAIN : SLO_OTLP_REFUSED;
	(void)snprintf(ret->why, sizeof(ret->why), "answered with status %u%s%s%s", reply->status,
	               reply->status / 100 == 3 ? " (redirects are not followed)" : "",
	               *said ? ": " : "", said);
}

static void read_success(const struct slo_http_reply *reply, uint64_t items,
                         struct slo_otlp_answer *ret)
{
	SloProto__ExportResponse *response = NULL;
	const SloProto__ExportPartialSuccess *partial;
	char said[SAID_MAX];

	if (is_protobuf(reply))
		response = slo_proto__export_response__unpack(NULL, reply->body_len, reply->body);
	partial = response ? response->partial_success : NULL;
	if (partial && (partial->rejected > 0 || *partial->error_message)) {
		ret->rejected = partial->rejected > 0 ? (uint64_t)partial->rejected : 0;
		if (ret->rejected > items)
			ret->rejected = items;
		slo_http_quote(said, sizeof(said), partial->error_message,
		               strlen(partial->error_message));
		(void)snprintf(ret->why, sizeof(ret->why), "%llu of %llu items rejected: %s",
		               (unsigned long long)ret->rejected, (unsigned long long)items, said);
	}
	if (response)
		slo_proto__export_response__free_unpacked(response, NULL);
}

void slo_otlp_answer_read(const struct slo_http_reply *reply, uint64_t items,
                          struct slo_otlp_answer *ret)
{
	*ret = (struct slo_otlp_answer){ .verdict = SLO_OTLP_ACCEPTED };
	if (reply->error) {
		/* An answer too long is an answer: sending again would only repeat it, unless its status asks for that. */
		ret->verdict = SLO_OTLP_AGAIN;
		if (reply->error == -EFBIG && !is_retryable(reply->status))
			ret->verdict =
				reply->status / 100 == 2 ? SLO_OTLP_ACCEPTED : SLO_OTLP_REFUSED;
		(void)snprintf(ret->why, sizeof(ret->why), "%.170s%s", reply->why,
		               reply->error == -EPROTO ? " (is it OTLP/HTTP?)" : "");
	} else if (reply->status / 100 == 2) {
		read_success(reply, items, ret);
	} else {
		read_failure(reply, ret);
	}
}
