/* SPDX-License-Identifier: Apache-2.0 */
/* What all commands that read records share: talk about bad lines, progress, and the exit code. */
#ifndef SLO_SLOCTL_TOOL_H
#define SLO_SLOCTL_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/codec/jsonl.h"
#include "core/codec/record_time.h"

/* Bad lines that are printed; the rest is counted. */
#define SLO_TOOL_TOLD_MAX 20

/* All zero but for @prog. */
struct slo_tool {
	const char *prog; /* as the user calls it: "sloctl collector" */
	uint64_t told; /* bad lines, printed or not */
	uint64_t drawn_ns; /* CLOCK_MONOTONIC of the last progress; 0: none */
	bool drawn; /* a progress line is on the terminal */
	bool quiet; /* found out: standard error is no terminal */
};

/* One line "prog: FILE:LINE: ..." on standard error, of the first SLO_TOOL_TOLD_MAX. */
void slo_tool_bad_line(struct slo_tool *tool, const struct slo_err *err);

/* "prog: 42 % ..." on a terminal, at most 10 times a second; nothing elsewhere. */
void slo_tool_progress(struct slo_tool *tool, const struct slo_jsonl *j);

/*
 * Takes the progress line away: before anything is printed on standard output. Where the input's
 * size is known, slo_tool_progress() does so itself at its end.
 */
void slo_tool_clear(struct slo_tool *tool);

/* Says "prog: <@err>"; returns SLO_EXIT_BACKEND. */
int slo_tool_fail(struct slo_tool *tool, const struct slo_err *err);

/*
 * The end of a command that got through its input: clears the progress, says "N lines rejected"
 * where there are any. @code, or SLO_EXIT_PARTIAL where @code is SLO_EXIT_OK and @rejected > 0.
 */
int slo_tool_exit(struct slo_tool *tool, uint64_t rejected, int code);

/* A file of a command line, by its option. */
struct slo_tool_path {
	const char *option;
	const char *path; /* NULL: not given; "-": standard input or output */
};

/*
 * A usage error, told, where an output would replace the input (row 0) or another output, by whatever name; devices may be
 * written twice. 0 or SLO_EXIT_USAGE.
 */
int slo_tool_check_paths(const char *prog, const struct slo_tool_path *paths, size_t count);

/*
 * Now, for a report's generated_at; where SOURCE_DATE_EPOCH is set (seconds since 1970,
 * reproducible-builds.org), that. Returns @buf.
 */
const char *slo_tool_generated_at(char buf[SLO_RECORD_TIME_SIZE]);

#endif
