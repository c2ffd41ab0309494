/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of sloctl. Each takes its own name as argv[0] and returns an exit code. */
#ifndef SLO_SLOCTL_COMMANDS_H
#define SLO_SLOCTL_COMMANDS_H

#include "core/base/base.h"

/* The same for every command of every program of ours. */
enum slo_exit {
	SLO_EXIT_OK = 0,
	SLO_EXIT_NEGATIVE = 1, /* a negative verdict: gate failed, blocker found, invalid */
	SLO_EXIT_USAGE = 2,
	SLO_EXIT_NO_DATA = 3,
	SLO_EXIT_BACKEND = 4, /* backend or I/O error */
	SLO_EXIT_PARTIAL = 5, /* finished, but some input was rejected */
};

int slo_cmd_prereq(int argc, char **argv);
int slo_cmd_config(int argc, char **argv);
int slo_cmd_schema(int argc, char **argv);

#endif
