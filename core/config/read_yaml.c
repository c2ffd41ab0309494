/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The YAML form: the earlier toolkit's ToolkitConfig v1alpha1, and v1beta1, which has every section of the INI form.
 * Read event by event: a mapping of mappings of scalars and lists, nothing else; anchors and aliases are refused, so
 * that a small file cannot grow into a large one.
 */
#include "core/config/load.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "core/config/value.h"
#include "core/config/yaml_events.h"

#define API_GROUP "toolkit.llm-slo.dev/"
#define LEVELS_MAX 3 /* slo: NAME: key: */
#define PATH_LEN ((size_t)(LEVELS_MAX + 1) * SLO_CONFIG_NAME_LEN)

struct reading {
	struct slo_yaml y;
	bool superset; /* v1beta1 */
};

/* --- where a path belongs ------------------------------------------------------------------------------------ */

/* "signal_set", "otlp.endpoint", "slo.chat.sli" to the section and key of the INI form. */
static const struct slo_config_row *row_of(const char *path, char section[SLO_CONFIG_NAME_LEN],
                                           const char **ret_key)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; i < slo_config_row_count(); i++) {
		const struct slo_config_row *row = slo_config_row_at(i);

		if (row->yaml && strcmp(row->yaml, path) == 0) {
			(void)snprintf(section, SLO_CONFIG_NAME_LEN, "%s", row->section);
			*ret_key = row->key;
			return row;
		}
	}
	(void)snprintf(section, SLO_CONFIG_NAME_LEN, "%.*s", dot ? (int)(dot - path) : 0, path);
	*ret_key = dot ? dot + 1 : path;
	return slo_config_row_find(section, *ret_key);
}

/* A mapping is expected there: a section, or the level above the SLOs' names. */
static bool is_section(const char *path)
{
	const char *dot = strchr(path, '.');

	if (strcmp(path, "slo") == 0)
		return true;
	if (dot && (strncmp(path, "slo.", 4) != 0 || strchr(dot + 1, '.')))
		return false;
	return slo_config_section_exists(path);
}

/* The name of what is unknown, with what was meant. */
static void unknown(struct reading *r, unsigned int line, const char *path)
{
	const char *key;
	char section[SLO_CONFIG_NAME_LEN];

	(void)row_of(path, section, &key);
	if (*section)
		slo_config_apply(r->y.l, SLO_CONFIG_LINE(line), section, key, "", false);
	else if (slo_config_row_find("agent", path))
		slo_config_error(r->y.l, SLO_CONFIG_LINE(line),
		                 "%.60s: belongs into the mapping agent:", path);
	else
		slo_config_unknown_section(r->y.l, SLO_CONFIG_LINE(line), path);
}

/* --- values -------------------------------------------------------------------------------------------------- */

static const char *scalar_text(struct reading *r, const yaml_event_t *ev, const char *path)
{
	const char *text = (const char *)ev->data.scalar.value;

	if (strlen(text) == ev->data.scalar.length)
		return text;
	slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line), "%s: a NUL character", path);
	return NULL;
}

static bool is_null(const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;

	return ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static bool wants_quotes(enum slo_config_type type)
{
	return type == SLO_CONFIG_STRING || type == SLO_CONFIG_URL || type == SLO_CONFIG_ENUM ||
	       type == SLO_CONFIG_DURATION || type == SLO_CONFIG_SIZE;
}

static void wrong_type(struct reading *r, const char *path, const char *is,
                       const struct slo_config_row *row)
{
	char accepted[256] = "a list";

	if (!slo_config_type_is_list(row->type))
		slo_config_row_accepted(row, accepted, sizeof(accepted));
	slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line), "%s: wrong type: %s (accepted: %s)",
	                 path, is, accepted);
}

static void read_scalar(struct reading *r, const yaml_event_t *ev, const char *path)
{
	char section[SLO_CONFIG_NAME_LEN];
	const char *key, *text = scalar_text(r, ev, path);
	const struct slo_config_row *row = row_of(path, section, &key);
	bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (!text)
		return;
	if (!row && is_section(path))
		slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line),
		                 "%s: wrong type: a scalar (accepted: a mapping)", path);
	else if (!row)
		unknown(r, r->y.line, path);
	else if (is_null(ev))
		wrong_type(r, path, "null", row);
	else if (slo_config_type_is_list(row->type) &&
	         !(row->type == SLO_CONFIG_SIGNALS && strcmp(text, "all") == 0))
		wrong_type(r, path, "a scalar", row);
	else if (!plain && !slo_config_type_is_list(row->type) && !wants_quotes(row->type))
		wrong_type(r, path, "a string", row);
	else
		slo_config_apply(r->y.l, SLO_CONFIG_LINE(r->y.line), section, key, text, false);
}

/* A list becomes the comma separated form; false where it cannot. */
static bool join_item(struct reading *r, const yaml_event_t *ev, const char *path, char *joined)
{
	const char *text = scalar_text(r, ev, path);
	size_t at = strlen(joined), need;

	if (!text)
		return false;
	need = strlen(text) + 2;
	if (strchr(text, ',')) {
		slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line),
		                 "%s: an item has a comma: %.60s", path, text);
		return false;
	}
	if (at + need >= SLO_CONFIG_VALUE_LEN) {
		slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line),
		                 "%s: the list is too long (accepted: %d items)", path,
		                 SLO_CONFIG_LIST_MAX);
		return false;
	}
	(void)snprintf(joined + at, need + 1, "%s%s", at ? "," : "", *text ? text : " ");
	return true;
}

static void read_sequence(struct reading *r, const char *path)
{
	char section[SLO_CONFIG_NAME_LEN], joined[SLO_CONFIG_VALUE_LEN] = "";
	unsigned int line = r->y.line;
	const char *key;
	const struct slo_config_row *row = row_of(path, section, &key);
	bool good = row && slo_config_type_is_list(row->type);

	if (!row && !is_section(path))
		unknown(r, line, path);
	else if (!row)
		slo_config_error(r->y.l, SLO_CONFIG_LINE(line),
		                 "%s: wrong type: a list (accepted: a mapping)", path);
	else if (!good)
		wrong_type(r, path, "a list", row);
	for (;;) {
		yaml_event_t ev slo_yaml_event_auto = { 0 };

		if (!slo_yaml_next(&r->y, &ev))
			return;
		if (ev.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (ev.type == YAML_SCALAR_EVENT) {
			good = good && join_item(r, &ev, path, joined);
			continue;
		}
		if (good)
			wrong_type(r, path, "a list of lists or mappings", row);
		good = false;
		slo_yaml_skip(&r->y, &ev);
	}
	if (good)
		slo_config_apply(r->y.l, SLO_CONFIG_LINE(line), section, key, joined, false);
}

static void read_header(struct reading *r, const yaml_event_t *ev, const char *path)
{
	const char *text = scalar_text(r, ev, path);

	if (!text)
		return;
	if (strcmp(path, "apiVersion") == 0) {
		r->superset = strcmp(text, API_GROUP "v1beta1") == 0;
		if (!r->superset && strcmp(text, API_GROUP "v1alpha1") != 0)
			slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line),
			                 "apiVersion = %.80s: unknown (accepted: " API_GROUP
			                 "v1alpha1 or v1beta1)",
			                 text);
	} else if (strcmp(text, "ToolkitConfig") != 0) {
		slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line),
		                 "kind = %.80s: unknown (accepted: ToolkitConfig)", text);
	}
}

/* --- structure ----------------------------------------------------------------------------------------------- */

/* A mapping that stands at @path: true where its keys are to be read, else it is told and passed over. */
static bool enter_mapping(struct reading *r, const char *path)
{
	const char *key;
	char section[SLO_CONFIG_NAME_LEN];
	const struct slo_config_row *row = row_of(path, section, &key);

	if (is_section(path) && (strncmp(path, "slo.", 4) != 0 ||
	                         slo_config_open_slo(r->y.l, SLO_CONFIG_LINE(r->y.line), path)))
		return true;
	if (row)
		wrong_type(r, path, "a mapping", row);
	else if (!is_section(path))
		unknown(r, r->y.line, path);
	slo_yaml_skip_rest(&r->y);
	return false;
}

/* True where @ev opens a mapping whose keys are to be read. */
static bool read_value(struct reading *r, const yaml_event_t *ev, const char *path)
{
	bool header = strcmp(path, "apiVersion") == 0 || strcmp(path, "kind") == 0;

	if (header && ev->type == YAML_SCALAR_EVENT) {
		read_header(r, ev, path);
	} else if (header) {
		slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line),
		                 "%s: wrong type (accepted: a string)", path);
		slo_yaml_skip(&r->y, ev);
	} else if (ev->type == YAML_SCALAR_EVENT) {
		read_scalar(r, ev, path);
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		read_sequence(r, path);
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		return enter_mapping(r, path);
	}
	return false;
}

/* A key's own name; NULL, once told, where it cannot be one of ours. A dot would make "otlp.endpoint" look like a path. */
static const char *key_name(struct reading *r, const yaml_event_t *key)
{
	const char *name;

	if (key->type != YAML_SCALAR_EVENT) {
		slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line), "a key that is no word");
		slo_yaml_skip(&r->y, key);
		return NULL;
	}
	name = scalar_text(r, key, "key");
	if (!name || (*name != '\0' && strlen(name) < SLO_CONFIG_NAME_LEN - strlen("slo.") &&
	              !strchr(name, '.')))
		return name;
	slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line), "%.60s: unknown key", name);
	return NULL;
}

/* The top mapping, whose start was read, and those in it. Rows tell their own duplicates. */
static void read_mappings(struct reading *r)
{
	char path[PATH_LEN] = "";
	size_t cut[LEVELS_MAX + 1] = { 0 }; /* length of @path at each level */
	unsigned int level = 0;

	for (;;) {
		yaml_event_t key slo_yaml_event_auto = { 0 }, value slo_yaml_event_auto = { 0 };
		const char *name;

		if (!slo_yaml_next(&r->y, &key))
			return;
		if (key.type == YAML_MAPPING_END_EVENT) {
			if (level-- == 0)
				return;
			path[cut[level]] = '\0';
			continue;
		}
		name = key_name(r, &key);
		if (!slo_yaml_next(&r->y, &value))
			return;
		if (!name) {
			slo_yaml_skip(&r->y, &value);
			continue;
		}
		cut[level] = strlen(path);
		(void)snprintf(path + cut[level], sizeof(path) - cut[level], "%s%s",
		               level ? "." : "", name);
		if (!read_value(r, &value, path)) {
			path[cut[level]] = '\0';
			continue;
		}
		level++;
		assert(level < SLO_ARRAY_SIZE(cut)); /* nothing is a section below slo.NAME */
	}
}

/* The version may stand below what it does not allow, so this is judged at the end, by where values came from. */
static void check_version(struct reading *r)
{
	struct slo_config *cfg = r->y.l->cfg;

	for (size_t i = 0; i < slo_config_row_count(); i++) {
		const struct slo_config_row *row = slo_config_row_at(i);
		const struct slo_config_origin *origin = slo_config_origin_of(cfg, row);

		if (origin->kind == SLO_CONFIG_FROM_FILE && !(row->flags & SLO_CONFIG_F_ALPHA))
			slo_config_error(r->y.l, SLO_CONFIG_LINE(origin->line),
			                 "%s.%s: needs apiVersion: " API_GROUP "v1beta1",
			                 row->section, row->key);
	}
	for (size_t i = 0; i < cfg->slo_count; i++)
		slo_config_error(r->y.l, SLO_CONFIG_LINE(cfg->slo[i].line),
		                 "slo.%s: needs apiVersion: " API_GROUP "v1beta1",
		                 cfg->slo[i].name);
}

/* Values that the earlier toolkit had by default and that do harm; its files get them unless changed. */
static void warn_of_old_defaults(struct reading *r)
{
	const struct slo_config *cfg = r->y.l->cfg;
	const struct slo_config_origin *fail_open, *overhead;

	fail_open = slo_config_origin_of(r->y.l->cfg, slo_config_row_find("cdgate", "fail_open"));
	overhead = slo_config_origin_of(r->y.l->cfg,
	                                slo_config_row_find("safety", "max_overhead_pct"));
	if (overhead->kind == SLO_CONFIG_FROM_FILE && cfg->safety.max_overhead_pct > 3)
		slo_config_warn(
			r->y.l, SLO_CONFIG_LINE(overhead->line),
			"safety.max_overhead_pct = %g is honoured; the default is 3 now, the limit of the release gate",
			cfg->safety.max_overhead_pct);
	if (fail_open->kind == SLO_CONFIG_FROM_FILE && cfg->cdgate.fail_open)
		slo_config_warn(
			r->y.l, SLO_CONFIG_LINE(fail_open->line),
			"cdgate.fail_open = true is honoured: a deployment passes while Prometheus is down; the default is false now");
}

static void read_document(struct reading *r)
{
	bool seen = false;

	for (;;) {
		yaml_event_t ev slo_yaml_event_auto = { 0 };

		if (!slo_yaml_next(&r->y, &ev) || ev.type == YAML_STREAM_END_EVENT)
			break;
		if (ev.type == YAML_STREAM_START_EVENT || ev.type == YAML_DOCUMENT_START_EVENT ||
		    ev.type == YAML_DOCUMENT_END_EVENT)
			continue;
		if (seen) {
			slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line),
			                 "a second document (accepted: one)");
			return;
		}
		seen = true;
		if (ev.type == YAML_MAPPING_START_EVENT) {
			read_mappings(r);
		} else {
			slo_config_error(r->y.l, SLO_CONFIG_LINE(r->y.line),
			                 "not a mapping (accepted: apiVersion, kind, ...)");
			slo_yaml_skip(&r->y, &ev);
		}
	}
}

void slo_config_read_yaml(const struct slo_config_loading *l, const char *text, size_t len)
{
	struct reading r = { .y = { .l = l, .line = 1 } };

	if (!yaml_parser_initialize(&r.y.parser)) {
		slo_config_error(l, SLO_CONFIG_LINE(1), "out of memory");
		return;
	}
	yaml_parser_set_input_string(&r.y.parser, (const unsigned char *)text, len);
	read_document(&r);
	if (!r.superset && !r.y.failed)
		check_version(&r);
	warn_of_old_defaults(&r);
	yaml_parser_delete(&r.y.parser);
}
