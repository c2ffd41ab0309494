/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl collector`: raw samples of requests become slo-events, one for each indicator. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/map.h"
#include "core/codec/sli_event_json.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/generate.h"
#include "core/store/outfile.h"

#define RECORD_MAX ((size_t)64 * 1024)
/* Request ids remembered to tell one that comes twice; 24 MB at the most. */
#define SEEN_MAX ((size_t)1 << 20)

enum {
	TO_JSONL,
	TO_STDOUT
};

static const char *const outputs[] = { "jsonl", "stdout", NULL };

/* The indicators of a raw sample, in the order of their events. */
static const enum slo_sli slis[] = { SLO_SLI_TTFT, SLO_SLI_REQUEST_LATENCY,
	                             SLO_SLI_TOKEN_THROUGHPUT, SLO_SLI_ERROR_RATE };

struct args {
	const char *input;
	const char *output_path;
	unsigned int output;
	bool synthetic;
	struct slo_generate generate;
};

static const struct slo_option rows[] = {
	{ .name = "input",
	  .letter = 'i',
	  .arg = "FILE",
	  .type = SLO_OPT_STRING,
	  .offset = offsetof(struct args, input),
	  .help = "raw samples, JSON lines; - is stdin" },
	{ .name = "output",
	  .letter = 'o',
	  .arg = "jsonl|stdout",
	  .type = SLO_OPT_ENUM,
	  .names = outputs,
	  .offset = offsetof(struct args, output),
	  .help = "jsonl: to --output-path; stdout: never to a file" },
	{ .name = "output-path",
	  .arg = "FILE",
	  .type = SLO_OPT_STRING,
	  .offset = offsetof(struct args, output_path),
	  .help = "slo-events, JSON lines (standard output)" },
	{ .name = "synthetic",
	  .type = SLO_OPT_BOOL,
	  .offset = offsetof(struct args, synthetic),
	  .help = "mark the input as synthetic; without --input: make some up, as told by the options below" },
	SLO_GENERATE_SCENARIO_ROW(struct args, generate, "scenario"),
	SLO_GENERATE_ROWS(struct args, generate),
};

const struct slo_options slo_cmd_collector_options = {
	.prog = "sloctl collector",
	.usage = "--input FILE|- [options]",
	.about =
		"Turns raw samples of requests into slo-events (sloctl schema print slo-event.v1). The\n"
		"source of a sample (labels.source, source) is copied, else it is \"unspecified\".",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

struct collector {
	struct slo_tool tool;
	const struct args *args;
	FILE *to;
	char *buf; /* RECORD_MAX bytes */
	struct slo_map *seen; /* hashes of request ids */
	int64_t newest_ns;
	uint64_t backwards; /* samples older than one before them */
};

/* --- writing ------------------------------------------------------------------------------------------------- */

static int write_events(struct collector *c, const struct slo_sli_sample *sample,
                        struct slo_err *err)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(slis); i++) {
		struct slo_jsonw w;

		slo_jsonw_init(&w, c->buf, RECORD_MAX);
		slo_sli_sample_write_sli(&w, sample, slis[i]);
		if (slo_jsonw_finish(&w) < 0)
			return slo_err_set(err, -EINVAL, "its slo-events are larger than %zu bytes",
			                   RECORD_MAX);
		(void)fprintf(c->to, "%s\n", c->buf);
	}
	return 0;
}

/* FNV-1a in both halves, from two beginnings: 128 bits, so that two ids are never taken for one. */
static void hash_id(const char *id, uint64_t hash[2])
{
	hash[0] = UINT64_C(14695981039346656037);
	hash[1] = UINT64_C(0x9e3779b97f4a7c15);
	for (; *id; id++) {
		hash[0] = (hash[0] ^ (unsigned char)*id) * UINT64_C(1099511628211);
		hash[1] = (hash[1] ^ (unsigned char)*id) * UINT64_C(0xff51afd7ed558ccd);
		hash[1] ^= hash[1] >> 29;
	}
}

static int check_id(struct collector *c, const struct slo_sli_sample *sample, struct slo_err *err)
{
	uint64_t hash[2];
	bool fresh = false;

	if (strlen(sample->common.request_id) > SLO_SLI_SAMPLE_ID_MAX)
		return slo_err_set(err, -EINVAL, "field \"request_id\" is longer than %d bytes",
		                   SLO_SLI_SAMPLE_ID_MAX);
	hash_id(sample->common.request_id, hash);
	if (slo_map_get(c->seen, hash, &fresh) && !fresh)
		return slo_err_set(
			err, -EINVAL,
			"field \"request_id\": \"%.60s\" was there before, expected a new one",
			sample->common.request_id);
	return 0;
}

static int take(struct collector *c, json_t *object, struct slo_err *err)
{
	struct slo_sli_sample sample;
	int r = slo_sli_sample_from_json(object, &sample, err);

	if (r == 0)
		r = check_id(c, &sample, err);
	if (r < 0)
		return r;
	if (c->args->synthetic)
		sample.source = "synthetic";
	if (sample.common.unix_ns < c->newest_ns)
		c->backwards++;
	else
		c->newest_ns = sample.common.unix_ns;
	return write_events(c, &sample, err);
}

/* --- reading ------------------------------------------------------------------------------------------------- */

/* 0 or a negative errno. */
static int collect_lines(struct collector *c, struct slo_jsonl *lines, struct slo_err *err)
{
	for (;;) {
		json_t *object = NULL;
		int r = slo_jsonl_next(lines, &object, err);

		if (r == 1) {
			r = take(c, object, err);
			json_decref(object);
			if (r < 0)
				r = slo_jsonl_reject(lines, err);
		} else if (r == 0) {
			return 0;
		}
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r == -EBADMSG)
			slo_tool_bad_line(&c->tool, err);
		if (ferror(c->to))
			return 0; /* commit says why */
		slo_tool_progress(&c->tool, lines);
	}
}

static int collect_synthetic(struct collector *c, struct slo_err *err)
{
	struct slo_scenario_record record;
	struct slo_synthetic_id id;
	struct slo_generator g;
	char text[4096];
	struct slo_jsonw w;
	int r = slo_generator_init(&g, &c->args->generate, "mixed", c->tool.prog, "synthetic");

	if (r != 0)
		return r;
	while (slo_generator_next(&g, &id, &record)) {
		json_t *object;

		/* Through the same door as everybody's samples. */
		slo_jsonw_init(&w, text, sizeof(text));
		slo_synthetic_write_raw(&w, &id, &record);
		object = slo_jsonw_finish(&w) < 0 ? NULL : json_loads(text, 0, NULL);
		r = object ? take(c, object, err) : slo_err_set(err, -ENOMEM, "out of memory");
		json_decref(object);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- command ------------------------------------------------------------------------------------------------- */

static void tell(struct collector *c)
{
	if (c->backwards)
		(void)fprintf(stderr, "%s: %" PRIu64 " samples are older than one before them\n",
		              c->tool.prog, c->backwards);
	if (slo_map_dropped(c->seen))
		(void)fprintf(
			stderr,
			"%s: request ids after the first %zu were not looked at for repeats\n",
			c->tool.prog, SEEN_MAX);
}

static int collect(struct collector *c)
{
	const struct args *args = c->args;
	struct slo_jsonl *lines slo_jsonl_auto = NULL;
	struct slo_outfile *out slo_outfile_auto = NULL;
	struct slo_err err = { 0 };
	int r = 0;

	if (args->input)
		r = slo_jsonl_open(&lines, args->input, &err);
	if (r == 0)
		r = slo_outfile_open(&out, args->output == TO_STDOUT ? NULL : args->output_path,
		                     &err);
	if (r < 0)
		return slo_tool_fail(&c->tool, &err);
	c->to = slo_outfile_stream(out);
	r = lines ? collect_lines(c, lines, &err) : collect_synthetic(c, &err);
	if (r > 0)
		return r;
	if (r == 0)
		r = slo_outfile_commit(&out, &err);
	if (r < 0)
		return slo_tool_fail(&c->tool, &err);
	r = slo_tool_exit(&c->tool, lines ? slo_jsonl_rejected(lines) : 0, SLO_EXIT_OK);
	tell(c);
	return r;
}

int slo_cmd_collector(int argc, char **argv)
{
	static const struct slo_map_config seen = { .key_size = 16,
		                                    .value_size = 0,
		                                    .max = SEEN_MAX };
	const struct slo_options *spec = &slo_cmd_collector_options;
	slo_cleanup(slo_freep) char *buf = malloc(RECORD_MAX);
	struct args args = { .generate = { SLO_GENERATE_DEFAULTS } };
	struct collector c = {
		.tool = { .prog = spec->prog }, .args = &args, .buf = buf, .newest_ns = INT64_MIN
	};
	struct slo_err err = { 0 };
	int first;
	int r = slo_options_parse(spec, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (!args.input && !args.synthetic)
		return slo_options_usage_error(
			spec->prog, "what is the input? --input FILE, --input - or --synthetic");
	if (args.input &&
	    (args.generate.scenario || args.generate.count || args.generate.duration_sec))
		return slo_options_usage_error(
			spec->prog,
			"--input brings its samples: no --scenario, --count, --duration-sec");
	if (slo_tool_check_paths(
		    spec->prog,
		    (const struct slo_tool_path[]){ { "--input", args.input },
	                                            { "--output-path", args.output_path } },
		    2) != 0)
		return SLO_EXIT_USAGE;
	r = buf ? slo_map_new(&c.seen, &seen, &err) : slo_err_set(&err, -ENOMEM, "out of memory");
	r = r < 0 ? slo_tool_fail(&c.tool, &err) : collect(&c);
	slo_map_freep(&c.seen);
	return r;
}
