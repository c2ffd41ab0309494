/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/docs.h"

#define MADE "# Made by sloctl docs completion: the option tables are the source.\n"

static void print_words(FILE *out, const char *const *words, const char *separator)
{
	for (size_t i = 0; words[i]; i++)
		(void)fprintf(out, "%s%s", i ? separator : "", words[i]);
}

/* --- bash ---------------------------------------------------------------------------------------------------- */

static void bash_pattern(FILE *out, const struct slo_option *row)
{
	(void)fprintf(out, "\t\t--%s", row->name);
	if (row->letter)
		(void)fprintf(out, " | -%c", row->letter);
	(void)fputs(")", out);
}

static void bash_argument(FILE *out, const struct slo_option *row)
{
	switch (slo_doc_arg_of(row)) {
	case SLO_DOC_ARG_NONE:
		return;
	case SLO_DOC_ARG_WORDS:
		bash_pattern(out, row);
		(void)fputs(" mapfile -t COMPREPLY < <(compgen -W \"", out);
		print_words(out, slo_doc_words(row), " ");
		(void)fputs("\" -- \"$cur\") && return ;;\n", out);
		return;
	case SLO_DOC_ARG_FILE:
		bash_pattern(out, row);
		(void)fputs(" mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") && return ;;\n",
		            out);
		return;
	case SLO_DOC_ARG_ANY:
		bash_pattern(out, row);
		(void)fputs(" return ;;\n", out);
		return;
	}
}

static void bash_page(FILE *out, const struct slo_doc_page *page)
{
	const struct slo_option *row;

	if (!*page->command)
		(void)fprintf(out, "\t%s)\n", page->program);
	else
		(void)fprintf(out, "\t\"%s%s%s\")\n", page->command, *page->verb ? " " : "",
		              page->verb);
	(void)fputs("\t\tcase $prev in\n", out);
	for (size_t i = 0; (row = slo_doc_row_at(page->options, i)); i++)
		bash_argument(out, row);
	(void)fputs("\t\tesac\n\t\twords=\"", out);
	for (const struct slo_verb *v = page->options->verbs; v && v->name; v++)
		(void)fprintf(out, "%s ", v->name);
	for (size_t i = 0; (row = slo_doc_row_at(page->options, i)); i++)
		(void)fprintf(out, "%s--%s", i ? " " : "", row->name);
	(void)fputs("\"\n\t\t;;\n", out);
}

/* The verbs that have options of their own: where one stands second, the options are its. */
static void bash_paths(FILE *out)
{
	struct slo_doc_page page;

	(void)fputs("\tcase ${COMP_WORDS[1]-}/${COMP_WORDS[2]-} in\n", out);
	for (size_t i = 0; slo_doc_page_at(i, &page); i++) {
		if (*page.verb)
			(void)fprintf(out,
			              "\t%s/%s) [[ $COMP_CWORD -gt 2 ]] && path=\"%s %s\" ;;\n",
			              page.command, page.verb, page.command, page.verb);
	}
	(void)fputs("\tesac\n", out);
}

void slo_docs_bash(FILE *out)
{
	const struct slo_command *c;
	struct slo_doc_page page;

	(void)fputs(
		MADE
		"# shellcheck shell=bash disable=SC2034\n_llm_slo() {\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=\"\"\n"
		"\tlocal path=${COMP_WORDS[1]-}\n\tCOMPREPLY=()\n"
		"\t[[ $(basename -- \"${COMP_WORDS[0]}\") == llm-slo-agent ]] && path=llm-slo-agent\n",
		out);
	(void)fputs(
		"\tif [[ $path != llm-slo-agent && $COMP_CWORD -eq 1 ]]; then\n\t\tpath=\"\"\n\tfi\n",
		out);
	bash_paths(out);
	(void)fputs("\tcase $path in\n\t\"\")\n\t\twords=\"", out);
	for (size_t i = 0; (c = slo_command_at(i)); i++)
		(void)fprintf(out, "%s ", c->name);
	(void)fputs("--help --version\"\n\t\t;;\n", out);
	for (size_t i = 0; slo_doc_page_at(i, &page); i++)
		bash_page(out, &page);
	(void)fputs("\tesac\n\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n"
	            "complete -F _llm_slo sloctl llm-slo-agent\n",
	            out);
}

/* --- zsh ----------------------------------------------------------------------------------------------------- */

/* Text within single quotes, where @special of _arguments and _describe are escaped. */
static void zsh_text(FILE *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'') {
			(void)fputs("'\\''", out);
			continue;
		}
		if (strchr(special, *text))
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
}

static void zsh_row(FILE *out, const struct slo_option *row)
{
	if (row->letter)
		(void)fprintf(out, "\t\t'*'{-%c,--%s}'[", row->letter, row->name);
	else
		(void)fprintf(out, "\t\t'*--%s[", row->name);
	zsh_text(out, row->help, "[]:\\");
	(void)fputc(']', out);
	if (row->arg) {
		(void)fputc(':', out);
		zsh_text(out, row->arg, "[]:\\");
		(void)fputc(':', out);
	}
	if (slo_doc_arg_of(row) == SLO_DOC_ARG_WORDS) {
		(void)fputc('(', out);
		print_words(out, slo_doc_words(row), " ");
		(void)fputc(')', out);
	} else if (slo_doc_arg_of(row) == SLO_DOC_ARG_FILE) {
		(void)fputs("_files", out);
	}
	(void)fputs("' \\\n", out);
}

static void zsh_arguments(FILE *out, const struct slo_options *spec)
{
	const struct slo_option *row;

	(void)fputs("\t_arguments \\\n", out);
	for (size_t i = 0; (row = slo_doc_row_at(spec, i)); i++)
		zsh_row(out, row);
	if (spec->verbs) {
		(void)fputs("\t\t'1:verb:(", out);
		for (const struct slo_verb *v = spec->verbs; v->name; v++)
			(void)fprintf(out, "%s%s", v == spec->verbs ? "" : " ", v->name);
		(void)fputs(")' \\\n", out);
	}
	(void)fputs("\t\t'*:word:_default'\n", out);
}

void slo_docs_zsh(FILE *out)
{
	const struct slo_command *c;
	struct slo_doc_page page;

	(void)fputs("#compdef sloctl llm-slo-agent\n" MADE "_llm_slo() {\n\tlocal path=$service\n"
	            "\tif [[ $service == sloctl ]]; then\n\t\tif (( CURRENT == 2 )); then\n"
	            "\t\t\tlocal -a commands=(\n",
	            out);
	for (size_t i = 0; (c = slo_command_at(i)); i++) {
		(void)fprintf(out, "\t\t\t\t'%s:", c->name);
		zsh_text(out, c->help, ":\\");
		(void)fputs("'\n", out);
	}
	(void)fputs("\t\t\t)\n\t\t\t_describe command commands\n\t\t\treturn\n\t\tfi\n"
	            "\t\tpath=$words[2]\n\t\tshift words\n\t\t(( CURRENT-- ))\n",
	            out);
	for (size_t i = 0; slo_doc_page_at(i, &page); i++) {
		if (*page.verb) {
			(void)fprintf(
				out,
				"\t\tif [[ $path == %s && $words[2] == %s && $CURRENT -gt 2 ]]; then\n"
				"\t\t\tpath='%s %s'\n\t\t\tshift words\n\t\t\t(( CURRENT-- ))\n\t\tfi\n",
				page.command, page.verb, page.command, page.verb);
		}
	}
	(void)fputs("\tfi\n\tcase $path in\n", out);
	for (size_t i = 0; slo_doc_page_at(i, &page); i++) {
		(void)fprintf(out, "\t'%s%s%s')\n", *page.command ? page.command : page.program,
		              *page.verb ? " " : "", page.verb);
		zsh_arguments(out, page.options);
		(void)fputs("\t\t;;\n", out);
	}
	(void)fputs("\tesac\n}\n_llm_slo \"$@\"\n", out);
}

/* --- fish ---------------------------------------------------------------------------------------------------- */

static void fish_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
}

/* "complete -c sloctl -n '...'", up to what is completed. */
static void fish_begin(FILE *out, const struct slo_doc_page *page)
{
	(void)fprintf(out, "complete -c %s", page->program);
	if (*page->verb) {
		(void)fprintf(
			out,
			" -n '__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s'",
			page->command, page->verb);
	} else if (*page->command) {
		(void)fprintf(out, " -n '__fish_seen_subcommand_from %s'", page->command);
	}
}

static void fish_row(FILE *out, const struct slo_doc_page *page, const struct slo_option *row)
{
	fish_begin(out, page);
	(void)fprintf(out, " -l %s", row->name);
	if (row->letter)
		(void)fprintf(out, " -s %c", row->letter);
	switch (slo_doc_arg_of(row)) {
	case SLO_DOC_ARG_NONE:
		(void)fputs(" -f", out);
		break;
	case SLO_DOC_ARG_WORDS:
		(void)fputs(" -xa '", out);
		print_words(out, slo_doc_words(row), " ");
		(void)fputs("'", out);
		break;
	case SLO_DOC_ARG_FILE:
		(void)fputs(" -rF", out);
		break;
	case SLO_DOC_ARG_ANY:
		(void)fputs(" -x", out);
		break;
	}
	(void)fputs(" -d '", out);
	fish_text(out, row->help);
	(void)fputs("'\n", out);
}

void slo_docs_fish(FILE *out)
{
	const struct slo_command *c;
	struct slo_doc_page page;

	(void)fputs(MADE, out);
	for (size_t i = 0; (c = slo_command_at(i)); i++) {
		(void)fprintf(out, "complete -c sloctl -n __fish_use_subcommand -fa %s -d '",
		              c->name);
		fish_text(out, c->help);
		(void)fputs("'\n", out);
	}
	for (size_t i = 0; slo_doc_page_at(i, &page); i++) {
		const struct slo_option *row;

		for (const struct slo_verb *v = page.options->verbs; v && v->name; v++) {
			fish_begin(out, &page);
			(void)fprintf(out, " -fa %s -d '", v->name);
			fish_text(out, v->help);
			(void)fputs("'\n", out);
		}
		for (size_t r = 0; (row = slo_doc_row_at(page.options, r)); r++)
			fish_row(out, &page, row);
	}
}
