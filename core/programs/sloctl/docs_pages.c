/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/codec/schemas.h"
#include "core/config/rows.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/docs.h"

static const struct {
	enum slo_exit code;
	const char *what;
} exits[] = {
	{ SLO_EXIT_OK, "done, or a verdict that is good" },
	{ SLO_EXIT_NEGATIVE,
	  "a negative verdict: a gate failed, a blocker was found, something is invalid" },
	{ SLO_EXIT_USAGE, "the command line or the configuration is wrong" },
	{ SLO_EXIT_NO_DATA, "no data, or not enough for a verdict" },
	{ SLO_EXIT_BACKEND, "a backend failed, or a file cannot be read or written" },
	{ SLO_EXIT_PARTIAL, "done, but some input was rejected" },
};

/* --- roff ---------------------------------------------------------------------------------------------------- */

/* Escapes what troff takes for its own; each newline begins a new line of text. */
static void roff_text(FILE *out, const char *text)
{
	bool begin = true;

	for (; *text; text++) {
		if (begin && (*text == '.' || *text == '\''))
			(void)fputs("\\&", out);
		begin = *text == '\n';
		if (begin && text[1] != '\n' && text[1])
			(void)fputs("\n.br", out);
		if (*text == '\\')
			(void)fputs("\\e", out);
		else if (*text == '-')
			(void)fputs("\\-", out);
		else if (!(begin && text[1] == '\n'))
			(void)fputc(*text, out);
	}
	(void)fputc('\n', out);
}

static void roff_row(FILE *out, const struct slo_option *row)
{
	(void)fputs(".TP\n.B ", out);
	if (row->letter)
		(void)fprintf(out, "\\-%c, ", row->letter);
	(void)fputs("\\-\\-", out);
	for (const char *c = row->name; *c; c++)
		(void)fprintf(out, *c == '-' ? "\\%c" : "%c", *c);
	if (row->arg)
		(void)fprintf(out, " \\fI%s\\fR", row->arg);
	(void)fputc('\n', out);
	roff_text(out, row->help);
}

static void roff_page(FILE *out, const struct slo_doc_page *page)
{
	const struct slo_option *row;

	if (*page->command) {
		(void)fprintf(out, ".SS \"%s %s", page->program, page->command);
		(void)fprintf(out, "%s%s\"\n", *page->verb ? " " : "", page->verb);
		(void)fputs(".B ", out);
		roff_text(out, page->options->prog);
		roff_text(out, page->options->usage);
		(void)fputs(".PP\n", out);
	}
	roff_text(out, page->options->about);
	for (const struct slo_verb *v = page->options->verbs; v && v->name; v++) {
		(void)fprintf(out, ".TP\n.B %s\n", v->name);
		roff_text(out, v->help);
	}
	for (size_t i = 0; (row = slo_doc_row_at(page->options, i)); i++)
		roff_row(out, row);
	if (page->options->notes) {
		(void)fputs(".PP\n", out);
		roff_text(out, page->options->notes + strspn(page->options->notes, "\n"));
	}
}

void slo_docs_man(FILE *out, const char *program)
{
	bool is_agent = strcmp(program, "llm-slo-agent") == 0;
	struct slo_doc_page page;

	(void)fprintf(out, ".\\\" Made by sloctl docs man: the option tables are the source.\n");
	(void)fprintf(out, ".TH %s %d \"\" \"llm-slo " SLO_VERSION "\"\n.SH NAME\n",
	              is_agent ? "LLM\\-SLO\\-AGENT" : "SLOCTL", is_agent ? 8 : 1);
	(void)fputs(
		is_agent
			? "llm\\-slo\\-agent \\- measures kernel signals that break an LLM service's SLO\n.SH SYNOPSIS\n"
			  ".B llm\\-slo\\-agent\n[options]\n.SH DESCRIPTION\n"
			: "sloctl \\- tells which infrastructure fault broke an LLM service's SLO\n.SH SYNOPSIS\n"
			  ".B sloctl\n.I command\n[options]\n.SH COMMANDS\n",
		out);
	for (size_t i = 0; slo_doc_page_at(i, &page); i++) {
		if (strcmp(page.program, program) == 0)
			roff_page(out, &page);
	}
	if (is_agent) {
		(void)fputs(
			".SH EXIT STATUS\n"
			".TP\n.B 0\nended as told, by --seconds or a signal\n"
			".TP\n.B 2\nthe command line or the configuration is wrong\n"
			".TP\n.B 4\na backend failed, or the last lines of the output could not be "
			"written\n"
			".SH FILES\n.TP\n.B " SLO_CONFIG_DEFAULT_PATH
			"\nthe configuration: sloctl config print\n"
			".SH SEE ALSO\n.BR sloctl (1)\n",
			out);
		return;
	}
	(void)fputs(".SH EXIT STATUS\n", out);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(exits); i++) {
		(void)fprintf(out, ".TP\n.B %d\n", (int)exits[i].code);
		roff_text(out, exits[i].what);
	}
	(void)fputs(".SH SEE ALSO\n.BR llm\\-slo\\-agent (8)\n", out);
}

/* --- Markdown ------------------------------------------------------------------------------------------------ */

/* A cell of a table. */
static void md_cell(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|' || *text == '<' || *text == '*' || *text == '_' || *text == '[')
			(void)fputc('\\', out);
		(void)fputc(*text == '\n' ? ' ' : *text, out);
	}
}

static void md_row(FILE *out, const struct slo_option *row)
{
	(void)fputs("| ", out);
	if (row->letter)
		(void)fprintf(out, "`-%c`, ", row->letter);
	(void)fprintf(out, "`--%s%s", row->name, row->arg ? " " : "");
	/* Within back ticks, a table still ends its cell at a bar. */
	for (const char *c = row->arg ? row->arg : ""; *c; c++)
		(void)fprintf(out, *c == '|' ? "\\%c" : "%c", *c);
	(void)fputs("` | ", out);
	md_cell(out, row->help);
	(void)fputs(" |\n", out);
}

static void md_page(FILE *out, const struct slo_doc_page *page)
{
	const struct slo_option *row;

	(void)fprintf(out, "\n## %s\n\n    %s %s\n\n%s\n", page->options->prog, page->options->prog,
	              page->options->usage, page->options->about);
	if (page->options->verbs) {
		(void)fputs("\n| word | |\n| --- | --- |\n", out);
		for (const struct slo_verb *v = page->options->verbs; v->name; v++) {
			(void)fprintf(out, "| `%s` | ", v->name);
			md_cell(out, v->help);
			(void)fputs(" |\n", out);
		}
	}
	(void)fputs("\n| option | |\n| --- | --- |\n", out);
	for (size_t i = 0; (row = slo_doc_row_at(page->options, i)); i++)
		md_row(out, row);
	if (page->options->notes)
		(void)fprintf(out, "\n%s\n",
		              page->options->notes + strspn(page->options->notes, "\n"));
}

static void md_setting(FILE *out, const struct slo_config_row *row)
{
	char text[SLO_CONFIG_VALUE_LEN];

	(void)fprintf(out, "| `[%s] %s` | ", slo_config_row_is_slo(row) ? "slo.NAME" : row->section,
	              row->key);
	md_cell(out, row->help);
	slo_config_row_accepted(row, text, sizeof(text));
	(void)fputs(" | ", out);
	md_cell(out, text);
	slo_config_row_default(row, text, sizeof(text));
	(void)fprintf(out, " | %s%s%s |\n", *text ? "`" : "", text, *text ? "`" : "");
}

static void md_settings(FILE *out)
{
	(void)fputs(
		"\n## Configuration\n\n`" SLO_CONFIG_DEFAULT_PATH
		"`; `sloctl config print` tells the values in force and "
		"where each comes from.\n\n| key | | accepted | default |\n| --- | --- | --- | --- |\n",
		out);
	for (size_t i = 0; i < slo_config_row_count(); i++)
		md_setting(out, slo_config_row_at(i));
	for (size_t i = 0; i < slo_config_slo_row_count(); i++)
		md_setting(out, slo_config_slo_row_at(i));
}

void slo_docs_reference(FILE *out)
{
	const struct slo_schema *schema;
	struct slo_doc_page page;

	(void)fputs(
		"<!-- Made by sloctl docs reference: the tables of the programs are the source. -->\n# Reference\n\n"
		"Every command ends with one of these codes:\n\n| code | |\n| --- | --- |\n",
		out);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(exits); i++)
		(void)fprintf(out, "| %d | %s |\n", (int)exits[i].code, exits[i].what);
	for (size_t i = 0; slo_doc_page_at(i, &page); i++)
		md_page(out, &page);
	(void)fputs(
		"\n## Schemas\n\n`sloctl schema print NAME` prints one.\n\n| name | |\n| --- | --- |\n",
		out);
	for (size_t i = 0; (schema = slo_schema_at(i)); i++)
		(void)fprintf(out, "| `%s` | %s |\n", schema->name, schema->help);
	md_settings(out);
}
