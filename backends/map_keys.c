/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/map_keys.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

/*
 * Without a key the first is given from 4.12 on, and by some stable kernels (4.4.132); EFAULT before. A key that is not in
 * the map is followed by the first of them on all.
 */
void slo_map_keys_begin(struct slo_map_keys *k, int fd, size_t size, uint32_t most)
{
	unsigned char absent[SLO_MAP_KEY_MAX];

	*k = (struct slo_map_keys){ .fd = fd, .size = size, .left = most };
	if (fd < 0 || size > sizeof(k->next))
		return;
	k->more = bpf_map_get_next_key(fd, NULL, k->next) == 0;
	if (k->more || errno != EFAULT)
		return;
	memset(absent, 0xff, sizeof(absent));
	k->more = bpf_map_get_next_key(fd, absent, k->next) == 0;
}

bool slo_map_keys_next(struct slo_map_keys *k, void *ret_key)
{
	if (!k->more || !k->left)
		return false;
	k->left--;
	memcpy(ret_key, k->next, k->size);
	k->more = bpf_map_get_next_key(k->fd, ret_key, k->next) == 0;
	return true;
}

bool slo_map_has_keys(int fd, size_t size)
{
	struct slo_map_keys k;

	slo_map_keys_begin(&k, fd, size, 1);
	return k.more;
}
