/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration value between text and its field, by the type of its row. */
#ifndef SLO_CONFIG_VALUE_H
#define SLO_CONFIG_VALUE_H

#include "core/config/rows.h"

/*
 * Parses @text into @field (of the row's type). 0; or -EINVAL (not of that type) or -ERANGE, @field untouched, with
 * the reason, without the accepted range, in @err. @append: add to what a list holds.
 */
int slo_config_value_set(const struct slo_config_row *row, void *field, const char *text,
                         bool append, struct slo_err *err);

/* The same with nowhere to put the value: is @text good for @row? */
int slo_config_value_check(const struct slo_config_row *row, const char *text, struct slo_err *err);

/* As it would stand in a file; cut where @size is too small. */
void slo_config_value_text(const struct slo_config_row *row, const void *field, char *buf,
                           size_t size);

/* List types take comma separated items. */
bool slo_config_type_is_list(enum slo_config_type type);

#endif
