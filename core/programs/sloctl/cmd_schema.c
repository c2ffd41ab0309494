/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/codec/schemas.h"
#include "core/programs/sloctl/commands.h"

static const char help[] = "usage: sloctl schema list\n"
			   "       sloctl schema print NAME\n\n"
			   "The JSON Schemas (2020-12) of the records that our programs write.\n";

static int list(void)
{
	const struct slo_schema *s;

	for (size_t i = 0; (s = slo_schema_at(i)); i++)
		(void)printf("%-24s %s\n", s->name, s->help);
	return SLO_EXIT_OK;
}

static int print(const char *name)
{
	const char *text = slo_schema_get(name);

	if (!text) {
		(void)fprintf(stderr, "sloctl schema: no schema '%s' (try sloctl schema list)\n",
		              name);
		return SLO_EXIT_USAGE;
	}
	if (fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
		(void)fprintf(stderr, "sloctl schema: cannot write to stdout\n");
		return SLO_EXIT_BACKEND;
	}
	return SLO_EXIT_OK;
}

int slo_cmd_schema(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		(void)fputs(help, stdout);
		return SLO_EXIT_OK;
	}
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	if (argc == 3 && strcmp(argv[1], "print") == 0)
		return print(argv[2]);
	(void)fprintf(stderr, "sloctl schema: list, or print NAME (try --help)\n");
	return SLO_EXIT_USAGE;
}
