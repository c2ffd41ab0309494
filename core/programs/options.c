/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/config/nearest.h"
#include "core/config/value.h"

#define HELP_COLUMNS 80
#define LABEL_COLUMNS 27 /* of "  --name ARG"; a longer one gets a line of its own */
#define ROW_VAL 256 /* getopt's value of row 0: above all letters */

/* Rows that every program has. */
static const struct slo_option common_rows[] = {
	{ .name = "help", .letter = 'h', .type = SLO_OPT_BOOL, .help = "print this and exit" },
	{ .name = "version",
	  .letter = 'V',
	  .type = SLO_OPT_BOOL,
	  .help = "print the version and exit" },
};

#define HELP_ROW 0
SLO_TABLE_COMPLETE(common_rows, SLO_OPTIONS_COMMON);

const struct slo_option *slo_options_common_row(size_t i)
{
	assert(i < SLO_ARRAY_SIZE(common_rows));
	return &common_rows[i];
}

/* Rows of the program, then the common ones. */
static const struct slo_option *row_at(const struct slo_options *spec, size_t i)
{
	return i < spec->count ? &spec->rows[i] : &common_rows[i - spec->count];
}

static size_t row_count(const struct slo_options *spec)
{
	return spec->count + SLO_ARRAY_SIZE(common_rows);
}

/* --- usage errors -------------------------------------------------------------------------------------------- */

int slo_options_usage_error(const char *prog, const char *fmt, ...)
{
	char msg[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	/* One line, whatever the user typed. */
	for (char *c = msg; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	(void)fprintf(stderr, "%s: %s (try --help)\n", prog, msg);
	return 2;
}

static int refuse(const struct slo_options *spec, const char *what, const char *why)
{
	(void)slo_options_usage_error(spec->prog, "%s: %s", what, why);
	return -EINVAL;
}

/* @word is the argument as typed: "--emti=all", "-x". */
static int refuse_unknown(const struct slo_options *spec, const char *word)
{
	char name[64];
	struct slo_nearest near = { .word = name };

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	for (size_t i = 0; i < row_count(spec); i++)
		slo_nearest_offer(&near, row_at(spec, i)->name);
	if (near.best)
		(void)slo_options_usage_error(
			spec->prog, "unknown option '--%s', did you mean --%s?", name, near.best);
	else
		(void)slo_options_usage_error(spec->prog, "unknown option '--%s'", name);
	return -EINVAL;
}

/* --- help ---------------------------------------------------------------------------------------------------- */

static void print_label(const struct slo_option *row, char *buf, size_t size)
{
	char letter[8] = "    ";

	if (row->letter)
		(void)snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	(void)snprintf(buf, size, "  %s--%s%s%s", letter, row->name, row->arg ? " " : "",
	               row->arg ? row->arg : "");
}

/* Breaks @text at spaces; the first line begins at column @at, all others at LABEL_COLUMNS. */
static void print_wrapped(FILE *out, const char *text, size_t at)
{
	size_t width = HELP_COLUMNS - LABEL_COLUMNS - 1;

	for (;;) {
		size_t len = strlen(text);

		if (len > width) {
			for (len = width; len > 0 && text[len] != ' '; len--)
				;
			if (len == 0)
				len = strcspn(text, " ");
		}
		(void)fprintf(out, "%*s%.*s\n", (int)(LABEL_COLUMNS - at), "", (int)len, text);
		text += len + strspn(text + len, " ");
		if (*text == '\0')
			return;
		at = 0;
	}
}

void slo_options_help(const struct slo_options *spec, FILE *out)
{
	(void)fprintf(out, "usage: %s %s\n%s\n", spec->prog, spec->usage, spec->about);
	for (const struct slo_verb *verb = spec->verbs; verb && verb->name; verb++) {
		(void)fprintf(out, "  %s", verb->name);
		print_wrapped(out, verb->help, strlen(verb->name) + 2);
	}
	for (size_t i = 0; i < row_count(spec); i++) {
		const struct slo_option *row = row_at(spec, i);
		char label[HELP_COLUMNS];
		size_t len;

		if (row->told_above)
			continue;
		print_label(row, label, sizeof(label));
		len = strlen(label);
		(void)fputs(label, out);
		if (len >= LABEL_COLUMNS) {
			(void)fputc('\n', out);
			len = 0;
		}
		print_wrapped(out, row->help, len);
	}
	if (spec->notes)
		(void)fprintf(out, "%s\n", spec->notes);
}

/* --- verbs --------------------------------------------------------------------------------------------------- */

const struct slo_verb *slo_options_verb(const struct slo_options *spec, const char *word)
{
	struct slo_nearest near = { .word = word };
	char all[160] = "";
	size_t at = 0;

	for (const struct slo_verb *verb = spec->verbs; verb->name; verb++) {
		if (word && strcmp(word, verb->name) == 0)
			return verb;
		if (word)
			slo_nearest_offer(&near, verb->name);
		if (at < sizeof(all)) {
			const char *separator = verb[1].name ? ", " : " or ";

			at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s",
			                       verb == spec->verbs ? "" : separator, verb->name);
		}
	}
	if (!word)
		(void)slo_options_usage_error(spec->prog, "which? %s", all);
	else if (near.best)
		(void)slo_options_usage_error(spec->prog, "unknown word '%.40s', did you mean %s?",
		                              word, near.best);
	else
		(void)slo_options_usage_error(spec->prog, "unknown word '%.40s': %s", word, all);
	return NULL;
}

int slo_options_run_verb(const struct slo_options *spec, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct slo_verb *verb;
	int first;

	/* Options before the verb: only those that every program has. */
	if (word && word[0] == '-') {
		int r = slo_options_parse(spec, 2, argv, NULL, NULL, &first);

		if (r != 0)
			return r == SLO_OPTIONS_DONE ? 0 : 2;
		word = NULL;
	}
	verb = slo_options_verb(spec, word);
	return verb ? verb->run(argc - 1, argv + 1) : 2;
}

/* --- values -------------------------------------------------------------------------------------------------- */

int slo_overrides_add(struct slo_overrides *o, const struct slo_config_override *item,
                      struct slo_err *err)
{
	if (o->count == SLO_ARRAY_SIZE(o->item))
		return slo_err_set(err, -E2BIG, "too many settings (at most %zu)",
		                   SLO_ARRAY_SIZE(o->item));
	o->item[o->count++] = *item;
	return 0;
}

static int set_config(const struct slo_option *row, const char *arg,
                      struct slo_overrides *overrides, struct slo_err *err)
{
	const struct slo_config_row *setting = slo_config_row_find(row->section, row->key);
	const struct slo_config_override item = { row->section, row->key, arg, row->name };
	char accepted[192];
	int r;

	assert(setting && overrides); /* our table is wrong: the unit test walks it */
	r = slo_config_value_check(setting, arg, err);
	if (r < 0) {
		char why[128];

		(void)snprintf(why, sizeof(why), "%.127s", err->msg);
		slo_config_row_accepted(setting, accepted, sizeof(accepted));
		return slo_err_set(err, r, "%s (accepted: %s)", why, accepted);
	}
	return slo_overrides_add(overrides, &item, err);
}

static int set_uint(const struct slo_option *row, const char *arg, uint64_t *ret,
                    struct slo_err *err)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 10);
	if (arg[strspn(arg, "0123456789")] != '\0' || *arg == '\0' || errno == ERANGE ||
	    n < row->min || n > row->max)
		return slo_err_set(err, -EINVAL, "not a number of %llu to %llu",
		                   (unsigned long long)row->min, (unsigned long long)row->max);
	*ret = n;
	return 0;
}

/* @ret points to a double. */
static int set_real(const struct slo_option *row, const char *arg, void *ret, struct slo_err *err)
{
	char *end;
	double v = strtod(arg, &end);

	/* strtod() would also take blanks, hexadecimal, "inf" and "nan". */
	if (arg[strspn(arg, "0123456789+-.eE")] != '\0' || end == arg || *end != '\0' ||
	    !(v >= row->real_min && v <= row->real_max)) {
		return slo_err_set(err, -EINVAL, "not a number of %g to %g", row->real_min,
		                   row->real_max);
	}
	memcpy(ret, &v, sizeof(v));
	return 0;
}

static int set_enum(const struct slo_option *row, const char *arg, unsigned int *ret,
                    struct slo_err *err)
{
	char accepted[160] = "";
	size_t at = 0;

	for (unsigned int i = 0; row->names[i]; i++) {
		if (strcmp(arg, row->names[i]) == 0) {
			*ret = i;
			return 0;
		}
		if (at < sizeof(accepted))
			at += (size_t)snprintf(accepted + at, sizeof(accepted) - at, "%s%s",
			                       i ? ", " : "", row->names[i]);
	}
	return slo_err_set(err, -EINVAL, "unknown word (accepted: %s)", accepted);
}

static int set_row(const struct slo_option *row, const char *arg, void *user,
                   struct slo_overrides *overrides, struct slo_err *err)
{
	char *field = (char *)user + row->offset;

	switch (row->type) {
	case SLO_OPT_CONFIG:
		return set_config(row, arg, overrides, err);
	case SLO_OPT_BOOL:
		*(bool *)field = true;
		return 0;
	case SLO_OPT_STRING:
		*(const char **)field = arg;
		return 0;
	case SLO_OPT_UINT:
		return set_uint(row, arg, (uint64_t *)field, err);
	case SLO_OPT_REAL:
		return set_real(row, arg, field, err);
	case SLO_OPT_ENUM:
		return set_enum(row, arg, (unsigned int *)field, err);
	case SLO_OPT_CALL:
		return row->call(user, arg, err);
	case SLO_OPT_TYPE_MAX_:
		break;
	}
	assert(false);
	return -EINVAL;
}

/* --- parsing ------------------------------------------------------------------------------------------------- */

struct getopt_tables {
	struct option longs[SLO_OPTIONS_MAX + SLO_ARRAY_SIZE(common_rows) + 1];
	char shorts[2 * (SLO_OPTIONS_MAX + SLO_ARRAY_SIZE(common_rows)) + 2];
};

static void build_tables(const struct slo_options *spec, struct getopt_tables *t)
{
	char *s = t->shorts;

	assert(spec->count <= SLO_OPTIONS_MAX);
	memset(t, 0, sizeof(*t));
	*s++ = ':'; /* tell a missing argument from an unknown option */
	for (size_t i = 0; i < row_count(spec); i++) {
		const struct slo_option *row = row_at(spec, i);

		t->longs[i] =
			(struct option){ .name = row->name,
			                 .has_arg = row->arg ? required_argument : no_argument,
			                 .val = ROW_VAL + (int)i };
		if (!row->letter)
			continue;
		*s++ = row->letter;
		if (row->arg)
			*s++ = ':';
	}
}

/* Row of getopt's answer: a letter or a long option's value; NULL for none. */
static const struct slo_option *row_of(const struct slo_options *spec, int c)
{
	if (c >= ROW_VAL)
		return (size_t)(c - ROW_VAL) < row_count(spec) ? row_at(spec, (size_t)(c - ROW_VAL))
		                                               : NULL;
	for (size_t i = 0; i < row_count(spec); i++) {
		if (row_at(spec, i)->letter == c && c != 0)
			return row_at(spec, i);
	}
	return NULL;
}

/* getopt said '?': an unknown or ambiguous word, or an argument for an option that takes none. */
static int refuse_word(const struct slo_options *spec, char **argv)
{
	const char *word = argv[optind - 1];
	char label[80];

	if (optopt >= ROW_VAL && row_of(spec, optopt)) {
		(void)snprintf(label, sizeof(label), "--%s", row_of(spec, optopt)->name);
		return refuse(spec, label, "takes no argument");
	}
	if (optopt > 0 && optopt < ROW_VAL) {
		(void)snprintf(label, sizeof(label), "-%c", optopt);
		return refuse(spec, label, "unknown option");
	}
	return refuse_unknown(spec, strncmp(word, "--", 2) == 0 ? word : "--");
}

/* One answer of getopt_long(). 0, SLO_OPTIONS_DONE or -EINVAL. */
static int take(const struct slo_options *spec, int c, char **argv, void *user,
                struct slo_overrides *overrides)
{
	const struct slo_option *row;
	struct slo_err err = { 0 };
	char label[80], full[160];

	if (c == '?')
		return refuse_word(spec, argv);
	row = row_of(spec, c == ':' ? optopt : c);
	assert(row);
	(void)snprintf(label, sizeof(label), "--%s", row->name);
	if (c == ':')
		return refuse(spec, label, "needs an argument");
	if (row == &common_rows[HELP_ROW]) {
		slo_options_help(spec, stdout);
		return SLO_OPTIONS_DONE;
	}
	if (row >= common_rows && row < common_rows + SLO_ARRAY_SIZE(common_rows)) {
		(void)printf("%s " SLO_VERSION "\n", spec->prog);
		return SLO_OPTIONS_DONE;
	}
	if (set_row(row, optarg, user, overrides, &err) == 0)
		return 0;
	(void)snprintf(full, sizeof(full), "%s%s%.80s", label, optarg ? " " : "",
	               optarg ? optarg : "");
	return refuse(spec, full, err.msg);
}

int slo_options_parse(const struct slo_options *spec, int argc, char **argv, void *user,
                      struct slo_overrides *overrides, int *ret_first)
{
	struct getopt_tables tables;
	int c, r;

	build_tables(spec, &tables);
	opterr = 0;
	optind =
		0; /* start anew: a command of sloctl has an argv of its own, and tests parse many */
	/* An empty argv has no options, but glibc would look at argv[0]. */
	while (argc > 0 && (c = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		r = take(spec, c, argv, user, overrides);
		if (r != 0)
			return r;
	}
	if (spec->operands_max >= 0 && argc - optind > spec->operands_max)
		return refuse(spec, argv[optind + spec->operands_max], "one word too many");
	*ret_first = optind;
	return 0;
}

/* --- llm-slo-agent ------------------------------------------------------------------------------------------- */

static const char *const speeds[] = { "recorded", "max", NULL };

/* What the rows write to, beside the overrides. */
struct agent_raw {
	const char *config;
	const char *record;
	const char *replay;
	uint64_t seconds;
	unsigned int speed;
};

#define AT(field) offsetof(struct agent_raw, field)
#define CONFIG(key_name) .type = SLO_OPT_CONFIG, .section = "agent", .key = key_name
#define OUTPUT(key_name) .type = SLO_OPT_CONFIG, .section = "output", .key = key_name
#define BCC(key_name) .type = SLO_OPT_CONFIG, .section = "bcc", .key = key_name
#define RECEIVER(key_name) .type = SLO_OPT_CONFIG, .section = "receiver", .key = key_name
#define TARGET(key_name) .type = SLO_OPT_CONFIG, .section = "targets", .key = key_name

/* clang-format off */
static const struct slo_option agent_rows[] = {
	{ .name = "config", .letter = 'c', .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(config),
	  .help = "configuration (" SLO_CONFIG_DEFAULT_PATH ")" },
	{ .name = "backend", .letter = 'b', .arg = "NAME", CONFIG("backend"),
	  .help = "auto, libbpf, btf_free, bcc, procfs, replay, null" },
	{ .name = "btf", .arg = "FILE", CONFIG("btf"), .help = "external BTF of this kernel" },
	{ .name = "kernel-headers", .arg = "DIR", BCC("kernel_headers"), .help = "headers of this kernel, for llm-slo-bcc" },
	{ .name = "signals", .letter = 's', .arg = "A,B", CONFIG("signal_set"), .help = "signals to measure (all)" },
	{ .name = "output", .letter = 'o', .arg = "KIND", OUTPUT("kind"), .help = "table, jsonl, stdout, auto" },
	{ .name = "output-path", .arg = "FILE", OUTPUT("path"), .help = "file for jsonl (standard output)" },
	{ .name = "seconds", .arg = "N", .type = SLO_OPT_UINT, .offset = AT(seconds), .min = 1, .max = 31536000,
	  .help = "stop after N seconds" },
	{ .name = "emit", .arg = "WHICH", CONFIG("emit"), .help = "single events: threshold (default) or all" },
	{ .name = "record", .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(record),
	  .help = "also write a binary capture" },
	{ .name = "replay", .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(replay),
	  .help = "events of a capture or JSONL (--replay-speed max)" },
	{ .name = "replay-speed", .arg = "HOW", .type = SLO_OPT_ENUM, .offset = AT(speed), .names = speeds,
	  .help = "of a replay: recorded (default) or max", .told_above = true },
	{ .name = "slo-input", .arg = "FILE", RECEIVER("slo_input"), .help = "follow slo-events of a log; -: stdin" },
	{ .name = "cgroup", .arg = "PATH", TARGET("cgroup"), .help = "only this cgroup; may be repeated" },
	{ .name = "pid", .letter = 'p', .arg = "PID", TARGET("pid"), .help = "only this process; may be repeated" },
	{ .name = "comm", .arg = "NAME", TARGET("comm"), .help = "only processes of this name; may be repeated" },
	{ .name = "pod-uid", .arg = "UID", TARGET("pod_uid"), .help = "only this pod; may be repeated" },
	{ .name = "instance", .arg = "NAME", CONFIG("instance"), .help = "name among several agents on a host" },
	{ .name = "schema", .arg = "VERSION", OUTPUT("schema"), .help = "records as v1beta1 (default) or v1alpha1" },
	{ .name = "log-level", .arg = "LEVEL", CONFIG("log_level"), .help = "err, warn, info (default), debug" },
	{ .name = "host-root", .arg = "DIR", CONFIG("host_root"), .help = "where the host's / is mounted" },
};
/* clang-format on */

const struct slo_options slo_agent_options_spec = {
	.prog = "llm-slo-agent",
	.usage = "[options]",
	.about = "Measures kernel signals that break an LLM service's SLO, and writes them.",
	.rows = agent_rows,
	.count = SLO_ARRAY_SIZE(agent_rows),
	.operands_max = 0,
};

/* --replay means the replay backend; another one beside it is a contradiction that nobody should have to debug. */
static int imply_replay(struct slo_agent_options *opt)
{
	const struct slo_config_override item = { "agent", "backend", "replay", "replay" };
	struct slo_err err = { 0 };

	for (size_t i = 0; i < opt->overrides.count; i++) {
		const struct slo_config_override *o = &opt->overrides.item[i];

		if (strcmp(o->section, "agent") == 0 && strcmp(o->key, "backend") == 0 &&
		    strcmp(o->value, "replay") != 0)
			return refuse(&slo_agent_options_spec, "--replay",
			              "needs --backend replay, another one was given");
	}
	if (slo_overrides_add(&opt->overrides, &item, &err) < 0)
		return refuse(&slo_agent_options_spec, "--replay", err.msg);
	return 0;
}

int slo_agent_options_parse(int argc, char **argv, struct slo_agent_options *ret)
{
	struct slo_agent_options opt = { 0 };
	struct agent_raw raw = { 0 };
	int first, r;

	r = slo_options_parse(&slo_agent_options_spec, argc, argv, &raw, &opt.overrides, &first);
	if (r != 0)
		return r;
	opt.config = raw.config;
	opt.seconds = raw.seconds;
	opt.record = raw.record;
	opt.replay = raw.replay;
	opt.replay_fast = raw.speed == 1;
	if (raw.replay) {
		r = imply_replay(&opt);
		if (r < 0)
			return r;
	}
	*ret = opt;
	return 0;
}
