/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/programs/sloctl/selftest_case.h"

static _Noreturn void become(int ctl, const char *comm, void (*run)(int ctl, void *arg), void *arg,
                             pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, comm);
	/* It may have died before the line above. */
	if (getppid() == parent)
		run(ctl, arg);
	_exit(0);
}

int slo_selftest_fork(struct slo_selftest_child *c, const char *comm,
                      void (*run)(int ctl, void *arg), void *arg, struct slo_err *err)
{
	pid_t parent = getpid(), pid;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return slo_err_set(err, -errno, "self-test: socketpair: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		int code = -errno;

		(void)close(pair[0]);
		(void)close(pair[1]);
		return slo_err_set(err, code, "self-test: cannot fork a helper: %s",
		                   strerror(-code));
	}
	if (pid == 0) {
		(void)close(pair[0]);
		become(pair[1], comm, run, arg, parent);
	}
	(void)close(pair[1]);
	*c = (struct slo_selftest_child){ .pid = pid, .ctl = pair[0] };
	return 0;
}

void slo_selftest_serve(int ctl, const struct slo_selftest_sockets *s, void (*answer)(int fd))
{
	struct pollfd p[] = {
		{ .fd = ctl, .events = POLLIN },
		{ .fd = s->fd[SLO_SELFTEST_V4], .events = POLLIN },
		{ .fd = s->fd[SLO_SELFTEST_V6], .events = POLLIN },
	};

	while (!p[0].revents) {
		if (poll(p, SLO_ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return;
		for (size_t i = 1; i < SLO_ARRAY_SIZE(p); i++) {
			if (p[i].revents & POLLIN)
				answer(p[i].fd);
		}
	}
}

void slo_selftest_reap(struct slo_selftest_child *c)
{
	slo_closep(&c->ctl);
	if (c->pid <= 0)
		return;
	(void)kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	c->pid = 0;
}
