/* SPDX-License-Identifier: Apache-2.0 */
/* What the tables of programs say of a host, and what they name that must stand in the texts. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/bcc/hooks.h"
#include "core/base/base.h"
#include "test/unit/compat/fixture.h"

static void delays_are_kept_unless_the_host_says_otherwise(void **state)
{
	const struct scratch *s = *state;

	/* Nothing says anything: the function's own lack will. */
	assert_true(slo_bcc_delays_are_kept(s->root));
	put_file(s->root, "proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/vda quiet\n");
	assert_true(slo_bcc_delays_are_kept(s->root));
	put_file(s->root, "proc/cmdline", "BOOT_IMAGE=/vmlinuz nodelayacct quiet\n");
	assert_false(slo_bcc_delays_are_kept(s->root));
	put_file(s->root, "proc/sys/kernel/task_delayacct", "1\n");
	assert_true(slo_bcc_delays_are_kept(s->root));
	put_file(s->root, "proc/sys/kernel/task_delayacct", "0\n");
	assert_false(slo_bcc_delays_are_kept(s->root));
}

/* A name that no text has would never be found, and nothing forgotten. */
static void maps_of_the_table_stand_in_the_texts(void **state)
{
	static const char *const texts[] = {
		"connect.bcc.c",    "disk.bcc.c",     "slo_sock.bcc.h",
		"retransmit.bcc.c", "runqueue.bcc.c", "reclaim.bcc.c"
	};
	static char text[200000];
	size_t used = 0;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(texts); i++) {
		char path[512];
		ssize_t n;
		int fd;

		(void)snprintf(path, sizeof(path), "%s/../bcc/%s", SLO_TEST_DIR, texts[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		n = read(fd, text + used, sizeof(text) - used - 1);
		assert_true(n > 0);
		used += (size_t)n;
		assert_int_equal(close(fd), 0);
	}
	for (int i = 0; i < SLO_BCC_OBJ_MAX_; i++) {
		const struct slo_bcc_obj_row *row = slo_bcc_obj_row((enum slo_bcc_obj)i);
		const char *names[] = { row->counts, row->flight };
		char declared[80];

		for (size_t k = 0; k < SLO_ARRAY_SIZE(names); k++) {
			(void)snprintf(declared, sizeof(declared), ", %s, ",
			               names[k] ? names[k] : "");
			assert_true(!names[k] || strstr(text, declared));
		}
	}
}

static void every_row_is_whole(void **state)
{
	size_t count;
	const struct slo_bcc_rung *rungs = slo_bcc_rungs(&count);
	unsigned int seen = 0;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_in_range(rungs[i].obj, 0, SLO_BCC_OBJ_MAX_ - 1);
		assert_in_range(rungs[i].needs, 1, SLO_BCC_RUNG_HOOKS);
		assert_non_null(rungs[i].mechanism);
		assert_non_null(rungs[i].hooks);
		assert_non_null(rungs[i].note);
		seen |= 1U << rungs[i].obj;
		for (int k = 0; k < SLO_BCC_RUNG_EXTRAS && rungs[i].extra[k].missing; k++)
			assert_in_range(rungs[i].extra[k].hooks, 1, 3);
	}
	assert_int_equal(seen, (1U << SLO_BCC_OBJ_MAX_) - 1);
	for (int i = 0; i < SLO_BCC_HOOK_MAX_; i++) {
		const struct slo_bcc_hook_row *row = slo_bcc_hook_row((enum slo_bcc_hook)i);

		assert_non_null(row->prog);
		assert_true(row->kind != SLO_BCC_TRACEPOINT || strchr(row->target, '/'));
		assert_true(strlen(row->prog) < SLO_BCC_NAME_LEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test_setup_teardown(delays_are_kept_unless_the_host_says_otherwise,
		                                scratch_setup, scratch_teardown),
		cmocka_unit_test(maps_of_the_table_stand_in_the_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
