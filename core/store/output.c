/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/base/base.h"

/*
 * A terminal is writable from 256 free bytes on (WAKEUP_CHARS, drivers/tty), a pipe from a free
 * page on.
 */
#define TTY_CHUNK 256
#define SOCKET_CHUNK 65536
/* How far back the beginning of a torn last line is looked for. */
#define TORN_LINE_MAX (1 << 20)

/*
 * Where the last line of the file @fd begins: behind its last newline. Negative errno where that is
 * too far back.
 */
static off_t last_line_begin(int fd, off_t size)
{
	char block[4096];

	for (off_t end = size; end > 0 && size - end < TORN_LINE_MAX;) {
		size_t n = end < (off_t)sizeof(block) ? (size_t)end : sizeof(block);
		const char *newline;

		if (pread(fd, block, n, end - (off_t)n) != (ssize_t)n)
			return -EIO;
		newline = memrchr(block, '\n', n);
		end -= (off_t)n;
		if (newline)
			return end + (newline - block) + 1;
		if (end == 0)
			return 0;
	}
	return -EMSGSIZE;
}

/*
 * A crash may have left half a record at the end: it is cut off. Any other last line without a
 * newline, of another program or an editor, gets one: nothing that we did not write is taken away.
 * 0 or a negative errno.
 */
static int repair_end(int fd, const char *path, off_t size)
{
	slo_cleanup(slo_closep) int in = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char first = 0;
	char last = 0;
	off_t begin;

	/* A file that may only be written cannot be looked at. */
	if (in < 0 || pread(in, &last, 1, size - 1) != 1 || last == '\n')
		return 0;
	begin = last_line_begin(in, size);
	if (begin >= 0 && pread(in, &first, 1, begin) == 1 && first == '{' && last != '}')
		return ftruncate(fd, begin) < 0 ? -errno : 0;
	return write(fd, "\n", 1) == 1 ? 0 : -errno;
}

void slo_output_close(struct slo_output *out)
{
	if (out->owned)
		slo_closep(&out->fd);
}

static int describe(struct slo_output *out)
{
	struct stat st;

	if (fstat(out->fd, &st) < 0)
		return -errno;
	out->regular = S_ISREG(st.st_mode);
	out->is_socket = S_ISSOCK(st.st_mode);
	if (out->regular) {
		out->size = (uint64_t)st.st_size;
	} else if (S_ISFIFO(st.st_mode)) {
		out->chunk = PIPE_BUF;
	} else if (out->is_socket) {
		out->chunk = SOCKET_CHUNK;
	} else if (isatty(out->fd)) {
		out->chunk = TTY_CHUNK;
	}
	return 0;
}

int slo_output_open(struct slo_output *ret, const char *path)
{
	struct slo_output out = { .owned = true };
	int r;

	/* O_NONBLOCK: a FIFO that nobody reads must not stop us. */
	out.fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	if (out.fd < 0)
		return -errno;
	r = describe(&out);
	if (r == 0 && out.regular && out.size) {
		r = repair_end(out.fd, path, (off_t)out.size);
		if (r == 0)
			r = describe(&out);
	}
	if (r < 0) {
		slo_output_close(&out);
		return r;
	}
	*ret = out;
	return 0;
}

int slo_output_stdout(struct slo_output *ret)
{
	struct slo_output out = { .fd = STDOUT_FILENO };
	int r = describe(&out);

	if (r == 0)
		*ret = out;
	return r;
}

ssize_t slo_output_write(const struct slo_output *out, const char *p, size_t n, int wait_ms)
{
	struct pollfd ready = { .fd = out->fd, .events = POLLOUT };
	ssize_t done;

	if (out->chunk) {
		int r = poll(&ready, 1, wait_ms);

		if (r < 0)
			return -errno;
		if (r == 0)
			return -EAGAIN;
		n = n < out->chunk ? n : out->chunk;
	}
	if (out->is_socket) {
		done = send(out->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		done = write(out->fd, p, n);
	}
	if (done < 0)
		return -errno;
	return done ? done : -EIO;
}

bool slo_output_cut(const struct slo_output *out, size_t n)
{
	struct stat st;
	off_t at;

	if (!out->regular)
		return false;
	at = lseek(out->fd, 0, SEEK_CUR);
	if (at < (off_t)n || fstat(out->fd, &st) < 0 || st.st_size != at)
		return false;
	if (ftruncate(out->fd, at - (off_t)n) < 0)
		return false;
	(void)lseek(out->fd, at - (off_t)n, SEEK_SET);
	return true;
}
