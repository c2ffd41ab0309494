/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/ustar.h"

#include <errno.h>
#include <string.h>

#define BLOCK 512

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100],
		magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155],
		pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "one block");

/* The sum of all bytes with the checksum's own as blanks. */
static unsigned int sum_of(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned int sum = 0;

	for (size_t i = 0; i < sizeof(*h); i++)
		sum += p[i];
	return sum;
}

int slo_ustar_add(FILE *out, const char *name, const void *data, size_t len, long long unix_s)
{
	static const char zeros[BLOCK];
	struct header h = { 0 };

	if (strlen(name) >= sizeof(h.name))
		return -ENAMETOOLONG;
	memcpy(h.name, name, strlen(name));
	(void)snprintf(h.mode, sizeof(h.mode), "%07o", 0600U);
	(void)snprintf(h.uid, sizeof(h.uid), "%07o", 0U);
	(void)snprintf(h.gid, sizeof(h.gid), "%07o", 0U);
	(void)snprintf(h.size, sizeof(h.size), "%011zo", len);
	(void)snprintf(h.mtime, sizeof(h.mtime), "%011llo", (unsigned long long)unix_s);
	h.type = '0';
	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	memset(h.checksum, ' ', sizeof(h.checksum));
	(void)snprintf(h.checksum, sizeof(h.checksum) - 1, "%06o", sum_of(&h));
	if (fwrite(&h, sizeof(h), 1, out) != 1 || (len && fwrite(data, len, 1, out) != 1))
		return -EIO;
	if (len % BLOCK && fwrite(zeros, BLOCK - len % BLOCK, 1, out) != 1)
		return -EIO;
	return 0;
}

int slo_ustar_end(FILE *out)
{
	static const char zeros[2 * BLOCK];

	return fwrite(zeros, sizeof(zeros), 1, out) == 1 ? 0 : -EIO;
}
