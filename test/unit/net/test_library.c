/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/net/curl.h"
#include "core/net/library.h"
#include "core/net/mhd.h"

struct table {
	double (*cos)(double);
	double (*no_such_function)(double);
};

static const struct slo_library_function known[] = { { "cos", offsetof(struct table, cos), NULL } };
static const struct slo_library_function unknown[] = {
	{ "cos", offsetof(struct table, cos), NULL },
	{ "no_such_function", offsetof(struct table, no_such_function), NULL },
};

static bool is_mapped(const char *name)
{
	char line[512];
	bool found = false;
	FILE *maps = fopen("/proc/self/maps", "re");

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		found = found || strstr(line, name);
	(void)fclose(maps);
	return found;
}

static void what_is_only_checked_is_not_loaded(void **state)
{
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_mhd_check(&err), 0);
	assert_false(is_mapped("libmicrohttpd"));
	assert_false(is_mapped("libgnutls"));
	assert_false(is_mapped("libcurl"));
}

static void every_function_is_there(void **state)
{
	struct slo_curl c = { 0 };
	struct slo_mhd m = { 0 };
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_curl_open(&c, &err), 0);
	assert_int_equal(slo_mhd_open(&m, &err), 0);
#define X(name) assert_non_null(c.name);
	SLO_CURL_FUNCTIONS(X)
#undef X
#define X(name) assert_non_null(m.name);
	SLO_MHD_FUNCTIONS(X)
#undef X
	assert_string_equal(c.easy_strerror(CURLE_OK), "No error");
	slo_mhd_close(&m);
	slo_mhd_close(&m);
	slo_curl_close(&c);
	slo_curl_close(&c);
}

static void missing_library_is_told_with_what_to_install(void **state)
{
	const struct slo_library l = { "libof-nobody.so.4", "install libof4", known, 1 };
	struct slo_err err = { 0 };
	struct table t = { 0 };
	void *library = NULL;

	(void)state;
#ifdef SLO_LINKED
	skip();
#endif
	assert_int_equal(slo_library_open(&library, &l, &t, &err), -ELIBACC);
	assert_non_null(strstr(err.msg, "libof-nobody.so.4"));
	assert_non_null(strstr(err.msg, "install libof4"));
	err = (struct slo_err){ 0 };
	assert_int_equal(slo_library_check(&l, &t, &err), -ELIBACC);
	assert_non_null(strstr(err.msg, "install libof4"));
	assert_null(library);
	assert_null(t.cos);
}

static void library_that_is_too_old_is_told(void **state)
{
	const struct slo_library good = { "libm.so.6", "install libof4", known, 1 };
	const struct slo_library old = { "libm.so.6", "install libof4", unknown, 2 };
	struct slo_err err = { 0 };
	struct table t = { 0 };
	void *library = NULL;

	(void)state;
#ifdef SLO_LINKED
	skip();
#endif
	assert_int_equal(slo_library_open(&library, &good, &t, &err), 0);
	assert_true(t.cos(0) > 0.99);
	slo_library_close(&library);
	assert_int_equal(slo_library_open(&library, &old, &t, &err), -ELIBACC);
	assert_string_equal(err.msg, "libm.so.6 has no no_such_function: install libof4");
	assert_null(library);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_only_checked_is_not_loaded),
		cmocka_unit_test(every_function_is_there),
		cmocka_unit_test(missing_library_is_told_with_what_to_install),
		cmocka_unit_test(library_that_is_too_old_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
