/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)256 << 10)
#define NAME_TRIES 100

struct slo_outfile {
	FILE *stream; /* writes to @fd by put() */
	int fd;
	int failed; /* errno of the first write that did, 0: none */
	bool borrowed; /* @fd is standard output */
	char *shown; /* the path as the caller has it, for messages */
	char *path; /* of the file itself, links followed; NULL: written directly */
	char *temporary; /* beside it; NULL: written directly */
	char *buffer; /* of @stream */
};

void slo_outfile_freep(struct slo_outfile **o)
{
	if (!*o)
		return;
	if ((*o)->stream)
		(void)fclose((*o)->stream);
	if (!(*o)->borrowed)
		slo_closep(&(*o)->fd);
	if ((*o)->temporary)
		(void)unlink((*o)->temporary);
	free((*o)->shown);
	free((*o)->path);
	free((*o)->temporary);
	free((*o)->buffer);
	slo_freep(o);
}

/* A file beside @o->path that nobody has: its descriptor, or a negative errno. */
static int make_temporary(struct slo_outfile *o)
{
	size_t size = strlen(o->path) + 32;
	char *name slo_cleanup(slo_freep) = malloc(size);

	if (!name)
		return -ENOMEM;
	for (int i = 0; i < NAME_TRIES; i++) {
		int fd;

		(void)snprintf(name, size, "%s.%ld-%d.tmp", o->path, (long)getpid(), i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
		if (fd >= 0) {
			o->temporary = slo_take_ptr(name);
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* The descriptor to write to, or a negative errno. */
static int open_path(struct slo_outfile *o)
{
	struct stat st;
	bool exists = stat(o->shown, &st) == 0;
	int fd;

	if (exists && S_ISDIR(st.st_mode))
		return -EISDIR;
	if (exists && !S_ISREG(st.st_mode)) {
		fd = open(o->shown, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return fd < 0 ? -errno : fd;
	}
	/* A file that its owner protected is not replaced behind his back. */
	if (exists && access(o->shown, W_OK) < 0)
		return -errno;
	o->path = exists ? realpath(o->shown, NULL) : strdup(o->shown);
	if (!o->path)
		return -errno;
	fd = make_temporary(o);
	if (fd >= 0 && exists)
		(void)fchmod(fd, st.st_mode & 07777);
	return fd;
}

/* A stream only remembers that a write failed; which of them knows why, a full disk or a broken one, is kept here. */
static ssize_t put(void *cookie, const char *bytes, size_t n)
{
	struct slo_outfile *o = cookie;
	size_t done = 0;

	while (done < n && !o->failed) {
		ssize_t w = write(o->fd, bytes + done, n - done);

		if (w > 0)
			done += (size_t)w;
		else if (w == 0)
			o->failed = EIO;
		else if (errno != EINTR)
			o->failed = errno;
	}
	/* For an error glibc wants 0, musl less than that: then ferror() tells of it. */
#ifdef __GLIBC__
	return (ssize_t)done;
#else
	return o->failed ? -1 : (ssize_t)done;
#endif
}

static int begin(struct slo_outfile *o)
{
	const cookie_io_functions_t io = { .write = put };

	o->buffer = malloc(BUFFER_BYTES);
	o->stream = o->buffer ? fopencookie(o, "w", io) : NULL;
	if (!o->stream)
		return -ENOMEM;
	(void)setvbuf(o->stream, o->buffer, isatty(o->fd) ? _IOLBF : _IOFBF, BUFFER_BYTES);
	return 0;
}

int slo_outfile_open(struct slo_outfile **ret, const char *path, struct slo_err *err)
{
	slo_outfile_auto struct slo_outfile *o = calloc(1, sizeof(*o));
	int r = 0;

	if (!o)
		return slo_err_set(err, -ENOMEM, "out of memory");
	o->borrowed = !path || strcmp(path, "-") == 0;
	o->shown = strdup(o->borrowed ? "standard output" : path);
	o->fd = o->borrowed ? STDOUT_FILENO : -1;
	if (!o->shown)
		return slo_err_set(err, -ENOMEM, "out of memory");
	/* What was printed before comes before. */
	if (o->borrowed)
		(void)fflush(stdout);
	else
		o->fd = r = open_path(o);
	if (r >= 0)
		r = begin(o);
	if (r < 0)
		return slo_err_set(err, r, "cannot write %.100s: %s%s", o->shown, strerror(-r),
		                   r == -ENOENT ? " (is there no such folder?)" : "");
	*ret = slo_take_ptr(o);
	return 0;
}

FILE *slo_outfile_stream(struct slo_outfile *o)
{
	return o->stream;
}

static int finish(struct slo_outfile *o)
{
	int r = 0;

	(void)fflush(o->stream);
	if (o->failed)
		return -o->failed;
	if (ferror(o->stream))
		return -EIO;
	if (o->borrowed)
		return 0;
	if (o->temporary && fsync(o->fd) < 0)
		return -errno;
	if (close(slo_take_fd(o->fd)) < 0)
		return -errno;
	if (o->temporary && rename(o->temporary, o->path) < 0)
		r = -errno;
	if (r == 0)
		slo_freep(&o->temporary);
	return r;
}

int slo_outfile_commit(struct slo_outfile **o, struct slo_err *err)
{
	slo_outfile_auto struct slo_outfile *file = slo_take_ptr(*o);
	int r = finish(file);

	if (r < 0)
		return slo_err_set(err, r, "cannot write %.100s: %s", file->shown, strerror(-r));
	return 0;
}
