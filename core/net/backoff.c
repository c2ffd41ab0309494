/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/backoff.h"

#include "core/base/clock.h"
#include "core/base/hash.h"

#define DOUBLINGS_MAX 20

void slo_backoff_fail(struct slo_backoff *b, uint64_t now_ns, int64_t retry_after_ms)
{
	bool waits = slo_backoff_waits(b, now_ns);
	uint64_t most = b->base_ms, asked = 0, at;

	if (!waits)
		b->failures++;
	for (unsigned int i = 1; i < b->failures && i < DOUBLINGS_MAX && most < b->cap_ms; i++)
		most *= 2;
	if (most > b->cap_ms)
		most = b->cap_ms;
	b->random = slo_hash_mix(b->random ^ now_ns);
	at = b->random % (most + 1);
	if (retry_after_ms > 0)
		asked = (uint64_t)retry_after_ms;
	at = now_ns + (at > asked ? at : asked) * SLO_NS_PER_MS;
	if (!waits || (asked && at > b->not_before_ns))
		b->not_before_ns = at;
}

void slo_backoff_succeed(struct slo_backoff *b)
{
	b->failures = 0;
	b->not_before_ns = 0;
}

bool slo_backoff_waits(const struct slo_backoff *b, uint64_t now_ns)
{
	return now_ns < b->not_before_ns;
}
