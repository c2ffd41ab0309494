/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl incidents`: what this host's agent has seen, newest first. */
#include <stdio.h>
#include <string.h>

#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/control.h"

#define PROG "sloctl incidents"

struct incidents_args {
	const char *control;
	const char *service;
	bool open;
	unsigned int json; /* index of --output */
};

#define AT(field) offsetof(struct incidents_args, field)

static const char *const outputs[] = { "text", "json", NULL };

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "open", .type = SLO_OPT_BOOL, .offset = AT(open), .help = "only those that are open" },
	{ .name = "service", .arg = "NAME", .type = SLO_OPT_STRING, .offset = AT(service), .help = "only those of this service" },
	{ .name = "control", .arg = "SOCKET", .type = SLO_OPT_STRING, .offset = AT(control),
	  .help = "the agent's socket ([agent] control)" },
	{ .name = "output", .letter = 'o', .arg = "text|json", .type = SLO_OPT_ENUM, .names = outputs, .offset = AT(json),
	  .help = "a table, or the records, one a line" },
};
/* clang-format on */

const struct slo_options slo_cmd_incidents_options = {
	.prog = PROG,
	.usage = "[options]",
	.about =
		"Lists the incidents that the agent of this host has seen since it was started, newest first;\n"
		"`sloctl explain ID` tells why one of them is what it is.\n"
		"Exit: 0 done, 2 usage, 3 none, 4 no agent answers.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

static bool is_asked_for(const struct incidents_args *args, const json_t *item)
{
	const json_t *in = json_object_get(item, "incident");

	return (!args->open || strcmp(slo_control_text(item, "state"), "open") == 0) &&
	       (!args->service || strcmp(slo_control_text(in, "service"), args->service) == 0);
}

static void print_one(const json_t *item)
{
	const json_t *in = json_object_get(item, "incident");
	const json_t *impact = json_object_get(in, "slo_impact");
	char name[256], when[24];

	(void)printf("%-8s %-20s %-20s %-16s %6.1f  %-20s %s %.2f%s%s\n",
	             slo_control_text(item, "state"), slo_control_time(in, "timestamp", when),
	             slo_control_service(in, name), slo_control_plain(impact, "sli"),
	             slo_control_number(impact, "burn_rate"), slo_control_plain(in, "incident_id"),
	             slo_control_plain(in, "predicted_fault_domain"),
	             slo_control_number(in, "confidence"),
	             json_is_true(json_object_get(in, "abstained")) ? " (abstained)" : "",
	             slo_control_silent(item));
}

static unsigned int print_all(const struct incidents_args *args, const json_t *all)
{
	unsigned int n = 0;
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(all, "incidents"), i, item)
	{
		if (!is_asked_for(args, item))
			continue;
		if (args->json) {
			(void)json_dumpf(json_object_get(item, "incident"), stdout, JSON_COMPACT);
			(void)putchar('\n');
		} else {
			if (!n)
				(void)printf("%-8s %-20s %-20s %-16s %6s  %-20s %s\n", "state",
				             "time", "service", "sli", "burn", "id", "domain");
			print_one(item);
		}
		n++;
	}
	return n;
}

int slo_cmd_incidents(int argc, char **argv)
{
	const struct slo_options *spec = &slo_cmd_incidents_options;
	struct incidents_args args = { 0 };
	char path[SLO_CONFIG_TEXT_LEN];
	struct slo_err err = { 0 };
	json_t *all = NULL;
	unsigned int n;
	int first, r = slo_options_parse(spec, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	r = slo_control_path(PROG, NULL, args.control, path, sizeof(path));
	if (r)
		return r;
	if (slo_control_ask(path, "incidents", NULL, &all, &err) < 0) {
		(void)fprintf(stderr, PROG ": %s\n", err.msg);
		return SLO_EXIT_BACKEND;
	}
	n = print_all(&args, all);
	json_decref(all);
	if (fflush(stdout) != 0)
		return SLO_EXIT_BACKEND;
	if (!n)
		(void)fprintf(stderr, PROG ": none%s\n",
		              args.open || args.service ? " of those asked for" : "");
	return n ? SLO_EXIT_OK : SLO_EXIT_NO_DATA;
}
