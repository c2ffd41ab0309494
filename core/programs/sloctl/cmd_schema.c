/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl schema`: the embedded JSON Schemas. */
#include <stdio.h>
#include <string.h>

#include "core/codec/schemas.h"
#include "core/programs/sloctl/commands.h"

static const struct slo_verb verbs[] = {
	{ .name = "list", .help = "their names and what they are for" },
	{ .name = "print", .help = "the schema NAME as it is" },
	{ .name = NULL },
};

const struct slo_options slo_cmd_schema_options = {
	.prog = "sloctl schema",
	.usage = "list|print [NAME]",
	.about = "The JSON Schemas (2020-12) of the records and files of our programs.",
	.operands_max = 2,
	.verbs = verbs,
};

static int list(void)
{
	const struct slo_schema *s;

	for (size_t i = 0; (s = slo_schema_at(i)); i++)
		(void)printf("%-30s %s\n", s->name, s->help);
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
	(void)fputs(text, stdout);
	return SLO_EXIT_OK;
}

int slo_cmd_schema(int argc, char **argv)
{
	const struct slo_options *spec = &slo_cmd_schema_options;
	const struct slo_verb *verb;
	int first;
	int r = slo_options_parse(spec, argc, argv, NULL, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	verb = slo_options_verb(spec, argv[first]);
	if (!verb)
		return SLO_EXIT_USAGE;
	if (verb == &verbs[0]) {
		if (first + 1 < argc)
			return slo_options_usage_error(spec->prog, "list takes no name");
		return list();
	}
	if (first + 1 >= argc)
		return slo_options_usage_error(spec->prog, "print which? (try sloctl schema list)");
	return print(argv[first + 1]);
}
