/* SPDX-License-Identifier: Apache-2.0 */
/* Maps that have no LRU, real ones: needs bpf(2), skipped elsewhere. Who lives is told by a root of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "backends/bcc/relieve.h"
#include "bpf/slo_abi.h"
#include "core/base/base.h"
#include "test/unit/compat/fixture.h"

#define MAX 64
#define ROUND 16 /* turns, in which each map comes up */

struct one_map {
	struct slo_bcc_image_head head;
	struct slo_bcc_image_map map;
	struct slo_bcc_program program;
};

/* A program of one map, or a skipped test. */
static void init(struct one_map *o, const char *name, uint32_t type, uint32_t key, uint32_t value)
{
	memset(o, 0, sizeof(*o));
	slo_bcc_program_init(&o->program);
	o->head.map_count = 1;
	o->map = (struct slo_bcc_image_map){ .type = type, .key = key, .value = value, .max = MAX };
	(void)snprintf(o->map.name, sizeof(o->map.name), "%s", name);
	o->program.image.head = &o->head;
	o->program.image.maps = &o->map;
	o->program.map[0] =
		bpf_map_create((enum bpf_map_type)type, "slo_try", key, value, MAX, NULL);
	if (o->program.map[0] < 0)
		skip();
}

static uint32_t round_of(const struct one_map *o, int root)
{
	unsigned int turn = 0;
	uint32_t removed = 0;

	for (int i = 0; i < ROUND; i++)
		removed += slo_bcc_relieve(&o->program, root, &turn);
	return removed;
}

static bool has(const struct one_map *o, const void *key)
{
	unsigned char value[64];

	return bpf_map_lookup_elem(o->program.map[0], key, value) == 0;
}

static void full_map_loses_the_threads_that_are_gone(void **state)
{
	const struct scratch *s = *state;
	const uint64_t alive = 100ULL << 32 | 103, value = 1;
	struct one_map o;

	init(&o, "dns_readers", BPF_MAP_TYPE_HASH, 8, 8);
	make_dirs(s->root, "proc/100/task/103");
	for (uint64_t i = 0; i < MAX; i++) {
		const uint64_t thread = 100ULL << 32 | (100 + i);

		assert_int_equal(bpf_map_update_elem(o.program.map[0], &thread, &value, BPF_ANY),
		                 0);
	}
	assert_int_equal(round_of(&o, s->root), MAX - 1);
	assert_true(has(&o, &alive));
	assert_int_equal(round_of(&o, s->root), 0);
	slo_bcc_program_fini(&o.program);
}

static void full_map_loses_the_owners_that_are_gone(void **state)
{
	const struct scratch *s = *state;
	struct slo_abi_owner owner = { 0 };
	const uint64_t alive = 3;
	struct one_map o;

	init(&o, "slo_listeners", BPF_MAP_TYPE_HASH, 8, sizeof(owner));
	make_dirs(s->root, "proc/1003");
	for (uint64_t i = 0; i < MAX; i++) {
		owner.tgid = 1000 + (uint32_t)i;
		assert_int_equal(bpf_map_update_elem(o.program.map[0], &i, &owner, BPF_ANY), 0);
	}
	assert_int_equal(round_of(&o, s->root), MAX - 1);
	assert_true(has(&o, &alive));
	slo_bcc_program_fini(&o.program);
}

/* Addresses say nothing of who is gone. */
static void full_map_of_addresses_is_emptied(void **state)
{
	const struct scratch *s = *state;
	const uint64_t value = 1;
	struct one_map o;

	init(&o, "dns_arrived", BPF_MAP_TYPE_HASH, 8, 8);
	for (uint64_t i = 0; i < MAX; i++)
		assert_int_equal(bpf_map_update_elem(o.program.map[0], &i, &value, BPF_ANY), 0);
	assert_int_equal(round_of(&o, s->root), MAX);
	slo_bcc_program_fini(&o.program);
}

static void map_with_room_keeps_all(void **state)
{
	const struct scratch *s = *state;
	const uint8_t value = 1;
	struct one_map o;

	init(&o, "dns_resolvers", BPF_MAP_TYPE_HASH, 4, 1);
	for (uint32_t i = 0; i < MAX / 2; i++)
		assert_int_equal(bpf_map_update_elem(o.program.map[0], &i, &value, BPF_ANY), 0);
	assert_int_equal(round_of(&o, s->root), 0);
	slo_bcc_program_fini(&o.program);
}

static void lru_map_is_let_alone(void **state)
{
	const struct scratch *s = *state;
	const uint64_t value = 1;
	struct one_map o;

	init(&o, "dns_arrived", BPF_MAP_TYPE_LRU_HASH, 8, 8);
	for (uint64_t i = 0; i < MAX; i++)
		assert_int_equal(bpf_map_update_elem(o.program.map[0], &i, &value, BPF_ANY), 0);
	assert_int_equal(round_of(&o, s->root), 0);
	slo_bcc_program_fini(&o.program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(full_map_loses_the_threads_that_are_gone,
		                                scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(full_map_loses_the_owners_that_are_gone,
		                                scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(full_map_of_addresses_is_emptied, scratch_setup,
		                                scratch_teardown),
		cmocka_unit_test_setup_teardown(map_with_room_keeps_all, scratch_setup,
		                                scratch_teardown),
		cmocka_unit_test_setup_teardown(lru_map_is_let_alone, scratch_setup,
		                                scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
