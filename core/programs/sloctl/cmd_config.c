/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl config`: what the agent would run with, where each value comes from, and whether it is valid. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/jsonw.h"
#include "core/config/rows.h"
#include "core/engine/burn.h"
#include "core/programs/options.h"
#include "core/programs/sloctl/commands.h"

#define JSON_MAX ((size_t)512 * 1024) /* all rows; only lists can make it so long */

struct config_args {
	const char *file;
	unsigned int json; /* index of --output */
	bool template;
	struct slo_overrides sets;
	char *texts[SLO_OVERRIDES_MAX]; /* owned: "section\0key\0value" of each --set */
};

static const char *const outputs[] = { "text", "json", NULL };

/* --set SECTION.KEY=VALUE. The key never has a dot, a section may: slo.NAME. */
static int add_set(void *user, const char *arg, struct slo_err *err)
{
	struct config_args *args = user;
	char *text slo_cleanup(slo_freep) = strdup(arg);
	struct slo_config_override item = { .flag = "set" };
	char *equals, *dot;
	int r;

	if (!text)
		return slo_err_set(err, -ENOMEM, "out of memory");
	equals = strchr(text, '=');
	if (!equals)
		return slo_err_set(err, -EINVAL, "not SECTION.KEY=VALUE");
	*equals = '\0';
	dot = strrchr(text, '.');
	if (!dot || dot == text || dot[1] == '\0')
		return slo_err_set(err, -EINVAL, "not SECTION.KEY=VALUE");
	*dot = '\0';
	item.section = text;
	item.key = dot + 1;
	item.value = equals + 1;
	r = slo_overrides_add(&args->sets, &item, err);
	if (r == 0)
		args->texts[args->sets.count - 1] = slo_take_ptr(text);
	return r;
}

static const struct slo_option rows[] = {
	{ .name = "config",
	  .letter = 'c',
	  .type = SLO_OPT_STRING,
	  .arg = "FILE",
	  .help = "configuration (" SLO_CONFIG_DEFAULT_PATH ")",
	  .offset = offsetof(struct config_args, file) },
	{ .name = "set",
	  .type = SLO_OPT_CALL,
	  .arg = "SECT.KEY=VALUE",
	  .help = "goes before file and environment; repeatable",
	  .call = add_set },
	{ .name = "output",
	  .letter = 'o',
	  .type = SLO_OPT_ENUM,
	  .arg = "text|json",
	  .help = "form of the report",
	  .offset = offsetof(struct config_args, json),
	  .names = outputs },
	{ .name = "template",
	  .type = SLO_OPT_BOOL,
	  .help = "print: a commented file with every key instead",
	  .offset = offsetof(struct config_args, template) },
};

static const struct slo_verb verbs[] = {
	{ .name = "print", .help = "each effective value and where it comes from" },
	{ .name = "check", .help = "all problems" },
	{ .name = NULL },
};

const struct slo_options slo_cmd_config_options = {
	.prog = "sloctl config",
	.usage = "print|check [options]",
	.about = "What the agent would run with, and whether it is valid.\n"
		 "Exit: 0 valid, 1 invalid, 2 usage or no such file, 4 the file cannot be read.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
	.operands_max = 1,
	.verbs = verbs,
};

/* --- print --------------------------------------------------------------------------------------------------- */

static void print_text(const struct slo_config *cfg)
{
	char section[SLO_CONFIG_NAME_LEN] = "", value[SLO_CONFIG_VALUE_LEN],
	     setting[SLO_CONFIG_VALUE_LEN + 64];
	char origin[SLO_CONFIG_TEXT_LEN + 16];

	for (size_t i = 0; i < slo_config_entry_count(cfg); i++) {
		struct slo_config_entry entry;

		slo_config_entry_at(cfg, i, &entry);
		slo_config_entry_text(&entry, value, sizeof(value));
		slo_config_entry_origin(cfg, &entry, origin, sizeof(origin));
		if (strcmp(section, entry.section) != 0)
			(void)printf("%s[%s]\n", i ? "\n" : "", entry.section);
		(void)snprintf(section, sizeof(section), "%s", entry.section);
		(void)snprintf(setting, sizeof(setting), "%s =%s%s", entry.key, *value ? " " : "",
		               value);
		/* The form of an INI file, the origin as a comment. */
		(void)printf("%-44s ; %s\n", setting, origin);
	}
}

static void json_issues(struct slo_jsonw *w, const struct slo_config_issues *issues)
{
	slo_jsonw_member_u64(w, "errors", issues->errors);
	slo_jsonw_member_u64(w, "warnings", issues->warnings);
	slo_jsonw_key(w, "issues");
	slo_jsonw_array_begin(w);
	for (size_t i = 0; i < issues->count; i++) {
		slo_jsonw_object_begin(w);
		slo_jsonw_member_str(w, "severity", issues->item[i].warning ? "warning" : "error");
		slo_jsonw_member_str(w, "message", issues->item[i].text);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
}

/* Values as text, as they would stand in a file. */
static void json_values(struct slo_jsonw *w, const struct slo_config *cfg)
{
	char value[SLO_CONFIG_VALUE_LEN], origin[SLO_CONFIG_TEXT_LEN + 16];

	slo_jsonw_key(w, "values");
	slo_jsonw_array_begin(w);
	for (size_t i = 0; i < slo_config_entry_count(cfg); i++) {
		struct slo_config_entry entry;

		slo_config_entry_at(cfg, i, &entry);
		slo_config_entry_text(&entry, value, sizeof(value));
		slo_config_entry_origin(cfg, &entry, origin, sizeof(origin));
		slo_jsonw_object_begin(w);
		slo_jsonw_member_str(w, "section", entry.section);
		slo_jsonw_member_str(w, "key", entry.key);
		slo_jsonw_member_str(w, "value", value);
		slo_jsonw_member_str(w, "origin", origin);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
}

/* @cfg NULL: no values. */
static int print_json(const struct slo_config *cfg, const struct slo_config_issues *issues)
{
	char *buf slo_cleanup(slo_freep) = malloc(JSON_MAX);
	struct slo_jsonw w;

	if (!buf) {
		(void)fprintf(stderr, "sloctl config: out of memory\n");
		return SLO_EXIT_BACKEND;
	}
	slo_jsonw_init(&w, buf, JSON_MAX);
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_bool(&w, "valid", issues->errors == 0);
	json_issues(&w, issues);
	if (cfg)
		json_values(&w, cfg);
	slo_jsonw_object_end(&w);
	if (slo_jsonw_finish(&w) < 0) {
		(void)fprintf(stderr, "sloctl config: the report is larger than %zu KiB\n",
		              JSON_MAX / 1024);
		return SLO_EXIT_BACKEND;
	}
	(void)puts(buf);
	return issues->errors == 0 ? SLO_EXIT_OK : SLO_EXIT_NEGATIVE;
}

/* --- both ---------------------------------------------------------------------------------------------------- */

static void print_issues(FILE *out, const struct slo_config_issues *issues)
{
	size_t all = issues->errors + issues->warnings;

	for (size_t i = 0; i < issues->count; i++)
		(void)fprintf(out, "%s: %s\n", issues->item[i].warning ? "warning" : "error",
		              issues->item[i].text);
	if (all > issues->count)
		(void)fprintf(out, "... and %zu more\n", all - issues->count);
}

static int print(const struct config_args *args, const struct slo_config *cfg,
                 const struct slo_config_issues *issues)
{
	if (args->json)
		return print_json(cfg, issues);
	print_issues(stderr, issues);
	if (!cfg)
		return SLO_EXIT_NEGATIVE;
	print_text(cfg);
	return SLO_EXIT_OK;
}

/* Here the problems are the data, so they go to standard output. */
static int check(const struct config_args *args, const struct slo_config *cfg,
                 const struct slo_config_issues *issues)
{
	if (args->json)
		return print_json(NULL, issues);
	print_issues(stdout, issues);
	if (!cfg) {
		(void)printf("invalid: %zu error%s\n", issues->errors,
		             issues->errors == 1 ? "" : "s");
		return SLO_EXIT_NEGATIVE;
	}
	(void)printf("valid: %s\n", *cfg->path ? cfg->path : "no file, built-in defaults");
	return SLO_EXIT_OK;
}

/* What the agent will not start with, although each value alone is right. */
static void judge_objectives(const struct slo_config *cfg, struct slo_config_issues *issues)
{
	for (size_t i = 0; i < cfg->slo_count; i++) {
		const struct slo_config_slo *c = &cfg->slo[i];
		struct slo_burn_config burn;
		struct slo_err err = { 0 };

		if (slo_burn_alert_config_init(&burn, c->objective, c->windows.ms, c->windows.count,
		                               &err) == 0)
			continue;
		issues->errors++;
		if (issues->count == SLO_ARRAY_SIZE(issues->item))
			continue;
		(void)snprintf(issues->item[issues->count++].text, sizeof(issues->item[0].text),
		               "%.150s:%u: [slo.%s] %.250s", cfg->path, c->line, c->name, err.msg);
	}
}

static int load_and(const struct config_args *args,
                    int (*report)(const struct config_args *args, const struct slo_config *cfg,
                                  const struct slo_config_issues *issues))
{
	const struct slo_config_sources src = {
		.path = args->file,
		.environment = environ,
		.overrides = args->sets.item,
		.override_count = args->sets.count,
	};
	struct slo_config_issues *issues slo_cleanup(slo_freep) = calloc(1, sizeof(*issues));
	struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;
	struct slo_err err = { 0 };
	int r;

	if (!issues) {
		(void)fprintf(stderr, "sloctl config: out of memory\n");
		return SLO_EXIT_BACKEND;
	}
	r = slo_config_load(&cfg, &src, issues, &err);
	if (r < 0 && issues->errors == 0) {
		(void)fprintf(stderr, "sloctl config: %s\n", err.msg);
		return r == -ENOENT ? SLO_EXIT_USAGE : SLO_EXIT_BACKEND;
	}
	if (cfg && report == check)
		judge_objectives(cfg, issues);
	return report(args, issues->errors ? NULL : cfg, issues);
}

static int run(const struct config_args *args, const char *word)
{
	const struct slo_verb *verb = slo_options_verb(&slo_cmd_config_options, word);

	if (!verb)
		return SLO_EXIT_USAGE;
	if (verb == &verbs[1]) {
		if (args->template)
			return slo_options_usage_error(slo_cmd_config_options.prog,
			                               "--template goes with print");
		return load_and(args, check);
	}
	if (!args->template)
		return load_and(args, print);
	(void)slo_config_print_template(stdout); /* main() looks after standard output */
	return SLO_EXIT_OK;
}

int slo_cmd_config(int argc, char **argv)
{
	struct config_args *args slo_cleanup(slo_freep) = calloc(1, sizeof(*args));
	int first, r;

	if (!args) {
		(void)fprintf(stderr, "sloctl config: out of memory\n");
		return SLO_EXIT_BACKEND;
	}
	r = slo_options_parse(&slo_cmd_config_options, argc, argv, args, NULL, &first);
	if (r == 0)
		r = run(args, first < argc ? argv[first] : NULL);
	else
		r = r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	for (size_t i = 0; i < args->sets.count; i++)
		free(args->texts[i]);
	if (fflush(stdout) != 0 && r == SLO_EXIT_OK) {
		(void)fprintf(stderr, "sloctl config: standard output: %s\n", strerror(errno));
		r = SLO_EXIT_BACKEND;
	}
	return r;
}
