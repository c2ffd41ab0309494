/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up records to a file: what collector --synthetic, faultreplay and loadgen share. */
#ifndef SLO_SLOCTL_GENERATE_H
#define SLO_SLOCTL_GENERATE_H

#include <stdbool.h>

#include "core/codec/synthetic_json.h"
#include "core/engine/scenario.h"
#include "core/programs/sloctl/tool.h"

/* The rows that follow fill it; at the start: SLO_GENERATE_DEFAULTS. */
struct slo_generate {
	const char *scenario; /* name; NULL: @fallback's */
	const char *out; /* NULL: standard output */
	const char *start; /* RFC 3339 */
	uint64_t count; /* 0: by the duration */
	uint64_t duration_sec;
	uint64_t seed;
	double rps; /* records a second: the distance of their timestamps */
};

/* clang-format off */
#define SLO_GENERATE_DEFAULTS .start = "2026-01-01T00:00:00Z", .seed = 42, .rps = 1

#define SLO_GENERATE_SCENARIO_ROW(owner, field, option)                                         \
	{                                                                                      \
		.name = (option), .arg = "NAME", .type = SLO_OPT_STRING,                       \
		.offset = offsetof(owner, field.scenario), .help = "what is made up: see below" \
	}

#define SLO_GENERATE_ROWS(owner, field)                                          \
	{ .name = "count",                                                      \
	  .arg = "N",                                                           \
	  .type = SLO_OPT_UINT,                                                 \
	  .offset = offsetof(owner, field.count),                                \
	  .min = 1,                                                             \
	  .max = 1000000000,                                                    \
	  .help = "records" },                                                  \
		{ .name = "duration-sec",                                       \
		  .arg = "S",                                                   \
		  .type = SLO_OPT_UINT,                                         \
		  .offset = offsetof(owner, field.duration_sec),                 \
		  .min = 1,                                                     \
		  .max = 31536000,                                              \
		  .help = "instead: S times the rate" },                        \
		{ .name = "rps",                                                \
		  .arg = "R",                                                   \
		  .type = SLO_OPT_REAL,                                         \
		  .offset = offsetof(owner, field.rps),                          \
		  .real_min = 0.001,                                            \
		  .real_max = 1000000,                                          \
		  .help = "records a second, by their timestamps (1)" },        \
		{ .name = "seed",                                               \
		  .arg = "N",                                                   \
		  .type = SLO_OPT_UINT,                                         \
		  .offset = offsetof(owner, field.seed),                         \
		  .min = 0,                                                     \
		  .max = UINT64_MAX,                                            \
		  .help = "of the random values: same seed, same bytes (42)" }, \
	{                                                                       \
		.name = "start", .arg = "TIME", .type = SLO_OPT_STRING,         \
		.offset = offsetof(owner, field.start),                          \
		.help = "first timestamp (2026-01-01T00:00:00Z)"                \
	}

/* After the options: the scenarios there are. */
#define SLO_GENERATE_NOTES                                                                     \
	"\nScenarios: healthy, dns_latency, egress_drop, network_partition, cpu_throttle,\n"   \
	"memory_pressure, provider_throttle, provider_error, retrieval_slowdown, mixed (one\n" \
	"after the other), mixed_multi (one to three at once). Every record says\n"            \
	"\"source\": \"synthetic\"."

/* clang-format on */

/* A run that is ready: options checked, scenario found. */
struct slo_generator {
	const struct slo_scenario *scenario;
	struct slo_random random;
	int64_t start_ns;
	double step_ns;
	uint64_t count;
	uint64_t made;
	const char *prefix;
};

/* 0, or SLO_EXIT_USAGE after one line on standard error. @prefix is of ids, borrowed. */
int slo_generator_init(struct slo_generator *g, const struct slo_generate *args,
                       const char *fallback, const char *prog, const char *prefix);

/* False: that was the last one. */
bool slo_generator_next(struct slo_generator *g, struct slo_synthetic_id *ret_id,
                        struct slo_scenario_record *ret);

/* All records by @write to @path (NULL: standard output). An exit code. */
int slo_generate(struct slo_generator *g, const char *path, const char *prog,
                 void (*write)(struct slo_jsonw *w, const struct slo_synthetic_id *id,
                               const struct slo_scenario_record *record));

#endif
