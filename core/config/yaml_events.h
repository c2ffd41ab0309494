/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events for the readers of YAML: anchors and aliases are refused, so that a small file cannot grow into a
 * large one, and what cannot be read is told once.
 */
#ifndef SLO_CONFIG_YAML_EVENTS_H
#define SLO_CONFIG_YAML_EVENTS_H

#include <stdbool.h>
#include <yaml.h>

#include "core/config/load.h"

struct slo_yaml {
	const struct slo_config_loading *l;
	yaml_parser_t parser;
	unsigned int line; /* of the last event */
	bool failed; /* not YAML: told, and nothing more can be read */
};

void slo_yaml_event_done(yaml_event_t *ev);
#define slo_yaml_event_auto slo_cleanup(slo_yaml_event_done)

/* False, once told, where the text is no YAML that we take. */
bool slo_yaml_next(struct slo_yaml *y, yaml_event_t *ev);

/* Passes over the rest of a mapping or list whose start was read. */
void slo_yaml_skip_rest(struct slo_yaml *y);
/* The same of what @start began; of a scalar there is none. */
void slo_yaml_skip(struct slo_yaml *y, const yaml_event_t *start);

#endif
