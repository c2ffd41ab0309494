/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/selftest.h"

bool slo_selftest_is_passed(const struct slo_selftest_result *results, int count)
{
	bool any = false;

	for (int i = 0; i < count; i++) {
		if (!results[i].ran)
			continue;
		any = true;
		if (!results[i].passed)
			return false;
	}
	return any;
}

const char *slo_selftest_verdict(const struct slo_selftest_result *r)
{
	if (!r->ran)
		return "skipped";
	return r->passed ? "passed" : "FAILED";
}

static void print_numbers(FILE *out, const struct slo_selftest_result *r)
{
	if (!r->ran)
		(void)fprintf(out, " %10s %10s %10s %10s\n", "-", "-", "-", "-");
	else if (!r->seen)
		(void)fprintf(out, " %10s %10.3f %10s %10.3f\n", "not seen", r->truth, "-",
		              r->tolerance);
	else
		(void)fprintf(out, " %10.3f %10.3f %+10.3f %10.3f\n", r->value, r->truth,
		              r->value - r->truth, r->tolerance);
}

void slo_selftest_print(FILE *out, const struct slo_selftest_result *results, int count)
{
	(void)fprintf(out, "%-25s %-7s %-5s %10s %10s %10s %10s\n", "SIGNAL", "VERDICT", "UNIT",
	              "VALUE", "TRUTH", "DIFFERENCE", "ALLOWED");
	for (int i = 0; i < count; i++) {
		const struct slo_selftest_result *r = &results[i];
		const struct slo_signal_desc *d = slo_signal_desc(r->signal);

		(void)fprintf(out, "%-25s %-7s %-5s", d->name, slo_selftest_verdict(r),
		              slo_unit_name(d->unit));
		print_numbers(out, r);
		if (r->what[0])
			(void)fprintf(out, "    %s\n", r->what);
		if (r->text[0])
			(void)fprintf(out, "    %s: %s\n", r->ran ? "failed" : "skipped", r->text);
	}
}

static void number(struct slo_jsonw *w, const char *key, bool known, double v)
{
	slo_jsonw_key(w, key);
	if (known)
		slo_jsonw_double(w, v);
	else
		slo_jsonw_null(w);
}

void slo_selftest_json(struct slo_jsonw *w, const struct slo_selftest_result *results, int count)
{
	slo_jsonw_array_begin(w);
	for (int i = 0; i < count; i++) {
		const struct slo_selftest_result *r = &results[i];
		const struct slo_signal_desc *d = slo_signal_desc(r->signal);
		bool seen = r->ran && r->seen;

		slo_jsonw_object_begin(w);
		slo_jsonw_member_str(w, "signal", d->name);
		slo_jsonw_member_bool(w, "ran", r->ran);
		slo_jsonw_member_bool(w, "passed", r->ran && r->passed);
		slo_jsonw_member_bool(w, "seen", seen);
		slo_jsonw_member_str(w, "unit", slo_unit_name(d->unit));
		number(w, "value", seen, r->value);
		number(w, "truth", r->ran, r->truth);
		number(w, "difference", seen, r->value - r->truth);
		number(w, "tolerance", r->ran, r->tolerance);
		slo_jsonw_member_str(w, "cause", r->what);
		slo_jsonw_member_str(w, "reason", r->text);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
}
