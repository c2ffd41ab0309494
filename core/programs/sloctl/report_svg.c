/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures of a benchmark report. Each is 360 units wide, so that a phone shows its 11-unit
 * letters at their size and a desktop enlarges them; colours are classes of the page.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "core/programs/sloctl/bench.h"

#define WIDTH 360

static void begin(FILE *out, const char *id, int height, const char *title)
{
	(void)fprintf(out,
	              "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s-t %s-d\">\n"
	              "<title id=\"%s-t\">%s</title>\n<desc id=\"%s-d\">",
	              WIDTH, height, id, id, id, title, id);
}

static void end(FILE *out)
{
	(void)fputs("</svg>\n", out);
}

static void line(FILE *out, const char *class, double x1, double y1, double x2, double y2)
{
	(void)fprintf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
	              class, x1, y1, x2, y2);
}

/* @anchor: start, middle or end. Text of our own, which needs no escape. */
static void label(FILE *out, const char *anchor, double x, double y, const char *fmt, ...)
	slo_printf(5, 6);
static void label(FILE *out, const char *anchor, double x, double y, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(out, "<text text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">", anchor, x, y);
	va_start(ap, fmt);
	(void)vfprintf(out, fmt, ap);
	va_end(ap);
	(void)fputs("</text>\n", out);
}

/* --- confusion matrix ---------------------------------------------------------------------------------------- */

#define CELL 27
#define MATRIX_X 110
#define MATRIX_Y 126

static const char *column_name(unsigned int column)
{
	return column == SLO_EVAL_ABSTAIN ? "abstained" : slo_domain_name((enum slo_domain)column);
}

static uint64_t row_sum(const struct slo_eval_confusion *m, unsigned int row)
{
	uint64_t sum = 0;

	for (unsigned int c = 0; c <= SLO_EVAL_ABSTAIN; c++)
		sum += m->cell[row][c];
	return sum;
}

static void describe_confusion(FILE *out, const struct slo_eval_confusion *m)
{
	(void)fprintf(out, "%" PRIu64 " samples with at most one fault.", m->cases);
	for (unsigned int r = 0; r < SLO_DOMAIN_MAX_; r++) {
		if (row_sum(m, r) == 0)
			continue;
		(void)fprintf(out, " %s:", slo_domain_name((enum slo_domain)r));
		for (unsigned int c = 0; c <= SLO_EVAL_ABSTAIN; c++) {
			if (m->cell[r][c])
				(void)fprintf(out, " %" PRIu64 " %s", m->cell[r][c],
				              column_name(c));
		}
		(void)fputc('.', out);
	}
	(void)fputs("</desc>\n", out);
}

/* Shaded by its share of the row, so that a rare fault is as visible as a common one. */
static void cell(FILE *out, const struct slo_eval_confusion *m, unsigned int r, unsigned int c)
{
	uint64_t n = m->cell[r][c], all = row_sum(m, r);
	double share = all ? (double)n / (double)all : 0;
	int x = MATRIX_X + (int)c * CELL, y = MATRIX_Y + (int)r * CELL;
	const char *kind = c == SLO_EVAL_ABSTAIN ? "abstain" : c == r ? "right" : "wrong";

	(void)fprintf(out, "<rect class=\"cell\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n",
	              x, y, CELL, CELL);
	if (n > 0)
		(void)fprintf(out,
		              "<rect class=\"%s\" fill-opacity=\"%.2f\" x=\"%d\" y=\"%d\" "
		              "width=\"%d\" height=\"%d\"/>\n",
		              kind, 0.15 + 0.85 * share, x + 1, y + 1, CELL - 2, CELL - 2);
	if (n > 0)
		(void)fprintf(
			out,
			"<text%s text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%" PRIu64 "</text>\n",
			share > 0.5 ? " class=\"on\"" : "", x + CELL / 2.0, y + CELL / 2.0 + 4, n);
}

void bench_svg_confusion(FILE *out, const char *id, const struct slo_eval_confusion *m)
{
	int bottom = MATRIX_Y + SLO_DOMAIN_MAX_ * CELL;

	begin(out, id, bottom + 8, "Confusion matrix: true domain against verdict");
	describe_confusion(out, m);
	for (unsigned int c = 0; c <= SLO_EVAL_ABSTAIN; c++) {
		double x = MATRIX_X + (c + 0.5) * CELL + 4, y = MATRIX_Y - 6;

		(void)fprintf(out,
		              "<text transform=\"translate(%.1f %.1f) rotate(-90)\">%s</text>\n", x,
		              y, column_name(c));
	}
	(void)fprintf(out,
	              "<text class=\"axis\" text-anchor=\"middle\" x=\"%.1f\" y=\"10\">"
	              "verdict</text>\n",
	              MATRIX_X + 4.5 * CELL);
	(void)fprintf(out,
	              "<text class=\"axis\" text-anchor=\"end\" x=\"%d\" y=\"%d\">"
	              "truth</text>\n",
	              MATRIX_X - 6, MATRIX_Y - 8);
	for (unsigned int r = 0; r < SLO_DOMAIN_MAX_; r++) {
		label(out, "end", MATRIX_X - 6, MATRIX_Y + (r + 0.5) * CELL + 4, "%s",
		      slo_domain_name((enum slo_domain)r));
		for (unsigned int c = 0; c <= SLO_EVAL_ABSTAIN; c++)
			cell(out, m, r, c);
	}
	/* On top of all cells. */
	for (int r = 0; r < SLO_DOMAIN_MAX_; r++)
		(void)fprintf(out,
		              "<rect class=\"diagonal\" x=\"%d\" y=\"%d\" width=\"%d\" "
		              "height=\"%d\"/>\n",
		              MATRIX_X + r * CELL, MATRIX_Y + r * CELL, CELL, CELL);
	end(out);
}

/* --- axes from 0 to 1 ---------------------------------------------------------------------------------------- */

#define PLOT_X 48
#define PLOT_Y 12
#define PLOT_W 296
#define PLOT_H 220
#define PLOT_HEIGHT (PLOT_Y + PLOT_H + 42)

struct plot {
	double top; /* value at the upper edge */
};

static double plot_x(double v)
{
	return PLOT_X + v * PLOT_W;
}

static double plot_y(const struct plot *p, double v)
{
	return PLOT_Y + PLOT_H * (1 - fmin(v / p->top, 1));
}

static void axes(FILE *out, const struct plot *p, const char *x_title, const char *y_title)
{
	for (int i = 0; i <= 5; i++) {
		double v = i / 5.0;

		line(out, "rule", plot_x(v), PLOT_Y, plot_x(v), PLOT_Y + PLOT_H);
		line(out, "rule", PLOT_X, plot_y(p, v * p->top), PLOT_X + PLOT_W,
		     plot_y(p, v * p->top));
		label(out, i == 5 ? "end" : "middle", plot_x(v) + (i == 5 ? 4 : 0),
		      PLOT_Y + PLOT_H + 14, "%.1f", v);
		label(out, "end", PLOT_X - 6, plot_y(p, v * p->top) + 4,
		      p->top < 0.5 ? "%.2f" : "%.1f", v * p->top);
	}
	(void)fprintf(out,
	              "<text class=\"axis\" text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">%s</text>\n",
	              PLOT_X + PLOT_W / 2.0, PLOT_HEIGHT - 8, x_title);
	(void)fprintf(out,
	              "<text class=\"axis\" text-anchor=\"middle\" transform=\"translate(13 %.1f) "
	              "rotate(-90)\">%s</text>\n",
	              PLOT_Y + PLOT_H / 2.0, y_title);
}

/* --- reliability diagram ------------------------------------------------------------------------------------- */

static void describe_reliability(FILE *out, const struct slo_calibration *c)
{
	(void)fprintf(out, "%" PRIu64 " verdicts in %u bins.", c->n, c->bins);
	for (unsigned int b = 0; b < c->bins; b++)
		(void)fprintf(out, " Stated %.2f, came true %.2f of %" PRIu64 ".", c->bin[b].mean,
		              c->bin[b].rate, c->bin[b].n);
	(void)fputs("</desc>\n", out);
}

void bench_svg_reliability(FILE *out, const char *id, const struct slo_calibration *c)
{
	const struct plot p = { .top = 1 };

	begin(out, id, PLOT_HEIGHT,
	      "Reliability diagram: stated confidence against how often it was right");
	describe_reliability(out, c);
	axes(out, &p, "stated confidence", "share right");
	line(out, "ideal", plot_x(0), plot_y(&p, 0), plot_x(1), plot_y(&p, 1));
	for (unsigned int b = 0; b < c->bins; b++) {
		const struct slo_calibration_bin *bin = &c->bin[b];
		double x = plot_x(bin->mean);

		line(out, "range", x, plot_y(&p, bin->rate_low), x, plot_y(&p, bin->rate_high));
		line(out, "range", x - 3, plot_y(&p, bin->rate_low), x + 3,
		     plot_y(&p, bin->rate_low));
		line(out, "range", x - 3, plot_y(&p, bin->rate_high), x + 3,
		     plot_y(&p, bin->rate_high));
	}
	(void)fputs("<polyline class=\"curve\" points=\"", out);
	for (unsigned int b = 0; b < c->bins; b++)
		(void)fprintf(out, "%s%.1f,%.1f", b ? " " : "", plot_x(c->bin[b].mean),
		              plot_y(&p, c->bin[b].rate));
	(void)fputs("\"/>\n", out);
	for (unsigned int b = 0; b < c->bins; b++)
		(void)fprintf(out, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n",
		              plot_x(c->bin[b].mean), plot_y(&p, c->bin[b].rate), 4.0);
	end(out);
}

/* --- risk over coverage -------------------------------------------------------------------------------------- */

#define RISK_DRAWN_MAX 200 /* vertices; a phone draws no more of them */

/* The next rounder number: 0.05, 0.1, 0.2, 0.5, 1. */
static double risk_top(const struct bench *b)
{
	static const double tops[] = { 0.05, 0.1, 0.2, 0.5 };
	double most = 0;

	for (size_t i = 0; i < b->method[0].risk.points; i++)
		most = fmax(most, b->risk[i].risk);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(tops); i++) {
		if (most <= tops[i])
			return tops[i];
	}
	return 1;
}

static void describe_risk(FILE *out, const struct bench *b)
{
	const struct slo_risk_curve *curve = &b->method[0].risk;

	(void)fprintf(out, "Area under the curve %.4f, at best %.4f with these errors.",
	              curve->aurc, curve->best);
	for (unsigned int q = 1; q <= 4; q++) {
		size_t i = 0;

		while (i + 1 < curve->points && b->risk[i].coverage < q / 4.0)
			i++;
		(void)fprintf(out, " Believing the surest %.2f: %.3f wrong.", b->risk[i].coverage,
		              b->risk[i].risk);
	}
	(void)fputs("</desc>\n", out);
}

void bench_svg_risk(FILE *out, const char *id, const struct bench *b)
{
	const struct slo_risk_curve *curve = &b->method[0].risk;
	const struct slo_eval_sets *kept = &b->method[0].sets[SLO_EVAL_SELECTIVE];
	const struct plot p = { .top = risk_top(b) };
	size_t step = curve->points / RISK_DRAWN_MAX + 1;

	begin(out, id, PLOT_HEIGHT,
	      "Risk-coverage curve: share wrong among the verdicts that are believed");
	describe_risk(out, b);
	axes(out, &p, "coverage: share of the verdicts believed, the surest first", "share wrong");
	line(out, "ideal", plot_x(0), plot_y(&p, curve->error_rate), plot_x(1),
	     plot_y(&p, curve->error_rate));
	(void)fputs("<polyline class=\"curve\" points=\"", out);
	for (size_t i = 0; i < curve->points; i++) {
		if (i % step == 0 || i + 1 == curve->points)
			(void)fprintf(out, "%s%.1f,%.1f", i ? " " : "", plot_x(b->risk[i].coverage),
			              plot_y(&p, b->risk[i].risk));
	}
	(void)fputs("\"/>\n", out);
	if (kept->cases > 0) {
		double coverage = (double)kept->cases / (double)b->labelled;
		double risk = 1 - (double)kept->top_right / (double)kept->cases;

		(void)fprintf(out,
		              "<circle class=\"operating\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>\n",
		              plot_x(coverage), plot_y(&p, risk));
	}
	end(out);
}

/* --- evidence ------------------------------------------------------------------------------------------------ */

#define EVIDENCE_FAULTS 3
#define EVIDENCE_ROWS 6
#define EVIDENCE_LEAST 0.05 /* nats; less is not worth a row */
#define EVIDENCE_MIDDLE 234
#define EVIDENCE_HALF 82 /* units of the longest bar */
#define EVIDENCE_ROW 20

struct evidence_row {
	const char *name; /* NULL: a heading */
	enum slo_domain fault;
	double nats;
};

#define EVIDENCE_LINES ((EVIDENCE_ROWS + 2) * EVIDENCE_FAULTS)

/* The faults that the verdict rests on: those of its set, else the likeliest one. */
static uint32_t faults_shown(const struct slo_attribution *a)
{
	uint32_t set = a->set | a->asserted;
	unsigned int best = 0;

	if (set)
		return set;
	for (unsigned int f = 1; f < SLO_FAULT_MAX; f++) {
		if (a->posterior[f] > a->posterior[best])
			best = f;
	}
	return SLO_DOMAIN_BIT(best);
}

static unsigned int fault_rows(const struct slo_attribution *a, enum slo_domain f,
                               struct evidence_row *rows)
{
	unsigned int order[SLO_EVID_MAX_], count, used = 0;
	uint32_t mask = 0;

	for (unsigned int e = 0; e < SLO_EVID_MAX_; e++)
		mask |= fabs(a->nats[f][e]) >= EVIDENCE_LEAST ? SLO_EVID_BIT(e) : 0;
	count = slo_attribution_rank(a, f, mask, order);
	rows[used++] = (struct evidence_row){ NULL, f, 0 };
	for (unsigned int i = 0; i < count && i < EVIDENCE_ROWS; i++)
		rows[used++] = (struct evidence_row){ slo_evidence_name(order[i]), f,
			                              a->nats[f][order[i]] };
	rows[used++] = (struct evidence_row){ "prior", f, a->prior_nats[f] };
	return used;
}

static unsigned int collect(const struct slo_attribution *a,
                            struct evidence_row rows[EVIDENCE_LINES])
{
	uint32_t set = faults_shown(a);
	unsigned int used = 0, faults = 0;

	for (unsigned int f = 0; f < SLO_FAULT_MAX && faults < EVIDENCE_FAULTS; f++) {
		if (!(set & SLO_DOMAIN_BIT(f)))
			continue;
		used += fault_rows(a, (enum slo_domain)f, rows + used);
		faults++;
	}
	return used;
}

static void evidence_bar(FILE *out, const struct evidence_row *row, double scale, double y)
{
	double length = fabs(row->nats) / scale * EVIDENCE_HALF;
	bool against = row->nats < 0;

	label(out, "end", EVIDENCE_MIDDLE - EVIDENCE_HALF - 6, y + 14, "%s", row->name);
	(void)fprintf(
		out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>\n",
		against ? "against" : "for", against ? EVIDENCE_MIDDLE - length : EVIDENCE_MIDDLE,
		y + 2, length, EVIDENCE_ROW - 4);
	label(out, "end", WIDTH - 2, y + 14, "%+.2f", row->nats);
}

void bench_svg_evidence(FILE *out, const char *id, const struct bench_incident *incident)
{
	struct evidence_row rows[EVIDENCE_LINES];
	unsigned int used = collect(&incident->verdict, rows);
	double scale = EVIDENCE_LEAST;

	begin(out, id, (int)used * EVIDENCE_ROW + 6, "Evidence in nats");
	for (unsigned int i = 0; i < used; i++) {
		if (rows[i].name)
			(void)fprintf(out, " %s %+.2f.", rows[i].name, rows[i].nats);
		else
			(void)fprintf(out, "%s%s:", i ? " " : "", slo_domain_name(rows[i].fault));
		scale = fmax(scale, fabs(rows[i].nats));
	}
	(void)fputs("</desc>\n", out);
	for (unsigned int i = 0; i < used; i++) {
		double y = 2 + (double)i * EVIDENCE_ROW;

		if (rows[i].name) {
			evidence_bar(out, &rows[i], scale, y);
			continue;
		}
		(void)fprintf(out,
		              "<text class=\"head\" x=\"2\" y=\"%.1f\">for %s, at %.2f</text>\n",
		              y + 15, slo_domain_name(rows[i].fault),
		              incident->verdict.posterior[rows[i].fault]);
	}
	line(out, "zero", EVIDENCE_MIDDLE, EVIDENCE_ROW + 2.0, EVIDENCE_MIDDLE,
	     (double)used * EVIDENCE_ROW + 4);
	end(out);
}
