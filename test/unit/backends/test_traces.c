/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backends/traces.h"
#include "compat/host.h"

/* The specification of OTEP 4855: LRU hash, u64, 16 and 8 bytes. */
static void only_the_published_layout_fits(void **state)
{
	const struct bpf_map_info good = {
		.type = BPF_MAP_TYPE_LRU_HASH, .key_size = 8, .value_size = 24, .max_entries = 16384
	};
	struct bpf_map_info bad;
	char why[160] = "";

	(void)state;
	assert_true(slo_traces_fits(&good, why, sizeof(why)));
	assert_string_equal(why, "");
	bad = good;
	bad.max_entries = 1; /* its publisher's business */
	assert_true(slo_traces_fits(&bad, why, sizeof(why)));
	bad = good;
	bad.type = BPF_MAP_TYPE_HASH;
	assert_false(slo_traces_fits(&bad, why, sizeof(why)));
	bad = good;
	bad.key_size = 4;
	assert_false(slo_traces_fits(&bad, why, sizeof(why)));
	bad = good;
	bad.value_size = 32;
	assert_false(slo_traces_fits(&bad, why, sizeof(why)));
	assert_non_null(strstr(why, "value 32 bytes"));
	bad = good;
	bad.map_flags = BPF_F_NO_PREALLOC;
	assert_false(slo_traces_fits(&bad, why, sizeof(why)));
}

static void what_is_not_there_is_absent_and_nothing_is_asked_without_a_path(void **state)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root("/", NULL);
	struct slo_trace_source s;
	struct slo_traces t;
	bool filled = true;

	(void)state;
	slo_traces_probe(root, "/nonexistent/traces_ctx_v1", &s, &filled);
	assert_int_equal(s.state, SLO_TRACES_ABSENT);
	assert_false(filled);
	/* A file of no bpffs is something, and no map. */
	slo_traces_probe(root, "/proc/version", &s, &filled);
	assert_int_equal(s.state, SLO_TRACES_REFUSED);
	assert_true(*s.why);
	slo_traces_init(&t, root, -1, "/nonexistent/traces_ctx_v1", false);
	slo_traces_look_now(&t, 1);
	assert_int_equal(t.source.state, SLO_TRACES_UNASKED);
	slo_traces_init(&t, root, 99, "", false);
	slo_traces_look_now(&t, 1);
	assert_int_equal(t.source.state, SLO_TRACES_UNASKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_published_layout_fits),
		cmocka_unit_test(what_is_not_there_is_absent_and_nothing_is_asked_without_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
