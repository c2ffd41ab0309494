/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/config/model_ini.h"
#include "core/engine/models.h"
#include "test/unit/base/fail_alloc.h"

static struct slo_attr_model model;
static struct slo_err error;

static int parse(const char *text)
{
	memset(&error, 0, sizeof(error));
	return slo_model_parse(&model, "m.ini", text, strlen(text), &error);
}

#define GOOD "[model]\nname = mine\n[dns_latency_ms]\nleak = 0.1\nmedian = 4\nspread = 0.5\n"

static void a_short_file_has_the_documented_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(GOOD "network_dns = 0.9 ; specific\n"), 0);
	assert_string_equal(model.name, "mine");
	assert_true(model.finished);
	assert_true(model.evidence[SLO_SIG_DNS_LATENCY].used);
	assert_true(model.evidence[SLO_SIG_DNS_LATENCY].lambda[SLO_DOMAIN_NETWORK_DNS] == 0.9);
	assert_true(model.evidence[SLO_SIG_DNS_LATENCY].floor == 40);
	assert_true(model.evidence[SLO_SIG_DNS_LATENCY].min_spread == 0.1);
	assert_false(model.evidence[SLO_SIG_DISK_IO].used);
	assert_true(model.prior[SLO_DOMAIN_PROVIDER_ERROR] == 0.2);
	assert_true(model.temperature == 1 && model.assert_at == 0.6 && model.unexplained_z == 6);
	assert_true(model.ambiguous_nats == 0.7 && model.evidence_nats == 1.5 &&
	            model.observable_nats == 0.7);
	assert_true(model.conformal_n == 0);
}

static void form_of_the_file_is_free(void **state)
{
	(void)state;
	assert_int_equal(parse("# comment\r\n\r\n[ model ]\r\n  name=mine\r\n\t[dns_latency_ms]\r\n"
	                       "  leak : 1e-1\r\n  median = 4\r\n; spread = 9\r\n  spread = 0.5"),
	                 0);
	assert_true(model.evidence[SLO_SIG_DNS_LATENCY].leak == 0.1);
	assert_true(model.evidence[SLO_SIG_DNS_LATENCY].spread == 0.5);
}

static void bad_files_are_refused_with_place_and_range(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "", "m.ini: no section of any evidence" },
		{ GOOD "network_dms = 0.9\n",
		  "m.ini:7: [dns_latency_ms] network_dms: unknown key (did you mean network_dns?)" },
		{ GOOD "colour = 1\n", "m.ini:7: [dns_latency_ms] colour: unknown key" },
		{ GOOD "network_dns = 1\n",
		  "m.ini:7: [dns_latency_ms] network_dns = 1: out of range (accepted: 0 to below 1)" },
		{ GOOD "floor = -2\n",
		  "m.ini:7: [dns_latency_ms] floor = -2: out of range (accepted: 0 to 1e+12)" },
		{ GOOD "floor = nan\n",
		  "m.ini:7: [dns_latency_ms] floor = nan: not a number (accepted: 0 to 1e+12)" },
		{ GOOD "floor = 3 ms\n",
		  "m.ini:7: [dns_latency_ms] floor = 3 ms: not a number (accepted: 0 to 1e+12)" },
		{ GOOD "floor =\n", "m.ini:7: [dns_latency_ms] floor = : not a number" },
		{ GOOD "leak = 0.2\n", "m.ini:7: [dns_latency_ms] leak: set a second time" },
		{ GOOD "[dns_latency]\n",
		  "m.ini:7: [dns_latency]: unknown section (did you mean [dns_latency_ms]?)" },
		{ GOOD "[modle]\n", "m.ini:7: [modle]: unknown section (did you mean [model]?)" },
		{ GOOD "[xyz]\n", "m.ini:7: [xyz]: unknown section" },
		{ GOOD "[prior\n", "m.ini:7: [prior: a section is" },
		{ GOOD "[prior] x\n", "a section is" },
		{ GOOD "what\n", "m.ini:7: what: neither [section] nor key = value" },
		{ GOOD "[prior]\nnetwork_dns = 0\n",
		  "m.ini:8: [prior] network_dns = 0: out of range (accepted: above 0 to below 1)" },
		{ GOOD "[group]\nnetwork = 2\n", "(accepted: 0 to 1)" },
		{ GOOD "[cpu_steal_pct]\nleak = 0.1\nmedian = 101\nspread = 1\n",
		  "m.ini:9: [cpu_steal_pct] median = 101: out of range (accepted: 0 to 100)" },
		{ GOOD "[disk_io_latency_ms]\nleak = 0.1\n",
		  "m.ini: [disk_io_latency_ms] needs median" },
		{ GOOD "[conformal]\nalpha = 0.1\n",
		  "m.ini: [conformal] needs incidents, alpha and quantile" },
		{ "leak = 1\n", "m.ini:1: leak: outside of any section" },
		{ "[dns_latency_ms]\nleak = 0.1\nmedian = 4\nspread = 0.5\n",
		  "m.ini: [model] needs name" },
		{ "[model]\nname = a b\n", "m.ini:2: [model] name = a b: accepted:" },
		{ "[model]\ntemperature = 0\n",
		  "m.ini:2: [model] temperature = 0: out of range (accepted: 0.05 to 100)" },
	};

	(void)state;
	assert_int_equal(parse(GOOD), 0);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct slo_attr_model before = model;

		assert_int_equal(parse(rows[i].text), -EINVAL);
		if (!strstr(error.msg, rows[i].message))
			print_error("%s\nis not\n%s\n", error.msg, rows[i].message);
		assert_non_null(strstr(error.msg, rows[i].message));
		assert_memory_equal(&before, &model, sizeof(model));
	}
}

static void only_the_first_problem_is_told(void **state)
{
	(void)state;
	assert_int_equal(parse("[model]\nname = a b\ntemperature = 0\nfoo = 1\n"), -EINVAL);
	assert_non_null(strstr(error.msg, "m.ini:2:"));
}

static void long_lines_and_binary_files_are_refused(void **state)
{
	char text[600] = "[model]\nname = ";
	static const char binary[] = "[model]\nname\0 = x\n";

	(void)state;
	memset(text + strlen(text), 'x', 300);
	assert_int_equal(parse(text), -EINVAL);
	assert_non_null(strstr(error.msg, "m.ini:2: line too long"));
	assert_int_equal(slo_model_parse(&model, "b", binary, sizeof(binary) - 1, &error), -EINVAL);
	assert_non_null(strstr(error.msg, "b:2: a NUL byte"));
}

static void what_is_printed_reads_back_the_same(void **state)
{
	const struct slo_model_text *row;

	(void)state;
	for (size_t i = 0; (row = slo_model_text_at(i)); i++) {
		static struct slo_attr_model again;
		char *text = NULL;
		size_t len = 0;
		FILE *out;

		assert_true(strlen(row->help) > 0);
		assert_int_equal(slo_model_load(&model, row->name, &error), 0);
		assert_string_equal(model.name, row->name);
		model.evidence[0].leak = 1.0 / 3;
		model.conformal_n = i ? 55 : 0;
		model.conformal_alpha = i ? 0.1 : 0;
		model.conformal_quantile = i ? 0.123456789012345 : 0;
		assert_int_equal(slo_attr_model_finish(&model, NULL), 0);
		out = open_memstream(&text, &len);
		assert_int_equal(slo_model_print(out, &model), 0);
		(void)fclose(out);
		assert_int_equal(slo_model_parse(&again, "again", text, len, &error), 0);
		free(text);
		assert_memory_equal(again.evidence, model.evidence, sizeof(model.evidence));
		assert_memory_equal(again.q, model.q, sizeof(model.q));
		assert_memory_equal(again.prior, model.prior, sizeof(model.prior));
		assert_memory_equal(again.rho, model.rho, sizeof(model.rho));
		assert_string_equal(again.name, model.name);
		assert_true(again.conformal_quantile == model.conformal_quantile);
	}
	assert_true(slo_model_text_at(0) && slo_model_text_at(1));
	assert_string_equal(slo_model_text_at(0)->name, "default");
}

static void names_and_files_that_are_not_there_are_told(void **state)
{
	(void)state;
	assert_int_equal(slo_model_load(&model, "referense", &error), -ENOENT);
	assert_non_null(strstr(error.msg, "did you mean reference?"));
	assert_int_equal(slo_model_load(&model, "/nowhere/at/all.ini", &error), -ENOENT);
	assert_non_null(strstr(error.msg, "/nowhere/at/all.ini"));
	assert_int_equal(slo_model_load(&model, "/", &error), -EISDIR);
}

static void a_failed_allocation_is_told(void **state)
{
	int r;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (int fail = 0; fail < 2; fail++) {
		fail_alloc_after = fail;
		r = slo_model_load(&model, fail ? "/proc/self/status" : "default", &error);
		fail_alloc_after = -1;
		assert_int_equal(r, -ENOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_file_has_the_documented_defaults),
		cmocka_unit_test(form_of_the_file_is_free),
		cmocka_unit_test(bad_files_are_refused_with_place_and_range),
		cmocka_unit_test(only_the_first_problem_is_told),
		cmocka_unit_test(long_lines_and_binary_files_are_refused),
		cmocka_unit_test(what_is_printed_reads_back_the_same),
		cmocka_unit_test(names_and_files_that_are_not_there_are_told),
		cmocka_unit_test(a_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
