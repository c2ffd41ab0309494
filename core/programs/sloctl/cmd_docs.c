/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl docs`: what packages ship beside the programs, printed from the tables that the programs run on. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/config/rows.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/docs.h"

static const struct slo_verb verbs[] = {
	{ .name = "completion", .help = "of both programs, for bash, zsh or fish" },
	{ .name = "man", .help = "man page of sloctl, or of llm-slo-agent" },
	{ .name = "reference", .help = "commands, options and configuration keys as Markdown" },
	{ .name = NULL },
};

const struct slo_options slo_cmd_docs_options = {
	.prog = "sloctl docs",
	.usage = "completion bash|zsh|fish | man [PROGRAM] | reference",
	.about = "Prints what belongs to the programs from the tables that they run on.",
	.operands_max = 2,
	.verbs = verbs,
};

/* --- pages --------------------------------------------------------------------------------------------------- */

static bool page_of_command(size_t i, const struct slo_command *c, struct slo_doc_page *ret,
                            size_t *ret_count)
{
	size_t n = 1;

	*ret = (struct slo_doc_page){ "sloctl", c->name, "", c->help, c->options };
	if (i == 0)
		return true;
	for (const struct slo_verb *v = c->options->verbs; v && v->name; v++) {
		if (!v->options)
			continue;
		if (n++ != i)
			continue;
		ret->verb = v->name;
		ret->help = v->help;
		ret->options = v->options;
		return true;
	}
	*ret_count = n;
	return false;
}

bool slo_doc_page_at(size_t i, struct slo_doc_page *ret)
{
	const struct slo_command *c;

	if (i == 0) {
		*ret = (struct slo_doc_page){ "llm-slo-agent", "", "",
			                      "measures kernel signals and writes them",
			                      &slo_agent_options_spec };
		return true;
	}
	i--;
	for (size_t at = 0; (c = slo_command_at(at)); at++) {
		size_t count = 0;

		if (page_of_command(i, c, ret, &count))
			return true;
		i -= count;
	}
	return false;
}

const struct slo_option *slo_doc_row_at(const struct slo_options *spec, size_t i)
{
	if (i < spec->count)
		return &spec->rows[i];
	i -= spec->count;
	return i < SLO_OPTIONS_COMMON ? slo_options_common_row(i) : NULL;
}

const char *const *slo_doc_words(const struct slo_option *row)
{
	static const char *const flags[] = { "on", "off", NULL };
	const struct slo_config_row *setting;

	if (row->type == SLO_OPT_ENUM)
		return row->names;
	if (row->type != SLO_OPT_CONFIG)
		return NULL;
	setting = slo_config_row_find(row->section, row->key);
	assert(setting);
	if (setting->type == SLO_CONFIG_BOOL)
		return flags;
	return setting->type == SLO_CONFIG_ENUM ? setting->names : NULL;
}

enum slo_doc_arg slo_doc_arg_of(const struct slo_option *row)
{
	if (!row->arg)
		return SLO_DOC_ARG_NONE;
	if (slo_doc_words(row))
		return SLO_DOC_ARG_WORDS;
	if (strstr(row->arg, "FILE") || strstr(row->arg, "DIR") || strstr(row->arg, "PATH"))
		return SLO_DOC_ARG_FILE;
	return SLO_DOC_ARG_ANY;
}

/* --- command ------------------------------------------------------------------------------------------------- */

static const struct {
	const char *shell;
	void (*print)(FILE *out);
} shells[] = { { "bash", slo_docs_bash }, { "zsh", slo_docs_zsh }, { "fish", slo_docs_fish } };

static int completion(const char *shell)
{
	for (size_t i = 0; shell && i < SLO_ARRAY_SIZE(shells); i++) {
		if (strcmp(shells[i].shell, shell) == 0) {
			shells[i].print(stdout);
			return SLO_EXIT_OK;
		}
	}
	return slo_options_usage_error("sloctl docs",
	                               "completion for which shell? bash, zsh or fish");
}

static int man(const char *program)
{
	if (!program)
		program = "sloctl";
	if (strcmp(program, "sloctl") != 0 && strcmp(program, "llm-slo-agent") != 0)
		return slo_options_usage_error("sloctl docs",
		                               "man of which program? sloctl or llm-slo-agent");
	slo_docs_man(stdout, program);
	return SLO_EXIT_OK;
}

int slo_cmd_docs(int argc, char **argv)
{
	const struct slo_options *spec = &slo_cmd_docs_options;
	const struct slo_verb *verb;
	const char *what;
	int first;
	int r = slo_options_parse(spec, argc, argv, NULL, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	verb = slo_options_verb(spec, argv[first]);
	if (!verb)
		return SLO_EXIT_USAGE;
	what = argv[first + 1];
	if (verb == &verbs[0]) {
		r = completion(what);
	} else if (verb == &verbs[1]) {
		r = man(what);
	} else {
		if (what)
			return slo_options_usage_error(spec->prog, "reference takes no word");
		slo_docs_reference(stdout);
	}
	if (r == 0 && fflush(stdout) != 0) {
		(void)fprintf(stderr, "%s: standard output: %s\n", spec->prog, strerror(errno));
		return SLO_EXIT_BACKEND;
	}
	return r;
}
