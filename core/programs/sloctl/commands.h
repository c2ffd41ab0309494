/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of sloctl. Each takes its own name as argv[0] and returns an exit code. */
#ifndef SLO_SLOCTL_COMMANDS_H
#define SLO_SLOCTL_COMMANDS_H

#include "core/base/base.h"
#include "core/programs/options.h"

/* The same for every command of every program of ours. */
enum slo_exit {
	SLO_EXIT_OK = 0,
	SLO_EXIT_NEGATIVE = 1, /* a negative verdict: gate failed, blocker found, invalid */
	SLO_EXIT_USAGE = 2,
	SLO_EXIT_NO_DATA = 3,
	SLO_EXIT_BACKEND = 4, /* backend or I/O error */
	SLO_EXIT_PARTIAL = 5, /* finished, but some input was rejected */
};

/* A command is a row in main.c, a line below and a cmd_<name>.c that defines both. */
struct slo_command {
	const char *name;
	const char *help; /* one line */
	int (*run)(int argc, char **argv);
	const struct slo_options
		*options; /* help, completion, man page and reference are made of it */
};

/* Row @i, or NULL past the last. */
const struct slo_command *slo_command_at(size_t i);

#define SLO_COMMAND(name)                          \
	int slo_cmd_##name(int argc, char **argv); \
	extern const struct slo_options slo_cmd_##name##_options

SLO_COMMAND(prereq);
SLO_COMMAND(config);
SLO_COMMAND(schema);
SLO_COMMAND(correlationeval);
SLO_COMMAND(m5gate);
SLO_COMMAND(attributor);
SLO_COMMAND(benchgen);
SLO_COMMAND(explain);
SLO_COMMAND(calibrate);
SLO_COMMAND(collector);
SLO_COMMAND(faultreplay);
SLO_COMMAND(loadgen);
SLO_COMMAND(schemavalidate);
SLO_COMMAND(slo);
SLO_COMMAND(cdgate);
SLO_COMMAND(webhook);
SLO_COMMAND(top);
SLO_COMMAND(incidents);
SLO_COMMAND(support_bundle);
SLO_COMMAND(docs);

#endif
