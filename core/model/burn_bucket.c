/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/burn_bucket.h"

#include "core/base/crc32c.h"

static uint32_t check_of(const struct slo_burn_bucket *b)
{
	return slo_crc32c(b, offsetof(struct slo_burn_bucket, check));
}

void slo_burn_bucket_seal(struct slo_burn_bucket *b)
{
	b->check = check_of(b);
}

bool slo_burn_bucket_is_sound(const struct slo_burn_bucket *b)
{
	if (b->period == 0)
		return b->good == 0 && b->valid == 0 && b->check == 0;
	return b->good <= b->valid && b->check == check_of(b);
}
