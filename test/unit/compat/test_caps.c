/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/caps.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include "test/unit/compat/fixture.h"

static void names_round_trip(void **state)
{
	unsigned int cap = 99;

	(void)state;
	for (unsigned int i = 0; i < SLO_CAP_NAMED_MAX_; i++) {
		assert_non_null(slo_caps_name(i));
		assert_int_equal(slo_caps_from_name(slo_caps_name(i), &cap), 0);
		assert_int_equal(cap, i);
	}
	assert_null(slo_caps_name(SLO_CAP_NAMED_MAX_));
	assert_int_equal(slo_caps_from_name("bpf", &cap), 0);
	assert_int_equal(cap, SLO_CAP_BPF);
	assert_int_equal(slo_caps_from_name("cap_net_admin", &cap), 0);
	assert_int_equal(cap, SLO_CAP_NET_ADMIN);
	assert_int_equal(slo_caps_from_name("CAP_NOTHING", &cap), -ENOENT);
	assert_int_equal(slo_caps_from_name("", &cap), -ENOENT);
	assert_int_equal(cap, SLO_CAP_NET_ADMIN);
}

static void names_match_their_numbers(void **state)
{
	(void)state;
	assert_string_equal(slo_caps_name(SLO_CAP_DAC_READ_SEARCH), "CAP_DAC_READ_SEARCH");
	assert_string_equal(slo_caps_name(SLO_CAP_SETPCAP), "CAP_SETPCAP");
	assert_string_equal(slo_caps_name(SLO_CAP_IPC_LOCK), "CAP_IPC_LOCK");
	assert_string_equal(slo_caps_name(SLO_CAP_SYS_PTRACE), "CAP_SYS_PTRACE");
	assert_string_equal(slo_caps_name(SLO_CAP_SYS_ADMIN), "CAP_SYS_ADMIN");
	assert_string_equal(slo_caps_name(SLO_CAP_SYS_RESOURCE), "CAP_SYS_RESOURCE");
	assert_string_equal(slo_caps_name(SLO_CAP_SYSLOG), "CAP_SYSLOG");
	assert_string_equal(slo_caps_name(SLO_CAP_PERFMON), "CAP_PERFMON");
	assert_string_equal(slo_caps_name(SLO_CAP_BPF), "CAP_BPF");
	assert_string_equal(slo_caps_name(SLO_CAP_CHECKPOINT_RESTORE), "CAP_CHECKPOINT_RESTORE");
}

static void fixtures_give_theirs(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("missing_caps");
	slo_cleanup(slo_closep) int old = fixture("ubuntu1604");
	struct slo_caps caps;
	char text[256];
	char tiny[12];

	(void)state;
	assert_int_equal(slo_caps_read(root, &caps, NULL), 0);
	assert_true(caps.effective == UINT64_C(0xa80425fb));
	assert_int_equal(caps.last, 40);
	assert_true(slo_caps_has(&caps, SLO_CAP_NET_RAW));
	assert_false(slo_caps_has(&caps, SLO_CAP_NET_ADMIN));
	assert_false(slo_caps_may(&caps, SLO_CAP_BPF));
	assert_false(slo_caps_has(&caps, 64));
	assert_non_null(strstr(slo_caps_text(caps.effective, text, sizeof(text)), "CAP_CHOWN,"));
	assert_string_equal(slo_caps_text(0, text, sizeof(text)), "none");
	assert_string_equal(slo_caps_text(UINT64_C(1) << 63, text, sizeof(text)), "cap 63");
	assert_int_equal(strlen(slo_caps_text(UINT64_MAX, tiny, sizeof(tiny))), sizeof(tiny) - 1);
	/* Before 5.8 CAP_SYS_ADMIN stands for CAP_BPF, never for CAP_NET_ADMIN. */
	assert_int_equal(slo_caps_read(old, &caps, NULL), 0);
	assert_int_equal(caps.last, 37);
	assert_false(slo_caps_has(&caps, SLO_CAP_BPF));
	assert_true(slo_caps_may(&caps, SLO_CAP_BPF));
	caps.effective = SLO_CAP_BIT(SLO_CAP_SYS_ADMIN);
	assert_false(slo_caps_may(&caps, SLO_CAP_NET_ADMIN));
}

static void bad_status_is_refused(void **state)
{
	const struct scratch *s = *state;
	struct slo_caps caps = { .effective = 7 };
	struct slo_err err = { 0 };

	assert_int_equal(slo_caps_read(s->root, &caps, &err), -ENOENT);
	put_file(s->root, "proc/self/status", "Name:\tx\n");
	assert_int_equal(slo_caps_read(s->root, &caps, &err), -ENODATA);
	put_file(s->root, "proc/self/status", "Name:\tx\nCapEff:\tzz\n");
	assert_int_equal(slo_caps_read(s->root, &caps, &err), -EINVAL);
	assert_true(caps.effective == 7 && err.msg[0]);
}

/* In the child: the step that failed, 0 for none. */
static int drop_and_check(int root)
{
	const uint64_t keep = SLO_CAP_BIT(SLO_CAP_NET_RAW) | SLO_CAP_BIT(SLO_CAP_SYS_PTRACE);
	struct slo_caps before;
	struct slo_caps after;
	struct slo_err err = { 0 };

	if (slo_caps_read(root, &before, &err))
		return 1;
	if (slo_caps_drop_all_but(keep, &err))
		return 2;
	if (slo_caps_read(root, &after, &err))
		return 3;
	if (after.effective != (before.effective & keep) ||
	    after.permitted != (before.permitted & keep) || after.inheritable || after.ambient)
		return 4;
	if (slo_caps_has(&before, SLO_CAP_SETPCAP) && after.bounding & ~keep)
		return 5;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 6;
	/* Once more is no error, and nothing comes back. */
	if (slo_caps_drop_all_but(UINT64_MAX, &err) || slo_caps_read(root, &after, &err) ||
	    after.effective != (before.effective & keep))
		return 7;
	return 0;
}

static void dropped_capabilities_are_gone(void **state)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);
	int status = 0;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(drop_and_check(root));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Signals that were shed are attached again later: who was given CAP_SYS_ADMIN alone has nothing else to do it with. */
static void what_stands_in_is_kept(void **state)
{
	const uint64_t bpf = SLO_CAP_BIT(SLO_CAP_BPF) | SLO_CAP_BIT(SLO_CAP_PERFMON);
	const uint64_t net = SLO_CAP_BIT(SLO_CAP_NET_ADMIN), admin = SLO_CAP_BIT(SLO_CAP_SYS_ADMIN);
	const uint64_t more = SLO_CAP_BIT(SLO_CAP_SYS_RESOURCE);
	struct slo_caps caps = { .last = 40 };

	(void)state;
	caps.permitted = bpf | net | admin | more;
	assert_true(slo_caps_to_keep(&caps, bpf | net) == (bpf | net));
	caps.permitted = net | admin | more;
	assert_true(slo_caps_to_keep(&caps, bpf | net) == (net | admin));
	caps.permitted = SLO_CAP_BIT(SLO_CAP_BPF) | admin;
	assert_true(slo_caps_to_keep(&caps, bpf | net) == caps.permitted);
	caps.permitted = bpf;
	assert_true(slo_caps_to_keep(&caps, bpf | net) == bpf);
	/* Not for what it is no part of. */
	caps.permitted = admin;
	assert_true(slo_caps_to_keep(&caps, net) == 0);
}

static void live_sets_match_status(void **state)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);
	struct slo_caps caps;
	char text[4096];
	char want[40];

	(void)state;
	assert_int_equal(slo_caps_read(root, &caps, NULL), 0);
	assert_true(slo_host_read(root, "/proc/self/status", text, sizeof(text)) > 0);
	(void)snprintf(want, sizeof(want), "CapEff:\t%016llx", (unsigned long long)caps.effective);
	assert_non_null(strstr(text, want));
	(void)snprintf(want, sizeof(want), "CapBnd:\t%016llx", (unsigned long long)caps.bounding);
	assert_non_null(strstr(text, want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_round_trip),
		cmocka_unit_test(names_match_their_numbers),
		cmocka_unit_test(fixtures_give_theirs),
		cmocka_unit_test_setup_teardown(bad_status_is_refused, scratch_setup,
		                                scratch_teardown),
		cmocka_unit_test(dropped_capabilities_are_gone),
		cmocka_unit_test(what_stands_in_is_kept),
		cmocka_unit_test(live_sets_match_status),
	};

	return cmocka_run_group_tests_name("caps", tests, NULL, NULL);
}
