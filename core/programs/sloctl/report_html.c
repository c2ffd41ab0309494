/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmark as one HTML page: no script, nothing fetched, for a phone, a desktop, paper and
 * either colour scheme. Every figure has its numbers as text beside it.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/programs/markup.h"
#include "core/programs/sloctl/bench.h"

/*
 * Blue and vermilion of Okabe and Ito, which every common colour vision tells apart; on dark ground
 * their lighter relatives. What hatching or a sign also says is never said by colour alone.
 */
static const char style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#57606a;--line:#d0d7de;"
	"--card:#f6f8fa;--good:#0072b2;--bad:#c04f00;--mute:#8b949e;--on:#fff}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9da7b3;"
	"--line:#30363d;--card:#161b22;--good:#56b4e9;--bad:#f0a050;--mute:#7d8590;--on:#0d1117}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:72rem;padding:1rem;background:var(--bg);color:var(--fg);"
	"font:16px/1.5 system-ui,sans-serif}\n"
	"h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}h2{font-size:1.2rem;margin:2.2rem 0 .5rem;"
	"padding-top:.8rem;border-top:1px solid var(--line)}h3{font-size:1rem;margin:0;"
	"overflow-wrap:anywhere}\n"
	"p{margin:.4rem 0;max-width:46rem}.soft{color:var(--soft)}small{font-size:.8rem}\n"
	".note{border-left:4px solid var(--bad);background:var(--card);padding:.6rem .8rem;"
	"margin:.8rem 0}\n"
	".grid{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fill,minmax(min(10.5rem,100%),"
	"1fr))}.wide{grid-template-columns:repeat(auto-fill,minmax(min(20.5rem,100%),1fr))}"
	".pair{grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr))}\n"
	".line{font-size:.8rem;line-height:1.4}.card>h3{font-size:.875rem}article.card>h3{font-size:1rem}"
	".card{border:1px solid var(--line);border-radius:6px;background:var(--card);padding:.7rem "
	".8rem;min-width:0}\n"
	".value{font-size:1.6rem;font-weight:600;font-variant-numeric:tabular-nums;line-height:1.3}\n"
	".met{color:var(--good)}.missed{color:var(--bad)}.met,.missed{font-weight:600}\n"
	".scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px}\n"
	"table{border-collapse:collapse;width:100%;font-size:.875rem}caption{text-align:left;"
	"padding:.4rem .6rem;color:var(--soft)}th,td{padding:.3rem .6rem;text-align:right;"
	"font-variant-numeric:tabular-nums;border-top:1px solid var(--line);white-space:nowrap}"
	"th{font-weight:600}thead th{border-top:0;color:var(--soft)}th:first-child{"
	"text-align:left}tr.asked{background:var(--card);"
	"font-weight:600}tbody th:first-child{position:sticky;left:0;background:var(--bg)}"
	"tr.asked th:first-child{background:var(--card)}\n"
	"figure{margin:.8rem 0;min-width:0}figcaption{color:var(--soft);font-size:.875rem;"
	"max-width:36rem}\n"
	"svg{display:block;width:100%;max-width:36rem;height:auto;font:11px system-ui,sans-serif}"
	"svg text{fill:var(--fg)}svg text.axis{fill:var(--soft)}svg text.head{font-weight:600}"
	"svg text.on{fill:var(--on)}\n"
	"svg .cell{fill:none;stroke:var(--line)}"
	"svg .right{fill:var(--good)}svg .wrong{fill:var(--bad)}svg .abstain{fill:var(--mute)}"
	"svg .diagonal{fill:none;stroke:var(--fg);stroke-width:1.5}svg .rule{stroke:var(--line);"
	"stroke-width:1}svg .ideal{stroke:var(--mute);stroke-width:1.5;stroke-dasharray:4 3}"
	"svg .curve{fill:none;stroke:var(--good);stroke-width:2;stroke-linejoin:round}"
	"svg .dot{fill:var(--good)}svg .range{stroke:var(--good);stroke-width:1}"
	"svg .operating{fill:var(--bg);stroke:var(--bad);stroke-width:2.5}"
	"svg .for{fill:var(--good)}svg .against{fill:var(--bad)}svg .zero{stroke:var(--fg);"
	"stroke-width:1}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;font-size:.875rem}"
	"dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}"
	"code{font-size:.85em;overflow-wrap:anywhere}\n"
	"@media(max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}\n"
	"@media print{:root{--bg:#fff;--fg:#000;--soft:#444;--line:#bbb;--card:#fff;--good:#0072b2;"
	"--bad:#c04f00;--mute:#777;--on:#fff}*{print-color-adjust:exact;"
	"-webkit-print-color-adjust:exact}body{font-size:9pt;padding:0;max-width:none}"
	"h2{break-after:avoid;margin-top:1.2rem}figure,.card,tr{break-inside:avoid}"
	".scroll{overflow:visible;break-inside:avoid}h2+p{break-after:avoid}tbody th:first-child{position:static;background:none}"
	"th,td{padding:.15rem .3rem;white-space:normal}.value{font-size:1.2rem}"
	".grid{grid-template-columns:repeat(4,1fr);gap:.4rem}"
	".wide,.pair{grid-template-columns:repeat(2,1fr)}svg{max-width:9cm}}\n";

/* --- head ---------------------------------------------------------------------------------------------------- */

static void head(FILE *out, const struct bench *b)
{
	(void)fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	            "<title>Attribution benchmark",
	            out);
	if (b->scenario) {
		(void)fputs(": ", out);
		slo_markup_put(out, b->scenario);
	}
	(void)fprintf(out,
	              "%s</title>\n<style>\n%s</style>\n</head>\n<body>\n<header>\n<h1>"
	              "Attribution benchmark",
	              b->synthetic ? " (synthetic input)" : "", style);
	if (b->scenario) {
		(void)fputs(": ", out);
		slo_markup_put(out, b->scenario);
	}
	(void)fprintf(out, "</h1>\n<p>Mode <b>%s</b>", slo_attribution_mode_name(b->mode));
	if (*b->model) {
		(void)fputs(", parameters <b>", out);
		slo_markup_put(out, b->model);
		(void)fputs("</b>", out);
	}
	(void)fprintf(out, " on %" PRIu64 " samples, %" PRIu64 " of them labelled", b->samples,
	              b->labelled);
	if (b->without_signals)
		(void)fprintf(out, ", %" PRIu64 " without any signal", b->without_signals);
	(void)fputs(".</p>\n<p class=\"soft\">Predictors see signals only; labels are joined by "
	            "incident id afterwards.</p>\n",
	            out);
}

static void notes(FILE *out, const struct bench *b)
{
	const char *why = bench_unmeasured(b);

	if (b->synthetic) {
		(void)fprintf(out,
		              "<p class=\"note\" role=\"note\"><b>Synthetic input.</b> %" PRIu64
		              " of %" PRIu64
		              " samples were made, not measured: no figure here says "
		              "anything about a real system.</p>\n",
		              b->synthetic, b->samples);
	}
	if (b->rejected || b->dropped) {
		(void)fprintf(
			out,
			"<p class=\"note\" role=\"note\"><b>Not all of the input.</b> %" PRIu64
			" lines were rejected, %" PRIu64
			" samples were left out as too many.</p>\n",
			b->rejected, b->dropped);
	}
	if (why)
		(void)fprintf(out, "<p class=\"note\" role=\"note\"><b>Not measured:</b> %s.</p>\n",
		              why);
}

/* --- figures ------------------------------------------------------------------------------------------------- */

static void figure_card(FILE *out, const struct bench_figure *f)
{
	char buf[BENCH_NUMBER_LEN];

	(void)fprintf(out, "<div class=\"card\"><h3>%s</h3><div class=\"value\">%s</div>", f->label,
	              isnan(f->value) ? "&ndash;" : bench_number(f->value, buf));
	if (isnan(f->value))
		(void)fputs("<div class=\"line\">nothing to measure it on</div>", out);
	if (!isnan(f->low))
		(void)fprintf(out, "<div class=\"line\">95&nbsp;%%: %.3f to %.3f</div>", f->low,
		              f->high);
	if (!isnan(f->value) && !isnan(f->target))
		(void)fprintf(out, "<div class=\"line %s\">%s (%s&nbsp;%.2f)</div>",
		              bench_met(f) ? "met" : "missed",
		              bench_met(f) ? "&#10003;&nbsp;met" : "&#10007;&nbsp;missed",
		              f->at_most ? "&le;" : "&ge;", f->target);
	(void)fprintf(out, "<div class=\"line soft\">%s</div></div>\n", f->help);
}

static void figures(FILE *out, const struct bench *b)
{
	struct bench_figure figure[BENCH_FIGURES_MAX];
	unsigned int used = bench_figures(b, figure);

	(void)fputs("<section>\n<h2>Figures</h2>\n<div class=\"grid\">\n", out);
	for (unsigned int i = 0; i < used; i++)
		figure_card(out, &figure[i]);
	(void)fputs("</div>\n<p class=\"soft\">Detection delay and false alarms per node-day need "
	            "a live run; no input of this kind can tell them.</p>\n</section>\n",
	            out);
}

/* --- tables -------------------------------------------------------------------------------------------------- */

/* @columns: the heads, behind one another with a bar between them. */
static void table_begin(FILE *out, const char *caption, const char *columns)
{
	(void)fprintf(out,
	              "<div class=\"scroll\" role=\"region\" aria-label=\"%s\" tabindex=\"0\">"
	              "<table>\n<caption>%s</caption>\n<thead><tr>",
	              caption, caption);
	while (*columns) {
		int len = (int)strcspn(columns, "|");

		(void)fprintf(out, "<th scope=\"col\">%.*s</th>", len, columns);
		columns += len + (columns[len] == '|');
	}
	(void)fputs("</tr></thead>\n<tbody>\n", out);
}

static void table_end(FILE *out)
{
	(void)fputs("</tbody>\n</table></div>\n", out);
}

static void number(FILE *out, double v)
{
	char buf[BENCH_NUMBER_LEN];

	(void)fprintf(out, "<td>%s</td>", isnan(v) ? "&ndash;" : bench_number(v, buf));
}

static void faults(FILE *out, const struct bench_method *m)
{
	const struct slo_eval_sets *s = &m->sets[SLO_EVAL_FORCED];

	table_begin(out, "Each fault as a 2&times;2 table over all samples (most probable sets)",
	            "fault|precision|recall|F1|true +|false +|false &minus;|true &minus;");
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		const struct slo_eval_counts *c = &s->fault[f];

		(void)fprintf(out, "<tr><th scope=\"row\">%s</th>",
		              slo_domain_name((enum slo_domain)f));
		number(out, slo_eval_precision(c));
		number(out, slo_eval_recall(c));
		number(out, slo_eval_f1(c));
		(void)fprintf(out,
		              "<td>%" PRIu64 "</td><td>%" PRIu64 "</td><td>%" PRIu64
		              "</td><td>%" PRIu64 "</td></tr>\n",
		              c->tp, c->fp, c->fn, c->tn);
	}
	table_end(out);
}

static void verdicts(FILE *out, const struct bench *b)
{
	(void)fputs("<section>\n<h2>Verdict against truth</h2>\n", out);
	faults(out, &b->method[0]);
	if (b->confusion.cases > 0) {
		(void)fputs("<figure>\n", out);
		bench_svg_confusion(out, "confusion", &b->confusion);
		(void)fprintf(
			out,
			"<figcaption>The %" PRIu64 " samples with at most one fault: top "
			"verdict (column) by truth (row), shaded by share of the row. Outlined: "
			"right; to abstain on unknown is right too. Samples with several faults are in the "
			"table above.</figcaption>\n"
			"</figure>\n",
			b->confusion.cases);
	}
	(void)fputs("</section>\n", out);
}

static void bins(FILE *out, const struct slo_calibration *c)
{
	table_begin(out, "Reliability: stated confidence and what came of it",
	            "bin|verdicts|stated from|to|mean|right|95 % from|to");
	for (unsigned int i = 0; i < c->bins; i++) {
		const struct slo_calibration_bin *bin = &c->bin[i];

		(void)fprintf(out, "<tr><th scope=\"row\">%u</th><td>%" PRIu64 "</td>", i + 1,
		              bin->n);
		number(out, bin->low);
		number(out, bin->high);
		number(out, bin->mean);
		number(out, bin->rate);
		number(out, bin->rate_low);
		number(out, bin->rate_high);
		(void)fputs("</tr>\n", out);
	}
	table_end(out);
}

static void confidence(FILE *out, const struct bench *b)
{
	const struct bench_method *m = &b->method[0];

	(void)fputs("<section>\n<h2>Confidence</h2>\n<div class=\"grid pair\">\n<figure>\n", out);
	bench_svg_reliability(out, "reliability", &m->top);
	(void)fprintf(
		out,
		"<figcaption>Likeliest domain: what it states against how often it is right; bars "
		"are 95&nbsp;%% intervals, the dashed line is perfect calibration. Calibration error %.3f "
		"(95&nbsp;%%: %.3f to %.3f).</figcaption>\n</figure>\n<figure>\n",
		m->top.ece, m->top.ece_low, m->top.ece_high);
	bench_svg_risk(out, "risk", b);
	(void)fprintf(
		out,
		"<figcaption>Share wrong when only the surest verdicts are believed. AURC %.4f; "
		"at best %.4f with the same errors, %.4f (dashed) where confidence says "
		"nothing. Ring: the model's own abstentions.</figcaption>\n</figure>\n</div>\n",
		m->risk.aurc, m->risk.best, m->risk.error_rate);
	bins(out, &m->top);
	(void)fprintf(out,
	              "<p>Brier per fault %.4f = reliability %.4f &minus; resolution %.4f + "
	              "uncertainty %.4f + within bins %.4f.</p>\n</section>\n",
	              m->faults.brier, m->faults.reliability, m->faults.resolution,
	              m->faults.uncertainty, m->faults.within_bin);
}

static void method_row(FILE *out, const struct bench_method *m, bool asked)
{
	const struct slo_eval_sets *s = &m->sets[SLO_EVAL_FORCED];
	bool p = m->probabilistic;

	(void)fprintf(out, "<tr%s><th scope=\"row\">", asked ? " class=\"asked\"" : "");
	slo_markup_put(out, m->name);
	(void)fputs("</th>", out);
	number(out, m->micro.f1);
	number(out, m->macro.f1);
	number(out, slo_eval_ratio(s->exact, s->cases));
	number(out, m->partial);
	number(out, m->selective_right);
	number(out, m->abstain);
	number(out, m->accused);
	number(out, p ? m->faults.brier : NAN);
	number(out, p ? m->top.ece : NAN);
	number(out, p ? m->risk.aurc : NAN);
	(void)fputs("</tr>\n", out);
}

static void methods(FILE *out, const struct bench *b)
{
	(void)fprintf(out,
	              "<section>\n<h2>Against simpler methods</h2>\n<p class=\"soft\">The same "
	              "samples. What learns does so from the other of %d folds by incident id. "
	              "&ndash;: states no probability, or nothing of the kind in the input.</p>\n",
	              SLO_EVAL_FOLDS);
	table_begin(out,
	            "F1, exact set and top-1 of the most probable sets; abstentions on faults, "
	            "accusations on fault-free samples",
	            "method|micro F1|macro F1|exact set|top right|right when it speaks|abstained|"
	            "accused|Brier|ECE|AURC");
	for (unsigned int i = 0; i < b->methods; i++)
		method_row(out, &b->method[i], i == 0);
	table_end(out);
	(void)fputs("<dl>\n", out);
	for (unsigned int i = 0; i < b->methods; i++) {
		(void)fputs("<dt>", out);
		slo_markup_put(out, b->method[i].name);
		(void)fprintf(out, "</dt><dd>%s</dd>\n", b->method[i].help);
	}
	(void)fputs("</dl>\n</section>\n", out);
}

/* --- incidents ----------------------------------------------------------------------------------------------- */

static void incident_card(FILE *out, const struct bench_incident *incident, unsigned int i)
{
	const struct slo_attribution *a = &incident->verdict;
	char id[24], text[160];

	(void)snprintf(id, sizeof(id), "incident%u", i);
	(void)fputs("<article class=\"card\"><h3>", out);
	slo_markup_put(out, incident->id);
	(void)fputs("</h3>\n<small>", out);
	if (a->abstain == SLO_ABSTAIN_NONE)
		(void)fprintf(out, "Verdict: <b>%s</b>",
		              bench_set_text(a->asserted, text, sizeof(text)));
	else
		(void)fprintf(out, "Abstained: <b>%s</b>", slo_abstain_name(a->abstain));
	if (incident->labelled) {
		(void)fprintf(out, "<br>Truth: %s <span class=\"%s\">%s</span>",
		              bench_set_text(incident->truth, text, sizeof(text)),
		              a->asserted == incident->truth ? "met" : "missed",
		              a->asserted == incident->truth ? "&#10003; the same"
		                                             : "&#10007; differs");
	}
	(void)fputs("</small>\n", out);
	bench_svg_evidence(out, id, incident);
	(void)fputs("</article>\n", out);
}

static void incidents(FILE *out, const struct bench *b)
{
	if (b->shown_count == 0)
		return;
	(void)fprintf(
		out,
		"<section>\n<h2>Evidence per incident</h2>\n<p>What each kind of evidence adds "
		"to the log odds of a fault, in nats: bars to the right speak for it, to the "
		"left against it. %u of %" PRIu64 " incidents: first those whose verdict "
		"differs from the truth; all of them are in "
		"<code>predictions.jsonl</code>.</p>\n<div class=\"grid wide\">\n",
		b->shown_count, b->samples);
	for (unsigned int i = 0; i < b->shown_count; i++)
		incident_card(out, &b->shown[i], i);
	(void)fputs("</div>\n</section>\n", out);
}

/* --- rest ---------------------------------------------------------------------------------------------------- */

static void abstentions(FILE *out, const struct bench *b)
{
	(void)fputs("<section>\n<h2>Abstentions</h2>\n", out);
	table_begin(out, "All samples, labelled or not", "reason|samples");
	for (unsigned int i = SLO_ABSTAIN_NONE + 1; i < SLO_ABSTAIN_MAX_; i++)
		(void)fprintf(out, "<tr><th scope=\"row\">%s</th><td>%" PRIu64 "</td></tr>\n",
		              slo_abstain_name((enum slo_abstain)i), b->abstained[i]);
	table_end(out);
	(void)fputs("</section>\n", out);
}

static void origin(FILE *out, const struct bench *b)
{
	const struct {
		const char *label, *value;
	} rows[] = {
		{ "Commit", b->commit },
		{ "Generated at", b->generated_at },
		{ "Kernel", b->kernel },
		{ "Machine", b->machine },
		{ "Input", b->input },
		{ "Input SHA-256", b->input_hash },
		{ "Model SHA-256", b->model_hash },
	};

	(void)fputs("<section>\n<h2>Provenance</h2>\n<dl>\n", out);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		(void)fprintf(out, "<dt>%s</dt><dd>", rows[i].label);
		slo_markup_put(out, *rows[i].value ? rows[i].value : "not known");
		(void)fputs("</dd>\n", out);
	}
	(void)fprintf(out,
	              "<dt>Program</dt><dd>sloctl benchgen " SLO_VERSION "</dd>\n<dt>Seed</dt><dd>"
	              "%" PRIu64 "</dd>\n</dl>\n</section>\n",
	              b->seed);
}

void bench_report_html(FILE *out, const struct bench *b)
{
	head(out, b);
	notes(out, b);
	(void)fputs("</header>\n<main>\n", out);
	if (b->methods) {
		figures(out, b);
		verdicts(out, b);
		if (b->method[0].probabilistic)
			confidence(out, b);
		methods(out, b);
	}
	incidents(out, b);
	if (b->predicts)
		abstentions(out, b);
	origin(out, b);
	(void)fputs("</main>\n</body>\n</html>\n", out);
}
