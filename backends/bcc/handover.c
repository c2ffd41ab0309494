/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/bcc/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FDS_MAX (1 + SLO_BCC_MAPS_MAX + SLO_BCC_PROGS_MAX)
#define IMAGE_MAX (8U << 20)

void slo_bcc_program_init(struct slo_bcc_program *p)
{
	memset(p, 0, sizeof(*p));
	for (int i = 0; i < SLO_BCC_MAPS_MAX; i++)
		p->map[i] = -1;
	for (int i = 0; i < SLO_BCC_PROGS_MAX; i++)
		p->prog[i] = -1;
}

void slo_bcc_program_fini(struct slo_bcc_program *p)
{
	for (int i = 0; i < SLO_BCC_MAPS_MAX; i++)
		slo_closep(&p->map[i]);
	for (int i = 0; i < SLO_BCC_PROGS_MAX; i++)
		slo_closep(&p->prog[i]);
	slo_freep(&p->bytes);
	memset(&p->image, 0, sizeof(p->image));
}

int slo_bcc_program_from(struct slo_bcc_program *ret, void *bytes, size_t size, struct slo_err *err)
{
	slo_cleanup(slo_freep) void *own = bytes;
	struct slo_bcc_program p;
	int r;

	slo_bcc_program_init(&p);
	r = slo_bcc_image_parse(own, size, &p.image, err);
	if (!r)
		r = slo_bcc_image_make_maps(&p.image, p.map, err);
	if (r < 0)
		return r;
	p.bytes = slo_take_ptr(own);
	*ret = p;
	return 0;
}

int slo_bcc_program_map(const struct slo_bcc_program *p, const char *name)
{
	int i = slo_bcc_image_find_map(&p->image, name);

	return i < 0 ? -ENOENT : p->map[i];
}

int slo_bcc_program_prog(struct slo_bcc_program *p, const char *name, struct slo_err *err)
{
	int i = slo_bcc_image_find_prog(&p->image, name);

	if (i < 0)
		return slo_err_set(err, -ENOENT, "program %s: %s", name,
		                   *p->image.head->left_out ? p->image.head->left_out
		                                            : "not in what was compiled");
	if (p->prog[i] < 0) {
		int fd = slo_bcc_image_load(&p->image, (uint32_t)i, p->map, err);

		if (fd < 0)
			return fd;
		p->prog[i] = fd;
	}
	return p->prog[i];
}

/* --- the helper's run ---------------------------------------------------------------------------------------- */

/* Only async-signal-safe calls: the agent may have threads (curl's). */
static void become_helper(const char *helper, int request_fd, int socket)
{
	static char name[] = "llm-slo-bcc";
	static char *const no_args[] = { name, NULL };

	/* dup2() clears close-on-exec, but not where it has nothing to do. */
	if (dup2(request_fd, STDIN_FILENO) < 0 || dup2(socket, SLO_BCC_SOCKET_FD) < 0 ||
	    fcntl(STDIN_FILENO, F_SETFD, 0) || fcntl(SLO_BCC_SOCKET_FD, F_SETFD, 0))
		_exit(126);
	if (lseek(STDIN_FILENO, 0, SEEK_SET) < 0)
		_exit(126);
	(void)execv(helper, no_args);
	_exit(errno == ENOENT ? 127 : 126);
}

/* One message and its descriptors. Their number, or negative errno. */
static int receive(int socket, struct slo_bcc_reply *ret, int fds[FDS_MAX])
{
	union {
		char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { ret, sizeof(*ret) };
	struct msghdr msg = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = control.room,
		              .msg_controllen = sizeof(control.room) };
	ssize_t n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c;
	size_t count = 0;

	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), count * sizeof(int));
	}
	if (n != sizeof(*ret) || ret->magic != SLO_BCC_REPLY_MAGIC ||
	    !memchr(ret->why, '\0', sizeof(ret->why))) {
		for (size_t i = 0; i < count; i++)
			(void)close(fds[i]);
		return -EPROTO;
	}
	return (int)count;
}

static void *read_image(int fd, size_t *ret_size)
{
	slo_cleanup(slo_freep) char *bytes = NULL;
	struct stat st;
	size_t have = 0;

	if (fstat(fd, &st) || st.st_size <= 0 || st.st_size > IMAGE_MAX)
		return NULL;
	bytes = malloc((size_t)st.st_size);
	while (bytes && have < (size_t)st.st_size) {
		ssize_t n = pread(fd, bytes + have, (size_t)st.st_size - have, (off_t)have);

		if (n <= 0)
			return NULL;
		have += (size_t)n;
	}
	*ret_size = have;
	return slo_take_ptr(bytes);
}

/* Sorts the descriptors; those that do not fit the image are closed with @p. */
static int take(struct slo_bcc_program *p, const struct slo_bcc_reply *reply, const int *fds,
                int count, struct slo_err *err)
{
	size_t size = 0;
	int at = 0, r;

	p->bytes = count ? read_image(fds[0], &size) : NULL;
	if (count)
		(void)close(fds[at++]);
	r = p->bytes ? slo_bcc_image_parse(p->bytes, size, &p->image, err)
	             : slo_err_set(err, -EPROTO, "llm-slo-bcc gave no program");
	for (uint32_t i = 0; !r && i < p->image.head->map_count && at < count; i++)
		p->map[i] = fds[at++];
	for (uint32_t i = 0; !r && i < p->image.head->prog_count && at < count; i++) {
		if (!reply->prog_code[i])
			p->prog[i] = fds[at++];
	}
	while (at < count)
		(void)close(fds[at++]);
	for (uint32_t i = 0; !r && i < p->image.head->map_count; i++) {
		if (p->map[i] < 0)
			r = slo_err_set(err, -EPROTO, "llm-slo-bcc gave fewer maps than it made");
	}
	return r;
}

static int ended(const char *helper, int status, struct slo_err *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return slo_err_set(err, -ENOENT,
		                   "%s: not there; install the package llm-slo-agent-bcc", helper);
	if (WIFEXITED(status))
		return slo_err_set(err, -ENOEXEC,
		                   "%s: ended with code %d and no answer (does it run by hand? "
		                   "the package libbpfcc must be installed)",
		                   helper, WEXITSTATUS(status));
	return slo_err_set(err, -EINTR, "%s: ended by signal %d and gave no answer", helper,
	                   WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static int converse(struct slo_bcc_program *p, int socket, const char *helper, pid_t pid,
                    int timeout_ms, struct slo_err *err)
{
	struct pollfd ready = { .fd = socket, .events = POLLIN };
	struct slo_bcc_reply reply;
	int fds[FDS_MAX] = { 0 }, count, status = 0;
	int r = poll(&ready, 1, timeout_ms);

	if (r == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		return slo_err_set(err, -ETIMEDOUT, "%s: not done after %d s; ended", helper,
		                   timeout_ms / 1000);
	}
	count = receive(socket, &reply, fds);
	(void)waitpid(pid, &status, 0);
	if (count < 0)
		return ended(helper, status, err);
	if (reply.code)
		return slo_err_set(err, reply.code < 0 ? reply.code : -EPROTO, "%s", reply.why);
	return take(p, &reply, fds, count, err);
}

int slo_bcc_run_helper(struct slo_bcc_program *ret, const char *helper, int request_fd,
                       int timeout_ms, struct slo_err *err)
{
	slo_cleanup(slo_closep) int ours = -1;
	slo_cleanup(slo_closep) int theirs = -1;
	struct slo_bcc_program p;
	int pair[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return slo_err_set(err, -errno, "socket for %s: %s", helper, strerror(errno));
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return slo_err_set(err, -errno, "starting %s: %s", helper, strerror(errno));
	if (pid == 0)
		become_helper(helper, request_fd, theirs);
	slo_closep(&theirs);
	slo_bcc_program_init(&p);
	r = converse(&p, ours, helper, pid, timeout_ms, err);
	if (r < 0) {
		slo_bcc_program_fini(&p);
		return r;
	}
	*ret = p;
	return 0;
}
