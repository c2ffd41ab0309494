/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl slo`: objectives, their burn rates, and their rules for other programs. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/config/nearest.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/load_config.h"
#include "core/programs/sloctl/slo.h"

static const struct slo_verb verbs[] = {
	{ .name = "burn",
	  .help = "burn rates and error budget of slo-events",
	  .options = &slo_cmd_slo_burn_options,
	  .run = slo_cmd_slo_burn },
	{ .name = "rules",
	  .help = "recording and alert rules for Prometheus, or a Sloth spec",
	  .options = &slo_cmd_slo_rules_options,
	  .run = slo_cmd_slo_rules },
	{ .name = NULL },
};

const struct slo_options slo_cmd_slo_options = {
	.prog = "sloctl slo",
	.usage = "burn|rules [options]",
	.about = "Service level objectives: shares of requests that have to be good.",
	.verbs = verbs,
};

int slo_cmd_slo(int argc, char **argv)
{
	return slo_options_run_verb(&slo_cmd_slo_options, argc, argv);
}

/* --- objectives ---------------------------------------------------------------------------------------------- */

static const uint64_t default_windows[] = { 300000,   1800000,  3600000,  7200000,
	                                    21600000, 86400000, 259200000 };

/* What a service that says nothing is held to. */
static const struct {
	const char *name;
	enum slo_sli sli;
	double threshold, objective;
} built_in[] = {
	{ "ttft", SLO_SLI_TTFT, 800, 0.99 },
	{ "errors", SLO_SLI_ERROR_RATE, 0.01, 0.99 },
};

/* Both tables list the same names in the same order; a unit test looks. */
static_assert((int)SLO_SLI_MAX_ == (int)SLO_CONFIG_SLI_MAX_, "an indicator has two rows");

struct loading {
	const struct slo_objective_args *args;
	const char *prog;
	struct slo_objective *to;
	size_t count;
};

static int add(struct loading *l, const char *name, const char *service, enum slo_sli sli,
               double threshold)
{
	struct slo_objective *o = &l->to[l->count++];

	(void)snprintf(o->name, sizeof(o->name), "%s", name);
	(void)snprintf(o->service, sizeof(o->service), "%s", service ? service : "");
	o->sli = sli;
	o->threshold = threshold;
	return 0;
}

static int init_burn(struct loading *l, double objective, const uint64_t *windows, size_t count,
                     const char *place)
{
	struct slo_err err = { 0 };

	if (slo_burn_config_init(&l->to[l->count - 1].burn, objective, windows, count, &err) == 0)
		return 0;
	(void)fprintf(stderr, "%s: %s[slo.%s] %s\n", l->prog, place, l->to[l->count - 1].name,
	              err.msg);
	return SLO_EXIT_USAGE;
}

static int add_built_in(struct loading *l)
{
	int r = 0;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(built_in) && r == 0; i++) {
		(void)add(l, built_in[i].name, l->args->service, built_in[i].sli,
		          built_in[i].threshold);
		r = init_burn(l, built_in[i].objective, default_windows,
		              SLO_ARRAY_SIZE(default_windows), "");
	}
	return r;
}

static int add_preset(struct loading *l)
{
	struct slo_nearest near = { .word = l->args->preset };
	const struct slo_sli_preset *p;
	int r;

	for (size_t i = 0; (p = slo_sli_preset_at(i)); i++) {
		slo_nearest_offer(&near, p->name);
		if (strcmp(p->name, l->args->preset) == 0)
			break;
	}
	if (!p)
		return slo_options_usage_error(l->prog, "no preset '%.60s'%s%s%s", l->args->preset,
		                               near.best ? ", did you mean " : "",
		                               near.best ? near.best : "", near.best ? "?" : "");
	(void)add(l, "ttft", l->args->service, SLO_SLI_TTFT, p->ttft_ms);
	r = init_burn(l, p->objective, default_windows, SLO_ARRAY_SIZE(default_windows), "");
	if (r)
		return r;
	/* A limit for the time of a token is one for tokens a second, from the other side. */
	(void)add(l, "throughput", l->args->service, SLO_SLI_TOKEN_THROUGHPUT, 1000 / p->tpot_ms);
	return init_burn(l, p->objective, default_windows, SLO_ARRAY_SIZE(default_windows), "");
}

static int add_configured(struct loading *l, const struct slo_config *cfg)
{
	int r = 0;

	for (size_t i = 0; i < cfg->slo_count && r == 0; i++) {
		const struct slo_config_slo *s = &cfg->slo[i];
		char place[SLO_CONFIG_TEXT_LEN + 24] = "";

		if (s->line)
			(void)snprintf(place, sizeof(place), "%s:%u: ", cfg->path, s->line);
		(void)add(l, s->name, s->service, (enum slo_sli)s->sli, s->threshold);
		r = init_burn(l, s->objective, s->windows.ms, s->windows.count, place);
	}
	return r;
}

static int add_file(struct loading *l)
{
	struct slo_config *cfg slo_config_auto = NULL;
	int code = slo_tool_load_config(l->prog, l->args->config, NULL, &cfg);

	if (code)
		return code;
	return cfg->slo_count ? add_configured(l, cfg) : add_built_in(l);
}

static int choose(struct loading *l, size_t *ret_count)
{
	struct slo_nearest near = { .word = l->args->name };

	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->to[i].name, l->args->name) == 0) {
			l->to[0] = l->to[i];
			*ret_count = 1;
			return 0;
		}
		slo_nearest_offer(&near, l->to[i].name);
	}
	return slo_options_usage_error(l->prog, "no objective '%.60s'%s%s%s", l->args->name,
	                               near.best ? ", did you mean " : "",
	                               near.best ? near.best : "", near.best ? "?" : "");
}

int slo_objectives_load(const struct slo_objective_args *args, const char *prog,
                        struct slo_objective *ret, size_t *ret_count)
{
	struct loading l = { .args = args, .prog = prog, .to = ret };
	int r;

	if (args->preset && args->config)
		return slo_options_usage_error(prog, "--preset and --config: one of them");
	r = args->preset ? add_preset(&l) : add_file(&l);
	if (r)
		return r;
	*ret_count = l.count;
	return args->name ? choose(&l, ret_count) : 0;
}

const char *slo_window_text(uint64_t ms, char buf[24])
{
	static const struct {
		uint64_t ms;
		const char *unit;
	} units[] = {
		{ 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" }
	};
	size_t i = 0;

	while (ms == 0 ? i + 1 < SLO_ARRAY_SIZE(units) : ms % units[i].ms != 0)
		i++;
	(void)snprintf(buf, 24, "%" PRIu64 "%s", ms / units[i].ms, units[i].unit);
	return buf;
}
