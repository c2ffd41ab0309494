/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the readers of the four sources: how a setting reaches its field, and how a problem is told. */
#ifndef SLO_CONFIG_LOAD_H
#define SLO_CONFIG_LOAD_H

#include "core/config/rows.h"

struct slo_config_loading {
	struct slo_config *cfg;
	struct slo_config_issues *issues;
	const char *name; /* of the file, in messages */
};

/* Where a setting stands. Exactly one source is given. */
struct slo_config_place {
	enum slo_config_origin_kind kind;
	unsigned int line; /* FILE */
	const char *label; /* ENV: variable; FLAG: flag */
};

#define SLO_CONFIG_LINE(n)                                \
	&(const struct slo_config_place)                  \
	{                                                 \
		.kind = SLO_CONFIG_FROM_FILE, .line = (n) \
	}

/* Adds "place: <fmt>" to the issues. Control characters become '?'. */
void slo_config_error(const struct slo_config_loading *l, const struct slo_config_place *at,
                      const char *fmt, ...) slo_printf(3, 4);
void slo_config_warn(const struct slo_config_loading *l, const struct slo_config_place *at,
                     const char *fmt, ...) slo_printf(3, 4);

/* One setting as text. An unknown name or a bad value becomes an issue. @append: see slo_config_value_set(). */
void slo_config_apply(const struct slo_config_loading *l, const struct slo_config_place *at,
                      const char *section, const char *key, const char *value, bool append);

/* Says that @section is none of ours. */
void slo_config_unknown_section(const struct slo_config_loading *l,
                                const struct slo_config_place *at, const char *section);

/* [slo.NAME] begins there: it exists even without any key. False, with an issue, for a bad NAME. */
bool slo_config_open_slo(const struct slo_config_loading *l, const struct slo_config_place *at,
                         const char *section);

/* Field and origin of a row in a plain section. */
void *slo_config_field(struct slo_config *cfg, const struct slo_config_row *row);
struct slo_config_origin *slo_config_origin_of(struct slo_config *cfg,
                                               const struct slo_config_row *row);

/*
 * A whole file, at most SLO_CONFIG_FILE_MAX bytes; *@ret_text is the caller's, not terminated. @what is it in messages:
 * "configuration". 0, or a negative errno: -ENOENT, -EFBIG, -ENOMEM, ...
 */
int slo_config_read_file(const char *what, const char *path, char **ret_text, size_t *ret_len,
                         struct slo_err *err);

/* All of a file's text. Problems are issues; the rest is still read where the text allows. */
void slo_config_read_ini(const struct slo_config_loading *l, const char *text, size_t len);
void slo_config_read_yaml(const struct slo_config_loading *l, const char *text, size_t len);
/* YAML whose first apiVersion is one of OpenSLO: objectives alone. */
bool slo_config_is_openslo(const char *text, size_t len);
void slo_config_read_openslo(const struct slo_config_loading *l, const char *text, size_t len);

#endif
