/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/features.h"

#include "compat/cgroup.h"
#include "test/unit/compat/fixture.h"

#define UNKNOWN INT64_MIN

/* What each host must be told as. */
static const struct {
	const char *host;
	enum slo_feature feat;
	int64_t number; /* UNKNOWN: not known */
	const char *value; /* part of it; NULL any */
} cases[] = {
	{ "no_btf", SLO_FEAT_BTF, 0, "absent" },
	{ "no_btf", SLO_FEAT_KERNEL_RELEASE, 0x041300, "4.19.0-26-amd64" },
	{ "no_btf", SLO_FEAT_KERNEL_FLAVOUR, 0, "debian" },
	{ "no_btf", SLO_FEAT_LOCKDOWN, UNKNOWN, NULL },
	{ "no_btf", SLO_FEAT_TRACEFS, 1, "/sys/kernel/tracing" },
	{ "no_btf", SLO_FEAT_KPROBES, 1, "available" },
	{ "no_btf", SLO_FEAT_PSI, 0, "absent" },
	{ "no_btf", SLO_FEAT_HEADERS, 1, "/usr/src/linux-headers-4.19.0-26-amd64" },
	{ "no_btf", SLO_FEAT_MEMCG_ACCOUNTING, 0, NULL },
	{ "no_btf", SLO_FEAT_MEMLOCK, 65536, NULL },
	{ "no_btf", SLO_FEAT_CAPS, 0x3fffffffff, "all" },
	{ "lockdown_confidentiality", SLO_FEAT_LOCKDOWN, SLO_LOCKDOWN_CONFIDENTIALITY,
	  "confidentiality" },
	{ "lockdown_confidentiality", SLO_FEAT_BTF, 17, "17 bytes" },
	{ "lockdown_confidentiality", SLO_FEAT_TRACEFS, 0, "not mounted" },
	{ "lockdown_confidentiality", SLO_FEAT_MEMCG_ACCOUNTING, 1, NULL },
	{ "no_tracefs", SLO_FEAT_TRACEFS, 0, "not mounted" },
	{ "no_tracefs", SLO_FEAT_KPROBES, 1, "available" },
	{ "no_tracefs", SLO_FEAT_LOCKDOWN, SLO_LOCKDOWN_NONE, "none" },
	{ "no_tracefs", SLO_FEAT_KERNEL_FLAVOUR, 0, "ubuntu" },
	{ "no_tracefs", SLO_FEAT_CGROUPS, SLO_CGROUP_V2, "v2, cgroup2 at /sys/fs/cgroup" },
	{ "no_tracefs", SLO_FEAT_HEADERS, 0, "absent" },
	{ "no_tracefs", SLO_FEAT_ARCH, UNKNOWN, NULL },
	{ "no_tracefs", SLO_FEAT_VIRT, UNKNOWN, NULL },
	{ "no_tracefs", SLO_FEAT_STEAL, UNKNOWN, NULL },
	{ "cgroup_v1", SLO_FEAT_CGROUPS, SLO_CGROUP_V1, "v1" },
	{ "cgroup_v1", SLO_FEAT_SCHED_INFO, 0, "off" },
	{ "cgroup_v1", SLO_FEAT_KERNEL_FLAVOUR, 0, "amazon" },
	{ "cgroup_v1", SLO_FEAT_KERNEL_RELEASE, 0x040eff,
	  NULL }, /* 355 is clamped, as the kernel does */
	{ "hybrid", SLO_FEAT_CGROUPS, SLO_CGROUP_HYBRID,
	  "hybrid, cgroup2 at /sys/fs/cgroup/unified" },
	{ "hybrid", SLO_FEAT_RUNTIME, 1, "docker" },
	{ "missing_caps", SLO_FEAT_CAPS, 0xa80425fb, "CAP_CHOWN" },
	{ "missing_caps", SLO_FEAT_SECCOMP, 2, "filter" },
	{ "rhel8", SLO_FEAT_KERNEL_FLAVOUR, 0, "rhel8" },
	{ "rhel8", SLO_FEAT_KERNEL_RELEASE, 0x041200, "4.18.0-553.el8_10.x86_64" },
	{ "rhel8", SLO_FEAT_MEMCG_ACCOUNTING, 1, "yes" },
	{ "rhel8", SLO_FEAT_LOCKDOWN, SLO_LOCKDOWN_INTEGRITY, "integrity" },
	{ "rhel8", SLO_FEAT_HEADERS, 1, "/lib/modules/4.18.0-553.el8_10.x86_64/build" },
	{ "rhel8", SLO_FEAT_DELAYACCT, UNKNOWN, NULL },
	{ "rhel8", SLO_FEAT_SCHED_INFO, 1, "works" },
	{ "rhel8", SLO_FEAT_DISTRO, 0, "Red Hat Enterprise Linux 8.10 (Ootpa)" },
	{ "ubuntu1604", SLO_FEAT_TRACEFS, 1, "/sys/kernel/debug/tracing" },
	{ "ubuntu1604", SLO_FEAT_KPROBES, 1, "available" },
	{ "ubuntu1604", SLO_FEAT_PERF_PARANOID, -1, "-1" },
	{ "ubuntu1604", SLO_FEAT_CGROUP_NS, SLO_CGROUP_NS_INITIAL, "initial" },
	{ "ubuntu1604", SLO_FEAT_KERNEL_RELEASE, 0x040400, NULL },
	{ "talos", SLO_FEAT_KERNEL_FLAVOUR, 0, "talos" },
	{ "talos", SLO_FEAT_KPROBES, 0, "absent" },
	{ "talos", SLO_FEAT_ARCH, 0, "x86_64" },
	{ "talos", SLO_FEAT_RUNTIME, 1, "containerd, kubelet" },
	{ "talos", SLO_FEAT_IN_CONTAINER, 0, "no" },
	{ "container", SLO_FEAT_CGROUP_NS, SLO_CGROUP_NS_OWN, "own" },
	{ "container", SLO_FEAT_PID_NS, 0, "own" },
	{ "container", SLO_FEAT_IN_CONTAINER, 1, "Kubernetes pod" },
	{ "container", SLO_FEAT_MEMLOCK, INT64_MAX, "unlimited" },
	{ "container", SLO_FEAT_KERNEL_FLAVOUR, 0, "aws" },
};

static void hosts_are_told_as_what_they_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		slo_cleanup(slo_closep) int root = fixture(cases[i].host);
		struct slo_host_features all;
		const struct slo_fact *f = &all.facts[cases[i].feat];

		slo_host_features_read(root, &all);
		if (f->known != (cases[i].number != UNKNOWN) ||
		    (f->known && f->number != cases[i].number) ||
		    (cases[i].value && !strstr(f->value, cases[i].value)))
			fail_msg("%s %s: known %d number %lld value '%s' evidence '%s'",
			         cases[i].host, slo_feature_desc(cases[i].feat)->id, f->known,
			         (long long)f->number, f->value, f->evidence);
	}
}

static void check_complete(const struct slo_host_features *all)
{
	for (int i = 0; i < SLO_FEAT_MAX_; i++) {
		const struct slo_fact *f = &all->facts[i];

		if (!f->value[0] || !f->evidence[0] ||
		    (!f->known && strcmp(f->value, "unknown") != 0))
			fail_msg("%s: '%s' '%s'", slo_feature_desc((enum slo_feature)i)->id,
			         f->value, f->evidence);
	}
}

static void every_fact_has_value_and_evidence(void **state)
{
	static const char *const hosts[] = { "no_btf",     "lockdown_confidentiality",
		                             "no_tracefs", "cgroup_v1",
		                             "hybrid",     "missing_caps",
		                             "rhel8",      "ubuntu1604",
		                             "talos",      "container" };
	struct slo_host_features all;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(hosts); i++) {
		slo_cleanup(slo_closep) int root = fixture(hosts[i]);

		slo_host_features_read(root, &all);
		check_complete(&all);
	}
}

static void every_row_is_filled(void **state)
{
	(void)state;
	for (int i = 0; i < SLO_FEAT_MAX_; i++) {
		const struct slo_feature_desc *d = slo_feature_desc((enum slo_feature)i);

		assert_non_null(d->id);
		assert_non_null(d->title);
		assert_non_null(d->read);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(d->id, slo_feature_desc((enum slo_feature)k)->id);
	}
}

static void empty_host_stays_unknown(void **state)
{
	const struct scratch *s = *state;
	struct slo_host_features all;

	slo_host_features_read(s->root, &all);
	check_complete(&all);
	assert_false(all.facts[SLO_FEAT_BTF].known);
	assert_false(all.facts[SLO_FEAT_KERNEL_RELEASE].known);
	assert_false(all.facts[SLO_FEAT_SCHED_INFO].known);
	assert_false(all.facts[SLO_FEAT_PSI].known);
	assert_false(all.facts[SLO_FEAT_CAPS].known);
	assert_false(all.facts[SLO_FEAT_CGROUPS].known);
}

static void garbage_stays_unknown(void **state)
{
	static const struct {
		const char *path;
		enum slo_feature feat;
	} bad[] = {
		{ "sys/kernel/security/lockdown", SLO_FEAT_LOCKDOWN },
		{ "proc/sys/kernel/perf_event_paranoid", SLO_FEAT_PERF_PARANOID },
		{ "proc/self/limits", SLO_FEAT_MEMLOCK },
		{ "proc/self/schedstat", SLO_FEAT_SCHED_INFO },
		{ "proc/self/status", SLO_FEAT_SECCOMP },
		{ "proc/self/status", SLO_FEAT_CAPS },
		{ "proc/1/mountinfo", SLO_FEAT_CGROUPS },
	};
	static const char *const texts[] = { "",        "\n", "x", "[", "[none", "[nonexistent]",
		                             "%s%n\xff" };
	const struct scratch *s = *state;

	for (size_t t = 0; t < SLO_ARRAY_SIZE(texts); t++) {
		struct slo_host_features all;

		for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++)
			put_file(s->root, bad[i].path, texts[t]);
		slo_host_features_read(s->root, &all);
		check_complete(&all);
		for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
			if (all.facts[bad[i].feat].known)
				fail_msg("%s holding '%s' is known as '%s'", bad[i].path, texts[t],
				         all.facts[bad[i].feat].value);
		}
	}
}

static void blacklisted_functions_are_named(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("rhel8");
	slo_cleanup(slo_closep) int none = fixture("talos");

	(void)state;
	assert_int_equal(slo_feature_kprobe_is_blacklisted(root, "do_int3"), 1);
	assert_int_equal(slo_feature_kprobe_is_blacklisted(root, "do_int"), 0);
	assert_int_equal(slo_feature_kprobe_is_blacklisted(none, "do_int3"), -ENOENT);
}

static void this_host_is_read(void **state)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);
	struct slo_host_features all;

	(void)state;
	slo_host_features_read(root, &all);
	check_complete(&all);
	for (int i = 0; i < SLO_FEAT_MAX_; i++)
		print_message("%-26s %-40s (%s)\n", slo_feature_desc((enum slo_feature)i)->id,
		              all.facts[i].value, all.facts[i].evidence);
	assert_true(all.facts[SLO_FEAT_KERNEL_RELEASE].number >= 0x040000);
	assert_true(all.facts[SLO_FEAT_ARCH].known);
	assert_true(all.facts[SLO_FEAT_CAPS].known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_told_as_what_they_are),
		cmocka_unit_test(every_fact_has_value_and_evidence),
		cmocka_unit_test(every_row_is_filled),
		cmocka_unit_test_setup_teardown(empty_host_stays_unknown, scratch_setup,
		                                scratch_teardown),
		cmocka_unit_test_setup_teardown(garbage_stays_unknown, scratch_setup,
		                                scratch_teardown),
		cmocka_unit_test(blacklisted_functions_are_named),
		cmocka_unit_test(this_host_is_read),
	};

	return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}
