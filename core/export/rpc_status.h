/* SPDX-License-Identifier: Apache-2.0 */
/* google.rpc.Status: the body of a failed OTLP answer, as protobuf or JSON. */
#ifndef SLO_EXPORT_RPC_STATUS_H
#define SLO_EXPORT_RPC_STATUS_H

#include <stdbool.h>
#include <stddef.h>

enum slo_rpc_code {
	SLO_RPC_INVALID_ARGUMENT = 3,
	SLO_RPC_RESOURCE_EXHAUSTED = 8,
	SLO_RPC_UNIMPLEMENTED = 12,
	SLO_RPC_INTERNAL = 13,
	SLO_RPC_UNAVAILABLE = 14,
	SLO_RPC_UNAUTHENTICATED = 16,
};

/* @message in its encoding, malloc'd: the caller's. NULL: out of memory. */
char *slo_rpc_status_body(enum slo_rpc_code code, const char *message, bool json, size_t *ret_len);

#endif
