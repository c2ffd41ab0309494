/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: the first byte chooses INI or YAML, the rest is the file. Beside memory errors it catches values that are
 * accepted, but refused when printed and read again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/config/config.h"
#include "core/config/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_back(const struct slo_config *cfg)
{
	char text[SLO_CONFIG_VALUE_LEN];

	for (size_t i = 0; i < slo_config_entry_count(cfg); i++) {
		struct slo_config_entry entry;

		slo_config_entry_at(cfg, i, &entry);
		slo_config_value_text(entry.row, entry.value, text, sizeof(text));
		if (slo_config_value_check(entry.row, text, NULL) < 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slo_config_issues issues;
	struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;
	struct slo_config_text text = { .name = "fuzz" };
	struct slo_err err = { 0 };
	int r;

	if (size == 0 || size > SLO_CONFIG_FILE_MAX)
		return 0;
	text.format = data[0] & 1 ? SLO_CONFIG_YAML : SLO_CONFIG_INI;
	text.text = (const char *)data + 1;
	text.len = size - 1;
	r = slo_config_parse(&cfg, &text, &issues, &err);
	if ((r < 0) != (issues.errors > 0) || (r < 0) != (cfg == NULL) ||
	    issues.count > SLO_CONFIG_ISSUES_MAX)
		abort();
	if (cfg)
		read_back(cfg);
	return 0;
}
