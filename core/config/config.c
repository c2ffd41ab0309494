/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/io.h"
#include "core/config/load.h"
#include "core/config/value.h"

#define ENV_PREFIX "SLO_"

void slo_config_freep(struct slo_config **cfg)
{
	free(*cfg);
	*cfg = NULL;
}

static int new_with_defaults(struct slo_config **ret_cfg, struct slo_err *err)
{
	struct slo_config *cfg = calloc(1, sizeof(*cfg));
	char text[128];

	if (!cfg)
		return slo_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < slo_config_row_count(); i++) {
		const struct slo_config_row *row = slo_config_row_at(i);
		int r;

		slo_config_row_default(row, text, sizeof(text));
		r = slo_config_value_set(row, slo_config_field(cfg, row), text, false, NULL);
		assert(r == 0); /* the unit test walks every row */
		(void)r;
	}
	*ret_cfg = cfg;
	return 0;
}

/* --- file --------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *s, const char *tail)
{
	size_t len = strlen(s), tail_len = strlen(tail);

	return len >= tail_len && strcasecmp(s + len - tail_len, tail) == 0;
}

static enum slo_config_format format_of(const char *path)
{
	return ends_with(path, ".yaml") || ends_with(path, ".yml") ? SLO_CONFIG_YAML
	                                                           : SLO_CONFIG_INI;
}

int slo_config_read_file(const char *what, const char *path, char **ret_text, size_t *ret_len,
                         struct slo_err *err)
{
	char *text slo_cleanup(slo_freep) = NULL;
	int fd slo_cleanup(slo_closep) = -1;
	ssize_t len;
	int r;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		return slo_err_set(err, r, "cannot open %s %s: %s", what, path, strerror(-r));
	}
	text = malloc(SLO_CONFIG_FILE_MAX + 1);
	if (!text)
		return slo_err_set(err, -ENOMEM, "out of memory");
	len = slo_read_full(fd, text, SLO_CONFIG_FILE_MAX + 1);
	if (len < 0) {
		r = (int)len;
		return slo_err_set(err, r, "cannot read %s %s: %s", what, path, strerror(-r));
	}
	if ((size_t)len > SLO_CONFIG_FILE_MAX)
		return slo_err_set(err, -EFBIG, "%s %s is too large (accepted: %zu KiB)", what,
		                   path, SLO_CONFIG_FILE_MAX / 1024);
	*ret_text = slo_take_ptr(text);
	*ret_len = (size_t)len;
	return 0;
}

static void read_text(const struct slo_config_loading *l, const struct slo_config_text *text)
{
	if (text->format == SLO_CONFIG_YAML && slo_config_is_openslo(text->text, text->len))
		slo_config_read_openslo(l, text->text, text->len);
	else if (text->format == SLO_CONFIG_YAML)
		slo_config_read_yaml(l, text->text, text->len);
	else
		slo_config_read_ini(l, text->text, text->len);
}

/* The file that was asked for, or the default one where it exists. Sets cfg->path and l->name. */
static int load_file(struct slo_config_loading *l, const struct slo_config_sources *src,
                     struct slo_err *err)
{
	const char *path = src->path           ? src->path
	                   : src->default_path ? src->default_path
	                                       : SLO_CONFIG_DEFAULT_PATH;
	char *text slo_cleanup(slo_freep) = NULL;
	size_t len = 0;
	int r;

	if (*path == '\0' && !src->path)
		return 0;
	if (strlen(path) >= sizeof(l->cfg->path))
		return slo_err_set(err, -ENAMETOOLONG, "path of the configuration is too long");
	r = slo_config_read_file("configuration", path, &text, &len, err);
	if (r == -ENOENT && !src->path)
		return 0;
	if (r < 0)
		return r;
	(void)snprintf(l->cfg->path, sizeof(l->cfg->path), "%s", path);
	l->name = l->cfg->path;
	read_text(l, &(const struct slo_config_text){ format_of(path), path, text, len });
	return 0;
}

/* --- environment -------------------------------------------------------------------------------------------- */

/* Value of "NAME=value" for @name, or NULL. */
static const char *env_value(const char *entry, const char *name)
{
	size_t len = strlen(name);

	return strncmp(entry, name, len) == 0 && entry[len] == '=' ? entry + len + 1 : NULL;
}

static const char *env_lookup(char *const *environment, const char *name)
{
	for (; *environment; environment++) {
		const char *value = env_value(*environment, name);

		if (value)
			return value;
	}
	return NULL;
}

/*
 * A variable that looks like ours but is none: only a warning, as any program may set such names; and nothing for
 * what Kubernetes sets in each pod for a Service (SLO_AGENT_SERVICE_HOST, SLO_AGENT_PORT_2112_TCP, ...).
 */
static void check_unknown_env(const struct slo_config_loading *l, const char *entry)
{
	struct slo_config_place at = { .kind = SLO_CONFIG_FROM_ENV };
	bool ours = false;
	char name[64], known[64];
	size_t len = strcspn(entry, "=");

	if (len >= sizeof(name))
		return;
	(void)snprintf(name, sizeof(name), "%.*s", (int)len, entry);
	if (strstr(name, "_SERVICE_") || strstr(name, "_PORT_") || ends_with(name, "_PORT"))
		return;
	for (size_t i = 0; i < slo_config_row_count(); i++) {
		const struct slo_config_row *row = slo_config_row_at(i);
		size_t prefix = strlen(ENV_PREFIX) + strlen(row->section) + 1;

		slo_config_env_name(row, known, sizeof(known));
		if (strcmp(known, name) == 0)
			return;
		ours = ours || strncmp(known, name, prefix) == 0;
	}
	at.label = name;
	if (ours)
		slo_config_warn(l, &at,
		                "no such setting; ignored (see sloctl config print --template)");
}

static void load_env(const struct slo_config_loading *l, char *const *environment)
{
	char name[64];

	if (!environment)
		return;
	for (size_t i = 0; i < slo_config_row_count(); i++) {
		const struct slo_config_row *row = slo_config_row_at(i);
		const char *value;

		slo_config_env_name(row, name, sizeof(name));
		value = env_lookup(environment, name);
		if (value)
			slo_config_apply(l,
			                 &(const struct slo_config_place){
						 .kind = SLO_CONFIG_FROM_ENV, .label = name },
			                 row->section, row->key, value, false);
	}
	for (char *const *entry = environment; *entry; entry++) {
		if (strncmp(*entry, ENV_PREFIX, strlen(ENV_PREFIX)) == 0)
			check_unknown_env(l, *entry);
	}
}

/* --- flags -------------------------------------------------------------------------------------------------- */

static bool same_setting(const struct slo_config_override *a, const struct slo_config_override *b)
{
	return strcmp(a->section, b->section) == 0 && strcmp(a->key, b->key) == 0;
}

static void load_overrides(const struct slo_config_loading *l,
                           const struct slo_config_override *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char label[32];
		const struct slo_config_place at = { .kind = SLO_CONFIG_FROM_FLAG, .label = label };
		bool again = false;

		(void)snprintf(label, sizeof(label), "--%s", items[i].flag);
		for (size_t j = 0; j < i && !again; j++)
			again = same_setting(&items[j], &items[i]);
		slo_config_apply(l, &at, items[i].section, items[i].key, items[i].value, again);
	}
}

/* --- what rows cannot say alone ------------------------------------------------------------------------------ */

/* The place where a row's value was set, to complain about it. @buf holds the label while the place is used. */
static struct slo_config_place place_of(const struct slo_config_loading *l, const char *section,
                                        const char *key, char *buf, size_t size)
{
	const struct slo_config_row *row = slo_config_row_find(section, key);
	const struct slo_config_origin *origin = slo_config_origin_of(l->cfg, row);
	struct slo_config_place at = { .kind = origin->kind, .line = origin->line, .label = buf };

	if (origin->kind == SLO_CONFIG_FROM_ENV)
		slo_config_env_name(row, buf, size);
	else
		(void)snprintf(buf, size, "%s",
		               origin->kind == SLO_CONFIG_FROM_FLAG ? origin->flag : "default");
	return at;
}

static bool is_ratio(enum slo_config_sli sli)
{
	return sli == SLO_CONFIG_SLI_ERROR_RATE || sli == SLO_CONFIG_SLI_PROVIDER_ERROR_RATE;
}

/* What a file did not set was set by a flag: the environment has no [slo.NAME]. */
static struct slo_config_place slo_place(unsigned int line)
{
	if (line > 0)
		return (struct slo_config_place){ .kind = SLO_CONFIG_FROM_FILE, .line = line };
	return (struct slo_config_place){ .kind = SLO_CONFIG_FROM_FLAG, .label = "--set" };
}

static void check_slo(const struct slo_config_loading *l, const struct slo_config_slo *slo)
{
	const struct slo_config_origin *threshold =
		&slo->origin[slo_config_row_find("slo.NAME", "threshold") -
	                     slo_config_slo_row_at(0)];
	struct slo_config_place at = slo_place(slo->line);

	for (size_t i = 0; i < slo_config_slo_row_count(); i++) {
		const struct slo_config_row *row = slo_config_slo_row_at(i);
		char accepted[256];

		if (!(row->flags & SLO_CONFIG_F_REQUIRED) ||
		    slo->origin[i].kind != SLO_CONFIG_FROM_DEFAULT)
			continue;
		slo_config_row_accepted(row, accepted, sizeof(accepted));
		slo_config_error(l, &at, "[slo.%s]: %s is missing (accepted: %s)", slo->name,
		                 row->key, accepted);
	}
	if (threshold->kind != SLO_CONFIG_FROM_DEFAULT && is_ratio(slo->sli) &&
	    slo->threshold > 1) {
		at = slo_place(threshold->line);
		slo_config_error(
			l, &at,
			"[slo.%s] threshold = %g: out of range for a ratio (accepted: 0 to 1)",
			slo->name, slo->threshold);
	}
}

/* :4317, and not 43171. */
static bool is_grpc_port(const char *endpoint)
{
	const char *port = strstr(endpoint, ":4317");

	return port && (port[5] < '0' || port[5] > '9');
}

static void check_whole(const struct slo_config_loading *l)
{
	const struct slo_config *cfg = l->cfg;
	struct slo_config_place at;
	char label[64], endpoint[SLO_CONFIG_TEXT_LEN];

	if (cfg->webhook.enabled && cfg->webhook.url[0] == '\0') {
		at = place_of(l, "webhook", "enabled", label, sizeof(label));
		slo_config_error(
			l, &at,
			"[webhook] enabled = on: url is missing (accepted: http:// or https:// URL)");
	}
	if (is_grpc_port(cfg->otlp.endpoint)) {
		at = place_of(l, "otlp", "endpoint", label, sizeof(label));
		(void)snprintf(endpoint, sizeof(endpoint), "%s", cfg->otlp.endpoint);
		slo_config_row_hide(slo_config_row_find("otlp", "endpoint"), endpoint,
		                    sizeof(endpoint));
		slo_config_warn(
			l, &at,
			"[otlp] endpoint = %.100s: port 4317 is OTLP/gRPC by convention; this agent speaks OTLP/HTTP, whose port is 4318",
			endpoint);
	}
	for (size_t i = 0; i < cfg->slo_count; i++)
		check_slo(l, &cfg->slo[i]);
}

/* --- all of it ----------------------------------------------------------------------------------------------- */

static int finish(struct slo_config_loading *l, struct slo_config **cfg,
                  struct slo_config **ret_cfg, struct slo_err *err)
{
	const char *first = "";

	check_whole(l);
	if (l->issues->errors == 0) {
		*ret_cfg = slo_take_ptr(*cfg);
		return 0;
	}
	for (size_t i = l->issues->count; i > 0; i--) {
		if (!l->issues->item[i - 1].warning)
			first = l->issues->item[i - 1].text;
	}
	if (l->issues->errors == 1)
		return slo_err_set(err, -EINVAL, "%s", first);
	return slo_err_set(err, -EINVAL, "%s (and %zu more)", first, l->issues->errors - 1);
}

static void forget_issues(struct slo_config_issues *issues)
{
	issues->count = issues->errors = issues->warnings = 0;
}

int slo_config_load(struct slo_config **ret_cfg, const struct slo_config_sources *src,
                    struct slo_config_issues *issues, struct slo_err *err)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;
	struct slo_config_loading l = { .issues = issues, .name = "" };
	int r;

	forget_issues(issues);
	r = new_with_defaults(&cfg, err);
	if (r < 0)
		return r;
	l.cfg = cfg;
	r = load_file(&l, src, err);
	if (r < 0)
		return r;
	load_env(&l, src->environment);
	load_overrides(&l, src->overrides, src->override_count);
	return finish(&l, &cfg, ret_cfg, err);
}

int slo_config_parse(struct slo_config **ret_cfg, const struct slo_config_text *text,
                     struct slo_config_issues *issues, struct slo_err *err)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;
	struct slo_config_loading l = { .issues = issues, .name = text->name };
	int r;

	forget_issues(issues);
	r = new_with_defaults(&cfg, err);
	if (r < 0)
		return r;
	l.cfg = cfg;
	(void)snprintf(cfg->path, sizeof(cfg->path), "%s", text->name);
	read_text(&l, text);
	return finish(&l, &cfg, ret_cfg, err);
}
