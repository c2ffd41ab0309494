/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"

/* A number may go to another disk: loop devices and plugged ones come and go. */
#define KEEP_NS (10 * SLO_NS_PER_SEC)

/* The link's last part: "../../devices/.../block/sda". "" where there is none. */
static void read_name(int root, uint32_t major, uint32_t minor, char ret[SLO_DEVICE_LEN])
{
	char path[64], target[256];
	const char *base;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "sys/dev/block/%u:%u", major, minor);
	n = readlinkat(root, path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	base = strrchr(target, '/');
	(void)snprintf(ret, SLO_DEVICE_LEN, "%.31s", base ? base + 1 : "");
}

void slo_disk_name(struct slo_disks *d, int root, uint32_t major, uint32_t minor,
                   char ret_name[SLO_DEVICE_LEN])
{
	uint64_t now = slo_clock_monotonic_ns();
	unsigned int i = 0;

	while (i < SLO_DISKS_MAX && (d->disk[i].major != major || d->disk[i].minor != minor))
		i++;
	if (i == SLO_DISKS_MAX) {
		i = d->next++ % SLO_DISKS_MAX;
		d->disk[i].major = major;
		d->disk[i].minor = minor;
		d->disk[i].read_ns = 0;
	}
	if (!d->disk[i].read_ns || now - d->disk[i].read_ns > KEEP_NS) {
		read_name(root, major, minor, d->disk[i].name);
		d->disk[i].read_ns = now;
	}
	if (d->disk[i].name[0])
		memcpy(ret_name, d->disk[i].name, SLO_DEVICE_LEN);
}
