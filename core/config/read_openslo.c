/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subset of OpenSLO v1 (https://github.com/OpenSLO/OpenSLO): each document of kind SLO is a [slo.NAME]. The indicator is
 * one of ours by its name (spec.indicator.metadata.name, or spec.indicatorRef: "ttft_ms"), the threshold is the objective's
 * value with op lte (gte of a throughput), counted by occurrences. Whatever would mean something else is refused.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/load.h"
#include "core/config/yaml_events.h"

#define DEPTH_MAX 16
#define PATH_LEN 512
#define VALUE_LEN 256

struct leaf {
	char text[VALUE_LEN]; /* "": absent */
	unsigned int line;
};

enum {
	API_VERSION,
	KIND,
	NAME,
	SERVICE,
	SLI,
	METHOD,
	TARGET,
	TARGET_PERCENT,
	VALUE,
	OP,
	ROLLING,
	LEAF_MAX_,
};

/* What of a document is read. */
static const struct {
	const char *path;
	int leaf;
} leaves[] = {
	{ "apiVersion", API_VERSION },
	{ "kind", KIND },
	{ "metadata.name", NAME },
	{ "spec.service", SERVICE },
	{ "spec.indicator.metadata.name", SLI },
	{ "spec.indicatorRef", SLI },
	{ "spec.budgetingMethod", METHOD },
	{ "spec.objectives.0.target", TARGET },
	{ "spec.objectives.0.targetPercent", TARGET_PERCENT },
	{ "spec.objectives.0.value", VALUE },
	{ "spec.objectives.0.op", OP },
	{ "spec.timeWindow.0.isRolling", ROLLING },
};

/* What may stand there and changes nothing here: texts, and how others would query the indicator. */
static const char *const passed_over[] = {
	"metadata.displayName",       "metadata.labels.",
	"metadata.annotations.",      "spec.description",
	"spec.indicator.kind",        "spec.indicator.apiVersion",
	"spec.indicator.metadata.",   "spec.indicator.spec.description",
	"spec.alertPolicies.",        "spec.indicator.spec.thresholdMetric.",
	"spec.timeWindow.0.duration", "spec.objectives.0.displayName",
};

struct document {
	struct slo_yaml *y;
	char path[PATH_LEN];
	struct leaf leaf[LEAF_MAX_];
	/* Open mappings and lists. */
	struct {
		bool is_list;
		bool has_key; /* of a mapping: the value comes next */
		unsigned int index; /* of a list */
		size_t cut; /* length of @path outside */
	} level[DEPTH_MAX];
	size_t depth;
	unsigned int unknown; /* line of what is not in the subset; 0: none */
	char unknown_path[PATH_LEN];
};

/* --- one document to leaves ---------------------------------------------------------------------------------- */

static void take_leaf(struct document *d, const char *text)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(leaves); i++) {
		struct leaf *leaf = &d->leaf[leaves[i].leaf];

		if (strcmp(leaves[i].path, d->path) != 0)
			continue;
		(void)snprintf(leaf->text, sizeof(leaf->text), "%s", text);
		leaf->line = d->y->line;
		return;
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(passed_over); i++) {
		if (strncmp(d->path, passed_over[i], strlen(passed_over[i])) == 0)
			return;
	}
	if (d->unknown)
		return;
	d->unknown = d->y->line;
	(void)snprintf(d->unknown_path, sizeof(d->unknown_path), "%s", d->path);
}

/* The path of the value that comes next. */
static void extend_path(struct document *d, const char *name)
{
	size_t len = strlen(d->path);

	(void)snprintf(d->path + len, sizeof(d->path) - len, "%s%s", len ? "." : "", name);
}

static void value_done(struct document *d)
{
	if (d->depth == 0)
		return;
	d->path[d->level[d->depth - 1].cut] = '\0';
	d->level[d->depth - 1].has_key = false;
}

/* False: too deep. */
static bool open_level(struct document *d, bool is_list)
{
	if (d->depth == DEPTH_MAX) {
		slo_config_error(d->y->l, SLO_CONFIG_LINE(d->y->line),
		                 "nested too deeply (accepted: %d levels)", DEPTH_MAX);
		d->y->failed = true;
		return false;
	}
	memset(&d->level[d->depth], 0, sizeof(d->level[0]));
	d->level[d->depth].is_list = is_list;
	d->level[d->depth].cut = strlen(d->path);
	d->depth++;
	return true;
}

/* A scalar where a mapping waits for its key. */
static bool is_key(const struct document *d, const yaml_event_t *ev)
{
	return ev->type == YAML_SCALAR_EVENT && d->depth > 0 && !d->level[d->depth - 1].is_list &&
	       !d->level[d->depth - 1].has_key;
}

static void take_event(struct document *d, const yaml_event_t *ev)
{
	const char *text =
		ev->type == YAML_SCALAR_EVENT ? (const char *)ev->data.scalar.value : NULL;

	if (is_key(d, ev)) {
		extend_path(d, text);
		d->level[d->depth - 1].has_key = true;
		return;
	}
	if (ev->type == YAML_MAPPING_END_EVENT || ev->type == YAML_SEQUENCE_END_EVENT) {
		d->depth--;
		value_done(d);
		return;
	}
	if (d->depth > 0 && d->level[d->depth - 1].is_list) {
		char index[16];

		(void)snprintf(index, sizeof(index), "%u", d->level[d->depth - 1].index++);
		extend_path(d, index);
	}
	if (text) {
		take_leaf(d, text);
		value_done(d);
	} else {
		(void)open_level(d, ev->type == YAML_SEQUENCE_START_EVENT);
	}
}

/* --- leaves to a section ------------------------------------------------------------------------------------- */

/* Of what is missing, the place is that of the document. */
static bool refuse(const struct document *d, int leaf, const char *accepted)
{
	const struct leaf *l = &d->leaf[leaf];

	slo_config_error(d->y->l, SLO_CONFIG_LINE(l->line ? l->line : d->leaf[KIND].line),
	                 "OpenSLO: \"%.60s\" is not supported (accepted: %s)", l->text, accepted);
	return false;
}

static bool is(const struct document *d, int leaf, const char *text)
{
	return strcmp(d->leaf[leaf].text, text) == 0;
}

/* Whether it means what a [slo.NAME] means. */
static bool check(const struct document *d)
{
	bool more_is_better = is(d, SLI, "token_throughput_tps");

	if (d->unknown) {
		slo_config_error(
			d->y->l, SLO_CONFIG_LINE(d->unknown),
			"OpenSLO: %.120s is not supported (one objective over an indicator of ours)",
			d->unknown_path);
		return false;
	}
	if (!is(d, API_VERSION, "openslo/v1"))
		return refuse(d, API_VERSION, "openslo/v1");
	if (is(d, NAME, ""))
		return refuse(d, NAME, "a metadata.name");
	if (!is(d, METHOD, "") && !is(d, METHOD, "Occurrences"))
		return refuse(d, METHOD, "Occurrences");
	if (!is(d, ROLLING, "") && !is(d, ROLLING, "true"))
		return refuse(d, ROLLING, "true");
	if (!is(d, OP, more_is_better ? "gte" : "lte"))
		return refuse(d, OP, more_is_better ? "gte" : "lte");
	if (!is(d, TARGET, "") && !is(d, TARGET_PERCENT, ""))
		return refuse(d, TARGET_PERCENT, "target or targetPercent, not both");
	return true;
}

static void apply(const struct document *d, const char *section, const char *key, int leaf,
                  const char *text)
{
	if (*text)
		slo_config_apply(d->y->l, SLO_CONFIG_LINE(d->leaf[leaf].line), section, key, text,
		                 false);
}

static void end_document(const struct document *d)
{
	char section[VALUE_LEN + 8], target[VALUE_LEN], *end;
	double percent = strtod(d->leaf[TARGET_PERCENT].text, &end);

	assert(d->y);
	if (d->y->failed)
		return;
	if (!is(d, KIND, "SLO")) {
		slo_config_warn(
			d->y->l,
			SLO_CONFIG_LINE(d->leaf[KIND].line ? d->leaf[KIND].line : d->y->line),
			"OpenSLO: kind \"%.60s\" is passed over (read: SLO)", d->leaf[KIND].text);
		return;
	}
	if (!check(d))
		return;
	(void)snprintf(section, sizeof(section), "slo.%s", d->leaf[NAME].text);
	if (!slo_config_open_slo(d->y->l, SLO_CONFIG_LINE(d->leaf[KIND].line), section))
		return;
	apply(d, section, "service", SERVICE, d->leaf[SERVICE].text);
	apply(d, section, "sli", SLI, d->leaf[SLI].text);
	apply(d, section, "threshold", VALUE, d->leaf[VALUE].text);
	apply(d, section, "objective", TARGET, d->leaf[TARGET].text);
	if (is(d, TARGET_PERCENT, ""))
		return;
	/* A percentage that is none is refused with the words of the row. */
	if (*end == '\0' && isfinite(percent))
		(void)snprintf(target, sizeof(target), "%.12g", percent / 100);
	else
		(void)snprintf(target, sizeof(target), "%s", d->leaf[TARGET_PERCENT].text);
	apply(d, section, "objective", TARGET_PERCENT, target);
}

static void read_documents(struct slo_yaml *y, struct document *d)
{
	d->y = y;
	for (;;) {
		yaml_event_t ev slo_yaml_event_auto = { 0 };

		if (!slo_yaml_next(y, &ev) || ev.type == YAML_STREAM_END_EVENT)
			return;
		if (ev.type == YAML_STREAM_START_EVENT)
			continue;
		if (ev.type == YAML_DOCUMENT_START_EVENT) {
			memset(d, 0, sizeof(*d));
			d->y = y;
		} else if (ev.type == YAML_DOCUMENT_END_EVENT) {
			end_document(d);
		} else {
			take_event(d, &ev);
		}
	}
}

/* "apiVersion: openslo/..." in these @n bytes. */
static bool names_openslo(const char *line, size_t n)
{
	static const char key[] = "apiVersion:", group[] = "openslo/";
	size_t at = sizeof(key) - 1;

	while (at < n && strchr(" \"'", line[at]))
		at++;
	return n - at >= sizeof(group) - 1 && memcmp(line + at, group, sizeof(group) - 1) == 0;
}

bool slo_config_is_openslo(const char *text, size_t len)
{
	static const char key[] = "apiVersion:";

	while (len > 0) {
		const char *stop = memchr(text, '\n', len);
		size_t n = stop ? (size_t)(stop - text) : len;

		if (n >= sizeof(key) - 1 && memcmp(text, key, sizeof(key) - 1) == 0)
			return names_openslo(text, n);
		n += stop ? 1 : 0;
		text += n;
		len -= n;
	}
	return false;
}

void slo_config_read_openslo(const struct slo_config_loading *l, const char *text, size_t len)
{
	struct slo_yaml y = { .l = l, .line = 1 };
	struct document *d slo_cleanup(slo_freep) = calloc(1, sizeof(*d));

	if (!d || !yaml_parser_initialize(&y.parser)) {
		slo_config_error(l, SLO_CONFIG_LINE(1), "out of memory");
		return;
	}
	yaml_parser_set_input_string(&y.parser, (const unsigned char *)text, len);
	read_documents(&y, d);
	yaml_parser_delete(&y.parser);
}
