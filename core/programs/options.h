/* SPDX-License-Identifier: Apache-2.0 */
/* Command line options as typed rows over getopt_long; help and errors come from the rows. */
#ifndef SLO_PROGRAMS_OPTIONS_H
#define SLO_PROGRAMS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/config/config.h"

enum slo_option_type {
	SLO_OPT_CONFIG, /* overrides the configuration's @section, @key */
	SLO_OPT_BOOL, /* bool at @offset becomes true; takes no argument */
	SLO_OPT_STRING, /* const char * at @offset, borrowed from argv */
	SLO_OPT_UINT, /* uint64_t at @offset, @min to @max */
	SLO_OPT_REAL, /* double at @offset, @real_min to @real_max; no NaN */
	SLO_OPT_ENUM, /* unsigned int at @offset, index in @names */
	SLO_OPT_CALL, /* @call */
	SLO_OPT_TYPE_MAX_,
};

#define SLO_OPT_LETTER_NONE 0

struct slo_option {
	const char *name; /* long name, without dashes */
	char letter; /* short one, or SLO_OPT_LETTER_NONE */
	enum slo_option_type type;
	const char *arg; /* name of the argument in the help; NULL: takes none */
	const char *help;
	bool told_above; /* by the help of the row before it: no line of its own in --help */
	const char *section; /* CONFIG */
	const char *key; /* CONFIG */
	size_t offset; /* in the caller's structure */
	uint64_t min, max; /* UINT */
	double real_min, real_max; /* REAL */
	const char *const *names; /* ENUM: ends with NULL */
	/* CALL: 0, or a negative errno with @err, which the user reads. @arg is NULL where the row takes none. */
	int (*call)(void *user, const char *arg, struct slo_err *err);
};

#define SLO_OVERRIDES_MAX 128

/* Settings for slo_config_sources; strings are borrowed from argv and the rows. */
struct slo_overrides {
	size_t count;
	struct slo_config_override item[SLO_OVERRIDES_MAX];
};

/* 0, or -E2BIG where @o is full. */
int slo_overrides_add(struct slo_overrides *o, const struct slo_config_override *item,
                      struct slo_err *err);

struct slo_options;

/* A word after the program's name that says what to do: "print", "check". */
struct slo_verb {
	const char *name;
	const char *help; /* one line */
	/* Options of its own, and what runs it (its name is argv[0]); NULL both: the options of the command. */
	const struct slo_options *options;
	int (*run)(int argc, char **argv);
};

struct slo_options {
	const char *prog; /* as the user calls it: "llm-slo-agent", "sloctl config" */
	const char *usage; /* after the name: "[options]", "print|check [options]" */
	const char *about; /* one line or more, without a trailing newline */
	const char *notes; /* after the options; NULL: none */
	const struct slo_option *rows; /* --help and --version are added by slo_options_parse() */
	size_t count; /* at most SLO_OPTIONS_MAX */
	int operands_max; /* words that are no options; -1: any number */
	const struct slo_verb *verbs; /* end with a NULL name; NULL: none */
};

#define SLO_OPTIONS_MAX 64

/* slo_options_parse() said all that was asked for: exit with 0. */
#define SLO_OPTIONS_DONE 1

/*
 * 0: go on; operands begin at argv[*@ret_first] (argv is permuted). SLO_OPTIONS_DONE: --help or --version is on
 * stdout. -EINVAL: one line "prog: ... (try --help)" is on stderr: exit with 2. @overrides may be NULL where no row
 * is of type CONFIG; @user is the structure that offsets point into.
 */
int slo_options_parse(const struct slo_options *spec, int argc, char **argv, void *user,
                      struct slo_overrides *overrides, int *ret_first);

void slo_options_help(const struct slo_options *spec, FILE *out);

/* --help and --version, which every program has: @i is 0 or 1. */
const struct slo_option *slo_options_common_row(size_t i);
#define SLO_OPTIONS_COMMON 2

/* The verb @word (NULL: none was given) of @spec, or NULL: one line on stderr names those there are. */
const struct slo_verb *slo_options_verb(const struct slo_options *spec, const char *word);

/*
 * A command whose verbs all have options of their own: runs the one that argv[1] names; --help and --version
 * are answered. Returns its exit code, or 2.
 */
int slo_options_run_verb(const struct slo_options *spec, int argc, char **argv);

/* One line "prog: ... (try --help)" on stderr. Returns 2, the exit code of a usage error. */
int slo_options_usage_error(const char *prog, const char *fmt, ...) slo_printf(2, 3);

/* --- llm-slo-agent ------------------------------------------------------------------------------------------ */

struct slo_agent_options {
	const char *config; /* --config; NULL: the default file */
	struct slo_overrides overrides;
	uint64_t seconds; /* stop after; 0: run on */
	const char *record; /* capture file; NULL: none */
	const char *
		replay; /* capture or JSONL file, "-" is stdin; NULL: none. Has set backend = replay */
	bool replay_fast; /* --replay-speed max */
};

/* For what is made of the rows: man page, completion, reference. */
extern const struct slo_options slo_agent_options_spec;

/* As slo_options_parse(); *@ret is set whole on 0 only. Strings are borrowed from @argv. */
int slo_agent_options_parse(int argc, char **argv, struct slo_agent_options *ret);

#endif
