/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl faultreplay` and `sloctl loadgen`: made-up incidents with their truth, made-up requests of a service; each says that
 * it is made up. */
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/generate.h"

struct args {
	struct slo_generate generate;
};

#define OUT_ROW                                                                      \
	{                                                                            \
		.name = "out", .letter = 'o', .arg = "FILE", .type = SLO_OPT_STRING, \
		.offset = offsetof(struct args, generate.out),                       \
		.help = "where to (standard output)"                                 \
	}

static const struct slo_option faultreplay_rows[] = {
	SLO_GENERATE_SCENARIO_ROW(struct args, generate, "scenario"),
	SLO_GENERATE_ROWS(struct args, generate),
	OUT_ROW,
};

static const struct slo_option loadgen_rows[] = {
	SLO_GENERATE_SCENARIO_ROW(struct args, generate, "profile"),
	SLO_GENERATE_ROWS(struct args, generate),
	OUT_ROW,
};

const struct slo_options slo_cmd_faultreplay_options = {
	.prog = "sloctl faultreplay",
	.usage = "[options]",
	.about =
		"Writes made-up incidents with their true fault domains (FaultSample, JSON lines), for\n"
		"trying out attributor, calibrate and benchgen. No accuracy on them means anything.",
	.notes = SLO_GENERATE_NOTES,
	.rows = faultreplay_rows,
	.count = SLO_ARRAY_SIZE(faultreplay_rows),
};

const struct slo_options slo_cmd_loadgen_options = {
	.prog = "sloctl loadgen",
	.usage = "[options]",
	.about =
		"Writes made-up requests (RawSample, JSON lines), for trying out collector, slo burn and\n"
		"m5gate without a service. It sends no traffic.",
	.notes = SLO_GENERATE_NOTES,
	.rows = loadgen_rows,
	.count = SLO_ARRAY_SIZE(loadgen_rows),
};

/* @fallback: the scenario where none is asked for; @prefix is of ids. */
static int generate(const struct slo_options *spec, int argc, char **argv, const char *fallback,
                    const char *prefix,
                    void (*write)(struct slo_jsonw *w, const struct slo_synthetic_id *id,
                                  const struct slo_scenario_record *record))
{
	struct args args = { .generate = { SLO_GENERATE_DEFAULTS } };
	struct slo_generator g;
	int first;
	int r = slo_options_parse(spec, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	r = slo_generator_init(&g, &args.generate, fallback, spec->prog, prefix);
	return r ? r : slo_generate(&g, args.generate.out, spec->prog, write);
}

int slo_cmd_faultreplay(int argc, char **argv)
{
	return generate(&slo_cmd_faultreplay_options, argc, argv, "mixed", "replay",
	                slo_synthetic_write_fault);
}

int slo_cmd_loadgen(int argc, char **argv)
{
	return generate(&slo_cmd_loadgen_options, argc, argv, "healthy", "load",
	                slo_synthetic_write_raw);
}
