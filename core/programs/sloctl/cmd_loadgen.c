/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl loadgen`: made-up requests of a healthy or faulty service. */
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/generate.h"

struct args {
	struct slo_generate generate;
};

static const struct slo_option rows[] = {
	SLO_GENERATE_SCENARIO_ROW(struct args, generate, "profile"),
	SLO_GENERATE_ROWS(struct args, generate),
	{ .name = "out",
	  .letter = 'o',
	  .arg = "FILE",
	  .type = SLO_OPT_STRING,
	  .offset = offsetof(struct args, generate.out),
	  .help = "where to (standard output)" },
};

const struct slo_options slo_cmd_loadgen_options = {
	.prog = "sloctl loadgen",
	.usage = "[options]",
	.about =
		"Writes made-up requests (RawSample, JSON lines), for trying out collector, slo burn and\n"
		"m5gate without a service. It sends no traffic.",
	.notes = SLO_GENERATE_NOTES,
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

int slo_cmd_loadgen(int argc, char **argv)
{
	const struct slo_options *spec = &slo_cmd_loadgen_options;
	struct args args = { .generate = { SLO_GENERATE_DEFAULTS } };
	struct slo_generator g;
	int first;
	int r = slo_options_parse(spec, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	r = slo_generator_init(&g, &args.generate, "healthy", spec->prog, "load");
	return r ? r : slo_generate(&g, args.generate.out, spec->prog, slo_synthetic_write_raw);
}
