/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/yaml_events.h"

#include <string.h>

#define DEPTH_MAX 32 /* libyaml's time grows with the square of the depth */

void slo_yaml_event_done(yaml_event_t *ev)
{
	yaml_event_delete(ev);
}

/* An alias, or an anchor that one could refer to. */
static bool is_shared(const yaml_event_t *ev)
{
	if (ev->type == YAML_ALIAS_EVENT)
		return true;
	if (ev->type == YAML_SCALAR_EVENT)
		return ev->data.scalar.anchor != NULL;
	if (ev->type == YAML_SEQUENCE_START_EVENT)
		return ev->data.sequence_start.anchor != NULL;
	return ev->type == YAML_MAPPING_START_EVENT && ev->data.mapping_start.anchor != NULL;
}

bool slo_yaml_next(struct slo_yaml *y, yaml_event_t *ev)
{
	const char *problem;

	if (y->failed)
		return false;
	if (!yaml_parser_parse(&y->parser, ev)) {
		problem = y->parser.problem;
		y->line = (unsigned int)y->parser.problem_mark.line + 1;
		slo_config_error(y->l, SLO_CONFIG_LINE(y->line), "not YAML: %s",
		                 problem ? problem : "out of memory");
		memset(ev, 0, sizeof(*ev));
		y->failed = true;
		return false;
	}
	y->line = (unsigned int)ev->start_mark.line + 1;
	if (!is_shared(ev))
		return true;
	slo_config_error(y->l, SLO_CONFIG_LINE(y->line),
	                 "anchors and aliases (& and *) are not accepted");
	y->failed = true;
	return false;
}

/* Gives up where it is senselessly deep. */
void slo_yaml_skip_rest(struct slo_yaml *y)
{
	for (unsigned int depth = 1; depth > 0;) {
		yaml_event_t ev slo_yaml_event_auto = { 0 };

		if (!slo_yaml_next(y, &ev))
			return;
		if (ev.type == YAML_MAPPING_START_EVENT || ev.type == YAML_SEQUENCE_START_EVENT)
			depth++;
		else if (ev.type == YAML_MAPPING_END_EVENT || ev.type == YAML_SEQUENCE_END_EVENT)
			depth--;
		if (depth <= DEPTH_MAX)
			continue;
		slo_config_error(y->l, SLO_CONFIG_LINE(y->line),
		                 "nested too deeply (accepted: 3 levels)");
		y->failed = true;
	}
}

void slo_yaml_skip(struct slo_yaml *y, const yaml_event_t *start)
{
	if (start->type == YAML_MAPPING_START_EVENT || start->type == YAML_SEQUENCE_START_EVENT)
		slo_yaml_skip_rest(y);
}
