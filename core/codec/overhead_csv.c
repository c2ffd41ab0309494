/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/overhead_csv.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec/record_time.h"

enum column {
	COLUMN_TIMESTAMP,
	COLUMN_NODE,
	COLUMN_CPU,
	COLUMN_MEMORY,
	COLUMN_EVENTS,
	COLUMN_DROPPED,
	COLUMN_MAX_,
};

static const struct {
	const char *name;
	bool required;
	size_t offset; /* of numbers, in struct slo_overhead_sample */
} columns[] = {
	[COLUMN_TIMESTAMP] = { "timestamp", true, 0 },
	[COLUMN_NODE] = { "node", true, 0 },
	[COLUMN_CPU] = { "collector_cpu_pct", true, offsetof(struct slo_overhead_sample, cpu_pct) },
	[COLUMN_MEMORY] = { "collector_memory_mb", false,
	                    offsetof(struct slo_overhead_sample, memory_mb) },
	[COLUMN_EVENTS] = { "events_per_second", false,
	                    offsetof(struct slo_overhead_sample, events_per_second) },
	[COLUMN_DROPPED] = { "dropped_events", false,
	                     offsetof(struct slo_overhead_sample, dropped_events) },
};
SLO_TABLE_COMPLETE(columns, COLUMN_MAX_);

/* A line split: NUL-ended fields in @text. */
struct fields {
	char text[SLO_CSV_LINE_MAX + 1];
	const char *item[SLO_CSV_COLUMNS_MAX];
	size_t count;
};

void slo_overhead_csv_init(struct slo_overhead_csv *csv, const char *text, size_t len)
{
	static const char mark[] = "\xef\xbb\xbf";

	*csv = (struct slo_overhead_csv){ .at = text, .end = text + len };
	if (len >= sizeof(mark) - 1 && memcmp(text, mark, sizeof(mark) - 1) == 0)
		csv->at += sizeof(mark) - 1;
}

/* --- lines and fields ----------------------------------------------------------------------------------------------- */

/* The next line that is not blank, without its end. */
static bool next_line(struct slo_overhead_csv *csv, const char **ret, size_t *ret_len)
{
	while (csv->at < csv->end) {
		const char *line = csv->at;
		const char *newline = memchr(line, '\n', (size_t)(csv->end - line));
		size_t len = (size_t)((newline ? newline : csv->end) - line);

		csv->at = newline ? newline + 1 : csv->end;
		csv->line++;
		if (len && line[len - 1] == '\r')
			len--;
		if (len == 0)
			continue;
		*ret = line;
		*ret_len = len;
		return true;
	}
	return false;
}

/* The text between quotes from @in on to @out; doubled quotes are one. Behind the closing one, or NULL: there is none. */
static const char *take_quoted(const char *in, const char *end, char **out)
{
	for (; in < end; in++) {
		if (*in == '"') {
			if (in + 1 == end || in[1] != '"')
				return in + 1;
			in++;
		}
		*(*out)++ = *in;
	}
	return NULL;
}

/* One field; returns the comma behind it or @end, or NULL with @err. */
static const char *take_field(const char *in, const char *end, char **out, struct slo_err *err)
{
	if (in < end && *in == '"') {
		in = take_quoted(in + 1, end, out);
		if (!in)
			(void)slo_err_set(err, -EBADMSG, "a quote is not closed on its line");
		if (in && in < end && *in != ',') {
			(void)slo_err_set(err, -EBADMSG, "text behind a closing quote");
			in = NULL;
		}
		return in;
	}
	for (; in < end && *in != ','; in++) {
		if (*in == '"') {
			(void)slo_err_set(err, -EBADMSG, "a quote inside an unquoted field");
			return NULL;
		}
		*(*out)++ = *in;
	}
	return in;
}

static int split(const char *line, size_t len, struct fields *f, struct slo_err *err)
{
	const char *in = line;
	const char *end = line + len;
	char *out = f->text;

	if (len > SLO_CSV_LINE_MAX)
		return slo_err_set(err, -EBADMSG, "longer than %d bytes", SLO_CSV_LINE_MAX);
	if (memchr(line, '\0', len))
		return slo_err_set(err, -EBADMSG, "a NUL byte, expected text");
	f->count = 0;
	for (;;) {
		if (f->count == SLO_CSV_COLUMNS_MAX)
			return slo_err_set(err, -EBADMSG, "more than %d columns",
			                   SLO_CSV_COLUMNS_MAX);
		f->item[f->count++] = out;
		in = take_field(in, end, &out, err);
		if (!in)
			return -EBADMSG;
		*out++ = '\0';
		if (in == end)
			return 0;
		in++;
	}
}

/* --- header and rows ------------------------------------------------------------------------------------------------ */

static int column_of(const char *name)
{
	for (int i = 0; i < COLUMN_MAX_; i++) {
		if (strcmp(columns[i].name, name) == 0)
			return i;
	}
	return -1;
}

static int read_header(struct slo_overhead_csv *csv, struct slo_err *err)
{
	unsigned int seen = 0;
	struct fields f;
	const char *line;
	size_t len;
	int r;

	if (!next_line(csv, &line, &len))
		return slo_err_set(err, -EINVAL, "empty, expected a header and samples");
	r = split(line, len, &f, err);
	if (r < 0)
		return slo_err_wrap(err, -EINVAL, "header");
	for (size_t i = 0; i < f.count; i++) {
		int column = column_of(f.item[i]);

		csv->place[i] = (signed char)column;
		if (column >= 0 && seen & 1U << column)
			return slo_err_set(err, -EINVAL, "header: column \"%s\" stands twice",
			                   columns[column].name);
		if (column >= 0)
			seen |= 1U << column;
	}
	for (int i = 0; i < COLUMN_MAX_; i++) {
		if (columns[i].required && !(seen & 1U << i))
			return slo_err_set(err, -EINVAL,
			                   "header: no column \"%s\" (is this a header?)",
			                   columns[i].name);
	}
	csv->columns = f.count;
	return 0;
}

static int set_number(int column, const char *text, struct slo_overhead_sample *s,
                      struct slo_err *err)
{
	char *end = NULL;
	double v;

	/* strtod() would take "nan", "inf", hexadecimal and leading blanks. */
	if (*text == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
		return slo_err_set(err, -EBADMSG, "column \"%s\": \"%.40s\" is not a number",
		                   columns[column].name, text);
	v = strtod(text, &end);
	if (*end != '\0' || !isfinite(v) || v < 0)
		return slo_err_set(err, -EBADMSG,
		                   "column \"%s\": \"%.40s\" is not a number of 0 or more",
		                   columns[column].name, text);
	memcpy((char *)s + columns[column].offset, &v, sizeof(v));
	return 0;
}

static int set_column(int column, const char *text, struct slo_overhead_sample *s,
                      struct slo_err *err)
{
	int r;

	if (column == COLUMN_TIMESTAMP) {
		r = slo_record_time_parse(text, &s->timestamp_ns, err);
		return r < 0 ? slo_err_wrap(err, -EBADMSG, "column \"timestamp\"") : 0;
	}
	if (column != COLUMN_NODE)
		return set_number(column, text, s, err);
	if (*text == '\0' || strlen(text) >= sizeof(s->node))
		return slo_err_set(err, -EBADMSG, "column \"node\": expected 1 to %zu bytes",
		                   sizeof(s->node) - 1);
	(void)snprintf(s->node, sizeof(s->node), "%s", text);
	return 0;
}

int slo_overhead_csv_next(struct slo_overhead_csv *csv, struct slo_overhead_sample *ret,
                          struct slo_err *err)
{
	struct slo_overhead_sample s = { 0 };
	struct fields f;
	const char *line;
	size_t len;
	int r = csv->columns ? 0 : read_header(csv, err);

	if (r < 0)
		return r;
	if (!next_line(csv, &line, &len))
		return 0;
	r = split(line, len, &f, err);
	if (r < 0)
		return r;
	if (f.count != csv->columns)
		return slo_err_set(err, -EBADMSG, "%zu columns, the header has %zu", f.count,
		                   csv->columns);
	for (size_t i = 0; i < f.count && r == 0; i++) {
		if (csv->place[i] >= 0)
			r = set_column(csv->place[i], f.item[i], &s, err);
	}
	if (r < 0)
		return r;
	*ret = s;
	return 1;
}
