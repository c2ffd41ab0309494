/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/infile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_MIN ((size_t)4096)

/* Room for @size bytes and a NUL; what was read is kept. */
static int grow(char **text, size_t len, size_t size)
{
	char *larger = malloc(size + 1);

	if (!larger)
		return -ENOMEM;
	if (len)
		memcpy(larger, *text, len);
	free(*text);
	*text = larger;
	return 0;
}

/* Its size at first sight; a pipe's is not known. */
static int first_size(int fd, size_t max, size_t *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (st.st_size > 0 && (uint64_t)st.st_size > max)
		return -EFBIG;
	/* One byte more, so that its end is seen without growing. */
	*ret = st.st_size > 0 ? (size_t)st.st_size + 1 : SIZE_MIN;
	return 0;
}

static int read_all(int fd, size_t max, char **text, size_t *ret_len)
{
	size_t len = 0;
	size_t size = 0;
	int r = first_size(fd, max, &size);

	if (r == 0)
		r = grow(text, 0, size);
	while (r == 0) {
		ssize_t n;

		if (len == size) {
			size *= 2;
			r = grow(text, len, size);
			continue;
		}
		n = read(fd, *text + len, size - len);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			r = -errno;
		len += n > 0 ? (size_t)n : 0;
		if (len > max)
			r = -EFBIG;
	}
	if (r == 0) {
		(*text)[len] = '\0';
		*ret_len = len;
	}
	return r;
}

int slo_infile_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
                    struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text slo_cleanup(slo_freep) = NULL;
	size_t len = 0;
	int r = fd < 0 ? -errno : read_all(fd, max, &text, &len);

	if (r == -EFBIG)
		return slo_err_set(err, r, "cannot read %s: longer than %zu bytes", path, max);
	if (r < 0)
		return slo_err_set(err, r, "cannot read %s: %s", path, strerror(-r));
	*ret_text = slo_take_ptr(text);
	*ret_len = len;
	return 0;
}
