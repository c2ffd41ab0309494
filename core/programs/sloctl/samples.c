/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/samples.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/config/config.h"
#include "core/config/model_ini.h"
#include "core/programs/sloctl/commands.h"

/* --- ids -------------------------------------------------------------------------------------------------------- */

/* 128 bits by FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): two different ids with the same one do not happen. */
struct id_hash {
	uint64_t word[2];
};

static struct id_hash hash_id(const char *id)
{
	const unsigned __int128 prime = ((unsigned __int128)1 << 88) + 0x13b;
	unsigned __int128 h = ((unsigned __int128)UINT64_C(0x6c62272e07bb0142) << 64) |
	                      UINT64_C(0x62b821756295c58d);

	for (; *id; id++)
		h = (h ^ (unsigned char)*id) * prime;
	return (struct id_hash){ { (uint64_t)(h >> 64), (uint64_t)h } };
}

/* 0, or -EINVAL where an earlier line has the same id. */
static int check_id(struct slo_samples *s, const char *id, struct slo_err *err)
{
	struct id_hash key = hash_id(id);
	bool is_new = false;
	uint64_t *line = slo_map_get(s->ids, &key, &is_new);

	if (!line)
		return 0; /* full; the map counts it */
	if (!is_new)
		return slo_err_set(err, -EINVAL,
		                   "field \"incident_id\": \"%.40s\" stands in line %" PRIu64
		                   " already",
		                   id, *line);
	*line = slo_jsonl_line(s->in);
	return 0;
}

/* --- samples ---------------------------------------------------------------------------------------------------- */

int slo_samples_init(struct slo_samples *s, const char *prog, const char *path, struct slo_err *err)
{
	const struct slo_map_config ids = { .key_size = sizeof(struct id_hash),
		                            .value_size = sizeof(uint64_t),
		                            .max = SLO_SAMPLES_IDS_MAX };
	int r;

	memset(s, 0, sizeof(*s));
	s->tool.prog = prog;
	r = slo_map_new(&s->ids, &ids, err);
	return r < 0 ? r : slo_jsonl_open(&s->in, path, err);
}

void slo_samples_fini(struct slo_samples *s)
{
	json_decref(s->line);
	s->line = NULL;
	slo_jsonl_freep(&s->in);
	slo_map_freep(&s->ids);
}

int slo_samples_next(struct slo_samples *s, struct slo_fault_sample *ret_sample,
                     struct slo_fault_label *ret_label, struct slo_err *err)
{
	for (;;) {
		int r;

		json_decref(s->line);
		s->line = NULL;
		slo_tool_progress(&s->tool, s->in);
		r = slo_jsonl_next(s->in, &s->line, err);
		if (r == 0 || (r < 0 && r != -EBADMSG))
			return r;
		if (r == 1) {
			r = slo_fault_sample_parse(s->line, ret_sample, ret_label, err);
			if (r == 0)
				r = check_id(s, ret_sample->incident_id, err);
			if (r == 0) {
				s->good++;
				return 1;
			}
			(void)slo_jsonl_reject(s->in, err);
		}
		slo_tool_bad_line(&s->tool, err);
	}
}

int slo_samples_exit(struct slo_samples *s, int code)
{
	uint64_t unchecked = slo_map_dropped(s->ids);

	if (unchecked > 0)
		(void)fprintf(stderr,
		              "%s: the ids of %" PRIu64
		              " incidents were not compared with the others\n",
		              s->tool.prog, unchecked);
	if (s->good == 0 && slo_jsonl_rejected(s->in) == 0) {
		(void)fprintf(stderr, "%s: no incidents in the input\n", s->tool.prog);
		code = SLO_EXIT_NO_DATA;
	}
	return slo_tool_exit(&s->tool, slo_jsonl_rejected(s->in), code);
}

struct slo_incident slo_samples_incident(const struct slo_fault_sample *sample,
                                         const struct slo_attribution *verdict, const char *model)
{
	return (struct slo_incident){ .incident_id = sample->incident_id,
		                      .cluster = sample->cluster,
		                      .namespace_ = sample->namespace_,
		                      .service = sample->service,
		                      .sli = sample->sli,
		                      .request_id = sample->request_id,
		                      .trace_id = sample->trace_id,
		                      .source = sample->source,
		                      .model = model,
		                      .capability_mode = "",
		                      .timestamp_ns = sample->timestamp_ns,
		                      .burn_rate = sample->burn_rate,
		                      .window_minutes = sample->window_minutes,
		                      .synthetic = sample->synthetic,
		                      .observation = &sample->observation,
		                      .verdict = verdict };
}

/* --- predictor -------------------------------------------------------------------------------------------------- */

static int apply_config(struct slo_predictor *p, const char *path, struct slo_err *err)
{
	const struct slo_config_sources src = { .path = path };
	struct slo_config_issues *issues slo_cleanup(slo_freep) = calloc(1, sizeof(*issues));
	struct slo_config *cfg slo_config_auto = NULL;
	int r;

	if (!issues)
		return slo_err_set(err, -ENOMEM, "out of memory");
	r = slo_config_load(&cfg, &src, issues, err);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++) {
		p->thresholds[i] = cfg->thresholds[i];
		if (p->model && cfg->thresholds[i] != slo_signal_desc((enum slo_signal)i)->warn)
			p->model->evidence[i].floor = cfg->thresholds[i];
	}
	return p->model ? slo_attr_model_finish(p->model, err) : 0;
}

int slo_predictor_init(struct slo_predictor *p, enum slo_attribution_mode mode, const char *model,
                       const char *config, struct slo_err *err)
{
	int r = 0;

	memset(p, 0, sizeof(*p));
	p->mode = mode;
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++)
		p->thresholds[i] = slo_signal_desc((enum slo_signal)i)->warn;
	if (mode == SLO_ATTR_NOISY_OR) {
		p->model = malloc(sizeof(*p->model));
		if (!p->model)
			return slo_err_set(err, -ENOMEM, "out of memory");
		r = slo_model_load(p->model, model ? model : "default", err);
	}
	if (r == 0 && config)
		r = apply_config(p, config, err);
	return r;
}

void slo_predictor_fini(struct slo_predictor *p)
{
	slo_freep(&p->model);
}

void slo_predictor_run(const struct slo_predictor *p, const struct slo_observation *obs,
                       struct slo_attribution *ret)
{
	assert(p->mode != SLO_ATTR_RULE);
	if (p->mode == SLO_ATTR_BAYES)
		slo_attribute_bayes(p->thresholds, obs, ret);
	else
		slo_attribute_noisy_or(p->model, obs, ret);
}

const char *slo_predictor_model_name(const struct slo_predictor *p)
{
	return p->model ? p->model->name : "";
}
