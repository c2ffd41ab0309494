/* SPDX-License-Identifier: Apache-2.0 */
/* Effective values one by one: for printing, for comparing, and the template with all of them. */
#include "core/config/rows.h"

#include <errno.h>
#include <string.h>

#include "core/base/plain.h"
#include "core/config/value.h"

size_t slo_config_entry_count(const struct slo_config *cfg)
{
	return slo_config_row_count() + cfg->slo_count * slo_config_slo_row_count();
}

static void slo_entry(const struct slo_config_slo *slo, size_t row, struct slo_config_entry *ret)
{
	ret->row = slo_config_slo_row_at(row);
	(void)snprintf(ret->section, sizeof(ret->section), "slo.%.*s", SLO_CONFIG_NAME_LEN - 5,
	               slo->name);
	ret->key = ret->row->key;
	ret->origin = &slo->origin[row];
	ret->value = (const char *)slo + ret->row->offset;
}

void slo_config_entry_at(const struct slo_config *cfg, size_t i, struct slo_config_entry *ret_entry)
{
	size_t plain = slo_config_row_count(), each = slo_config_slo_row_count();

	assert(i < slo_config_entry_count(cfg));
	if (i >= plain) {
		slo_entry(&cfg->slo[(i - plain) / each], (i - plain) % each, ret_entry);
		return;
	}
	ret_entry->row = slo_config_row_at(i);
	(void)snprintf(ret_entry->section, sizeof(ret_entry->section), "%s",
	               ret_entry->row->section);
	ret_entry->key = ret_entry->row->key;
	ret_entry->origin = &cfg->origin[i];
	ret_entry->value = (const char *)cfg + ret_entry->row->offset;
}

static void plain_text(const struct slo_config_entry *entry, char *buf, size_t size)
{
	slo_config_value_text(entry->row, entry->value, buf, size);
}

void slo_config_row_hide(const struct slo_config_row *row, char *buf, size_t size)
{
	if ((row->flags & SLO_CONFIG_F_SECRET) && *buf)
		(void)snprintf(buf, size, "***");
	else if (row->type == SLO_CONFIG_URL)
		buf[slo_plain_urls(buf, strlen(buf))] = '\0';
}

void slo_config_entry_text(const struct slo_config_entry *entry, char *buf, size_t size)
{
	char whole[SLO_CONFIG_TEXT_LEN];

	/* Cut first, a URL may lack the '@' by which its password is known. */
	if (entry->row->type == SLO_CONFIG_URL) {
		plain_text(entry, whole, sizeof(whole));
		slo_config_row_hide(entry->row, whole, sizeof(whole));
		(void)snprintf(buf, size, "%s", whole);
		return;
	}
	plain_text(entry, buf, size);
	slo_config_row_hide(entry->row, buf, size);
}

void slo_config_entry_origin(const struct slo_config *cfg, const struct slo_config_entry *entry,
                             char *buf, size_t size)
{
	switch (entry->origin->kind) {
	case SLO_CONFIG_FROM_FILE:
		(void)snprintf(buf, size, "%s:%u", cfg->path, entry->origin->line);
		return;
	case SLO_CONFIG_FROM_ENV:
		slo_config_env_name(entry->row, buf, size);
		return;
	case SLO_CONFIG_FROM_FLAG:
		(void)snprintf(buf, size, "%s", entry->origin->flag);
		return;
	case SLO_CONFIG_FROM_DEFAULT:
	case SLO_CONFIG_FROM_MAX_:
		break;
	}
	(void)snprintf(buf, size, "default");
}

/* --- differences --------------------------------------------------------------------------------------------- */

static const struct slo_config_slo *slo_by_name(const struct slo_config *cfg, const char *name)
{
	for (size_t i = 0; i < cfg->slo_count; i++) {
		if (strcmp(cfg->slo[i].name, name) == 0)
			return &cfg->slo[i];
	}
	return NULL;
}

struct diff {
	struct slo_config_change *changes;
	size_t max;
	size_t count;
};

/* @a or @b NULL: there is none on that side. Compared as text: exact for every type, and blind to unused bytes. */
static void compare(struct diff *d, const struct slo_config_entry *a,
                    const struct slo_config_entry *b)
{
	const struct slo_config_entry *any = a ? a : b;
	char from[SLO_CONFIG_VALUE_LEN] = "", to[SLO_CONFIG_VALUE_LEN] = "";
	struct slo_config_change *change;

	if (a)
		plain_text(a, from, sizeof(from));
	if (b)
		plain_text(b, to, sizeof(to));
	if (a && b && strcmp(from, to) == 0)
		return;
	if (d->count++ >= d->max)
		return;
	change = &d->changes[d->count - 1];
	(void)snprintf(change->name, sizeof(change->name), "%s.%s", any->section, any->key);
	change->live = any->row->flags & SLO_CONFIG_F_LIVE;
	change->from[0] = change->to[0] = '\0';
	if (a)
		slo_config_entry_text(a, change->from, sizeof(change->from));
	if (b)
		slo_config_entry_text(b, change->to, sizeof(change->to));
}

static void compare_slos(struct diff *d, const struct slo_config *from, const struct slo_config *to,
                         bool reverse)
{
	for (size_t i = 0; i < from->slo_count; i++) {
		const struct slo_config_slo *other = slo_by_name(to, from->slo[i].name);

		if (reverse && other)
			continue;
		for (size_t row = 0; row < slo_config_slo_row_count(); row++) {
			struct slo_config_entry a, b;

			slo_entry(&from->slo[i], row, &a);
			if (other)
				slo_entry(other, row, &b);
			if (reverse)
				compare(d, NULL, &a);
			else
				compare(d, &a, other ? &b : NULL);
		}
	}
}

size_t slo_config_diff(const struct slo_config *old_cfg, const struct slo_config *new_cfg,
                       struct slo_config_change *ret_changes, size_t max)
{
	struct diff d = { .changes = ret_changes, .max = max };

	for (size_t i = 0; i < slo_config_row_count(); i++) {
		struct slo_config_entry a, b;

		slo_config_entry_at(old_cfg, i, &a);
		slo_config_entry_at(new_cfg, i, &b);
		compare(&d, &a, &b);
	}
	compare_slos(&d, old_cfg, new_cfg, false);
	compare_slos(&d, new_cfg, old_cfg, true);
	return d.count;
}

/* --- template ------------------------------------------------------------------------------------------------ */

static void print_row(FILE *out, const struct slo_config_row *row)
{
	char text[512];
	enum slo_signal sig;

	if (strcmp(row->section, "thresholds") == 0 && slo_signal_from_name(row->key, &sig) == 0) {
		slo_config_row_default(row, text, sizeof(text));
		(void)fprintf(out, "#%s = %s\n", row->key, text);
		return;
	}
	slo_config_row_accepted(row, text, sizeof(text));
	(void)fprintf(out, "# %s.\n# Accepted: %s.%s\n", row->help, text,
	              row->flags & SLO_CONFIG_F_LIVE ? " Applied on reload." : "");
	slo_config_row_default(row, text, sizeof(text));
	(void)fprintf(out, "#%s =%s%s\n", row->key, *text ? " " : "", text);
}

static void print_section(FILE *out, const char *section)
{
	if (strcmp(section, "slo") == 0)
		(void)fputs("\n# One section for each objective; NAME is free.\n#[slo.NAME]\n",
		            out);
	else
		(void)fprintf(out, "\n[%s]\n", section);
	if (strcmp(section, "thresholds") == 0)
		(void)fputs(
			"# A single event is sent at or above this, in the signal's unit; 0: each measurement.\n"
			"# Accepted: 0 to 1000000000. Applied on reload.\n",
			out);
}

int slo_config_print_template(FILE *out)
{
	const char *section = "";

	(void)fputs(
		"# Configuration of llm-slo-agent: each key with its default. Printed by sloctl config print --template.\n"
		"# SLO_<SECTION>_<KEY> in the environment goes before this file, a flag before both.\n"
		"# A list goes on after a comma on an indented line. Check a file: sloctl config check --config FILE.\n",
		out);
	for (size_t i = 0; i < slo_config_row_count() + slo_config_slo_row_count(); i++) {
		const struct slo_config_row *row =
			i < slo_config_row_count()
				? slo_config_row_at(i)
				: slo_config_slo_row_at(i - slo_config_row_count());

		if (strcmp(section, row->section) != 0)
			print_section(out, row->section);
		section = row->section;
		print_row(out, row);
	}
	return ferror(out) ? -EIO : 0;
}

bool slo_config_is_default(const struct slo_config *cfg, const char *section, const char *key)
{
	const struct slo_config_row *row = slo_config_row_find(section, key);

	assert(row && !slo_config_row_is_slo(row));
	return cfg->origin[row - slo_config_row_at(0)].kind == SLO_CONFIG_FROM_DEFAULT;
}

enum slo_config_output slo_config_output_kind(const struct slo_config *cfg, bool terminal)
{
	if (cfg->output.kind != SLO_CONFIG_OUTPUT_AUTO)
		return cfg->output.kind;
	return *cfg->output.path || !terminal ? SLO_CONFIG_OUTPUT_JSONL : SLO_CONFIG_OUTPUT_TABLE;
}
