/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/secret.h"

#include <errno.h>
#include <string.h>

#include "core/store/infile.h"

#define FILE_MAX ((size_t)64 * 1024)

int slo_secret_read(const char *path, char *buf, size_t size, struct slo_err *err)
{
	char *text = NULL;
	size_t len = 0, line;
	int r;

	if (!*path)
		return 0;
	r = slo_infile_read(path, FILE_MAX, &text, &len, err);
	if (r < 0)
		return r;
	line = strcspn(text, "\r\n");
	if (line >= size) {
		r = slo_err_set(err, -EINVAL, "%s: a secret of more than %zu characters", path,
		                size - 1);
	} else {
		memcpy(buf, text, line);
		buf[line] = '\0';
	}
	explicit_bzero(text, len);
	free(text);
	return r;
}
