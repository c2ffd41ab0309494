/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/bcc/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FDS_MAX (1 + SLO_BCC_MAPS_MAX + SLO_BCC_PROGS_MAX)
#define IMAGE_MAX (8U << 20)
/* For a helper to end: after its answer, when it sweeps; and after what is none. */
#define REAP_MS 5000
#define REAP_SOON_MS 100
#define REAP_STEP_MS 10

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
static void become_helper(const char *helper, int request_fd, int socket, int failed)
{
	static char name[] = "llm-slo-bcc";
	static char *const no_args[] = { name, NULL };
	int code;

	/* A group of its own, so that what it starts ends with it; and it does not outlive the agent. */
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Out of the way of the two. */
	socket = fcntl(socket, F_DUPFD_CLOEXEC, SLO_BCC_SOCKET_FD + 1);
	failed = fcntl(failed, F_DUPFD_CLOEXEC, SLO_BCC_SOCKET_FD + 1);
	/* dup2() clears close-on-exec, but not where it has nothing to do. Records are written to the agent's standard output. */
	if (dup2(request_fd, STDIN_FILENO) < 0 || dup2(socket, SLO_BCC_SOCKET_FD) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || fcntl(STDIN_FILENO, F_SETFD, 0) ||
	    fcntl(SLO_BCC_SOCKET_FD, F_SETFD, 0))
		_exit(126);
	if (lseek(STDIN_FILENO, 0, SEEK_SET) < 0)
		_exit(126);
	(void)execv(helper, no_args);
	code = errno;
	(void)!write(failed, &code, sizeof(code));
	_exit(126);
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
	if (r < 0 && p->bytes)
		(void)slo_err_wrap(err, r, "llm-slo-bcc (is it of this agent's version?)");
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

/* @code: of execve(), 0 where it went well. */
static int not_started(const char *helper, int code, struct slo_err *err)
{
	if (code != ENOENT)
		return slo_err_set(err, -code, "%s: %s", helper, strerror(code));
	return access(helper, F_OK)
	               ? slo_err_set(err, -code,
	                             "%s: not there; install the package llm-slo-agent-bcc", helper)
	               : slo_err_set(err, -ENOEXEC,
	                             "%s: its loader is not there: it is of another libc or "
	                             "architecture than this system",
	                             helper);
}

static int ended(const char *helper, int status, struct slo_err *err)
{
	/* ld.so's code. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return slo_err_set(err, -ENOEXEC,
		                   "%s: a library it needs is missing (ldd tells which): install "
		                   "the package libbpfcc (bcc on RPM systems)",
		                   helper);
	if (WIFEXITED(status)) {
		return slo_err_set(
			err, -ENOEXEC,
			"%s: ended with code %d and no answer that this agent takes (are "
			"both of one version? does it run by hand? the package libbpfcc "
			"must be installed)",
			helper, WEXITSTATUS(status));
	}
	return slo_err_set(err, -EINTR, "%s: ended by signal %d and gave no answer", helper,
	                   WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

struct helper_run {
	const char *path;
	pid_t pid;
	int socket; /* ours, owned */
	int failed; /* pipe with errno of execve(), owned */
};

static void end_run(struct helper_run *h)
{
	slo_closep(&h->socket);
	slo_closep(&h->failed);
}

/*
 * The helper's wait status, after which nothing of it runs any more: it has @ms to end by itself. What is ending by then has its
 * status. While it is not waited for, its number is its own.
 */
static int reap(const struct helper_run *h, int ms)
{
	int status = 0;

	for (; ms > 0; ms -= REAP_STEP_MS) {
		siginfo_t info = { 0 };

		if (waitid(P_PID, (id_t)h->pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
		    info.si_pid)
			break;
		(void)poll(NULL, 0, REAP_STEP_MS);
	}
	(void)kill(-h->pid, SIGKILL);
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int converse(struct slo_bcc_program *p, const struct helper_run *h, int timeout_ms,
                    struct slo_err *err)
{
	struct pollfd ready = { .fd = h->socket, .events = POLLIN };
	struct slo_bcc_reply reply;
	int fds[FDS_MAX] = { 0 }, count, status, code = 0;
	int r = poll(&ready, 1, timeout_ms);

	if (r == 0) {
		(void)reap(h, 0);
		return slo_err_set(err, -ETIMEDOUT, "%s: not done after %d s; ended", h->path,
		                   timeout_ms / 1000);
	}
	count = receive(h->socket, &reply, fds);
	status = reap(h, count < 0 ? REAP_SOON_MS : REAP_MS);
	if (count < 0 && read(h->failed, &code, sizeof(code)) == sizeof(code))
		return not_started(h->path, code, err);
	if (count < 0)
		return ended(h->path, status, err);
	if (reply.code)
		return slo_err_set(err, reply.code < 0 ? reply.code : -EPROTO, "%s", reply.why);
	return take(p, &reply, fds, count, err);
}

static int start(struct helper_run *h, int request_fd, struct slo_err *err)
{
	slo_cleanup(slo_closep) int theirs = -1;
	slo_cleanup(slo_closep) int fails = -1;
	int pair[2], ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return slo_err_set(err, -errno, "socket for %s: %s", h->path, strerror(errno));
	h->socket = pair[0];
	theirs = pair[1];
	if (pipe2(ends, O_CLOEXEC))
		return slo_err_set(err, -errno, "pipe for %s: %s", h->path, strerror(errno));
	h->failed = ends[0];
	fails = ends[1];
	h->pid = fork();
	if (h->pid < 0)
		return slo_err_set(err, -errno, "starting %s: %s", h->path, strerror(errno));
	if (h->pid == 0)
		become_helper(h->path, request_fd, theirs, fails);
	/* Whichever is first; EACCES: it runs already, in its group. */
	(void)setpgid(h->pid, h->pid);
	return 0;
}

int slo_bcc_run_helper(struct slo_bcc_program *ret, const char *helper, int request_fd,
                       int timeout_ms, struct slo_err *err)
{
	slo_cleanup(end_run) struct helper_run h = { .path = helper, .socket = -1, .failed = -1 };
	struct slo_bcc_program p;
	int r = start(&h, request_fd, err);

	if (r < 0)
		return r;
	slo_bcc_program_init(&p);
	r = converse(&p, &h, timeout_ms, err);
	if (r < 0) {
		slo_bcc_program_fini(&p);
		return r;
	}
	*ret = p;
	return 0;
}
