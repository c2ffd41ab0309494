/* SPDX-License-Identifier: Apache-2.0 */
/* llm-slo-bcc: compiles the agent's programs for the running kernel, loads them, hands all over and ends, LLVM with it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "backends/bcc/handover.h"
#include "backends/bcc/helper/helper.h"
#include "core/base/io.h"

#define REQUEST_MAX (4U << 20)
#define FDS_MAX (1 + SLO_BCC_MAPS_MAX + SLO_BCC_PROGS_MAX)

static const char *const scratch_places[] = { "/run", "/tmp", "/dev/shm" };

static void usage(FILE *out)
{
	(void)fputs(
		"usage: llm-slo-bcc < REQUEST\n"
		"Compiles programs for the running kernel. Started by llm-slo-agent, which hands it\n"
		"the request and a socket; by hand it is of no use. Version " SLO_VERSION "\n",
		out);
}

static char *read_request(size_t *ret_size)
{
	char *text = malloc(REQUEST_MAX + 1);
	ssize_t n = text ? slo_read_full(STDIN_FILENO, text, REQUEST_MAX) : 0;

	*ret_size = n > 0 ? (size_t)n : 0;
	if (text)
		text[*ret_size] = '\0';
	return text;
}

/* Everything loaded that the kernel takes. A program that it does not is the agent's to ask for again, with the reason. */
static int load_all(int image_fd, struct slo_bcc_program *p, struct slo_bcc_reply *reply,
                    struct slo_err *err)
{
	struct stat st;
	void *bytes;
	int r;

	if (fstat(image_fd, &st))
		return slo_err_set(err, -errno, "compiled program: %s", strerror(errno));
	bytes = malloc((size_t)st.st_size);
	if (!bytes || pread(image_fd, bytes, (size_t)st.st_size, 0) != st.st_size) {
		free(bytes);
		return slo_err_set(err, -EIO, "compiled program cannot be read back");
	}
	r = slo_bcc_program_from(p, bytes, (size_t)st.st_size, err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < p->image.head->prog_count; i++) {
		p->prog[i] = slo_bcc_image_load(&p->image, i, p->map, NULL);
		reply->prog_code[i] = p->prog[i] < 0 ? p->prog[i] : 0;
	}
	return 0;
}

static int send_reply(const struct slo_bcc_reply *reply, const int *fds, size_t count)
{
	union {
		char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct slo_bcc_reply copy = *reply;
	struct iovec iov = { &copy, sizeof(copy) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		struct cmsghdr *c;

		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	return sendmsg(SLO_BCC_SOCKET_FD, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static size_t list_fds(int image_fd, const struct slo_bcc_program *p, int fds[FDS_MAX])
{
	size_t count = 0;

	fds[count++] = image_fd;
	for (uint32_t i = 0; i < p->image.head->map_count; i++)
		fds[count++] = p->map[i];
	for (uint32_t i = 0; i < p->image.head->prog_count; i++) {
		if (p->prog[i] >= 0)
			fds[count++] = p->prog[i];
	}
	return count;
}

static int compile_in(const char *place, const struct slo_request *req, int *ret_image,
                      struct slo_err *err)
{
	struct slo_headers headers;
	char scratch[PATH_MAX];
	int lock = slo_scratch_make(place, scratch);
	int r;

	if (lock < 0)
		return slo_err_set(err, -EIO, "no folder for temporary files in %s: %s", place,
		                   strerror(-lock));
	r = slo_headers_find(req, scratch, &headers, err);
	if (!r)
		r = slo_compile(req, &headers, scratch, ret_image, err);
	slo_scratch_remove(scratch, &lock);
	return r;
}

/* Could it be the place's fault? */
static bool is_of_place(int code)
{
	return code == -EIO || code == -ENOSPC || code == -EDQUOT;
}

static int compile(int *ret_image, struct slo_err *err)
{
	struct slo_request req;
	struct slo_err first = { 0 };
	size_t size;
	char *text = read_request(&size);
	int r = text ? slo_request_parse(text, size, &req, err) : -ENOMEM;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(scratch_places); i++)
		slo_scratch_sweep(scratch_places[i]);
	if (!r)
		r = compile_in(scratch_places[0], &req, ret_image, err);
	if (r < 0 && err)
		first = *err;
	for (size_t i = 1; is_of_place(r) && i < SLO_ARRAY_SIZE(scratch_places); i++)
		r = compile_in(scratch_places[i], &req, ret_image, err);
	/* The place that should have served is the one to repair. */
	if (is_of_place(r))
		*err = first;
	free(text);
	return r;
}

int main(int argc, char **argv)
{
	slo_cleanup(slo_closep) int image = -1;
	struct slo_bcc_reply reply = { .magic = SLO_BCC_REPLY_MAGIC };
	struct slo_bcc_program p;
	struct slo_err err = { 0 };
	int fds[FDS_MAX], r;

	if (argc > 1) {
		bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;

		usage(help ? stdout : stderr);
		return help ? 0 : 2;
	}
	if (fcntl(SLO_BCC_SOCKET_FD, F_GETFD) < 0) {
		usage(stderr);
		return 2;
	}
	/* Not for tar and modprobe: its end says that this process ended. */
	(void)fcntl(SLO_BCC_SOCKET_FD, F_SETFD, FD_CLOEXEC);
	slo_bcc_program_init(&p);
	r = compile(&image, &err);
	if (!r)
		r = load_all(image, &p, &reply, &err);
	reply.code = r;
	(void)snprintf(reply.why, sizeof(reply.why), "%s", err.msg);
	r = send_reply(&reply, fds, r ? 0 : list_fds(image, &p, fds));
	slo_bcc_program_fini(&p);
	return r < 0 || reply.code ? 1 : 0;
}
