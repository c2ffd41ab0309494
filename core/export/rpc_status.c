/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/rpc_status.h"

#include <status.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/jsonw.h"

static char *as_json(enum slo_rpc_code code, const char *message, size_t *ret_len)
{
	size_t size = 6 * strlen(message) + 64;
	char *buf = malloc(size);
	struct slo_jsonw w;

	if (!buf)
		return NULL;
	slo_jsonw_init(&w, buf, size);
	slo_jsonw_object_begin(&w);
	slo_jsonw_key(&w, "code");
	slo_jsonw_i64(&w, code);
	slo_jsonw_member_str(&w, "message", message);
	slo_jsonw_object_end(&w);
	*ret_len = (size_t)slo_jsonw_finish(&w);
	return buf;
}

char *slo_rpc_status_body(enum slo_rpc_code code, const char *message, bool json, size_t *ret_len)
{
	SloProto__RpcStatus status;
	uint8_t *buf;

	if (json)
		return as_json(code, message, ret_len);
	slo_proto__rpc_status__init(&status);
	status.code = (int32_t)code;
	status.message = (char *)(uintptr_t)message;
	buf = malloc(slo_proto__rpc_status__get_packed_size(&status) + 1);
	if (!buf)
		return NULL;
	*ret_len = slo_proto__rpc_status__pack(&status, buf);
	return (char *)buf;
}
