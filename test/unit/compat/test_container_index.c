/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/container_index.h"

#include "compat/cgroup.h"
#include "test/unit/compat/fixture.h"

#define SEC UINT64_C(1000000000)
#define SLICE "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_ ".slice"

static uint64_t id_of(int root, const char *path)
{
	uint64_t id = 0;

	assert_int_equal(slo_cgroup_id_at(root, path, &id), 0);
	return id;
}

static struct slo_container_index *make(int root, size_t max)
{
	struct slo_container_index *x = NULL;

	assert_int_equal(slo_container_index_new(&x, root, max, NULL), 0);
	return x;
}

static uint64_t walks(const struct slo_container_index *x)
{
	struct slo_container_index_stats st;

	slo_container_index_stats(x, &st);
	return st.walks;
}

static void containers_and_pods_are_found_by_one_walk(void **state)
{
	const struct scratch *s = *state;
	struct slo_container_index *x = make(s->root, 0);

	make_dirs(s->root, "system.slice/docker-" ID1 ".scope/inner");
	make_dirs(s->root, SLICE "/cri-containerd-" ID2 ".scope");
	assert_int_equal(slo_container_index_find(x, ID1, SEC),
	                 id_of(s->root, "system.slice/docker-" ID1 ".scope"));
	assert_int_equal(slo_container_index_find(x, ID2, SEC),
	                 id_of(s->root, SLICE "/cri-containerd-" ID2 ".scope"));
	assert_int_equal(slo_container_index_find(x, POD, SEC), id_of(s->root, SLICE));
	assert_int_equal(walks(x), 1);
	slo_container_index_freep(&x);
}

/* Senders whose container.id is another one each time: 100,000 questions in ten seconds. */
static void churn_makes_one_walk_a_second(void **state)
{
	const struct scratch *s = *state;
	struct slo_container_index *x = make(s->root, 0);
	struct slo_container_index_stats st;
	char id[72];

	make_dirs(s->root, "system.slice/docker-" ID1 ".scope");
	for (uint64_t i = 0; i < 100000; i++) {
		(void)snprintf(id, sizeof(id), "%064zx", (size_t)i);
		assert_int_equal(slo_container_index_find(x, id, SEC + i * (10 * SEC / 100000)), 0);
	}
	assert_true(slo_container_index_find(x, ID1, 11 * SEC) > 0);
	slo_container_index_stats(x, &st);
	assert_true(st.walks >= 5 && st.walks <= 10);
	assert_int_equal(st.walks + st.deferred, 100000);
	slo_container_index_freep(&x);
}

static void a_new_container_is_found_a_second_later(void **state)
{
	const struct scratch *s = *state;
	struct slo_container_index *x = make(s->root, 0);

	assert_int_equal(slo_container_index_find(x, ID1, SEC), 0);
	make_dirs(s->root, "docker/" ID1);
	assert_int_equal(slo_container_index_find(x, ID1, SEC + 1), 0);
	assert_int_equal(slo_container_index_find(x, ID1, 3 * SEC), id_of(s->root, "docker/" ID1));
	slo_container_index_freep(&x);
}

static void one_that_was_started_again_has_a_new_cgroup(void **state)
{
	const struct scratch *s = *state;
	struct slo_container_index *x = make(s->root, 0);
	uint64_t before;

	make_dirs(s->root, "docker/" ID1);
	before = slo_container_index_find(x, ID1, SEC);
	assert_int_equal(renameat(s->root, "docker", s->root, "gone"), 0);
	make_dirs(s->root, "docker/" ID1);
	assert_int_equal(slo_container_index_find(x, ID1, 9 * SEC), before);
	assert_int_equal(unlinkat(s->root, "gone/" ID1, AT_REMOVEDIR), 0);
	assert_int_equal(slo_container_index_find(x, ID1, 12 * SEC), id_of(s->root, "docker/" ID1));
	assert_int_not_equal(slo_container_index_find(x, ID1, 12 * SEC), before);
	assert_int_equal(walks(x), 2);
	slo_container_index_freep(&x);
}

static void what_does_not_fit_is_counted(void **state)
{
	const struct scratch *s = *state;
	struct slo_container_index *x = make(s->root, 1);
	struct slo_container_index_stats st;

	make_dirs(s->root, "docker/" ID1);
	make_dirs(s->root, "docker/" ID2);
	(void)slo_container_index_find(x, ID3, SEC);
	slo_container_index_stats(x, &st);
	assert_int_equal(st.entries, 1);
	assert_int_equal(st.lost, 1);
	slo_container_index_freep(&x);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(containers_and_pods_are_found_by_one_walk),
		TEST(churn_makes_one_walk_a_second),
		TEST(a_new_container_is_found_a_second_later),
		TEST(one_that_was_started_again_has_a_new_cgroup),
		TEST(what_does_not_fit_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
