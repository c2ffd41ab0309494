/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
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
	char *temporary; /* beside it; NULL: written directly, or @nameless */
	bool nameless; /* without a name until it is whole: nothing is left of who is ended */
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

/* How a file is named that has none: linkat() by the descriptor itself takes a capability. */
static void proc_name(int fd, char *buf, size_t size)
{
	(void)snprintf(buf, size, "/proc/self/fd/%d", fd);
}

/* A file beside @o->path that nobody sees: its descriptor, or a negative errno where none can be had, or be named later. */
static int make_nameless(const struct slo_outfile *o)
{
	slo_cleanup(slo_closep) int fd = -1;
	char *folder slo_cleanup(slo_freep) = strdup(o->path);
	char self[64], *slash;

	if (!folder)
		return -ENOMEM;
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	fd = open(slash ? folder : ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	proc_name(fd, self, sizeof(self));
	return access(self, F_OK) < 0 ? -errno : slo_take_fd(fd);
}

/* Makes a file beside @o->path under a name that nobody has, or gives @fd that name: a descriptor, or a negative errno. */
static int make_temporary(struct slo_outfile *o, int fd)
{
	size_t size;
	char *name slo_cleanup(slo_freep) = NULL;
	char self[64];

	assert(o->path);
	size = strlen(o->path) + 32;
	name = malloc(size);
	if (!name)
		return -ENOMEM;
	proc_name(fd, self, sizeof(self));
	for (int i = 0; i < NAME_TRIES; i++) {
		int r;

		(void)snprintf(name, size, "%s.%ld-%d.tmp", o->path, (long)getpid(), i);
		if (fd >= 0)
			r = linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0 ? -1 : fd;
		else
			r = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
		if (r >= 0) {
			o->temporary = slo_take_ptr(name);
			return r;
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
	fd = make_nameless(o);
	o->nameless = fd >= 0;
	/* NFS, and overlayfs before 6.3, have no such files. */
	if (fd < 0 && fd != -ENOMEM)
		fd = make_temporary(o, -1);
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

/* Not to be ended halfway by a signal: what has a name then has the right one. */
static int take_place(struct slo_outfile *o)
{
	sigset_t all, before;
	int r = 0;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	if (o->nameless)
		r = make_temporary(o, o->fd);
	if (r >= 0 && close(slo_take_fd(o->fd)) < 0)
		r = -errno;
	if (r >= 0 && o->temporary)
		r = rename(o->temporary, o->path) < 0 ? -errno : 0;
	if (r >= 0)
		slo_freep(&o->temporary);
	else if (o->temporary)
		(void)unlink(o->temporary);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r < 0 ? r : 0;
}

static int finish(struct slo_outfile *o)
{
	(void)fflush(o->stream);
	if (o->failed)
		return -o->failed;
	if (ferror(o->stream))
		return -EIO;
	if (o->borrowed)
		return 0;
	if (o->path && fsync(o->fd) < 0)
		return -errno;
	return take_place(o);
}

int slo_outfile_commit(struct slo_outfile **o, struct slo_err *err)
{
	slo_outfile_auto struct slo_outfile *file = slo_take_ptr(*o);
	int r = finish(file);

	if (r < 0)
		return slo_err_set(err, r, "cannot write %.100s: %s", file->shown, strerror(-r));
	return 0;
}
