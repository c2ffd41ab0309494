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
	FILE *stream;
	bool borrowed; /* standard output */
	char *shown; /* the path as the caller has it, for messages */
	char *path; /* of the file itself, links followed; NULL: written directly */
	char *temporary; /* beside it; NULL: written directly */
	char *buffer; /* of @stream */
};

void slo_outfile_freep(struct slo_outfile **o)
{
	if (!*o)
		return;
	if ((*o)->stream && !(*o)->borrowed)
		(void)fclose((*o)->stream);
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

static int begin(struct slo_outfile *o)
{
	slo_cleanup(slo_closep) int fd = open_path(o);

	if (fd < 0)
		return fd;
	o->buffer = malloc(BUFFER_BYTES);
	o->stream = o->buffer ? fdopen(fd, "w") : NULL;
	if (!o->stream)
		return -ENOMEM;
	(void)slo_take_fd(fd);
	(void)setvbuf(o->stream, o->buffer, _IOFBF, BUFFER_BYTES);
	return 0;
}

int slo_outfile_open(struct slo_outfile **ret, const char *path, struct slo_err *err)
{
	slo_outfile_auto struct slo_outfile *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return slo_err_set(err, -ENOMEM, "out of memory");
	if (!path || strcmp(path, "-") == 0) {
		o->borrowed = true;
		o->stream = stdout;
		*ret = slo_take_ptr(o);
		return 0;
	}
	o->shown = strdup(path);
	r = o->shown ? begin(o) : -ENOMEM;
	if (r < 0)
		return slo_err_set(err, r, "cannot write %.100s: %s%s", path, strerror(-r),
		                   r == -ENOENT ? " (is there no such folder?)" : "");
	*ret = slo_take_ptr(o);
	return 0;
}

FILE *slo_outfile_stream(struct slo_outfile *o)
{
	return o->stream;
}

/* A write that failed before leaves its mark on the stream, but not its errno. */
static int finish(struct slo_outfile *o)
{
	bool failed = ferror(o->stream) != 0;
	int r = 0;

	if (fflush(o->stream) != 0)
		return -errno;
	if (failed)
		return -EIO;
	if (o->borrowed)
		return 0;
	if (o->temporary && fsync(fileno(o->stream)) < 0)
		return -errno;
	if (fclose(slo_take_ptr(o->stream)) != 0)
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
		return slo_err_set(err, r, "cannot write %.100s: %s",
		                   file->borrowed ? "standard output" : file->shown, strerror(-r));
	return 0;
}
