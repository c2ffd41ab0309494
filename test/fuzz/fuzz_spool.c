/* SPDX-License-Identifier: Apache-2.0 */
/* A spool whose segment is any bytes; where the first byte is odd, the checks of the heads are made right first. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/crc32c.h"
#include "core/store/spool.h"

#define HEADER 16
#define HEAD 40
#define SAID 32
#define LENGTH_AT 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(uint8_t *file, size_t size)
{
	uint32_t len, check;
	size_t at = HEADER;

	memcpy(file, "SLOSPL1\0\1\0\0\0\0\0\0\0", HEADER);
	while (at + HEAD <= size) {
		memcpy(&len, file + at + LENGTH_AT, 4);
		len %= 512;
		memcpy(file + at + LENGTH_AT, &len, 4);
		check = slo_crc32c(file + at, SAID);
		memcpy(file + at + SAID, &check, 4);
		at += HEAD + len;
	}
}

static void write_segment(const char *dir, const uint8_t *data, size_t size)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/0000000000000001.spool", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	(void)!write(fd, data, size);
	(void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char dir[64];
	slo_spool_auto struct slo_spool *s = NULL;
	slo_cleanup(slo_freep) uint8_t *file = malloc(size + 1);
	struct slo_spool_config cfg = { .dir = dir, .max_bytes = 1 << 20 };
	struct slo_spool_record r;
	uint64_t last = 0;

	if (!dir[0]) {
		(void)snprintf(dir, sizeof(dir), "/tmp/slo_fuzz_spool.%ld", (long)getpid());
		(void)mkdir(dir, 0700);
	}
	memcpy(file, data, size);
	if (size > HEADER && data[0] & 1)
		mend(file, size);
	write_segment(dir, file, size);
	if (slo_spool_open(&s, &cfg, NULL) < 0)
		return 0;
	(void)slo_spool_append(s, 1, "after", 5, false, NULL);
	while (slo_spool_peek(s, &r) == 0) {
		assert(r.position > last);
		last = r.position;
		slo_spool_ack(s, r.position);
	}
	return 0;
}
