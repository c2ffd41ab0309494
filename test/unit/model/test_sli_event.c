/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/sli_event.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/base/crc32c.h"
#include "core/model/burn_bucket.h"
#include "core/programs/options.h"
#include "core/programs/sloctl/slo.h"

static void every_row_is_found_by_its_name(void **state)
{
	(void)state;
	for (int i = 0; i < SLO_SLI_MAX_; i++) {
		const struct slo_sli_desc *d = slo_sli_desc((enum slo_sli)i);
		enum slo_sli found = SLO_SLI_MAX_;

		assert_int_equal(slo_sli_from_name(d->name, &found), 0);
		assert_int_equal(found, i);
		assert_true(d->more_is_better ? d->breach < d->warning : d->breach > d->warning);
		assert_true(d->max > d->breach && strlen(d->help) > 0);
	}
}

static void unknown_name_leaves_result(void **state)
{
	enum slo_sli sli = SLO_SLI_ERROR_RATE;

	(void)state;
	assert_int_equal(slo_sli_from_name("ttft", &sli), -ENOENT);
	assert_int_equal(sli, SLO_SLI_ERROR_RATE);
}

static void thresholds_themselves_count(void **state)
{
	(void)state;
	assert_int_equal(slo_sli_status_of(SLO_SLI_TTFT, 499.9), SLO_SLI_OK);
	assert_int_equal(slo_sli_status_of(SLO_SLI_TTFT, 500), SLO_SLI_WARNING);
	assert_int_equal(slo_sli_status_of(SLO_SLI_TTFT, 1000), SLO_SLI_BREACH);
	assert_int_equal(slo_sli_status_of(SLO_SLI_ERROR_RATE, 0.05), SLO_SLI_BREACH);
	assert_int_equal(slo_sli_status_of(SLO_SLI_ERROR_RATE, 0.02), SLO_SLI_WARNING);
}

static void throughput_is_bad_when_low(void **state)
{
	(void)state;
	assert_int_equal(slo_sli_status_of(SLO_SLI_TOKEN_THROUGHPUT, 30.1), SLO_SLI_OK);
	assert_int_equal(slo_sli_status_of(SLO_SLI_TOKEN_THROUGHPUT, 30), SLO_SLI_WARNING);
	assert_int_equal(slo_sli_status_of(SLO_SLI_TOKEN_THROUGHPUT, 10), SLO_SLI_BREACH);
	assert_true(slo_sli_is_good(SLO_SLI_TOKEN_THROUGHPUT, 30, 30));
	assert_false(slo_sli_is_good(SLO_SLI_TOKEN_THROUGHPUT, 29, 30));
	assert_true(slo_sli_is_good(SLO_SLI_TTFT, 800, 800));
	assert_false(slo_sli_is_good(SLO_SLI_TTFT, 800.1, 800));
}

static void presets_can_be_met(void **state)
{
	const struct slo_sli_preset *p;
	size_t n = 0;

	(void)state;
	for (; (p = slo_sli_preset_at(n)); n++)
		assert_true(p->ttft_ms > 0 && p->tpot_ms > 0 && p->objective == 0.99);
	assert_int_equal(n, 4);
}

struct holder {
	struct slo_objective_args args;
};
static const struct slo_option objective_rows[] = { SLO_OBJECTIVE_ROWS(struct holder, args) };

static void help_names_every_preset(void **state)
{
	const struct slo_sli_preset *p;
	const char *help = NULL;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(objective_rows); i++) {
		if (strcmp(objective_rows[i].name, "preset") == 0)
			help = objective_rows[i].help;
	}
	assert_non_null(help);
	for (size_t i = 0; (p = slo_sli_preset_at(i)); i++)
		assert_non_null(strstr(help, p->name));
}

static void bounds_ascend_and_hold_the_default_threshold(void **state)
{
	bool found = false;

	(void)state;
	for (size_t i = 0; i < SLO_SLI_TTFT_BOUNDS; i++) {
		assert_true(i == 0 || slo_sli_ttft_bounds_ms[i] > slo_sli_ttft_bounds_ms[i - 1]);
		found |= slo_sli_ttft_bounds_ms[i] == 800;
	}
	assert_true(found);
}

static void crc_is_castagnoli(void **state)
{
	(void)state;
	assert_int_equal(slo_crc32c("123456789", 9), 0xe3069283U);
	assert_int_equal(slo_crc32c("", 0), 0);
}

static void bucket_notices_any_changed_bit(void **state)
{
	struct slo_burn_bucket b = { .period = 29453760, .good = 5, .valid = 7 };
	struct slo_burn_bucket empty = { 0 };

	(void)state;
	assert_true(slo_burn_bucket_is_sound(&empty));
	slo_burn_bucket_seal(&b);
	assert_true(slo_burn_bucket_is_sound(&b));
	for (unsigned int bit = 0; bit < 128; bit++) {
		struct slo_burn_bucket torn = b;

		((unsigned char *)&torn)[bit / 8] ^= (unsigned char)(1U << bit % 8);
		assert_false(slo_burn_bucket_is_sound(&torn));
	}
	b.good = 8;
	slo_burn_bucket_seal(&b);
	assert_false(slo_burn_bucket_is_sound(&b)); /* more good than valid */
}

static void every_status_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(slo_sli_status_name(SLO_SLI_OK), "ok");
	assert_string_equal(slo_sli_status_name(SLO_SLI_WARNING), "warning");
	assert_string_equal(slo_sli_status_name(SLO_SLI_BREACH), "breach");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_found_by_its_name),
		cmocka_unit_test(unknown_name_leaves_result),
		cmocka_unit_test(thresholds_themselves_count),
		cmocka_unit_test(throughput_is_bad_when_low),
		cmocka_unit_test(presets_can_be_met),
		cmocka_unit_test(help_names_every_preset),
		cmocka_unit_test(bounds_ascend_and_hold_the_default_threshold),
		cmocka_unit_test(crc_is_castagnoli),
		cmocka_unit_test(bucket_notices_any_changed_bit),
		cmocka_unit_test(every_status_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
