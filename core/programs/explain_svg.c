/* SPDX-License-Identifier: Apache-2.0 */
/* Columns are fixed and the letters all alike wide, so nothing depends on how wide a viewer's font draws a text. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "core/codec/record_time.h"
#include "core/programs/explain.h"
#include "core/programs/explain_parts.h"
#include "core/programs/markup.h"

#define WIDTH 880
#define MARGIN 24
#define ROW 22 /* of the waterfall */
#define LINE 18 /* of text */
#define COLUMNS 112 /* letters of the small size between the margins */
#define VALUE_X 350 /* right edges of the columns */
#define NATS_X 424
#define BAR_X 448
#define BAR_END (WIDTH - MARGIN - 8)
/* Of names from outside. */
#define SERVICE_COLUMNS 36
#define SLI_COLUMNS 20
#define ID_COLUMNS 64

struct drawing {
	FILE *out;
	const struct slo_attr_model *m;
	const struct slo_incident *in;
	int y; /* baseline of the next text */
	double low, high; /* nats at either end of the bars, of all waterfalls */
};

/*
 * The page's own scheme is not known to a picture, the reader's is; with a background of its own it is readable on both.
 * Orange and blue: told apart by those who do not see red and green.
 */
static const char style[] =
	"<style>\n"
	"text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,\"Liberation Mono\",monospace;fill:#1f2328}\n"
	".big{font-size:18px;font-weight:600}.head{font-size:14px;font-weight:600}.dim{fill:#59636e}\n"
	".card{fill:#fff;stroke:#d1d9e0}.track{fill:#eaeef2}.rule{stroke:#d1d9e0}.zero{stroke:#59636e}\n"
	".for{fill:#d4661f}.against{fill:#2f7fd1}.sum{fill:#1f2328}\n"
	"@media (prefers-color-scheme:dark){\n"
	"text{fill:#e6edf3}.dim{fill:#9198a1}.card{fill:#0d1117;stroke:#3d444d}.track{fill:#21262d}\n"
	".rule{stroke:#30363d}.zero{stroke:#9198a1}.for{fill:#f0883e}.against{fill:#58a6ff}.sum{fill:#e6edf3}\n"
	"}\n"
	"</style>\n";

/* --- primitives ------------------------------------------------------------------------------------------------- */

static void open_text(const struct drawing *d, const char *class, const char *anchor, double x)
{
	(void)fprintf(d->out, "<text%s%s%s%s%s%s x=\"%.1f\" y=\"%d\">", *class ? " class=\"" : "",
	              class, *class ? "\"" : "", *anchor ? " text-anchor=\"" : "", anchor,
	              *anchor ? "\"" : "", x, d->y);
}

static void close_text(const struct drawing *d)
{
	(void)fputs("</text>\n", d->out);
}

/* Text of our own tables, which needs no escape. */
static void text(const struct drawing *d, const char *class, const char *anchor, double x,
                 const char *fmt, ...) slo_printf(5, 6);
static void text(const struct drawing *d, const char *class, const char *anchor, double x,
                 const char *fmt, ...)
{
	va_list ap;

	open_text(d, class, anchor, x);
	va_start(ap, fmt);
	(void)vfprintf(d->out, fmt, ap);
	va_end(ap);
	close_text(d);
}

static void rect(const struct drawing *d, const char *class, double x, double y, double w, double h)
{
	(void)fprintf(
		d->out,
		"<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\"/>\n",
		class, x, y, w, h);
}

static void upright(const struct drawing *d, const char *class, double x, int y1, int y2)
{
	(void)fprintf(d->out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n",
	              class, x, y1, x, y2);
}

static void section(struct drawing *d, const char *title)
{
	d->y += 12;
	text(d, "head", "", MARGIN, "%s", title);
	d->y += LINE + 2;
}

/* --- waterfall -------------------------------------------------------------------------------------------------- */

static double x_of(const struct drawing *d, double nats)
{
	return BAR_X + (nats - d->low) / (d->high - d->low) * (BAR_END - BAR_X);
}

/* The running sums of one fault widen the scale. */
static void widen(struct drawing *d, unsigned int f)
{
	const struct slo_attribution *v = d->in->verdict;
	unsigned int order[SLO_EVID_MAX_];
	unsigned int count =
		slo_attribution_rank(v, (enum slo_domain)f, slo_explain_kinds(d->m, v, f), order);
	double sum = v->prior_nats[f];

	for (unsigned int k = 0; k <= count; k++) {
		d->low = fmin(d->low, floor(sum - 0.25));
		d->high = fmax(d->high, ceil(sum + 0.25));
		if (k < count)
			sum += v->nats[f][order[k]];
	}
}

static void scale(struct drawing *d, uint32_t shown)
{
	d->low = -2;
	d->high = 2;
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		if (shown & SLO_DOMAIN_BIT(f))
			widen(d, f);
	}
}

static void grid(struct drawing *d, int top, int bottom)
{
	int step = d->high - d->low > 24 ? 5 : d->high - d->low > 12 ? 2 : 1;

	for (int n = (int)d->low; n <= (int)d->high; n++) {
		if (n % step)
			continue;
		upright(d, n ? "rule" : "zero", x_of(d, n), top, bottom);
		d->y = bottom + 13;
		text(d, "dim", "middle", x_of(d, n), n ? "%+d" : "%d", n);
	}
}

static void bar(const struct drawing *d, double from, double nats)
{
	double a = x_of(d, fmin(from, from + nats)), b = x_of(d, fmax(from, from + nats));

	/* What adds next to nothing is still seen. */
	rect(d, nats < 0 ? "against" : "for", a, d->y - 12, fmax(b - a, 1.5), ROW - 7);
}

static void step(struct drawing *d, const char *name, const char *value, double nats, double *sum)
{
	text(d, "", "", MARGIN, "%s", name);
	text(d, "dim", "end", VALUE_X, "%s", value);
	text(d, "", "end", NATS_X, "%+.2f", nats);
	bar(d, *sum, nats);
	*sum += nats;
	d->y += ROW;
}

/* How probable, as a share of a track, and in words. */
static void fault_head(struct drawing *d, unsigned int f)
{
	const struct slo_attribution *v = d->in->verdict;
	uint32_t bit = SLO_DOMAIN_BIT(f);

	text(d, "head", "", MARGIN, "%s", slo_domain_name((enum slo_domain)f));
	text(d, "", "end", NATS_X, "probability %.3f%s%s", v->posterior[f],
	     v->asserted & bit ? ", asserted" : "", v->unobservable & bit ? ", unobservable" : "");
	rect(d, "track", BAR_X, d->y - 11, BAR_END - BAR_X, 13);
	rect(d, "sum", BAR_X, d->y - 11, v->posterior[f] * (BAR_END - BAR_X), 13);
	d->y += ROW + 4;
}

static void waterfall(struct drawing *d, unsigned int f)
{
	const struct slo_attribution *v = d->in->verdict;
	unsigned int order[SLO_EVID_MAX_];
	unsigned int count =
		slo_attribution_rank(v, (enum slo_domain)f, slo_explain_kinds(d->m, v, f), order);
	char value[SLO_EXPLAIN_VALUE_SIZE];
	double sum = 0;
	int top, bottom;

	d->y += 12;
	fault_head(d, f);
	top = d->y - 15;
	bottom = top + (int)(count + 2) * ROW;
	grid(d, top, bottom);
	d->y = top + 15;
	(void)snprintf(value, sizeof(value), "%.2f", d->m->prior[f]);
	step(d, "prior", value, v->prior_nats[f], &sum);
	for (unsigned int k = 0; k < count; k++) {
		unsigned int i = order[k];

		step(d, slo_evidence_name(i), slo_explain_value(d->in->observation, i, value),
		     v->nats[f][i], &sum);
	}
	text(d, "", "", MARGIN, "log odds, in nats");
	text(d, "", "end", NATS_X, "%+.2f", sum);
	rect(d, "sum", x_of(d, sum) - 2, d->y - 13, 4, ROW - 5);
	d->y = bottom + 13 + LINE;
}

/* --- words around it -------------------------------------------------------------------------------------------- */

static void breach(struct drawing *d)
{
	const struct slo_incident *in = d->in;

	open_text(d, "", "", MARGIN);
	(void)slo_markup_put_clipped(d->out, *in->service ? in->service : "a service",
	                             SERVICE_COLUMNS);
	(void)fputs(": ", d->out);
	(void)slo_markup_put_clipped(d->out, in->sli, SLI_COLUMNS);
	(void)fprintf(d->out, " burns its error budget %.3g times too fast (over %lld min)",
	              in->burn_rate, (long long)in->window_minutes);
	close_text(d);
	d->y += LINE;
}

static void head(struct drawing *d)
{
	const struct slo_incident *in = d->in;
	const struct slo_attribution *v = in->verdict;
	char time[SLO_RECORD_TIME_SIZE];

	d->y = MARGIN + 14;
	open_text(d, "big", "", MARGIN);
	(void)fputs("verdict: ", d->out);
	slo_explain_put_verdict(d->out, v);
	close_text(d);
	d->y += LINE + 6;
	breach(d);
	open_text(d, "dim", "", MARGIN);
	(void)fputs("incident ", d->out);
	(void)slo_markup_put_clipped(d->out, in->incident_id, ID_COLUMNS);
	(void)fprintf(d->out, ", %s", slo_record_time_print(in->timestamp_ns, time));
	close_text(d);
	d->y += LINE;
	open_text(d, "dim", "", MARGIN);
	(void)fputs("best set: ", d->out);
	slo_explain_put_set(d->out, v->set);
	(void)fprintf(d->out, " (%.3f); %s", v->set_probability,
	              v->ambiguous ? "about as good: " : "second best: ");
	slo_explain_put_set(d->out, v->second_set);
	(void)fprintf(d->out, " (%.3f)", v->second_set_probability);
	close_text(d);
	d->y += LINE;
	if (in->synthetic) {
		text(d, "head", "", MARGIN, "synthetic: made, not measured");
		d->y += LINE;
	}
}

static void others(struct drawing *d)
{
	const struct slo_attribution *v = d->in->verdict;
	char value[SLO_EXPLAIN_VALUE_SIZE];
	bool title = false;
	unsigned int i;

	for (unsigned int f = 0; slo_explain_next_against(v, &f, &i); f++) {
		if (!title)
			section(d, "Spoken against");
		title = true;
		text(d, "", "", MARGIN, "%s", slo_domain_name((enum slo_domain)f));
		text(d, "dim", "end", MARGIN + 190, "%.3f", v->posterior[f]);
		text(d, "dim", "", MARGIN + 206, "%s %s: %+.2f", slo_evidence_name(i),
		     slo_explain_value(d->in->observation, i, value), v->nats[f][i]);
		d->y += LINE;
	}
}

static void unobservable(struct drawing *d)
{
	const struct slo_attribution *v = d->in->verdict;

	if (!v->unobservable)
		return;
	section(d, "Could not be seen, neither asserted nor excluded");
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		if (!(v->unobservable & SLO_DOMAIN_BIT(f)))
			continue;
		text(d, "", "", MARGIN, "%s", slo_domain_name((enum slo_domain)f));
		open_text(d, "dim", "", MARGIN + 206);
		slo_explain_put_missing(d->out, slo_explain_missing(d->m, d->in->observation, f));
		close_text(d);
		d->y += LINE;
	}
}

static void next(struct drawing *d)
{
	uint32_t domains = slo_incident_suspects(d->in->verdict);

	section(d, "Next");
	for (unsigned int f = 0; f < SLO_DOMAIN_MAX_; f++) {
		const struct slo_domain_desc *desc = slo_domain_desc((enum slo_domain)f);

		if (!(domains & SLO_DOMAIN_BIT(f)))
			continue;
		for (unsigned int i = 0; i < SLO_DOMAIN_STEPS_MAX && desc->steps[i]; i++) {
			open_text(d, "", "", MARGIN);
			(void)fprintf(d->out, "%s: ", desc->name);
			(void)slo_markup_put_clipped(d->out, desc->steps[i],
			                             COLUMNS - strlen(desc->name) - 2);
			close_text(d);
			d->y += LINE;
		}
	}
}

/* --- the document ----------------------------------------------------------------------------------------------- */

/* For readers who hear it, and for search. */
static void describe(FILE *out, const struct slo_incident *in)
{
	const struct slo_attribution *v = in->verdict;

	(void)fputs("<title>Verdict: ", out);
	slo_explain_put_verdict(out, v);
	(void)fputs("</title>\n<desc>", out);
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		(void)fprintf(out, "%s%s %.3f", f ? ", " : "", slo_domain_name((enum slo_domain)f),
		              v->posterior[f]);
	(void)fputs("</desc>\n", out);
}

static void draw(struct drawing *d)
{
	uint32_t shown = slo_explain_shown(d->in->verdict);

	head(d);
	scale(d, shown);
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		if (shown & SLO_DOMAIN_BIT(f))
			waterfall(d, f);
	}
	others(d);
	unobservable(d);
	next(d);
}

int slo_explain_svg(FILE *out, const struct slo_attr_model *m, const struct slo_incident *in)
{
	slo_cleanup(slo_freep) char *body = NULL;
	struct drawing d = { .m = m, .in = in };
	size_t len = 0;
	int height;

	/* Its height stands before it. */
	d.out = open_memstream(&body, &len);
	if (!d.out)
		return -ENOMEM;
	draw(&d);
	if (fclose(d.out))
		return -ENOMEM;
	height = d.y - LINE + MARGIN;
	(void)fprintf(out,
	              "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
	              "viewBox=\"0 0 %d %d\" role=\"img\">\n",
	              WIDTH, height, WIDTH, height);
	describe(out, in);
	(void)fputs(style, out);
	(void)fprintf(out,
	              "<rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" "
	              "rx=\"8\"/>\n",
	              WIDTH - 1, height - 1);
	(void)fwrite(body, 1, len, out);
	(void)fputs("</svg>\n", out);
	return 0;
}
