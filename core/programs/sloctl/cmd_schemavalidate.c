/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl schemavalidate`: any JSON against any schema, with the line and the place of what does not fit. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/jsonw.h"
#include "core/codec/schema_check.h"
#include "core/codec/schemas.h"
#include "core/config/nearest.h"
#include "core/programs/markup.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/tool.h"

#define FINDINGS_DEFAULT 100
#define SCHEMA_BYTES_MAX ((size_t)4 << 20)

static const char *const outputs[] = { "text", "json", NULL };

struct args {
	const char *schema;
	const char *input;
	unsigned int json_report; /* index of --output */
	bool jsonl;
	bool json;
	uint64_t findings;
};

static const struct slo_option rows[] = {
	{ .name = "schema",
	  .letter = 's',
	  .arg = "NAME|FILE",
	  .type = SLO_OPT_STRING,
	  .offset = offsetof(struct args, schema),
	  .help = "one of sloctl schema list, or a file" },
	{ .name = "input",
	  .letter = 'i',
	  .arg = "FILE",
	  .type = SLO_OPT_STRING,
	  .offset = offsetof(struct args, input),
	  .help = "what to check; - is stdin" },
	{ .name = "jsonl",
	  .type = SLO_OPT_BOOL,
	  .offset = offsetof(struct args, jsonl),
	  .help = "one object a line; the default, but for FILE.json" },
	{ .name = "json",
	  .type = SLO_OPT_BOOL,
	  .offset = offsetof(struct args, json),
	  .help = "the whole input is one document; the default of FILE.json" },
	{ .name = "findings",
	  .arg = "N",
	  .type = SLO_OPT_UINT,
	  .offset = offsetof(struct args, findings),
	  .min = 1,
	  .max = UINT32_MAX,
	  .help = "print at most N findings (100); all are counted" },
	{ .name = "output",
	  .letter = 'o',
	  .arg = "text|json",
	  .type = SLO_OPT_ENUM,
	  .names = outputs,
	  .offset = offsetof(struct args, json_report),
	  .help = "form of the report" },
};

const struct slo_options slo_cmd_schemavalidate_options = {
	.prog = "sloctl schemavalidate",
	.usage = "--schema NAME|FILE --input FILE|- [options]",
	.about =
		"Checks records, or one document, against a JSON Schema (2020-12). Keywords that it does not\n"
		"know are refused, never ignored. Exit: 0 all valid, 1 not, 3 there was nothing.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

struct report {
	const struct args *args;
	uint64_t records;
	uint64_t invalid;
};

/* --- schema -------------------------------------------------------------------------------------------------- */

static int compile_file(struct slo_schema_check **ret, const char *path, struct slo_err *err)
{
	json_error_t why;
	struct stat st;
	json_t *schema;
	int r;

	if (stat(path, &st) < 0)
		return slo_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (st.st_size > (off_t)SCHEMA_BYTES_MAX)
		return slo_err_set(err, -EFBIG, "%s: larger than %zu bytes", path,
		                   SCHEMA_BYTES_MAX);
	schema = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (!schema)
		return slo_err_set(err, -EINVAL, "%s:%d: %s", path, why.line, why.text);
	r = slo_schema_check_compile(ret, schema, err);
	json_decref(schema);
	return r < 0 ? slo_err_wrap(err, r, "%s", path) : 0;
}

static int no_schema(const char *name, struct slo_err *err)
{
	struct slo_nearest near = { .word = name };
	const struct slo_schema *s;

	for (size_t i = 0; (s = slo_schema_at(i)); i++)
		slo_nearest_offer(&near, s->name);
	return slo_err_set(err, -ENOENT,
	                   "no schema and no file '%.80s'%s%s%s (try sloctl schema list)", name,
	                   near.best ? ", did you mean " : "", near.best ? near.best : "",
	                   near.best ? "?" : "");
}

static int compile_schema(struct slo_schema_check **ret, const char *name, struct slo_err *err)
{
	const char *text = slo_schema_get(name);
	int r;

	if (text)
		return slo_schema_check_compile_text(ret, text, strlen(text), err);
	r = compile_file(ret, name, err);
	return r == -ENOENT ? no_schema(name, err) : r;
}

/* --- findings ------------------------------------------------------------------------------------------------ */

static void print_finding(struct report *r, const char *message)
{
	char buf[2048];
	struct slo_jsonw w;

	r->invalid++;
	if (r->invalid > r->args->findings)
		return;
	if (!r->args->json_report) {
		/* The input may hold anything: no finding drives the terminal. */
		slo_markup_put_plain(stdout, message);
		(void)putchar('\n');
		return;
	}
	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_jsonw_str(&w, message);
	if (slo_jsonw_finish(&w) > 0)
		(void)printf("%s%s", r->invalid == 1 ? "" : ",", buf);
}

static void begin_report(const struct report *r)
{
	if (r->args->json_report)
		(void)printf("{\"findings\":[");
}

static int end_report(const struct report *r)
{
	uint64_t shown = r->invalid < r->args->findings ? r->invalid : r->args->findings;

	if (r->args->json_report)
		(void)printf("],\"records\":%" PRIu64 ",\"invalid\":%" PRIu64 ",\"valid\":%s}\n",
		             r->records, r->invalid, r->invalid || !r->records ? "false" : "true");
	else if (r->invalid > shown)
		(void)printf("... and %" PRIu64 " more\n", r->invalid - shown);
	if (!r->args->json_report && r->records)
		(void)printf("%s: %" PRIu64 " record%s, %" PRIu64 " invalid\n",
		             r->invalid ? "invalid" : "valid", r->records,
		             r->records == 1 ? "" : "s", r->invalid);
	if (r->records == 0) {
		(void)fprintf(stderr, "%s: no records\n", slo_cmd_schemavalidate_options.prog);
		return SLO_EXIT_NO_DATA;
	}
	return r->invalid ? SLO_EXIT_NEGATIVE : SLO_EXIT_OK;
}

/* --- input --------------------------------------------------------------------------------------------------- */

static int check_lines(struct report *report, const struct slo_schema_check *check,
                       struct slo_tool *tool, struct slo_err *err)
{
	struct slo_jsonl *lines slo_jsonl_auto = NULL;
	int r = slo_jsonl_open(&lines, report->args->input, err);

	if (r < 0)
		return r;
	begin_report(report);
	for (;;) {
		json_t *object = NULL;

		r = slo_jsonl_next(lines, &object, err);
		if (r == 0)
			return 0;
		if (r < 0 && r != -EBADMSG)
			return r;
		report->records++;
		if (r == 1) {
			if (slo_schema_check_run(check, object, err) < 0)
				r = slo_jsonl_reject(lines, err);
			json_decref(object);
		}
		if (r == -EBADMSG)
			print_finding(report, err->msg);
		slo_tool_progress(tool, lines);
	}
}

/* Nothing at all is no document, as it is no record: 1, and 0 where there is something. Or a negative errno. */
static int is_empty(FILE *file)
{
	int c = getc(file);

	if (c == EOF)
		return ferror(file) ? -errno : 1;
	(void)ungetc(c, file);
	return 0;
}

static int check_document(struct report *report, const struct slo_schema_check *check,
                          struct slo_err *err)
{
	const char *path = report->args->input;
	bool is_stdin = strcmp(path, "-") == 0;
	const char *name = is_stdin ? "stdin" : path;
	const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES;
	json_error_t why;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	int empty = file ? is_empty(file) : -errno;
	json_t *v = empty ? NULL : json_loadf(file, flags, &why);

	if (file && !is_stdin)
		(void)fclose(file);
	if (empty < 0)
		return slo_err_set(err, empty, "cannot read %s: %s", name, strerror(-empty));
	begin_report(report);
	report->records = !empty;
	if (empty)
		return 0;
	if (!v)
		(void)slo_err_set(err, -EBADMSG, "%s:%d: %s", name, why.line, why.text);
	else if (slo_schema_check_run(check, v, err) < 0)
		(void)slo_err_wrap(err, -EBADMSG, "%s", name);
	if (err->code)
		print_finding(report, err->msg);
	json_decref(v);
	return 0;
}

static bool is_document(const struct args *args)
{
	const char *dot = strrchr(args->input, '.');

	return args->json || (!args->jsonl && dot && strcmp(dot, ".json") == 0);
}

int slo_cmd_schemavalidate(int argc, char **argv)
{
	const struct slo_options *spec = &slo_cmd_schemavalidate_options;
	struct slo_schema_check *check slo_schema_check_auto = NULL;
	struct args args = { .findings = FINDINGS_DEFAULT };
	struct report report = { .args = &args };
	struct slo_tool tool = { .prog = spec->prog };
	struct slo_err err = { 0 };
	int first;
	int r = slo_options_parse(spec, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (!args.schema || !args.input)
		return slo_options_usage_error(spec->prog, "%s is needed",
		                               args.schema ? "--input" : "--schema");
	if (args.json && args.jsonl)
		return slo_options_usage_error(spec->prog, "--json and --jsonl: one of them");
	r = compile_schema(&check, args.schema, &err);
	if (r < 0) {
		(void)slo_tool_fail(&tool, &err);
		return r == -EINVAL || r == -ENOENT ? SLO_EXIT_USAGE : SLO_EXIT_BACKEND;
	}
	r = is_document(&args) ? check_document(&report, check, &err)
	                       : check_lines(&report, check, &tool, &err);
	(void)slo_tool_exit(&tool, 0, SLO_EXIT_OK); /* clears the progress */
	if (r < 0)
		return slo_tool_fail(&tool, &err);
	r = end_report(&report);
	if (fflush(stdout) != 0) {
		(void)slo_err_set(&err, -errno, "standard output: %s", strerror(errno));
		return slo_tool_fail(&tool, &err);
	}
	return r;
}
