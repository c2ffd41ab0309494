/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/pod_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"

#define UID "0a1b2c3d-0000-1111-2222-333344445555"

static struct slo_pod pod(const char *uid, const char *name, const char *container)
{
	struct slo_pod p = { .uid = uid,
		             .hash = "",
		             .name = name,
		             .namespace_ = "ns",
		             .service = "svc",
		             .service_namespace = "ns" };

	if (container) {
		p.container_count = 1;
		p.container[0].id = container;
		p.container[0].name = "app";
	}
	return p;
}

static struct slo_pod_index *make(size_t max)
{
	struct slo_pod_index *x = NULL;

	assert_int_equal(slo_pod_index_new(&x, max, NULL), 0);
	return x;
}

static void pods_are_found_by_all_their_names(void **state)
{
	slo_pod_index_auto struct slo_pod_index *x = make(4);
	struct slo_pod p = pod(UID, "a", "c1");
	struct slo_pod_names n;

	(void)state;
	p.hash = "abcdef0123456789abcdef0123456789";
	slo_pod_index_put(x, &p);
	assert_true(slo_pod_index_find(x, UID, "", &n));
	assert_string_equal(n.pod, "a");
	assert_string_equal(n.container, "");
	assert_true(slo_pod_index_find(x, "0a1b2c3d000011112222333344445555", "", &n));
	assert_true(slo_pod_index_find(x, p.hash, "", &n));
	assert_true(slo_pod_index_find(x, "", "c1", &n));
	assert_string_equal(n.container, "app");
	assert_string_equal(n.service, "svc");
	assert_false(slo_pod_index_find(x, "", "", &n));
	assert_false(slo_pod_index_find(x, "other", "c2", &n));
}

static void a_restarted_container_has_a_new_id(void **state)
{
	slo_pod_index_auto struct slo_pod_index *x = make(4);
	struct slo_pod p = pod(UID, "a", "c1");
	struct slo_pod_names n;

	(void)state;
	slo_pod_index_put(x, &p);
	p.container[0].id = "c2";
	slo_pod_index_put(x, &p);
	assert_int_equal(slo_pod_index_count(x), 1);
	assert_false(slo_pod_index_find(x, "", "c1", &n));
	assert_true(slo_pod_index_find(x, "", "c2", &n));
}

static void the_gone_stay_for_a_minute(void **state)
{
	slo_pod_index_auto struct slo_pod_index *x = make(4);
	struct slo_pod p = pod(UID, "a", "c1"), q = pod("u2", "b", NULL);
	struct slo_pod_names n;

	(void)state;
	slo_pod_index_list_begin(x);
	slo_pod_index_put(x, &p);
	slo_pod_index_put(x, &q);
	slo_pod_index_list_end(x, 0);
	slo_pod_index_list_begin(x);
	slo_pod_index_put(x, &q);
	slo_pod_index_list_end(x, SLO_NS_PER_SEC);
	slo_pod_index_expire(x, 60 * SLO_NS_PER_SEC);
	assert_true(slo_pod_index_find(x, UID, "", &n));
	slo_pod_index_expire(x, 62 * SLO_NS_PER_SEC);
	assert_false(slo_pod_index_find(x, UID, "c1", &n));
	assert_true(slo_pod_index_find(x, "u2", "", &n));
	assert_int_equal(slo_pod_index_count(x), 1);
}

static void beyond_the_maximum_is_counted(void **state)
{
	slo_pod_index_auto struct slo_pod_index *x = make(2);
	struct slo_pod_names n;
	char uid[16];

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct slo_pod p;

		(void)snprintf(uid, sizeof(uid), "u%d", i);
		p = pod(uid, uid, NULL);
		slo_pod_index_put(x, &p);
	}
	assert_int_equal(slo_pod_index_count(x), 2);
	assert_int_equal(slo_pod_index_dropped(x), 8);
	slo_pod_index_gone(x, "u0", 1);
	{
		struct slo_pod p = pod("u10", "u10", NULL);

		slo_pod_index_put(x, &p);
	}
	assert_false(slo_pod_index_find(x, "u0", "", &n));
	assert_true(slo_pod_index_find(x, "u10", "", &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_are_found_by_all_their_names),
		cmocka_unit_test(a_restarted_container_has_a_new_id),
		cmocka_unit_test(the_gone_stay_for_a_minute),
		cmocka_unit_test(beyond_the_maximum_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
