/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/load.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/config/value.h"

/* --- issues ------------------------------------------------------------------------------------------------- */

static slo_printf(4, 0) void add_issue(const struct slo_config_loading *l,
                                       const struct slo_config_place *at, bool warning,
                                       const char *fmt, va_list ap)
{
	struct slo_config_issues *issues = l->issues;
	struct slo_config_issue *issue;
	int n;

	*(warning ? &issues->warnings : &issues->errors) += 1;
	if (issues->count == SLO_ARRAY_SIZE(issues->item))
		return;
	issue = &issues->item[issues->count++];
	issue->warning = warning;
	if (at->kind == SLO_CONFIG_FROM_FILE)
		n = snprintf(issue->text, sizeof(issue->text), "%.200s:%u: ", l->name, at->line);
	else
		n = snprintf(issue->text, sizeof(issue->text), "%.200s: ", at->label);
	if (n >= 0 && (size_t)n < sizeof(issue->text))
		(void)vsnprintf(issue->text + n, sizeof(issue->text) - (size_t)n, fmt, ap);
	for (char *c = issue->text; *c; c++) {
		if (iscntrl((unsigned char)*c))
			*c = '?';
	}
}

void slo_config_error(const struct slo_config_loading *l, const struct slo_config_place *at,
                      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_issue(l, at, false, fmt, ap);
	va_end(ap);
}

void slo_config_warn(const struct slo_config_loading *l, const struct slo_config_place *at,
                     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_issue(l, at, true, fmt, ap);
	va_end(ap);
}

void slo_config_unknown_section(const struct slo_config_loading *l,
                                const struct slo_config_place *at, const char *section)
{
	char near[SLO_CONFIG_NAME_LEN];

	if (strcmp(section, "slo") == 0) {
		slo_config_error(l, at, "[slo]: the section needs a name: [slo.NAME]");
		return;
	}
	slo_config_nearest_section(section, near, sizeof(near));
	if (*near)
		slo_config_error(l, at, "[%.60s]: unknown section (did you mean [%s]?)", section,
		                 near);
	else
		slo_config_error(l, at,
		                 "[%.60s]: unknown section (see sloctl config print --template)",
		                 section);
}

static void unknown_key(const struct slo_config_loading *l, const struct slo_config_place *at,
                        const char *section, const char *key)
{
	char near[2 * SLO_CONFIG_NAME_LEN];

	slo_config_nearest_key(section, key, near, sizeof(near));
	if (*near)
		slo_config_error(l, at, "[%s] %.60s: unknown key (did you mean %s?)", section, key,
		                 near);
	else
		slo_config_error(l, at,
		                 "[%s] %.60s: unknown key (see sloctl config print --template)",
		                 section, key);
}

/* A secret that is refused is not printed either. */
static void bad_value(const struct slo_config_loading *l, const struct slo_config_place *at,
                      const char *section, const struct slo_config_row *row, const char *value,
                      const char *why)
{
	char accepted[256], shown[SLO_CONFIG_TEXT_LEN];

	slo_config_row_accepted(row, accepted, sizeof(accepted));
	(void)snprintf(shown, sizeof(shown), "%s", value);
	slo_config_row_hide(row, shown, sizeof(shown));
	slo_config_error(l, at, "[%s] %s = %.80s: %s (accepted: %s)", section, row->key, shown, why,
	                 accepted);
}

/* --- settings ----------------------------------------------------------------------------------------------- */

static size_t row_index(const struct slo_config_row *row)
{
	return (size_t)(row - slo_config_row_at(0));
}

static size_t slo_row_index(const struct slo_config_row *row)
{
	return (size_t)(row - slo_config_slo_row_at(0));
}

void *slo_config_field(struct slo_config *cfg, const struct slo_config_row *row)
{
	return (char *)cfg + row->offset;
}

struct slo_config_origin *slo_config_origin_of(struct slo_config *cfg,
                                               const struct slo_config_row *row)
{
	return &cfg->origin[row_index(row)];
}

static void set_slo_defaults(struct slo_config_slo *slo)
{
	char text[128];

	for (size_t i = 0; i < slo_config_slo_row_count(); i++) {
		const struct slo_config_row *row = slo_config_slo_row_at(i);

		/* The default of a required string is empty, which as a value would be refused: it stays "". */
		slo_config_row_default(row, text, sizeof(text));
		(void)slo_config_value_set(row, (char *)slo + row->offset, text, false, NULL);
	}
}

static bool is_name(const char *name)
{
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("_-", *name))
			return false;
	}
	return true;
}

/* The [slo.NAME] of this name, made where it is new; NULL, with an issue, where it cannot be. */
static struct slo_config_slo *slo_section(const struct slo_config_loading *l,
                                          const struct slo_config_place *at, const char *section)
{
	const char *name = section + strlen("slo.");
	struct slo_config *cfg = l->cfg;
	struct slo_config_slo *slo;

	for (size_t i = 0; i < cfg->slo_count; i++) {
		if (strcmp(cfg->slo[i].name, name) == 0)
			return &cfg->slo[i];
	}
	if (!is_name(name) || strlen(section) >= SLO_CONFIG_NAME_LEN) {
		slo_config_error(
			l, at,
			"[%.60s]: not a name (accepted: letters, digits, '_', '-'; at most %zu)",
			section, SLO_CONFIG_NAME_LEN - 1 - strlen("slo."));
		return NULL;
	}
	if (cfg->slo_count == SLO_ARRAY_SIZE(cfg->slo)) {
		slo_config_error(l, at,
		                 "[%.60s]: too many sections (accepted: at most %d [slo.NAME])",
		                 section, SLO_CONFIG_SLOS_MAX);
		return NULL;
	}
	slo = &cfg->slo[cfg->slo_count++];
	(void)snprintf(slo->name, sizeof(slo->name), "%s", name);
	slo->line = at->line;
	set_slo_defaults(slo);
	return slo;
}

bool slo_config_open_slo(const struct slo_config_loading *l, const struct slo_config_place *at,
                         const char *section)
{
	return slo_section(l, at, section) != NULL;
}

static void set_origin(struct slo_config_origin *origin, const struct slo_config_place *at)
{
	memset(origin, 0, sizeof(*origin));
	origin->kind = at->kind;
	origin->line = at->line;
	if (at->kind == SLO_CONFIG_FROM_FLAG)
		(void)snprintf(origin->flag, sizeof(origin->flag), "%s", at->label);
}

void slo_config_apply(const struct slo_config_loading *l, const struct slo_config_place *at,
                      const char *section, const char *key, const char *value, bool append)
{
	const struct slo_config_row *row = slo_config_row_find(section, key);
	struct slo_config_origin *origin;
	struct slo_err err = { 0 };
	void *base = l->cfg;

	if (!row) {
		if (slo_config_section_exists(section))
			unknown_key(l, at, section, key);
		else
			slo_config_unknown_section(l, at, section);
		return;
	}
	if (slo_config_row_is_slo(row)) {
		struct slo_config_slo *slo = slo_section(l, at, section);

		if (!slo)
			return;
		base = slo;
		origin = &slo->origin[slo_row_index(row)];
	} else {
		origin = slo_config_origin_of(l->cfg, row);
	}
	if (at->kind == SLO_CONFIG_FROM_FILE && origin->kind == SLO_CONFIG_FROM_FILE) {
		slo_config_error(l, at, "[%s] %s: given twice (first on line %u)", section, key,
		                 origin->line);
		return;
	}
	set_origin(origin, at);
	if (slo_config_value_set(row, (char *)base + row->offset, value, append, &err) < 0)
		bad_value(l, at, section, row, value, err.msg);
}
