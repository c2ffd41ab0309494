/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "test/unit/compat/fixture.h"

static int manager(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(at.sun_path, path, strlen(path));
	if (*path == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
	                 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	return fd;
}

static void hears(int fd, const char *expected)
{
	char text[1024] = "";
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	assert_int_equal(n, (ssize_t)strlen(expected));
	assert_string_equal(text, expected);
}

static int no_manager(void **state)
{
	(void)state;
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	return 0;
}

static void nobody_asked_nothing_is_sent(void **state)
{
	struct slo_notify n = SLO_NOTIFY_NONE;

	(void)state;
	assert_int_equal(slo_notify_open(&n, NULL), 0);
	assert_int_equal(n.fd, -1);
	assert_int_equal(slo_notify_send(&n, "READY=1"), 0);
	slo_notify_close(&n);
}

static void a_manager_hears_each_message_whole(void **state)
{
	struct scratch *s = *state;
	struct slo_notify n = SLO_NOTIFY_NONE;
	slo_cleanup(slo_closep) int fd = -1;
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/notify", s->path);
	fd = manager(path);
	assert_int_equal(setenv("WATCHDOG_USEC", "30000000", 1), 0);
	assert_int_equal(slo_notify_open(&n, NULL), 0);
	assert_true(n.watchdog_ns == UINT64_C(30000000000));
	assert_int_equal(slo_notify_send(&n, "READY=1\nSTATUS=%d of %d", 11, 12), 0);
	assert_int_equal(slo_notify_send(&n, "WATCHDOG=1"), 0);
	hears(fd, "READY=1\nSTATUS=11 of 12");
	hears(fd, "WATCHDOG=1");
	slo_notify_close(&n);
	assert_int_equal(n.fd, -1);
}

static void no_child_inherits_the_socket(void **state)
{
	struct slo_notify n = SLO_NOTIFY_NONE;
	slo_cleanup(slo_closep) int fd = manager("@slo-test-notify");

	(void)state;
	assert_int_equal(setenv("WATCHDOG_USEC", "1000", 1), 0);
	assert_int_equal(slo_notify_open(&n, NULL), 0);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_int_equal(slo_notify_send(&n, "STOPPING=1"), 0);
	hears(fd, "STOPPING=1");
	slo_notify_close(&n);
}

static void another_process_watchdog_is_not_ours(void **state)
{
	struct slo_notify n = SLO_NOTIFY_NONE;
	slo_cleanup(slo_closep) int fd = manager("@slo-test-notify2");

	(void)state;
	assert_int_equal(setenv("WATCHDOG_USEC", "30000000", 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
	assert_int_equal(slo_notify_open(&n, NULL), 0);
	assert_true(n.watchdog_ns == 0);
	slo_notify_close(&n);
}

static void a_wrong_socket_is_told_and_leaves_the_result(void **state)
{
	static const struct {
		const char *path;
		int code;
	} rows[] = {
		{ "/nonexistent/notify", -ENOENT },
		{ "notify", -EINVAL },
		{ "vsock:2:1234", -EINVAL },
	};
	struct slo_notify n = { .fd = -1, .watchdog_ns = 7 };

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct slo_err err = { 0 };

		assert_int_equal(setenv("NOTIFY_SOCKET", rows[i].path, 1), 0);
		assert_int_equal(slo_notify_open(&n, &err), rows[i].code);
		assert_non_null(strstr(err.msg, rows[i].path));
		assert_true(n.fd == -1 && n.watchdog_ns == 7);
	}
}

static void a_message_too_long_is_refused(void **state)
{
	struct slo_notify n = SLO_NOTIFY_NONE;
	slo_cleanup(slo_closep) int fd = manager("@slo-test-notify3");
	char text[1024];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(slo_notify_open(&n, NULL), 0);
	assert_int_equal(slo_notify_send(&n, "%s", text), -EMSGSIZE);
	slo_notify_close(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nobody_asked_nothing_is_sent, no_manager),
		cmocka_unit_test_setup_teardown(a_manager_hears_each_message_whole, scratch_setup,
		                                scratch_teardown),
		cmocka_unit_test_setup(no_child_inherits_the_socket, no_manager),
		cmocka_unit_test_setup(another_process_watchdog_is_not_ours, no_manager),
		cmocka_unit_test_setup(a_wrong_socket_is_told_and_leaves_the_result, no_manager),
		cmocka_unit_test_setup(a_message_too_long_is_refused, no_manager),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
