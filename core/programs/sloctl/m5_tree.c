/* SPDX-License-Identifier: Apache-2.0 */
/* ROOT/SCENARIO/run-NAME/{raw_samples.jsonl, collector_overhead.csv}. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/codec/overhead_csv.h"
#include "core/codec/sli_event_json.h"
#include "core/programs/sloctl/m5.h"
#include "core/store/infile.h"

#define RUN_PREFIX "run-"
#define SAMPLES_FILE "raw_samples.jsonl"
#define OVERHEAD_FILE "collector_overhead.csv"
#define OVERHEAD_FILE_MAX ((size_t)64 << 20)
#define SAMPLES_MIN ((size_t)4096)

static_assert(SLO_M5_SCENARIOS_MAX >= SLO_GATE_RUNS_MAX, "one list holds scenarios or runs");

/* --- folders --------------------------------------------------------------------------------------------------------- */

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static int join(char path[PATH_MAX], const char *a, const char *b, struct slo_err *err)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", a, b);

	if (n < 0 || n >= PATH_MAX)
		return slo_err_set(err, -ENAMETOOLONG, "%.100s...: path too long", a);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool has_name(const struct slo_m5_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->item[i], name) == 0)
			return true;
	}
	return false;
}

/* The folder @name of @path, unless it is there already. */
static int add_folder(const char *path, const char *name, struct slo_m5_names *names,
                      struct slo_err *err)
{
	char full[PATH_MAX];
	struct stat st;
	int r = join(full, path, name, err);

	if (r < 0)
		return r;
	if (stat(full, &st) < 0 || !S_ISDIR(st.st_mode) || has_name(names, name))
		return 0;
	if (strlen(name) >= SLO_M5_NAME_SIZE)
		return slo_err_set(err, -ENAMETOOLONG, "%s: a name longer than %d bytes", path,
		                   SLO_M5_NAME_SIZE - 1);
	if (names->count == SLO_M5_SCENARIOS_MAX)
		return slo_err_set(err, -E2BIG, "%s: more than %d folders", path,
		                   SLO_M5_SCENARIOS_MAX);
	(void)snprintf(names->item[names->count++], SLO_M5_NAME_SIZE, "%s", name);
	return 0;
}

/* Folders of @path whose names begin with @prefix, none of them hidden. */
static int list_folders(const char *path, const char *prefix, struct slo_m5_names *names,
                        struct slo_err *err)
{
	DIR *dir slo_cleanup(close_dir) = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return slo_err_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	while (r == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			r = add_folder(path, entry->d_name, names, err);
	}
	qsort(names->item, names->count, sizeof(names->item[0]), compare_names);
	return r;
}

int slo_m5_find_scenarios(const char *root, struct slo_m5_names *names, struct slo_err *err)
{
	return list_folders(root, "", names, err);
}

/* --- samples --------------------------------------------------------------------------------------------------------- */

void slo_m5_samples_fini(struct slo_m5_samples *s)
{
	free(s->ttft_ms);
	free(s->tokens_per_sec);
	free(s->error_rate);
	*s = (struct slo_m5_samples){ 0 };
}

void slo_m5_samples_view(const struct slo_m5_samples *s, struct slo_gate_side *ret)
{
	*ret = (struct slo_gate_side){ .ttft_ms = s->ttft_ms,
		                       .tokens_per_sec = s->tokens_per_sec,
		                       .error_rate = s->error_rate,
		                       .n = s->n,
		                       .runs = s->runs };
	memcpy(ret->run_sizes, s->run_sizes, sizeof(ret->run_sizes));
}

static bool grow(double **values, size_t n, size_t size)
{
	double *larger = calloc(size, sizeof(*larger));

	if (!larger)
		return false;
	if (n)
		memcpy(larger, *values, n * sizeof(*larger));
	free(*values);
	*values = larger;
	return true;
}

static int add_sample(struct slo_m5_samples *s, const struct slo_sli_sample *sample,
                      struct slo_err *err)
{
	if (s->n == SLO_M5_SAMPLES_MAX)
		return slo_err_set(err, -E2BIG, "more than %zu samples of one scenario",
		                   SLO_M5_SAMPLES_MAX);
	if (s->n == s->size) {
		size_t size = s->size ? 2 * s->size : SAMPLES_MIN;

		if (!grow(&s->ttft_ms, s->n, size) || !grow(&s->tokens_per_sec, s->n, size) ||
		    !grow(&s->error_rate, s->n, size))
			return slo_err_set(err, -ENOMEM, "out of memory");
		s->size = size;
	}
	s->ttft_ms[s->n] = sample->value[SLO_SLI_TTFT];
	s->tokens_per_sec[s->n] = sample->value[SLO_SLI_TOKEN_THROUGHPUT];
	s->error_rate[s->n] = sample->value[SLO_SLI_ERROR_RATE];
	s->n++;
	return 0;
}

static int take_sample(const struct slo_m5_reader *rd, struct slo_jsonl *j, json_t *object,
                       struct slo_m5_samples *s, int64_t *last_ns, struct slo_err *err)
{
	struct slo_sli_sample sample;
	int r = slo_sli_sample_from_json(object, &sample, err);

	if (r < 0) {
		(void)slo_jsonl_reject(j, err);
		slo_tool_bad_line(rd->tool, err);
		return 0;
	}
	r = add_sample(s, &sample, err);
	if (r < 0)
		return r;
	rd->input->samples++;
	rd->input->synthetic += sample.synthetic;
	rd->input->backwards += sample.common.unix_ns < *last_ns;
	*last_ns = sample.common.unix_ns;
	return 0;
}

static int read_lines(const struct slo_m5_reader *rd, struct slo_jsonl *j, struct slo_m5_samples *s,
                      struct slo_err *err)
{
	int64_t last_ns = INT64_MIN;
	json_t *object = NULL;
	int r;

	while ((r = slo_jsonl_next(j, &object, err)) != 0) {
		if (r == -EBADMSG) {
			slo_tool_bad_line(rd->tool, err);
			continue;
		}
		if (r < 0)
			return r;
		r = take_sample(rd, j, object, s, &last_ns, err);
		json_decref(object);
		if (r < 0)
			return r;
		slo_tool_progress(rd->tool, j);
	}
	return 0;
}

static void tell(const struct slo_m5_reader *rd, const char *folder, const char *what)
{
	struct slo_err err = { 0 };

	(void)slo_err_set(&err, -ENOENT, "%s: %s", folder, what);
	slo_tool_bad_line(rd->tool, &err);
}

/* One run's samples; without any it is no run, which is told. */
static int read_samples(const struct slo_m5_reader *rd, const char *folder,
                        struct slo_m5_samples *s, struct slo_err *err)
{
	slo_jsonl_auto struct slo_jsonl *j = NULL;
	const size_t before = s->n;
	char path[PATH_MAX];
	int r = join(path, folder, SAMPLES_FILE, err);

	if (r == 0)
		r = slo_jsonl_open(&j, path, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0) {
		r = read_lines(rd, j, s, err);
		rd->input->rejected += slo_jsonl_rejected(j);
		if (r < 0)
			return r;
	}
	if (s->n == before) {
		if (!j || slo_jsonl_rejected(j) == 0)
			tell(rd, folder, j ? "no samples in " SAMPLES_FILE : "no " SAMPLES_FILE);
		rd->input->runs_without_samples++;
		return 0;
	}
	s->run_sizes[s->runs++] = s->n - before;
	return 0;
}

/* --- overhead -------------------------------------------------------------------------------------------------------- */

static void tell_csv(const struct slo_m5_reader *rd, const char *path, uint64_t line,
                     struct slo_err *err)
{
	size_t len = strlen(path);

	/* A long path keeps its end, so that the cause still fits. */
	if (line)
		(void)slo_err_wrap(err, err->code, "%s%s:%" PRIu64, len > 90 ? "..." : "",
		                   len > 90 ? path + len - 87 : path, line);
	else
		(void)slo_err_wrap(err, err->code, "%s%s", len > 90 ? "..." : "",
		                   len > 90 ? path + len - 87 : path);
	slo_tool_bad_line(rd->tool, err);
	rd->input->rejected++;
}

/* Samples taken, or a negative errno. */
static int read_csv(const struct slo_m5_reader *rd, const char *path, const char *text, size_t len,
                    struct slo_err *err)
{
	struct slo_overhead_sample sample;
	struct slo_overhead_csv csv;
	int taken = 0;
	int r;

	slo_overhead_csv_init(&csv, text, len);
	while ((r = slo_overhead_csv_next(&csv, &sample, err)) != 0) {
		if (r == -EBADMSG || r == -EINVAL)
			tell_csv(rd, path, csv.line, err);
		if (r == -EBADMSG)
			continue;
		if (r < 0)
			break;
		r = slo_overhead_add(rd->overhead, sample.node, sample.cpu_pct);
		if (r < 0)
			return slo_err_set(err, r, "%s:%" PRIu64 ": %s", path, csv.line,
			                   r == -E2BIG ? "too many nodes or overhead samples"
			                               : strerror(-r));
		taken = 1;
	}
	return taken;
}

static int read_overhead(const struct slo_m5_reader *rd, const char *folder, struct slo_err *err)
{
	const uint64_t before = rd->input->rejected;
	char *text slo_cleanup(slo_freep) = NULL;
	char path[PATH_MAX];
	size_t len = 0;
	int r = join(path, folder, OVERHEAD_FILE, err);

	if (r == 0)
		r = slo_infile_read(path, OVERHEAD_FILE_MAX, &text, &len, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0)
		r = read_csv(rd, path, text, len, err);
	if (r > 0) {
		rd->input->overhead_files++;
		return 0;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	/* What was wrong with its lines has been told. */
	if (rd->input->rejected == before)
		tell(rd, folder, text ? "no samples in " OVERHEAD_FILE : "no " OVERHEAD_FILE);
	rd->input->runs_without_overhead++;
	return 0;
}

int slo_m5_read(const struct slo_m5_reader *reader, const char *root, const char *scenario,
                struct slo_m5_samples *ret, struct slo_err *err)
{
	struct slo_m5_names *runs slo_cleanup(slo_freep) = calloc(1, sizeof(*runs));
	char folder[PATH_MAX];
	char run[PATH_MAX];
	int r = runs ? join(folder, root, scenario, err)
	             : slo_err_set(err, -ENOMEM, "out of memory");

	if (r < 0)
		return r;
	r = list_folders(folder, RUN_PREFIX, runs, err);
	if (r == -ENOENT || (r == 0 && runs->count == 0)) {
		tell(reader, folder, r < 0 ? "no such folder" : "no folder " RUN_PREFIX "...");
		return 0;
	}
	for (size_t i = 0; i < runs->count && r == 0; i++) {
		r = join(run, folder, runs->item[i], err);
		if (r == 0)
			r = read_samples(reader, run, ret, err);
		if (r == 0 && reader->overhead)
			r = read_overhead(reader, run, err);
	}
	return r;
}
