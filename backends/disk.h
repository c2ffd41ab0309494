/* SPDX-License-Identifier: Apache-2.0 */
/* Names of disks by their numbers, as /sys/dev/block has them; kept for a while. */
#ifndef SLO_BACKENDS_DISK_H
#define SLO_BACKENDS_DISK_H

#include "core/model/event.h"

#define SLO_DISKS_MAX 64

struct slo_disks {
	struct {
		uint32_t major, minor; /* 0:0 unused */
		uint64_t read_ns;
		char name[SLO_DEVICE_LEN];
	} disk[SLO_DISKS_MAX];
	unsigned int next; /* to be overwritten */
};

/* Fills @ret_name ("sda"), or leaves it where the host below dirfd @root does not know the disk. */
void slo_disk_name(struct slo_disks *d, int root, uint32_t major, uint32_t minor,
                   char ret_name[SLO_DEVICE_LEN]);

#endif
