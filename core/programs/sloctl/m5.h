/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of `sloctl m5gate`: the trees of samples read, judged, and reported. */
#ifndef SLO_SLOCTL_M5_H
#define SLO_SLOCTL_M5_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/codec/baseline_manifest.h"
#include "core/engine/release_gate.h"
#include "core/programs/sloctl/tool.h"

#define SLO_M5_SCENARIOS_MAX 64
#define SLO_M5_NAME_SIZE 128 /* of a scenario's or a run's folder, with the NUL */
#define SLO_M5_SAMPLES_MAX ((size_t)1 << 22) /* of one scenario and side */

enum slo_m5_side {
	SLO_M5_CANDIDATE,
	SLO_M5_BASELINE,
	SLO_M5_SIDES,
};

enum slo_m5_gate {
	SLO_M5_NONINFERIORITY,
	SLO_M5_REFERENCE,
};

/* Names of folders, sorted as bytes. */
struct slo_m5_names {
	char item[SLO_M5_SCENARIOS_MAX][SLO_M5_NAME_SIZE];
	size_t count;
};

/* What of the input is to be told beside the figures, over both sides. */
struct slo_m5_input {
	uint64_t samples, synthetic;
	uint64_t rejected; /* lines */
	uint64_t backwards; /* samples older than the one before them in their file */
	uint64_t runs_without_samples; /* no raw_samples.jsonl, or nothing usable in it */
	uint64_t runs_without_overhead; /* of the candidate: no usable collector_overhead.csv */
	uint64_t overhead_files; /* read */
};

/* Samples of one scenario and side; owns them. */
struct slo_m5_samples {
	double *ttft_ms, *tokens_per_sec, *error_rate; /* [n], room for @size */
	size_t n, size;
	size_t run_sizes[SLO_GATE_RUNS_MAX];
	size_t runs;
};

struct slo_m5_scenario {
	char name[SLO_M5_NAME_SIZE];
	struct slo_variance_result variance;
	struct slo_significance_result significance; /* --gate reference */
};

struct slo_m5_report {
	enum slo_m5_gate gate;
	struct slo_gate_limits limits;
	uint64_t seed;
	const char *roots[SLO_M5_SIDES];
	const char *manifest_path; /* NULL: none was named */
	struct slo_provenance provenance;
	struct slo_baseline_manifest manifest; /* valid where provenance.has_manifest */
	char generated_at[40];

	struct slo_m5_input input;
	struct slo_provenance_result baseline;
	struct slo_overhead_result overhead;
	struct slo_m5_scenario scenarios[SLO_M5_SCENARIOS_MAX];
	struct slo_ni_result ni[SLO_M5_SCENARIOS_MAX]; /* --gate noninferiority */
	size_t scenario_count;
	enum slo_gate_verdict variance_verdict, effect_verdict, verdict;
};

/* --- reading (m5_tree.c) ---------------------------------------------------------------------------------------- */

void slo_m5_samples_fini(struct slo_m5_samples *s);
/* Borrows @s. */
void slo_m5_samples_view(const struct slo_m5_samples *s, struct slo_gate_side *ret);

/* Adds the folders of @root to @names. 0 or a negative errno. */
int slo_m5_find_scenarios(const char *root, struct slo_m5_names *names, struct slo_err *err);

struct slo_m5_reader {
	struct slo_tool *tool;
	struct slo_m5_input *input;
	struct slo_overhead *overhead; /* NULL: collector_overhead.csv is not read */
};

/*
 * Reads ROOT/SCENARIO/run-* into @ret, which is empty. No such folder is no error: there are no samples then. Bad lines
 * and missing files are told and counted. 0 or a negative errno: a file or folder cannot be read, or too much of it.
 */
int slo_m5_read(const struct slo_m5_reader *reader, const char *root, const char *scenario,
                struct slo_m5_samples *ret, struct slo_err *err);

/* --- reports (m5_json.c, m5_text.c) ------------------------------------------------------------------------------ */

/*
 * One JSON object and a newline. With --gate reference it is the earlier design's report, field by field, and says
 * more ("input") only where the input has something to say.
 */
int slo_m5_print_json(const struct slo_m5_report *report, FILE *out);
/* For people: a table with one row a gate, scenario and figure. */
void slo_m5_print_text(const struct slo_m5_report *report, FILE *out);
void slo_m5_print_markdown(const struct slo_m5_report *report, FILE *out);

#endif
