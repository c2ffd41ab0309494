/* SPDX-License-Identifier: Apache-2.0 */
/* What a kernel without tcp_diag answers, played by a thread at the other end of a socket pair. */
#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/procfs/sockdiag.h"
#include "core/base/base.h"

struct kernel {
	int fd;
	uint16_t type[2]; /* of the answers, IPv4's and IPv6's */
	int code[2];
};

struct answer {
	struct nlmsghdr head;
	int code;
	char more[64]; /* of struct nlmsgerr */
};

static void *reply(void *arg)
{
	const struct kernel *k = arg;
	char request[512];

	for (size_t i = 0; i < SLO_ARRAY_SIZE(k->type); i++) {
		struct answer a = { .head = { .nlmsg_type = k->type[i] }, .code = k->code[i] };

		a.head.nlmsg_len = k->type[i] == NLMSG_DONE ? NLMSG_LENGTH(sizeof(int)) : sizeof(a);
		if (recv(k->fd, request, sizeof(request), 0) <= 0 ||
		    send(k->fd, &a, a.head.nlmsg_len, 0) < 0)
			break;
	}
	return NULL;
}

static void on_socket(void *user, const struct slo_sockdiag *s)
{
	(void)s;
	*(unsigned int *)user += 1;
}

static int dump(struct kernel k, struct slo_err *err)
{
	unsigned int seen = 0;
	pthread_t thread;
	int fd[2], r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
	k.fd = fd[1];
	/* Of an earlier question whose answer came too late: none of this one's business. */
	assert_int_equal(send(fd[1], "stale", 5, 0), 5);
	assert_int_equal(pthread_create(&thread, NULL, reply, &k), 0);
	r = slo_sockdiag_dump(fd[0], ~0U, on_socket, &seen, err);
	(void)close(fd[0]);
	(void)pthread_join(thread, NULL);
	(void)close(fd[1]);
	assert_int_equal(seen, 0);
	return r;
}

static void no_tcp_diag_is_not_the_same_as_no_sockets(void **state)
{
	const struct {
		struct kernel kernel;
		int r;
	} rows[] = {
		{ { .type = { NLMSG_DONE, NLMSG_DONE } }, 0 },
		/* Without inet_diag; with it, but without tcp_diag. */
		{ { .type = { NLMSG_ERROR, NLMSG_ERROR }, .code = { -ENOENT, -ENOENT } }, -ENOENT },
		{ { .type = { NLMSG_DONE, NLMSG_DONE }, .code = { -ENOENT, -ENOENT } }, -ENOENT },
		/* Without IPv6. */
		{ { .type = { NLMSG_DONE, NLMSG_ERROR }, .code = { 0, -ENOENT } }, 0 },
		{ { .type = { NLMSG_DONE, NLMSG_DONE }, .code = { 0, -ENOENT } }, 0 },
		{ { .type = { NLMSG_DONE, NLMSG_DONE }, .code = { -ENOMEM, 0 } }, -ENOMEM },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct slo_err err = { 0 };

		assert_int_equal(dump(rows[i].kernel, &err), rows[i].r);
		if (rows[i].r == -ENOENT)
			assert_non_null(strstr(err.msg, "modprobe tcp_diag"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_tcp_diag_is_not_the_same_as_no_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
