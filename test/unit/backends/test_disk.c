/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/disk.h"

struct root {
	char path[32];
	int fd;
	struct slo_disks disks;
};

static int make_root(void **state)
{
	struct root *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	*r = (struct root){ .path = "/tmp/slo-disk.XXXXXX" };
	assert_non_null(mkdtemp(r->path));
	r->fd = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(r->fd >= 0);
	assert_int_equal(mkdirat(r->fd, "sys", 0700), 0);
	assert_int_equal(mkdirat(r->fd, "sys/dev", 0700), 0);
	assert_int_equal(mkdirat(r->fd, "sys/dev/block", 0700), 0);
	*state = r;
	return 0;
}

static int remove_root(void **state)
{
	struct root *r = *state;

	(void)unlinkat(r->fd, "sys/dev/block/8:0", 0);
	assert_int_equal(unlinkat(r->fd, "sys/dev/block", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(r->fd, "sys/dev", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(r->fd, "sys", AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(r->path), 0);
	(void)close(r->fd);
	free(r);
	return 0;
}

static void name_is_the_end_of_the_link(void **state)
{
	struct root *r = *state;
	char name[SLO_DEVICE_LEN] = "8:0";

	assert_int_equal(symlinkat("../../devices/pci/block/sda", r->fd, "sys/dev/block/8:0"), 0);
	slo_disk_name(&r->disks, r->fd, 8, 0, name);
	assert_string_equal(name, "sda");
}

static void unknown_number_leaves_the_name(void **state)
{
	struct root *r = *state;
	char name[SLO_DEVICE_LEN] = "8:16";

	slo_disk_name(&r->disks, r->fd, 8, 16, name);
	assert_string_equal(name, "8:16");
}

static void name_is_kept_for_a_while(void **state)
{
	struct root *r = *state;
	char name[SLO_DEVICE_LEN] = "8:0";

	assert_int_equal(symlinkat("block/sda", r->fd, "sys/dev/block/8:0"), 0);
	slo_disk_name(&r->disks, r->fd, 8, 0, name);
	assert_int_equal(unlinkat(r->fd, "sys/dev/block/8:0", 0), 0);
	memset(name, 0, sizeof(name));
	slo_disk_name(&r->disks, r->fd, 8, 0, name);
	assert_string_equal(name, "sda");
}

static void more_disks_than_places_still_have_names(void **state)
{
	struct root *r = *state;
	char name[SLO_DEVICE_LEN] = "8:0";

	assert_int_equal(symlinkat("block/sda", r->fd, "sys/dev/block/8:0"), 0);
	for (uint32_t minor = 1; minor <= 3 * SLO_DISKS_MAX; minor++) {
		char other[SLO_DEVICE_LEN] = "-";

		slo_disk_name(&r->disks, r->fd, 8, minor, other);
		assert_string_equal(other, "-");
	}
	slo_disk_name(&r->disks, r->fd, 8, 0, name);
	assert_string_equal(name, "sda");
}

#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOT(name_is_the_end_of_the_link),
		IN_ROOT(unknown_number_leaves_the_name),
		IN_ROOT(name_is_kept_for_a_while),
		IN_ROOT(more_disks_than_places_still_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
