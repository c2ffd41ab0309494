/* SPDX-License-Identifier: Apache-2.0 */
/* Programs are no library, so the module under test is included as text. */
#include "core/programs/agent/control.c" /* NOLINT(bugprone-suspicious-include) */

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

static unsigned int calls;
static char user_text[] = "user";

static int answer(void *user, const char *cmd, const char *id, struct slo_jsonw *w)
{
	calls++;
	assert_string_equal(user, "user");
	if (strcmp(cmd, "explain") == 0)
		return -ENOENT;
	if (strcmp(cmd, "echo") != 0 && strcmp(cmd, "large") != 0)
		return -ENOTSUP;
	slo_jsonw_array_begin(w);
	slo_jsonw_str(w, id);
	for (int i = 0; strcmp(cmd, "large") == 0 && i < 30000; i++)
		slo_jsonw_str(w, "0123456789");
	slo_jsonw_array_end(w);
	return 0;
}

static struct slo_control *make(char path[64])
{
	struct slo_control_config cfg = { .path = path, .answer = answer, .user = user_text };
	struct slo_control *c = NULL;
	struct slo_err err = { 0 };

	(void)snprintf(path, 64, "/tmp/test_control.%d/agent.sock", (int)getpid());
	if (slo_control_open(&c, &cfg, &err) < 0)
		fail_msg("%s", err.msg);
	return c;
}

static int dial(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(at.sun_path, path, strlen(path));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* What comes back, up to the end, with the server's turns in between. */
static size_t talk(struct slo_control *c, int fd, const char *request, char *buf, size_t size)
{
	size_t len = 0;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	for (int i = 0; i < 2000; i++) {
		ssize_t n;

		slo_control_run(c);
		n = recv(fd, buf + len, size - len - 1, MSG_DONTWAIT);
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
	}
	buf[len] = '\0';
	(void)close(fd);
	return len;
}

static void questions_are_answered(void **state)
{
	static const struct {
		const char *request, *reply;
	} rows[] = {
		{ "{\"cmd\":\"echo\",\"id\":\"a\\\"b\"}\n", "[\"a\\\"b\"]\n" },
		{ "{\"cmd\":\"echo\"}\n", "[\"\"]\n" },
		{ "{\"cmd\":\"explain\",\"id\":\"x\"}\n", "{\"error\":\"no such incident\"}\n" },
		{ "{\"cmd\":\"dance\"}\n", "{\"error\":\"no such command\"}\n" },
		{ "{\"cmd\":7}\n", "{\"error\":\"not a request\"}\n" },
		{ "hello\n", "{\"error\":\"not a request\"}\n" },
	};
	slo_control_auto struct slo_control *c = NULL;
	struct slo_control_stats st;
	char path[64], buf[4096];
	struct stat info;

	(void)state;
	c = make(path);
	assert_int_equal(lstat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		(void)talk(c, dial(path), rows[i].request, buf, sizeof(buf));
		assert_string_equal(buf, rows[i].reply);
	}
	slo_control_stats(c, &st);
	assert_int_equal(st.answered, 2);
	assert_int_equal(st.refused, 4);
}

static void long_answers_go_out_in_pieces(void **state)
{
	slo_control_auto struct slo_control *c = NULL;
	char path[64], *buf = malloc(1 << 20);
	size_t len;

	(void)state;
	assert_non_null(buf);
	c = make(path);
	calls = 0;
	len = talk(c, dial(path), "{\"cmd\":\"large\",\"id\":\"i\"}\n", buf, 1 << 20);
	assert_int_equal(len, 5 + 30000 * 13 + 1);
	assert_int_equal(calls, 3); /* 64 and 256 KiB do not do */
	free(buf);
}

static void many_and_mute_clients_are_bounded(void **state)
{
	slo_control_auto struct slo_control *c = NULL;
	struct slo_control_stats st;
	char path[64], buf[256];
	int fd[20];

	(void)state;
	c = make(path);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(fd); i++) {
		fd[i] = dial(path);
		slo_control_run(c);
	}
	slo_control_stats(c, &st);
	assert_int_equal(st.refused, SLO_ARRAY_SIZE(fd) - CLIENTS);
	/* Mute for longer than they may be. */
	for (size_t i = 0; i < CLIENTS; i++)
		c->client[i].since_ns = 1;
	slo_control_run(c);
	(void)talk(c, dial(path), "{\"cmd\":\"echo\"}\n", buf, sizeof(buf));
	assert_string_equal(buf, "[\"\"]\n");
	for (size_t i = 0; i < SLO_ARRAY_SIZE(fd); i++)
		(void)close(fd[i]);
}

static void dead_sockets_are_replaced_living_ones_not(void **state)
{
	struct slo_control_config cfg = { .answer = answer };
	slo_control_auto struct slo_control *c = NULL;
	struct slo_control *second = NULL;
	struct slo_err err = { 0 };
	char path[64], other[80];

	(void)state;
	c = make(path);
	cfg.path = path;
	assert_int_equal(slo_control_open(&second, &cfg, &err), -EADDRINUSE);
	assert_null(second);
	/* As after a crash: the file is there, nobody listens. */
	(void)close(c->listen_fd);
	c->listen_fd = -1;
	c->bound = false;
	assert_int_equal(slo_control_open(&second, &cfg, &err), 0);
	slo_control_freep(&second);
	(void)snprintf(other, sizeof(other), "%s.txt", path);
	(void)close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	cfg.path = other;
	assert_int_equal(slo_control_open(&second, &cfg, &err), -EEXIST);
	(void)unlink(other);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
}

static void without_a_free_descriptor_none_is_kept_waiting(void **state)
{
	slo_control_auto struct slo_control *c = NULL;
	struct slo_control_stats st;
	struct rlimit before, none;
	struct pollfd p;
	char path[64];
	int fd, turns = 0;

	(void)state;
	c = make(path);
	fd = dial(path);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)dup(fd); /* the lowest that is free */
	(void)close((int)none.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	p = (struct pollfd){ .fd = slo_control_fd(c), .events = POLLIN };
	for (; turns < 100 && poll(&p, 1, 0) == 1; turns++)
		slo_control_run(c);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_in_range(turns, 1, 99);
	slo_control_stats(c, &st);
	assert_int_equal(st.refused, 1);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_are_answered),
		cmocka_unit_test(long_answers_go_out_in_pieces),
		cmocka_unit_test(many_and_mute_clients_are_bounded),
		cmocka_unit_test(dead_sockets_are_replaced_living_ones_not),
		cmocka_unit_test(without_a_free_descriptor_none_is_kept_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
