/* SPDX-License-Identifier: Apache-2.0 */
/* A live pipeline without a kernel, a network or a clock of its own: for tests of what becomes of requests. */
#ifndef SLO_TEST_PROGRAMS_LIVE_RIG_H
#define SLO_TEST_PROGRAMS_LIVE_RIG_H

#include <stdio.h>
#include <stdlib.h>

#include "core/programs/agent/live.h"

static inline uint64_t rig_measured(void *user)
{
	(void)user;
	return 0;
}

static inline enum slo_source rig_source(void *user, enum slo_signal sig)
{
	(void)user;
	(void)sig;
	return SLO_SRC_PROCFS;
}

static inline void rig_health(void *user, struct slo_live_health *ret)
{
	(void)user;
	*ret = (struct slo_live_health){ .overhead_pct = -1 };
}

/* @objectives: sections of [slo.NAME]; @state_dir "": nothing is kept. The caller's; NULL: @err. */
static inline struct slo_config *rig_config(const char *state_dir, const char *objectives,
                                            struct slo_err *err)
{
	slo_cleanup(slo_freep) struct slo_config_issues *issues = calloc(1, sizeof(*issues));
	char text[4096];
	struct slo_config_text from = { SLO_CONFIG_INI, "test.ini", text, 0 };
	struct slo_config *cfg = NULL;

	from.len = (size_t)snprintf(text, sizeof(text),
	                            "[agent]\nstate_dir = %s\n[receiver]\nlisten =\n"
	                            "retain_spans = 1024\nretain_signals = 1024\n"
	                            "[metrics]\nlisten =\n[kubernetes]\nkind = off\n%s",
	                            state_dir, objectives);
	return slo_config_parse(&cfg, &from, issues, err) < 0 ? NULL : cfg;
}

static inline int rig_start(struct slo_live **ret, const char *state_dir, const char *objectives,
                            struct slo_err *err)
{
	slo_config_auto struct slo_config *cfg = rig_config(state_dir, objectives, err);
	const struct slo_live_config c = { .cfg = cfg,
		                           .node = "n1",
		                           .mode = "minimal",
		                           .host_root = -1,
		                           .measured = rig_measured,
		                           .source = rig_source,
		                           .health = rig_health };

	return cfg ? slo_live_new(ret, &c, err) : err->code;
}

#endif
