/* SPDX-License-Identifier: Apache-2.0 */
/* The table of configuration keys: adding a key is adding a field to struct slo_config and a row here. */
#ifndef SLO_CONFIG_ROWS_H
#define SLO_CONFIG_ROWS_H

#include "core/config/config.h"

/* The field's C type follows. */
enum slo_config_type {
	SLO_CONFIG_STRING, /* char[SLO_CONFIG_TEXT_LEN]; min, max: length */
	SLO_CONFIG_URL, /* the same, "http://..." or "https://..."; "" where min is 0 */
	SLO_CONFIG_BOOL, /* bool; on off true false yes no 1 0 */
	SLO_CONFIG_ENUM, /* enum, numbered as @names */
	SLO_CONFIG_UINT, /* uint64_t */
	SLO_CONFIG_DURATION, /* uint64_t ms; suffix ms (also without), s, m, h, d */
	SLO_CONFIG_SIZE, /* uint64_t bytes; suffix B (also without), KiB, MiB, GiB */
	SLO_CONFIG_NUMBER, /* double */
	SLO_CONFIG_LIST, /* struct slo_config_list; min, max: length of an item */
	SLO_CONFIG_PIDS, /* struct slo_config_pids; min, max: of a pid */
	SLO_CONFIG_WINDOWS, /* struct slo_config_windows; min, max: of one, ms */
	SLO_CONFIG_SIGNALS, /* uint64_t, SLO_SIG_BIT of each; "all" */
	SLO_CONFIG_TYPE_MAX_,
};

#define SLO_CONFIG_F_LIVE 0x1u /* a reload applies it at run time */
#define SLO_CONFIG_F_SECRET 0x2u /* never printed */
#define SLO_CONFIG_F_ALPHA 0x4u /* key of the earlier v1alpha1 YAML too */
#define SLO_CONFIG_F_OPEN 0x8u /* min and max themselves are excluded */
#define SLO_CONFIG_F_REQUIRED 0x10u /* of [slo.NAME]: has no default */

struct slo_config_row {
	const char *section; /* "slo" for the rows of [slo.NAME] */
	const char *key;
	enum slo_config_type type;
	size_t offset; /* in struct slo_config, or struct slo_config_slo */
	double min, max; /* see the type */
	const char *
		text; /* default, as in a file; NULL: the signal's warning threshold (section thresholds) */
	const char *const *names; /* ENUM: SLO_CONFIG_*_MAX_ of them and NULL */
	const char *help; /* one line */
	unsigned int flags; /* SLO_CONFIG_F_* */
	const char *charset; /* characters of a string or item; NULL: any printable */
	const char *yaml; /* path in the YAML form; NULL: section.key */
};

size_t slo_config_row_count(void);
size_t slo_config_slo_row_count(void);
/* Never NULL for a valid @i. */
const struct slo_config_row *slo_config_row_at(size_t i);
const struct slo_config_row *slo_config_slo_row_at(size_t i);

/* By section ("slo.NAME" for any NAME) and key. NULL: there is none. */
const struct slo_config_row *slo_config_row_find(const char *section, const char *key);
bool slo_config_section_exists(const char *section);

/* Rows of [slo.NAME], not of the plain sections. */
bool slo_config_row_is_slo(const struct slo_config_row *row);

/* Default value as text. */
void slo_config_row_default(const struct slo_config_row *row, char *buf, size_t size);

/* "200 to 10000 ms", "one of threshold, all": what the value may be. */
void slo_config_row_accepted(const struct slo_config_row *row, char *buf, size_t size);

/* What of a value of @row in @buf (whole: a URL's '@' tells what is its password) nobody shall see becomes "***". */
void slo_config_row_hide(const struct slo_config_row *row, char *buf, size_t size);

/* "SLO_AGENT_EMIT"; "" for the rows of [slo.NAME], which the environment cannot set. */
void slo_config_env_name(const struct slo_config_row *row, char *buf, size_t size);

/* Nearest known section and key, "" where nothing is near enough to be meant. */
void slo_config_nearest_section(const char *section, char *buf, size_t size);
void slo_config_nearest_key(const char *section, const char *key, char *buf, size_t size);

#endif
