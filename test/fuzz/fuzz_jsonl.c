/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line reader on any bytes: it ends, all bytes are consumed, and no more lines are counted than
 * there are newlines and a rest. Times in what it takes survive print and parse.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/codec/jsonl.h"
#include "core/codec/record_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void check_time(json_t *object)
{
	const char *text = json_string_value(json_object_get(object, "t"));
	char buf[SLO_RECORD_TIME_SIZE];
	int64_t first = 0;
	int64_t second = 1;

	if (!text || slo_record_time_parse(text, &first, NULL) < 0)
		return;
	must(slo_record_time_parse(slo_record_time_print(first, buf), &second, NULL) == 0,
	     "a printed time cannot be read");
	must(first == second, "a printed time is another one");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("jsonl", MFD_CLOEXEC);
	char path[40];
	struct slo_jsonl *j = NULL;
	json_t *object = NULL;
	uint64_t lines = 1, bad = 0;
	int r;

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size, "no file for the input");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(slo_jsonl_open(&j, path, NULL) == 0, "cannot be opened");
	while ((r = slo_jsonl_next(j, &object, NULL)) == 1 || r == -EBADMSG) {
		bad += r < 0;
		if (r == 1) {
			check_time(object);
			json_decref(object);
		}
	}
	must(r == 0, "ended early");
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	must(slo_jsonl_line(j) <= lines, "more lines than there are");
	must(slo_jsonl_rejected(j) == bad, "bad lines miscounted");
	must(slo_jsonl_offset(j) == size, "bytes left over");
	slo_jsonl_freep(&j);
	(void)close(fd);
	return 0;
}
