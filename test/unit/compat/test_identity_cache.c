/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/identity_cache.h"

#include <time.h>

#include "compat/cgroup.h"
#include "test/unit/compat/fixture.h"

#define SEC UINT64_C(1000000000)
#define V2_MOUNT "1 2 0:3 / /cg rw - cgroup2 none rw\n"
#define V1_MOUNT "1 2 0:4 / /v1 rw - cgroup none rw,memory\n"
#define SSH "/system.slice/ssh.service"

static uint64_t id_of(int root, const char *path)
{
	uint64_t id = 0;

	assert_int_equal(slo_cgroup_id_at(root, path, &id), 0);
	return id;
}

static void put_process(int root, unsigned int pid, unsigned int start, const char *cgroup)
{
	char path[64];
	char text[512];

	(void)snprintf(path, sizeof(path), "proc/%u/stat", pid);
	(void)snprintf(text, sizeof(text),
	               "%u (a (b) S) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 %u 0\n", pid, start);
	put_file(root, path, text);
	(void)snprintf(path, sizeof(path), "proc/%u/cgroup", pid);
	put_file(root, path, cgroup);
	(void)snprintf(path, sizeof(path), "proc/%u/status", pid);
	(void)snprintf(text, sizeof(text), "Name:\tx\nNSpid:\t%u\t7\n", pid);
	put_file(root, path, text);
}

static void remove_process(int root, unsigned int pid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%u/stat", pid);
	assert_int_equal(unlinkat(root, path, 0), 0);
	(void)snprintf(path, sizeof(path), "proc/%u/cgroup", pid);
	assert_int_equal(unlinkat(root, path, 0), 0);
}

static struct slo_identity_cache *new_cache(int root, size_t max, unsigned int resolves_per_s)
{
	const struct slo_identity_cache_config cfg = {
		.root = root,
		.max = max,
		.resolves_per_s = resolves_per_s,
	};
	struct slo_identity_cache *c = NULL;
	struct slo_err err = { 0 };

	if (slo_identity_cache_new(&c, &cfg, &err))
		fail_msg("%s", err.msg);
	return c;
}

static struct slo_identity_cache_stats stats_of(const struct slo_identity_cache *c)
{
	struct slo_identity_cache_stats st;

	slo_identity_cache_stats(c, &st);
	return st;
}

static void cgroup_names_its_container(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("no_tracefs");
	slo_identity_cache_auto struct slo_identity_cache *c = new_cache(root, 16, 0);
	const char *path =
		"sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_
		".slice/cri-containerd-" ID2 ".scope/container";
	const struct slo_identity *id;
	uint64_t cgroup = id_of(root, path);

	(void)state;
	id = slo_identity_get(c, cgroup, 0, SEC);
	assert_string_equal(id->container_id, ID2);
	assert_string_equal(id->pod_uid, POD);
	assert_ptr_equal(slo_identity_get(c, cgroup, 0, SEC + 1), id);
	assert_int_equal(stats_of(c).hits, 1);
	assert_int_equal(stats_of(c).misses, 1);
	/* A unified host does not ask the process where the cgroup is known. */
	id = slo_identity_get(c, id_of(root, "sys/fs/cgroup" SSH), 4242, SEC);
	assert_string_equal(id->unit, "ssh.service");
	assert_false(slo_identity_is_known(slo_identity_get(c, 0, 0, SEC)));
	assert_false(slo_identity_is_known(slo_identity_get(c, 12345678, 4000000, SEC)));
}

static void hybrid_host_asks_the_process(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("hybrid");
	slo_identity_cache_auto struct slo_identity_cache *c = new_cache(root, 16, 0);
	uint64_t shim = id_of(root, "sys/fs/cgroup/unified/system.slice/containerd.service");
	uint64_t v2_root = id_of(root, "sys/fs/cgroup/unified");

	(void)state;
	assert_string_equal(slo_identity_get(c, shim, 4321, SEC)->container_id, ID3);
	assert_string_equal(slo_identity_get(c, v2_root, 4321, SEC)->container_id, ID3);
	assert_int_equal(slo_identity_ns_pid(c, 4321, SEC), 1);
	/* A process that is gone leaves what the cgroup tells. */
	assert_string_equal(slo_identity_get(c, shim, 9, SEC)->unit, "containerd.service");
	assert_string_equal(slo_identity_get(c, shim, 0, SEC)->unit, "containerd.service");
}

static void v1_host_serves_both_kinds_of_id(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("cgroup_v1");
	struct slo_identity_cache_config cfg = { .root = root, .controller = "memory" };
	slo_identity_cache_auto struct slo_identity_cache *by_id = NULL;
	slo_identity_cache_auto struct slo_identity_cache *by_pid = NULL;
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_identity_cache_new(&by_id, &cfg, &err), 0);
	assert_string_equal(
		slo_identity_get(by_id, id_of(root, "sys/fs/cgroup/memory/docker/" ID1), 0, SEC)
			->container_id,
		ID1);
	/* No v2 hierarchy: said, but processes are found all the same. */
	cfg.controller = NULL;
	assert_int_equal(slo_identity_cache_new(&by_pid, &cfg, &err), 0);
	assert_true(err.code < 0 && strstr(err.msg, "mount -t cgroup2"));
	assert_string_equal(slo_identity_get(by_pid, 1, 1234, SEC)->container_id, ID1);
	assert_int_equal(slo_identity_ns_pid(by_pid, 1234, SEC), 17);
	assert_string_equal(slo_identity_get(by_pid, 1, 77, SEC)->unit, "sshd.service");
	assert_int_equal(slo_identity_ns_pid(by_pid, 77, SEC), 0);
}

static void bad_configuration_is_refused(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("cgroup_v1");
	struct slo_identity_cache_config cfg = { .root = root, .controller = "nonsense" };
	struct slo_identity_cache *c = NULL;
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_identity_cache_new(&c, &cfg, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "nonsense"));
	cfg = (struct slo_identity_cache_config){ .root = root, .max = SIZE_MAX };
	assert_int_equal(slo_identity_cache_new(&c, &cfg, &err), -EINVAL);
	assert_null(c);
}

static int host_setup(void **state)
{
	int err = scratch_setup(state);
	const struct scratch *s = *state;

	if (err)
		return err;
	put_file(s->root, "proc/1/mountinfo", V2_MOUNT V1_MOUNT);
	make_dirs(s->root, "cg/system.slice/a.service");
	make_dirs(s->root, "v1");
	return 0;
}

static void reused_pid_is_noticed(void **state)
{
	const struct scratch *s = *state;
	slo_identity_cache_auto struct slo_identity_cache *c = new_cache(s->root, 16, 0);

	put_process(s->root, 50, 100, "4:memory:/docker/" ID1 "\n");
	assert_string_equal(slo_identity_get(c, 0, 50, SEC)->container_id, ID1);
	assert_int_equal(slo_identity_ns_pid(c, 50, SEC), 7);
	put_process(s->root, 50, 200, "4:memory:/docker/" ID2 "\n");
	assert_string_equal(slo_identity_get(c, 0, 50, SEC + SEC / 2)->container_id, ID1);
	assert_string_equal(slo_identity_get(c, 0, 50, 2 * SEC)->container_id, ID2);
	assert_int_equal(stats_of(c).reused, 1);
}

static void gone_process_is_kept_for_a_minute(void **state)
{
	const struct scratch *s = *state;
	slo_identity_cache_auto struct slo_identity_cache *c = new_cache(s->root, 16, 0);

	put_process(s->root, 50, 100, "4:memory:/docker/" ID1 "\n");
	assert_string_equal(slo_identity_get(c, 0, 50, SEC)->container_id, ID1);
	remove_process(s->root, 50);
	assert_string_equal(slo_identity_get(c, 0, 50, 3 * SEC)->container_id, ID1);
	slo_identity_tick(c, 60 * SEC);
	assert_string_equal(slo_identity_get(c, 0, 50, 61 * SEC)->container_id, ID1);
	slo_identity_tick(c, 64 * SEC);
	assert_int_equal(stats_of(c).entries, 0);
	assert_false(slo_identity_is_known(slo_identity_get(c, 0, 50, 64 * SEC)));
	/* Its number passes on while it is still remembered. */
	put_process(s->root, 60, 100, "4:memory:/docker/" ID1 "\n");
	assert_string_equal(slo_identity_get(c, 0, 60, 70 * SEC)->container_id, ID1);
	remove_process(s->root, 60);
	assert_string_equal(slo_identity_get(c, 0, 60, 72 * SEC)->container_id, ID1);
	put_process(s->root, 60, 300, "4:memory:/docker/" ID3 "\n");
	assert_string_equal(slo_identity_get(c, 0, 60, 74 * SEC)->container_id, ID3);
}

static void unknown_is_asked_again_after_a_second(void **state)
{
	const struct scratch *s = *state;
	slo_identity_cache_auto struct slo_identity_cache *c = new_cache(s->root, 16, 0);

	assert_false(slo_identity_is_known(slo_identity_get(c, 0, 50, SEC)));
	put_process(s->root, 50, 100, "4:memory:/docker/" ID1 "\n");
	assert_false(slo_identity_is_known(slo_identity_get(c, 0, 50, SEC + SEC / 2)));
	assert_string_equal(slo_identity_get(c, 0, 50, 2 * SEC)->container_id, ID1);
	assert_int_equal(stats_of(c).negative, 1);
	assert_false(slo_identity_is_known(slo_identity_get(c, 0, 51, 2 * SEC)));
	slo_identity_tick(c, 4 * SEC);
	assert_int_equal(stats_of(c).entries, 1);
}

static void removed_cgroup_is_kept_for_a_minute(void **state)
{
	const struct scratch *s = *state;
	slo_identity_cache_auto struct slo_identity_cache *c = new_cache(s->root, 16, 0);
	uint64_t a = id_of(s->root, "cg/system.slice/a.service");
	uint64_t b;

	assert_string_equal(slo_identity_get(c, a, 0, SEC)->unit, "a.service");
	make_dirs(s->root, "cg/system.slice/b.service");
	b = id_of(s->root, "cg/system.slice/b.service");
	assert_int_equal(unlinkat(s->root, "cg/system.slice/a.service", AT_REMOVEDIR), 0);
	/* The walk that finds b no longer has a. */
	assert_string_equal(slo_identity_get(c, b, 0, 3 * SEC)->unit, "b.service");
	assert_string_equal(slo_identity_get(c, a, 0, 12 * SEC)->unit, "a.service");
	slo_identity_tick(c, 70 * SEC);
	assert_string_equal(slo_identity_get(c, a, 0, 71 * SEC)->unit, "a.service");
	slo_identity_tick(c, 73 * SEC);
	assert_false(slo_identity_is_known(slo_identity_get(c, a, 0, 74 * SEC)));
}

static void full_cache_keeps_what_is_used(void **state)
{
	const struct scratch *s = *state;
	slo_identity_cache_auto struct slo_identity_cache *c = new_cache(s->root, 8, 0);

	for (unsigned int pid = 100; pid < 140; pid++) {
		put_process(s->root, pid, pid, "4:memory:/docker/" ID1 "\n");
		assert_true(slo_identity_is_known(slo_identity_get(c, 0, pid, SEC)));
		assert_true(slo_identity_is_known(slo_identity_get(c, 0, 100, SEC)));
		assert_true(stats_of(c).entries <= 8);
	}
	/* 40 processes were read once each: the one in use was never thrown out. */
	assert_int_equal(stats_of(c).misses, 40);
	assert_int_equal(stats_of(c).evictions, 32);
}

static void reads_are_bounded_by_second(void **state)
{
	const struct scratch *s = *state;
	slo_identity_cache_auto struct slo_identity_cache *c = new_cache(s->root, 64, 5);

	put_process(s->root, 50, 100, "4:memory:/docker/" ID1 "\n");
	assert_true(slo_identity_is_known(slo_identity_get(c, 0, 50, SEC)));
	for (uint32_t pid = 1000; pid < 1020; pid++)
		(void)slo_identity_get(c, 0, pid, SEC);
	assert_int_equal(stats_of(c).shed, 16);
	/* What is known stays known. */
	assert_true(slo_identity_is_known(slo_identity_get(c, 0, 50, SEC + 1)));
	(void)slo_identity_get(c, 0, 2000, 2 * SEC + 1);
	assert_int_equal(stats_of(c).shed, 16);
}

static void random_use_keeps_the_books(void **state)
{
	const struct scratch *s = *state;
	slo_identity_cache_auto struct slo_identity_cache *c = new_cache(s->root, 32, 1000000);
	uint64_t now = SEC;
	uint32_t seed = 42;

	for (unsigned int pid = 1; pid <= 40; pid++)
		put_process(s->root, pid, pid, "4:memory:/docker/" ID1 "\n");
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1664525 + 1013904223;
		now += (seed >> 8) % (SEC / 5);
		if (seed % 64 == 0)
			slo_identity_tick(c, now);
		if (slo_identity_is_known(
			    slo_identity_get(c, (seed >> 16) % 50, (seed >> 20) % 80, now)))
			assert_true(stats_of(c).entries > 0);
		assert_true(stats_of(c).entries <= 32);
	}
	slo_identity_tick(c, now + 1000 * SEC);
}

static void hit_is_cheap(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("no_tracefs");
	slo_identity_cache_auto struct slo_identity_cache *c = new_cache(root, 0, 0);
	uint64_t cgroup = id_of(root, "sys/fs/cgroup" SSH);
	enum {
		ROUNDS = 1000000
	};
	struct timespec a;
	struct timespec b;
	double ns;

	(void)state;
	(void)clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < ROUNDS; i++)
		(void)slo_identity_get(c, cgroup, 0, SEC);
	(void)clock_gettime(CLOCK_MONOTONIC, &b);
	ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / ROUNDS;
	print_message("%.1f ns a hit\n", ns);
	/* The aim is 100; sanitizers and busy machines get room. */
	assert_true(ns < 1000);
	assert_int_equal(stats_of(c).misses, 1);
}

static void own_process_has_an_identity(void **state)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);
	const struct slo_identity_cache_config cfg = { .root = root };
	slo_identity_cache_auto struct slo_identity_cache *c = NULL;
	struct slo_err err = { 0 };
	const struct slo_identity *id;

	(void)state;
	assert_int_equal(slo_identity_cache_new(&c, &cfg, &err), 0);
	id = slo_identity_get(c, 0, (uint32_t)getpid(), SEC);
	assert_true(slo_identity_is_known(id));
	print_message("%s: container '%s' unit '%s'\n", id->path, id->container_id, id->unit);
}

#define ON_HOST(test) cmocka_unit_test_setup_teardown(test, host_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cgroup_names_its_container),
		cmocka_unit_test(hybrid_host_asks_the_process),
		cmocka_unit_test(v1_host_serves_both_kinds_of_id),
		cmocka_unit_test(bad_configuration_is_refused),
		ON_HOST(reused_pid_is_noticed),
		ON_HOST(gone_process_is_kept_for_a_minute),
		ON_HOST(unknown_is_asked_again_after_a_second),
		ON_HOST(removed_cgroup_is_kept_for_a_minute),
		ON_HOST(full_cache_keeps_what_is_used),
		ON_HOST(reads_are_bounded_by_second),
		ON_HOST(random_use_keeps_the_books),
		cmocka_unit_test(hit_is_cheap),
		cmocka_unit_test(own_process_has_an_identity),
	};

	return cmocka_run_group_tests_name("identity_cache", tests, NULL, NULL);
}
