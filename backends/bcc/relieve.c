/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/bcc/relieve.h"

#include <bpf/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "backends/map_keys.h"
#include "bpf/slo_abi.h"
#include "compat/hostfile.h"

#define KEY_MAX 16
#define VALUE_MAX 64

/* Whom an entry is of. */
enum whose {
	BY_PROCESS, /* its key is a tgid */
	BY_THREAD, /* its key is tgid and tid */
	BY_OWNER, /* its value begins with struct slo_abi_owner */
	BY_NOBODY, /* a kernel address: nobody knows whether it is still used */
};

static const struct {
	const char *map;
	enum whose whose;
} rows[] = {
	{ "dns_resolvers", BY_PROCESS }, { "dns_readers", BY_THREAD },  { "dns_unread", BY_NOBODY },
	{ "dns_arrived", BY_NOBODY },    { "slo_listeners", BY_OWNER }, { "slo_socks", BY_OWNER },
	{ "conn_calls", BY_THREAD },
};

struct full {
	int fd;
	int root;
	enum whose whose;
	const struct slo_bcc_image_map *map;
};

static bool is_alive(const struct full *f, const unsigned char *key)
{
	unsigned char value[VALUE_MAX];
	struct slo_abi_owner owner;
	char path[64];
	uint64_t thread;
	uint32_t tgid;

	switch (f->whose) {
	case BY_PROCESS:
		memcpy(&tgid, key, sizeof(tgid));
		break;
	case BY_THREAD:
		memcpy(&thread, key, sizeof(thread));
		(void)snprintf(path, sizeof(path), "/proc/%u/task/%u", (uint32_t)(thread >> 32),
		               (uint32_t)thread);
		return slo_hostfile_exists(f->root, path);
	case BY_OWNER:
		/* Removed just now: not ours to remove. */
		if (bpf_map_lookup_elem(f->fd, key, value))
			return true;
		memcpy(&owner, value, sizeof(owner));
		tgid = owner.tgid;
		break;
	case BY_NOBODY:
	default:
		return false;
	}
	(void)snprintf(path, sizeof(path), "/proc/%u", tgid);
	return slo_hostfile_exists(f->root, path);
}

/* Number of entries; with @drop of those that were removed. Programs change the map meanwhile, so the walk has an end of its own. */
static uint32_t walk(const struct full *f, bool drop)
{
	unsigned char key[KEY_MAX];
	struct slo_map_keys keys;
	uint32_t count = 0;

	slo_map_keys_begin(&keys, f->fd, f->map->key, f->map->max);
	while (slo_map_keys_next(&keys, key)) {
		if (!drop)
			count++;
		else if (!is_alive(f, key))
			count += bpf_map_delete_elem(f->fd, key) == 0;
	}
	return count;
}

uint32_t slo_bcc_relieve(const struct slo_bcc_program *p, int root, unsigned int *turn)
{
	unsigned int row = (*turn)++ % SLO_ARRAY_SIZE(rows);
	int i = slo_bcc_image_find_map(&p->image, rows[row].map);
	const struct slo_bcc_image_map *m = i < 0 ? NULL : &p->image.maps[i];
	struct full f = { .root = root, .whose = rows[row].whose, .map = m };

	if (!m || m->type != BPF_MAP_TYPE_HASH || m->key > KEY_MAX || m->value > VALUE_MAX)
		return 0;
	f.fd = p->map[i];
	/* Before it is full, for what comes until the next look. */
	return walk(&f, false) >= m->max - m->max / 4 ? walk(&f, true) : 0;
}
