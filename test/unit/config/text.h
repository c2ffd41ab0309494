/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the configuration share: reading a text, and asking what came of it. */
#ifndef SLO_TEST_CONFIG_TEXT_H
#define SLO_TEST_CONFIG_TEXT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/config/config.h"
#include "core/config/rows.h"
#include "core/config/value.h"

/* Of the last text read. */
static struct slo_config_issues issues;
static struct slo_err error;

static inline struct slo_config *read_text(enum slo_config_format format, const char *text,
                                           size_t len)
{
	struct slo_config *cfg = NULL;
	int r;

	memset(&error, 0, sizeof(error));
	r = slo_config_parse(&cfg, &(const struct slo_config_text){ format, "test", text, len },
	                     &issues, &error);
	assert_int_equal(r, issues.errors > 0 ? -EINVAL : 0);
	assert_true((cfg != NULL) == (r == 0));
	return cfg;
}

static inline struct slo_config *ini(const char *text)
{
	return read_text(SLO_CONFIG_INI, text, strlen(text));
}

static inline struct slo_config *yaml(const char *text)
{
	return read_text(SLO_CONFIG_YAML, text, strlen(text));
}

static inline bool told(const char *part)
{
	for (size_t i = 0; i < issues.count; i++) {
		if (strstr(issues.item[i].text, part))
			return true;
	}
	return false;
}

/* Reading gave exactly one error, which has @part in it. */
#define assert_refused(read, part)                      \
	do {                                            \
		struct slo_config *_cfg = (read);       \
		assert_null(_cfg);                      \
		if (!told(part) || issues.errors != 1)  \
			print_error("%s\n", error.msg); \
		assert_int_equal(issues.errors, 1);     \
		assert_true(told(part));                \
	} while (0)

#endif
