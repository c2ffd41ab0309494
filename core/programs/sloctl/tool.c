/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/plain.h"
#include "core/programs/sloctl/commands.h"

#define DRAW_EVERY_NS (SLO_NS_PER_SEC / 10)

void slo_tool_clear(struct slo_tool *tool)
{
	if (tool->drawn)
		(void)fputs("\r\033[K", stderr);
	tool->drawn = false;
}

/* Input quoted in a message may hold anything: it must neither drive the terminal nor break the line. */
static void say(struct slo_tool *tool, const struct slo_err *err)
{
	char text[sizeof(err->msg)];

	memcpy(text, err->msg, sizeof(text));
	slo_tool_clear(tool);
	(void)fprintf(stderr, "%s: %s\n", tool->prog, slo_plain(text));
}

void slo_tool_bad_line(struct slo_tool *tool, const struct slo_err *err)
{
	if (tool->told++ < SLO_TOOL_TOLD_MAX)
		say(tool, err);
}

int slo_tool_fail(struct slo_tool *tool, const struct slo_err *err)
{
	say(tool, err);
	return SLO_EXIT_BACKEND;
}

void slo_tool_progress(struct slo_tool *tool, const struct slo_jsonl *j)
{
	uint64_t now_ns, read = slo_jsonl_offset(j);
	int64_t size = slo_jsonl_size(j);

	if (tool->quiet)
		return;
	if (!tool->drawn_ns && !isatty(STDERR_FILENO)) {
		tool->quiet = true;
		return;
	}
	/* All is read: what comes now is the result. */
	if (size >= 0 && read >= (uint64_t)size) {
		slo_tool_clear(tool);
		return;
	}
	now_ns = slo_clock_monotonic_ns();
	if (tool->drawn_ns && now_ns - tool->drawn_ns < DRAW_EVERY_NS)
		return;
	/* Work that is done at once shows nothing. */
	if (tool->drawn_ns) {
		(void)fprintf(stderr, "\r\033[K%s: ", tool->prog);
		if (size > 0)
			(void)fprintf(stderr, "%d %%, ", (int)((double)read * 100 / (double)size));
		(void)fprintf(stderr, "%" PRIu64 " lines", slo_jsonl_line(j));
		(void)fflush(stderr);
		tool->drawn = true;
	}
	tool->drawn_ns = now_ns;
}

int slo_tool_exit(struct slo_tool *tool, uint64_t rejected, int code)
{
	slo_tool_clear(tool);
	if (rejected == 0)
		return code;
	(void)fprintf(stderr, "%s: %" PRIu64 " line%s rejected", tool->prog, rejected,
	              rejected == 1 ? "" : "s");
	if (rejected > SLO_TOOL_TOLD_MAX)
		(void)fprintf(stderr, ", the first %d are shown", SLO_TOOL_TOLD_MAX);
	(void)fputc('\n', stderr);
	return code == SLO_EXIT_OK ? SLO_EXIT_PARTIAL : code;
}

/* One file that a rename replaces; a name that is not there yet is another's only if it is spelt alike. */
static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (stat(a, &x) < 0 || stat(b, &y) < 0)
		return strcmp(a, b) == 0;
	return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool collide(const struct slo_tool_path *a, const struct slo_tool_path *b, bool a_is_input)
{
	bool a_is_std, b_is_std;

	if (!a->path || !b->path)
		return false;
	a_is_std = strcmp(a->path, "-") == 0;
	b_is_std = strcmp(b->path, "-") == 0;
	if (a_is_std || b_is_std)
		return a_is_std && b_is_std && !a_is_input;
	return is_same_file(a->path, b->path);
}

int slo_tool_check_paths(const char *prog, const struct slo_tool_path *paths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = i + 1; k < count; k++) {
			if (!collide(&paths[i], &paths[k], i == 0))
				continue;
			return slo_options_usage_error(
				prog,
				i ? "%s and %s are the same"
				  : "%s and %s are the same: the input would be replaced",
				paths[i].option, paths[k].option);
		}
	}
	return 0;
}

const char *slo_tool_generated_at(char buf[SLO_RECORD_TIME_SIZE])
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds, limit = INT64_MAX / SLO_NS_PER_SEC;
	char *end = NULL;

	if (epoch && *epoch >= '0' && *epoch <= '9') {
		seconds = strtoull(epoch, &end, 10);
		if (*end == '\0' && seconds <= limit)
			return slo_record_time_print((int64_t)(seconds * SLO_NS_PER_SEC), buf);
	}
	return slo_record_time_print((int64_t)slo_clock_realtime_ns(), buf);
}
