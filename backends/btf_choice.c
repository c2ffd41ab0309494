/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/btf_choice.h"

#include <stdio.h>
#include <string.h>

#include "backends/libbpf/btf_file.h"
#include "compat/btf.h"
#include "compat/host.h"

bool slo_btf_has_own(const struct slo_backend_config *cfg)
{
	slo_cleanup(slo_closep) int own = -1;

	if (cfg->host_root < 0)
		own = slo_host_open_root(NULL, NULL);
	return slo_host_inode(cfg->host_root >= 0 ? cfg->host_root : own,
	                      "/sys/kernel/btf/vmlinux") != 0;
}

static bool is_good(void *user, const char *path)
{
	struct slo_btf_choice *c = user;
	struct slo_err err = { 0 };

	if (slo_btf_file_check(path, &err) == 0)
		return true;
	if (!*c->why)
		(void)snprintf(c->why, sizeof(c->why), "%.199s", err.msg);
	return false;
}

void slo_btf_choose(const struct slo_backend_config *cfg, struct slo_btf_choice *ret)
{
	const struct slo_btf_search search = {
		.dirs = cfg->btf_dirs,
		.count = cfg->btf_dir_count,
		.is_good = is_good,
		.user = ret,
	};

	memset(ret, 0, sizeof(*ret));
	if (cfg->btf_path) {
		if (is_good(ret, cfg->btf_path))
			(void)snprintf(ret->path, sizeof(ret->path), "%s", cfg->btf_path);
		return;
	}
	if (search.count && !slo_btf_has_own(cfg) &&
	    slo_btf_find(&search, ret->path, sizeof(ret->path)) == 0)
		ret->why[0] = '\0';
}
