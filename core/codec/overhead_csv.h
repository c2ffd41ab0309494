/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collector_overhead.csv: what the collector cost, sampled per node. RFC 4180 with a header; columns are found by
 * name and may come in any order, with others between them.
 */
#ifndef SLO_CODEC_OVERHEAD_CSV_H
#define SLO_CODEC_OVERHEAD_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

#define SLO_CSV_COLUMNS_MAX 32
#define SLO_CSV_LINE_MAX 4096 /* bytes; a longer line is a bad one */
#define SLO_CSV_NODE_SIZE 256

struct slo_overhead_sample {
	int64_t timestamp_ns; /* since 1970 */
	char node[SLO_CSV_NODE_SIZE]; /* not empty */
	double cpu_pct; /* of one core, >= 0 */
	double memory_mb, events_per_second,
		dropped_events; /* >= 0; 0 where there is no such column */
};

/* On the caller's stack; its fields are the reader's own, but for @line, which may be read. */
struct slo_overhead_csv {
	const char *at, *end;
	uint64_t line; /* of the line read last, from 1 */
	size_t columns; /* in the header; 0: not read yet */
	signed char place[SLO_CSV_COLUMNS_MAX]; /* row of our table by column; -1: none of ours */
};

/* Borrows @text until the last call. */
void slo_overhead_csv_init(struct slo_overhead_csv *csv, const char *text, size_t len);

/*
 * 1: a sample. 0: the end. -EBADMSG: a bad line, @err says which column and what was expected (without the line's
 * number); the next call goes on behind it. -EINVAL: the header is not one, nothing can be read; a text without any line
 * has none either. Blank lines are skipped, CRLF and a byte order mark accepted.
 */
int slo_overhead_csv_next(struct slo_overhead_csv *csv, struct slo_overhead_sample *ret,
                          struct slo_err *err);

#endif
