/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/programs/sloctl/commands.h"

struct command {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "prereq", "what this host lets us measure, how, and what it would take", slo_cmd_prereq },
	{ "config", "print or check the agent's configuration", slo_cmd_config },
	{ "schema", "list or print the JSON Schemas of our records", slo_cmd_schema },
};

static void usage(FILE *out)
{
	(void)fprintf(out, "usage: sloctl COMMAND [options]\n\ncommands:\n");
	for (size_t i = 0; i < SLO_ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-15s %s\n", commands[i].name, commands[i].help);
	(void)fprintf(out, "\nsloctl COMMAND --help tells more; sloctl --version the version.\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name) {
		usage(stderr);
		return SLO_EXIT_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		usage(stdout);
		return SLO_EXIT_OK;
	}
	if (strcmp(name, "--version") == 0) {
		(void)puts("sloctl " SLO_VERSION);
		return SLO_EXIT_OK;
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	(void)fprintf(stderr, "sloctl: no command '%s' (try --help)\n", name);
	return SLO_EXIT_USAGE;
}
