/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/config/nearest.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/standard_fds.h"

#define ROW(id, text)                                             \
	{                                                         \
		.name = #id, .help = (text), .run = slo_cmd_##id, \
		.options = &slo_cmd_##id##_options,               \
	}

static const struct slo_command commands[] = {
	ROW(prereq, "what this host lets us measure, how, and what it would take"),
	ROW(config, "print or check the agent's configuration"),
	ROW(schema, "list or print the JSON Schemas of our records"),
	ROW(correlationeval, "hold the join of signals to spans to labelled pairs"),
	ROW(m5gate, "may a release go out? overhead, variance, TTFT against a baseline"),
	ROW(attributor, "which faults broke the SLO: incidents in, verdicts out"),
	ROW(benchgen, "how good the verdicts are: labelled incidents in, a report out"),
	ROW(explain, "why a verdict is what it is: one incident"),
	ROW(calibrate, "model parameters from labelled incidents, cross-validated"),
	ROW(schemavalidate, "check records or any JSON against a schema"),
	ROW(collector, "raw samples of requests to slo-events"),
	ROW(slo, "burn rates of objectives, and their rules for Prometheus"),
	ROW(cdgate, "may a deployment go on, by TTFT, errors and burn rate"),
	ROW(faultreplay, "made-up incidents with their truth"),
	ROW(loadgen, "made-up requests"),
	ROW(webhook, "does a receiver of incidents take what is sent? a test message"),
	ROW(top, "what the agent of this host measures now, and its objectives"),
	ROW(incidents, "incidents that the agent of this host has seen"),
	{ .name = "support-bundle",
	  .help = "one file with what a report of a problem needs",
	  .run = slo_cmd_support_bundle,
	  .options = &slo_cmd_support_bundle_options },
	ROW(docs, "completion, man pages and reference, made of the option tables"),
};

const struct slo_command *slo_command_at(size_t i)
{
	return i < SLO_ARRAY_SIZE(commands) ? &commands[i] : NULL;
}

static void usage(FILE *out)
{
	(void)fprintf(out, "usage: sloctl COMMAND [options]\n\ncommands:\n");
	for (size_t i = 0; i < SLO_ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-15s %s\n", commands[i].name, commands[i].help);
	(void)fprintf(out, "\nsloctl COMMAND --help tells more; sloctl --version the version.\n");
}

static int refuse(const char *name)
{
	struct slo_nearest near = { .word = name };

	for (size_t i = 0; i < SLO_ARRAY_SIZE(commands); i++)
		slo_nearest_offer(&near, commands[i].name);
	return near.best ? slo_options_usage_error("sloctl", "no command '%s', did you mean %s?",
	                                           name, near.best)
	                 : slo_options_usage_error("sloctl", "no command '%s'", name);
}

static int run(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name) {
		usage(stderr);
		return SLO_EXIT_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		usage(stdout);
		return SLO_EXIT_OK;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		(void)puts("sloctl " SLO_VERSION);
		return SLO_EXIT_OK;
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	return refuse(name);
}

/* Whatever printed it: half a help text or list on a full disk is no success. */
int main(int argc, char **argv)
{
	int code;

	slo_standard_fds_hold();
	code = run(argc, argv);
	errno = EIO;
	if ((fflush(stdout) == 0 && !ferror(stdout)) || code == SLO_EXIT_BACKEND)
		return code;
	(void)fprintf(stderr, "sloctl: cannot write standard output: %s\n", strerror(errno));
	return SLO_EXIT_BACKEND;
}
