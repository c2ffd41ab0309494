/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/export/otlp_answer.h"

/* OTLP/HTTP: 429, 502, 503, 504 and broken connections are tried again, nothing else. */
static void the_status_decides(void **state)
{
	static const struct {
		int error;
		unsigned int status;
		enum slo_otlp_verdict verdict;
	} rows[] = {
		{ 0, 200, SLO_OTLP_ACCEPTED },
		{ 0, 202, SLO_OTLP_ACCEPTED },
		{ 0, 302, SLO_OTLP_REFUSED },
		{ 0, 400, SLO_OTLP_REFUSED },
		{ 0, 413, SLO_OTLP_REFUSED },
		{ 0, 429, SLO_OTLP_AGAIN },
		{ 0, 500, SLO_OTLP_REFUSED },
		{ 0, 501, SLO_OTLP_REFUSED },
		{ 0, 502, SLO_OTLP_AGAIN },
		{ 0, 503, SLO_OTLP_AGAIN },
		{ 0, 504, SLO_OTLP_AGAIN },
		{ -ECONNREFUSED, 0, SLO_OTLP_AGAIN },
		{ -ETIMEDOUT, 0, SLO_OTLP_AGAIN },
		/* Half an answer: what it rejects is not known, so it is asked for again. */
		{ -EPROTO, 200, SLO_OTLP_AGAIN },
		/* One too long would be so again. */
		{ -EFBIG, 200, SLO_OTLP_ACCEPTED },
		{ -EFBIG, 400, SLO_OTLP_REFUSED },
		{ -EFBIG, 503, SLO_OTLP_AGAIN },
		{ -EFBIG, 0, SLO_OTLP_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		const struct slo_http_reply reply = { .error = rows[i].error,
			                              .status = rows[i].status,
			                              .why = "why",
			                              .content_type = "" };
		struct slo_otlp_answer a;

		slo_otlp_answer_read(&reply, 5, &a);
		assert_int_equal(a.verdict, rows[i].verdict);
		assert_int_equal(a.rejected, 0);
		assert_true(*a.why || reply.status / 100 == 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_status_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
