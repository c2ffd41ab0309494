/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl top`: signals, objectives and open incidents of this host's agent, again and again on a terminal. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/control.h"

#define PROG "sloctl top"

struct top_args {
	const char *control;
	uint64_t interval_s;
	bool once;
	unsigned int json; /* index of --output */
};

#define AT(field) offsetof(struct top_args, field)

static const char *const outputs[] = { "text", "json", NULL };

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "once", .letter = '1', .type = SLO_OPT_BOOL, .offset = AT(once),
	  .help = "print once and end; so it does where standard output is no terminal" },
	{ .name = "interval", .letter = 'n', .arg = "S", .type = SLO_OPT_UINT, .offset = AT(interval_s), .min = 1, .max = 3600,
	  .help = "between two looks, in seconds (1)" },
	{ .name = "control", .arg = "SOCKET", .type = SLO_OPT_STRING, .offset = AT(control),
	  .help = "the agent's socket ([agent] control)" },
	{ .name = "output", .letter = 'o', .arg = "text|json", .type = SLO_OPT_ENUM, .names = outputs, .offset = AT(json),
	  .help = "form of the report" },
};
/* clang-format on */

const struct slo_options slo_cmd_top_options = {
	.prog = PROG,
	.usage = "[options]",
	.about =
		"Asks the agent of this host over its local socket what it measures now: each signal with\n"
		"its rate, percentiles and worst offender, burn rates of the objectives, open incidents.\n"
		"Exit: 0 done, 2 usage, 4 no agent answers.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

static void put_ms(FILE *out, const json_t *signal, const char *key)
{
	double v = slo_control_number(signal, key);

	if (v <= 0)
		(void)fprintf(out, " %9s", "-");
	else
		(void)fprintf(out, v < 1 ? " %9.3f" : v < 100 ? " %9.1f" : " %9.0f", v);
}

static void print_worst(FILE *out, const json_t *signal)
{
	const json_t *worst = json_object_get(signal, "worst");
	const char *who = slo_control_plain(worst, "container");

	if (!worst)
		return;
	(void)fprintf(out, "  %.4g pid %.0f %s", slo_control_number(worst, "value"),
	              slo_control_number(worst, "pid"), slo_control_plain(worst, "comm"));
	if (*who && strcmp(who, "-") != 0)
		(void)fprintf(out, " [%s]", who);
}

static void print_signal(FILE *out, const json_t *signal)
{
	const char *why = slo_control_plain(signal, "why");
	const char *status = slo_control_plain(signal, "status");
	const char *mechanism = slo_control_plain(signal, "mechanism");

	(void)fprintf(out, "%-24s %-12s ", slo_control_plain(signal, "name"),
	              *mechanism ? mechanism : "-");
	if (strcmp(status, "measured") != 0) {
		(void)fprintf(out, "%s%s%s\n", status, *why ? ": " : "", why);
		return;
	}
	if (json_object_get(signal, "mean"))
		(void)fprintf(out, "%11.2f %29s", slo_control_number(signal, "mean"), "");
	else
		(void)fprintf(out, "%9.1f/s", slo_control_number(signal, "rate"));
	if (json_object_get(signal, "p95")) {
		put_ms(out, signal, "p50");
		put_ms(out, signal, "p95");
		put_ms(out, signal, "p99");
	} else if (!json_object_get(signal, "mean")) {
		(void)fprintf(out, " %29s", "");
	}
	print_worst(out, signal);
	(void)fputc('\n', out);
}

static void print_span(FILE *out, double ms)
{
	if (ms >= 86400000)
		(void)fprintf(out, "%.3gd", ms / 86400000);
	else if (ms >= 3600000)
		(void)fprintf(out, "%.3gh", ms / 3600000);
	else if (ms >= 60000)
		(void)fprintf(out, "%.3gm", ms / 60000);
	else
		(void)fprintf(out, "%.3gs", ms / 1000);
}

static void print_objective(FILE *out, const json_t *slo)
{
	char name[256];
	json_t *w;
	size_t i;

	(void)fprintf(out, "%-20s %-16s %-18s budget %5.1f %%  burn",
	              slo_control_plain(slo, "name"), slo_control_service(slo, name),
	              slo_control_plain(slo, "state"),
	              slo_control_number(slo, "budget_remaining") * 100);
	json_array_foreach(json_object_get(slo, "windows"), i, w)
	{
		(void)fputc(' ', out);
		print_span(out, slo_control_number(w, "window_ms"));
		if (json_is_true(json_object_get(w, "sufficient")))
			(void)fprintf(out, "=%.2f", slo_control_number(w, "burn"));
		else
			(void)fprintf(out, "=?");
	}
	(void)fprintf(out, "%s\n",
	              json_is_true(json_object_get(slo, "shortened")) ? "  (shortened windows)"
	                                                              : "");
}

static void print_open(FILE *out, const json_t *item)
{
	const json_t *in = json_object_get(item, "incident");
	char name[256], when[24];

	if (strcmp(slo_control_plain(item, "state"), "open") != 0)
		return;
	(void)fprintf(out, "open: %s  %s  %s (%.2f)  since %s%s\n",
	              slo_control_plain(in, "incident_id"), slo_control_service(in, name),
	              slo_control_plain(in, "predicted_fault_domain"),
	              slo_control_number(in, "confidence"),
	              slo_control_time(in, "started_at", when), slo_control_silent(item));
}

static void print_text(FILE *out, const json_t *top)
{
	const json_t *agent = json_object_get(top, "agent");
	json_t *item;
	size_t i;

	(void)fprintf(out, "llm-slo-agent %s on %s, mode %s, up %.0f s",
	              slo_control_plain(agent, "version"), slo_control_plain(agent, "node"),
	              slo_control_plain(agent, "mode"), slo_control_number(agent, "uptime_s"));
	if (json_object_get(agent, "overhead_pct"))
		(void)fprintf(out, ", costs %.2f %% of a core",
		              slo_control_number(agent, "overhead_pct"));
	(void)fputc('\n', out);
	/* First what must not fall off a small window's edge. */
	json_array_foreach(json_object_get(top, "incidents"), i, item) print_open(out, item);
	(void)fprintf(out, "%-24s %-12s %11s %9s %9s %9s  %s\n", "signal", "measured by", "rate",
	              "p50 ms", "p95 ms", "p99 ms", "worst of the last 10 s");
	json_array_foreach(json_object_get(top, "signals"), i, item) print_signal(out, item);
	json_array_foreach(json_object_get(top, "slos"), i, item) print_objective(out, item);
}

/* --- on the screen ------------------------------------------------------------------------------------------------- */

/*
 * From the upper left corner over what stood there. Lines are cut at the window's edge by the terminal, and those that it has
 * no room for are counted: what wraps or scrolls would be a heap of torn lines after the second look.
 */
static void put_screen(const char *text)
{
	struct winsize size = { 0 };
	unsigned int left = UINT_MAX, more = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1)
		left = size.ws_row - 1U;
	(void)fputs("\033[H\033[?7l", stdout);
	while (*text) {
		const char *end = strchrnul(text, '\n');

		if (left > 1 || (left == 1 && !more && !*(end + (*end != 0)))) {
			(void)printf("%.*s\033[K\n", (int)(end - text), text);
			left--;
		} else {
			more++;
		}
		text = *end ? end + 1 : end;
	}
	if (more)
		(void)printf("(%u more lines: enlarge the window, or --once)\033[K\n", more);
	(void)fputs("\033[?7h\033[J", stdout);
}

static int put_text(const json_t *top, bool redraw)
{
	slo_cleanup(slo_freep) char *text = NULL;
	size_t len = 0;
	FILE *out = redraw ? open_memstream(&text, &len) : stdout;

	if (!out)
		return -ENOMEM;
	print_text(out, top);
	if (!redraw)
		return 0;
	if (fclose(out) != 0)
		return -ENOMEM;
	put_screen(text);
	return 0;
}

static int look(const struct top_args *args, const char *path, bool redraw)
{
	struct slo_err err = { 0 };
	json_t *top = NULL;

	if (slo_control_ask(path, "top", NULL, &top, &err) < 0) {
		(void)fprintf(stderr, PROG ": %s\n", err.msg);
		return SLO_EXIT_BACKEND;
	}
	if (args->json) {
		(void)json_dumpf(top, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else if (put_text(top, redraw) < 0) {
		(void)fprintf(stderr, PROG ": out of memory\n");
	}
	json_decref(top);
	(void)fflush(stdout);
	return SLO_EXIT_OK;
}

int slo_cmd_top(int argc, char **argv)
{
	struct top_args args = { .interval_s = 1 };
	struct timespec wait = { 0 };
	char path[SLO_CONFIG_TEXT_LEN];
	bool once;
	int first, r = slo_options_parse(&slo_cmd_top_options, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	r = slo_control_path(PROG, NULL, args.control, path, sizeof(path));
	if (r)
		return r;
	once = args.once || args.json || !isatty(STDOUT_FILENO);
	wait.tv_sec = (time_t)args.interval_s;
	if (!once)
		(void)fputs("\033[2J", stdout);
	do {
		r = look(&args, path, !once);
	} while (!r && !once && !ferror(stdout) && nanosleep(&wait, NULL) == 0);
	return r;
}
