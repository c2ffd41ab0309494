/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/base/log.h"
#include "core/programs/agent/agent.h"
#include "core/programs/standard_fds.h"

/* Exit codes: contracts of all our commands. */
enum {
	EXIT_USAGE = 2,
	EXIT_BACKEND = 4
};

extern char **environ;

int slo_agent_load_config(const struct slo_agent_options *opt, struct slo_config **ret_cfg,
                          struct slo_err *err)
{
	const struct slo_config_sources src = {
		.path = opt->config,
		.environment = environ,
		.overrides = opt->overrides.item,
		.override_count = opt->overrides.count,
	};
	slo_cleanup(slo_freep) struct slo_config_issues *issues = calloc(1, sizeof(*issues));
	int r;

	if (!issues)
		return slo_err_set(err, -ENOMEM, "configuration: out of memory");
	r = slo_config_load(ret_cfg, &src, issues, err);
	/* One alone is what @err says. */
	for (size_t i = 0; i < issues->count; i++) {
		if (issues->item[i].warning || issues->errors > 1)
			slo_log_write(NULL, issues->item[i].warning ? SLO_LOG_WARN : SLO_LOG_ERR,
			              "%s", issues->item[i].text);
	}
	if (issues->errors > 1)
		return slo_err_set(err, r, "configuration: %zu errors, told above", issues->errors);
	return r;
}

int main(int argc, char **argv)
{
	struct slo_agent_options opt;
	struct slo_agent agent = {
		.opt = &opt, .host_root = -1, .lock = -1, .notify = SLO_NOTIFY_NONE
	};
	struct slo_err err = { 0 };
	bool incomplete;
	int r;

	slo_standard_fds_hold();
	/* Where huge pages are always on, the first byte of a heap takes 2 MiB: 20 MiB resident for the 6 that are used. */
	(void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
#ifdef __GLIBC__
	/* A freed block of 5 MB (the kernel's BTF) would raise this, and what comes after it would never go back. */
	(void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
	/* What is freed between one object of programs and the next goes back at once. */
	(void)mallopt(M_TOP_PAD, 0);
	(void)mallopt(M_TRIM_THRESHOLD, 0);
#endif
	(void)slo_agent_hold_signals(false);
	r = slo_agent_options_parse(argc, argv, &opt);
	if (r == SLO_OPTIONS_DONE)
		return 0;
	if (r < 0)
		return EXIT_USAGE;
	r = slo_agent_load_config(&opt, &agent.cfg, &err);
	if (r < 0) {
		slo_log_err("%s", err.msg);
		return EXIT_USAGE;
	}
	r = slo_agent_init(&agent, &err);
#ifdef __GLIBC__
	/* From here on the large blocks are batches of spans, made and freed by the hundred a second: kept, not mapped anew. */
	(void)mallopt(M_MMAP_THRESHOLD, 2 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 4 << 20);
	(void)mallopt(M_TOP_PAD, 128 << 10);
#endif
	if (!r)
		r = slo_agent_loop(&agent, &err);
	if (r < 0)
		slo_log_err("%s%s", err.msg,
		            r == -EMFILE
		                    ? "; raise the limit of open files (ulimit -n, LimitNOFILE=)"
		                    : "");
	incomplete = slo_agent_fini(&agent) < 0;
	if (r == -EINVAL)
		return EXIT_USAGE;
	return r < 0 || incomplete ? EXIT_BACKEND : 0;
}
