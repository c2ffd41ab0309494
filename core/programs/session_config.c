/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/session_config.h"

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

void slo_session_config(const struct slo_config *cfg, int host_root,
                        const char *dirs[SLO_CONFIG_LIST_MAX], struct slo_backend_config *be)
{
	for (size_t i = 0; i < cfg->btf.search.count; i++)
		dirs[i] = cfg->btf.search.item[i];
	be->host_root = host_root;
	be->btf_path = or_null(cfg->agent.btf);
	be->btf_dirs = dirs;
	be->btf_dir_count = cfg->btf.search.count;
	be->state_dir = or_null(cfg->agent.state_dir);
	be->bcc_helper = or_null(cfg->bcc.helper);
	be->kernel_headers = or_null(cfg->bcc.kernel_headers);
	be->trace_map = or_null(cfg->agent.trace_map);
	be->thread_context = cfg->agent.thread_context;
}

const char *slo_session_backend(const struct slo_config *cfg)
{
	static const char *const names[] = {
		[SLO_CONFIG_BACKEND_AUTO] = "auto",         [SLO_CONFIG_BACKEND_LIBBPF] = "libbpf",
		[SLO_CONFIG_BACKEND_PROCFS] = "procfs",     [SLO_CONFIG_BACKEND_REPLAY] = "replay",
		[SLO_CONFIG_BACKEND_NULL] = "null",         [SLO_CONFIG_BACKEND_BCC] = "bcc",
		[SLO_CONFIG_BACKEND_BTF_FREE] = "btf_free",
	};

	SLO_TABLE_COMPLETE(names, SLO_CONFIG_BACKEND_MAX_);
	return names[cfg->agent.backend];
}
