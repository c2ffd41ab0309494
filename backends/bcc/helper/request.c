/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/bcc/helper/helper.h"

/* Ends the line at *@at and moves behind it. NULL at the end of the text. */
static char *next_line(char **at, const char *end)
{
	char *line = *at;
	char *stop = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;

	if (!stop)
		return NULL;
	*stop = '\0';
	*at = stop + 1;
	return line;
}

/* "NAME SIZE", and the bytes that stand at *@at. */
static int take_file(struct slo_request *req, char *value, char **at, const char *end)
{
	char *size = strchr(value, ' ');
	struct slo_request_file *f = &req->file[req->file_count];

	if (!size || req->file_count == SLO_REQUEST_FILES || strstr(value, ".."))
		return -EBADMSG;
	*size++ = '\0';
	f->name = value;
	f->text = *at;
	f->size = strtoul(size, NULL, 10);
	if (f->size >= (size_t)(end - *at))
		return -EBADMSG;
	*at += f->size + 1;
	req->file_count++;
	return 0;
}

static int take_line(struct slo_request *req, char *line, char **at, const char *end)
{
	char *value = strchr(line, ' ');

	if (!value)
		return -EBADMSG;
	*value++ = '\0';
	if (strcmp(line, "key") == 0)
		req->key = value;
	else if (strcmp(line, "headers") == 0)
		req->headers = value;
	else if (strcmp(line, "root") == 0)
		req->root = value;
	else if (strcmp(line, "flag") == 0 && req->flag_count < SLO_REQUEST_FLAGS)
		req->flag[req->flag_count++] = value;
	else if (strcmp(line, "file") == 0)
		return take_file(req, value, at, end);
	else
		return -EBADMSG;
	return 0;
}

int slo_request_parse(char *text, size_t size, struct slo_request *ret, struct slo_err *err)
{
	struct slo_request req = { .key = "", .headers = "", .root = "" };
	const char *end = text + size;
	unsigned int number = 0;
	char *at = text, *line;

	while ((line = next_line(&at, end))) {
		number++;
		if (take_line(&req, line, &at, end) < 0) {
			return slo_err_set(
				err, -EBADMSG,
				"request, entry %u: '%.40s' is not understood; agent and "
				"llm-slo-bcc must be of the same version",
				number, line);
		}
	}
	if (at != end || !req.file_count)
		return slo_err_set(err, -EBADMSG, "request: cut short after %u entries", number);
	*ret = req;
	return 0;
}
