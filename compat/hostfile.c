/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/hostfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>

#include "compat/host.h"

bool slo_hostfile_is_live(int root)
{
	slo_cleanup(slo_closep) int fd = slo_host_open(root, "proc", O_RDONLY | O_DIRECTORY);
	struct statfs fs;

	return fd >= 0 && fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == PROC_SUPER_MAGIC;
}

bool slo_hostfile_exists(int root, const char *path)
{
	path += strspn(path, "/");
	return faccessat(root, *path ? path : ".", F_OK, 0) == 0;
}

char *slo_text_word(char **rest)
{
	char *word;

	do {
		word = strsep(rest, " \t\n");
	} while (word && !*word);
	return word;
}

int slo_text_u64(const char *text, int base, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	/* strtoull() takes a sign and wraps: refuse both. */
	text += strspn(text, " \t");
	if (*text == '-' || *text == '+')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, base);
	if (errno || end == text || (*end && !strchr(" \t\n", *end)))
		return -EINVAL;
	*ret = value;
	return 0;
}

int slo_hostfile_line(int root, const char *path, char *buf, size_t size)
{
	ssize_t n = slo_host_read(root, path, buf, size);

	if (n < 0) {
		buf[0] = '\0';
		return (int)n;
	}
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

int slo_hostfile_u64(int root, const char *path, uint64_t *ret)
{
	char text[32];
	int err = slo_hostfile_line(root, path, text, sizeof(text));

	return err ? err : slo_text_u64(text, 10, ret);
}

int slo_hostfile_ns(int root, const char *path, uint64_t *ret)
{
	char text[64];
	const char *number;
	char *end;
	ssize_t n;

	path += strspn(path, "/");
	n = readlinkat(root, path, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	number = strstr(text, ":[");
	if (!number)
		return -EINVAL;
	end = strchr(number, ']');
	if (!end)
		return -EINVAL;
	*end = '\0';
	return slo_text_u64(number + 2, 10, ret);
}

int slo_hostfile_stream(int root, const char *path, FILE **ret)
{
	slo_cleanup(slo_closep) int fd = slo_host_open(root, path, O_RDONLY);
	FILE *f;

	if (fd < 0)
		return fd;
	f = fdopen(fd, "r");
	if (!f)
		return -errno;
	(void)slo_take_fd(fd);
	*ret = f;
	return 0;
}
