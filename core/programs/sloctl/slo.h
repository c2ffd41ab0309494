/* SPDX-License-Identifier: Apache-2.0 */
/* What `sloctl slo burn` and `sloctl slo rules` share: the objectives. */
#ifndef SLO_SLOCTL_SLO_H
#define SLO_SLOCTL_SLO_H

#include "core/config/config.h"
#include "core/engine/burn.h"
#include "core/model/sli_event.h"

struct slo_objective {
	char name[SLO_CONFIG_NAME_LEN];
	char service[SLO_CONFIG_TEXT_LEN]; /* "": every service */
	enum slo_sli sli;
	double threshold;
	struct slo_burn_config burn;
};

#define SLO_OBJECTIVES_MAX SLO_CONFIG_SLOS_MAX

/* Which ones, as the options say. */
struct slo_objective_args {
	const char *config; /* NULL: the default file, where there is one */
	const char *name; /* only this one; NULL: all */
	const char *preset; /* instead of a file */
	const char *service; /* of the preset, or of the built-in ones */
};

#define SLO_OBJECTIVE_ROWS(owner, member)                                                                                                    \
	{ .name = "config",                                                                                                                  \
	  .letter = 'c',                                                                                                                     \
	  .arg = "FILE",                                                                                                                     \
	  .type = SLO_OPT_STRING,                                                                                                            \
	  .offset = offsetof(owner, member.config),                                                                                          \
	  .help = "with [slo.NAME] (" SLO_CONFIG_DEFAULT_PATH                                                                                \
		  "); without: TTFT 800 ms, errors 1 %" },                                                                                   \
		{ .name = "name",                                                                                                            \
		  .letter = 'n',                                                                                                             \
		  .arg = "NAME",                                                                                                             \
		  .type = SLO_OPT_STRING,                                                                                                    \
		  .offset = offsetof(owner, member.name),                                                                                    \
		  .help = "only this objective" },                                                                                           \
		{ .name = "preset",                                                                                                          \
		  .arg = "NAME",                                                                                                             \
		  .type = SLO_OPT_STRING,                                                                                                    \
		  .offset = offsetof(owner, member.preset),                                                                                  \
		  .help = "limits of MLPerf Inference instead of a file: 8b-interactive, 8b-conversational, 70b-interactive, deepseek-r1" }, \
	{                                                                                                                                    \
		.name = "service", .arg = "NAME", .type = SLO_OPT_STRING,                                                                    \
		.offset = offsetof(owner, member.service),                                                                                   \
		.help = "of the preset or the built-in objectives (all)"                                                                     \
	}

/*
 * Fills @ret (SLO_OBJECTIVES_MAX), *ret_count at least 1. 0, or an exit code after lines on standard error.
 */
int slo_objectives_load(const struct slo_objective_args *args, const char *prog,
                        struct slo_objective *ret, size_t *ret_count);

/* "5m", "1h", "10s", "1500ms": as PromQL has it. */
const char *slo_window_text(uint64_t ms, char buf[24]);

int slo_cmd_slo_burn(int argc, char **argv);
int slo_cmd_slo_rules(int argc, char **argv);
extern const struct slo_options slo_cmd_slo_burn_options, slo_cmd_slo_rules_options;

#endif
