/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/generate.h"

#include <math.h>

#include "core/base/clock.h"
#include "core/codec/record_time.h"
#include "core/config/nearest.h"
#include "core/programs/sloctl/commands.h"
#include "core/store/outfile.h"

#define COUNT_DEFAULT 24
#define RECORD_MAX 4096

static int find_scenario(struct slo_generator *g, const char *name, const char *prog)
{
	struct slo_nearest near = { .word = name };
	const struct slo_scenario *s;

	g->scenario = slo_scenario_find(name);
	if (g->scenario)
		return 0;
	for (size_t i = 0; (s = slo_scenario_at(i)); i++)
		slo_nearest_offer(&near, s->name);
	if (near.best)
		return slo_options_usage_error(prog, "no scenario '%.60s', did you mean %s?", name,
		                               near.best);
	return slo_options_usage_error(prog, "no scenario '%.60s'", name);
}

int slo_generator_init(struct slo_generator *g, const struct slo_generate *args,
                       const char *fallback, const char *prog, const char *prefix)
{
	struct slo_err err = { 0 };
	double count =
		args->duration_sec ? floor((double)args->duration_sec * args->rps) : COUNT_DEFAULT;
	int r;

	*g = (struct slo_generator){ .prefix = prefix,
		                     .step_ns = (double)SLO_NS_PER_SEC / args->rps };
	if (args->count && args->duration_sec)
		return slo_options_usage_error(prog, "--count and --duration-sec: one of them");
	if (count < 1 || count > 1e9)
		return slo_options_usage_error(
			prog, "--duration-sec times --rps: %.0f records (accepted: 1 to 1e9)",
			count);
	r = find_scenario(g, args->scenario ? args->scenario : fallback, prog);
	if (r != 0)
		return r;
	if (slo_record_time_parse(args->start, &g->start_ns, &err) < 0)
		return slo_options_usage_error(prog, "--start: %s", err.msg);
	g->count = args->count ? args->count : (uint64_t)count;
	/* Half of what 64 bits hold: no timestamp overflows. */
	if ((double)g->count * g->step_ns > 4e18 || g->start_ns > INT64_C(4600000000000000000))
		return slo_options_usage_error(prog,
		                               "the last timestamp would be after the year 2261");
	slo_random_init(&g->random, args->seed);
	return 0;
}

bool slo_generator_next(struct slo_generator *g, struct slo_synthetic_id *ret_id,
                        struct slo_scenario_record *ret)
{
	if (g->made == g->count)
		return false;
	slo_scenario_next(g->scenario, g->made, &g->random, ret);
	ret_id->prefix = g->prefix;
	ret_id->unix_ns = g->start_ns + (int64_t)((double)g->made * g->step_ns);
	ret_id->number = ++g->made;
	return true;
}

int slo_generate(struct slo_generator *g, const char *path, const char *prog,
                 void (*write)(struct slo_jsonw *w, const struct slo_synthetic_id *id,
                               const struct slo_scenario_record *record))
{
	struct slo_outfile *out slo_outfile_auto = NULL;
	struct slo_tool tool = { .prog = prog };
	struct slo_scenario_record record;
	struct slo_synthetic_id id;
	struct slo_err err = { 0 };
	char buf[RECORD_MAX];
	struct slo_jsonw w;

	if (slo_outfile_open(&out, path, &err) < 0)
		return slo_tool_fail(&tool, &err);
	while (slo_generator_next(g, &id, &record)) {
		slo_jsonw_init(&w, buf, sizeof(buf));
		write(&w, &id, &record);
		if (slo_jsonw_finish(&w) < 0) {
			(void)slo_err_set(&err, -1, "a record is larger than %d bytes", RECORD_MAX);
			return slo_tool_fail(&tool, &err);
		}
		(void)fprintf(slo_outfile_stream(out), "%s\n", buf);
		/* A full disk or a closed pipe: the rest would be for nothing. */
		if (ferror(slo_outfile_stream(out)))
			break;
	}
	if (slo_outfile_commit(&out, &err) < 0)
		return slo_tool_fail(&tool, &err);
	return SLO_EXIT_OK;
}
