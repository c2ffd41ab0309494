/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl faultreplay`: made-up incidents with their truth, to try the evaluation tools out. */
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/generate.h"

struct args {
	struct slo_generate generate;
};

static const struct slo_option rows[] = {
	SLO_GENERATE_SCENARIO_ROW(struct args, generate, "scenario"),
	SLO_GENERATE_ROWS(struct args, generate),
	{ .name = "out",
	  .letter = 'o',
	  .arg = "FILE",
	  .type = SLO_OPT_STRING,
	  .offset = offsetof(struct args, generate.out),
	  .help = "where to (standard output)" },
};

const struct slo_options slo_cmd_faultreplay_options = {
	.prog = "sloctl faultreplay",
	.usage = "[options]",
	.about =
		"Writes made-up incidents with their true fault domains (FaultSample, JSON lines), for\n"
		"trying out attributor, calibrate and benchgen. No accuracy on them means anything.",
	.notes = SLO_GENERATE_NOTES,
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

int slo_cmd_faultreplay(int argc, char **argv)
{
	const struct slo_options *spec = &slo_cmd_faultreplay_options;
	struct args args = { .generate = { SLO_GENERATE_DEFAULTS } };
	struct slo_generator g;
	int first;
	int r = slo_options_parse(spec, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	r = slo_generator_init(&g, &args.generate, "mixed", spec->prog, "replay");
	return r ? r : slo_generate(&g, args.generate.out, spec->prog, slo_synthetic_write_fault);
}
