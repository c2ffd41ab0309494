/* SPDX-License-Identifier: Apache-2.0 */
/* One incident's notice, for whoever sends one. */
#ifndef SLO_TEST_NET_NOTICE_H
#define SLO_TEST_NET_NOTICE_H

#include "core/model/notice.h"

#define TEST_NOTICE_KEY "00112233445566778899aabbccddeeff"
#define TEST_NOTICE_BEGAN_NS INT64_C(1700000000000000000)
#define TEST_NOTICE_NOW_NS INT64_C(1700000060000000000)

/* @id is borrowed. */
static inline struct slo_notice notice_of(enum slo_notice_kind kind, const char *id)
{
	static const char json[] = "{\"incident_id\":\"inc-1\"}";

	return (struct slo_notice){
		.kind = kind,
		.severity = SLO_SEVERITY_CRITICAL,
		.id = id,
		.dedup_key = TEST_NOTICE_KEY,
		.incident_id = "inc-1",
		.summary = "gateway: TTFT burns 20x <its> budget & more \"now\"",
		.cluster = "c1",
		.namespace_ = "prod",
		.service = "gateway",
		.slo = "chat",
		.sli = "ttft_ms",
		.domain = "network_dns",
		.next_step = "look at the resolver",
		.confidence = 0.93,
		.burn_rate = 20,
		.started_unix_ns = TEST_NOTICE_BEGAN_NS,
		.unix_ns = TEST_NOTICE_NOW_NS,
		.ended_unix_ns = kind == SLO_NOTICE_RESOLVE ? TEST_NOTICE_NOW_NS : 0,
		.json = json,
		.json_len = sizeof(json) - 1,
	};
}

#endif
