/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/load_config.h"

#include <errno.h>
#include <stdio.h>

#include "core/programs/sloctl/commands.h"

int slo_tool_load_config(const char *prog, const char *path, const struct slo_overrides *flags,
                         struct slo_config **ret)
{
	const struct slo_config_sources src = {
		.path = path,
		.environment = environ,
		.overrides = flags ? flags->item : NULL,
		.override_count = flags ? flags->count : 0,
	};
	struct slo_config_issues *issues slo_cleanup(slo_freep) = calloc(1, sizeof(*issues));
	struct slo_err err = { 0 };
	int r = issues ? slo_config_load(ret, &src, issues, &err)
	               : slo_err_set(&err, -ENOMEM, "out of memory");

	for (size_t i = 0; issues && i < issues->count; i++)
		(void)fprintf(stderr, "%s: %s\n", prog, issues->item[i].text);
	if (r == 0)
		return 0;
	if (!issues || !issues->errors)
		(void)fprintf(stderr, "%s: %s\n", prog, err.msg);
	return r == -EINVAL || r == -ENOENT ? SLO_EXIT_USAGE : SLO_EXIT_BACKEND;
}
