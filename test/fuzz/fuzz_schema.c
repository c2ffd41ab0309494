/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema compiler and the validator on any bytes: "SCHEMA\nVALUE", or a value for an embedded schema where the first
 * line is none. A verdict is the same with and without a message, and the second time; every message names a place.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec/schema_check.h"
#include "core/codec/schemas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void check_value(const struct slo_schema_check *check, const char *text, size_t len)
{
	json_t *value = json_loadb(text, len, JSON_DECODE_ANY, NULL);
	struct slo_err err = { 0 };
	int r;

	if (!value)
		return;
	r = slo_schema_check_run(check, value, &err);
	must(r == 0 || r == -EINVAL, "a verdict is neither valid nor invalid");
	must(slo_schema_check_run(check, value, NULL) == r, "the verdict depends on the message");
	must(r == 0 || strncmp(err.msg, "(top): ", 7) == 0 || err.msg[0] == '/',
	     "a finding without its place");
	must((r == 0) == (err.msg[0] == '\0'),
	     "a message without a finding, or the other way round");
	json_decref(value);
}

static void check_embedded(const char *text, size_t len)
{
	static struct slo_schema_check *checks[16];
	const struct slo_schema *s;

	for (size_t i = 0; (s = slo_schema_at(i)) && i < SLO_ARRAY_SIZE(checks); i++) {
		if (!checks[i])
			must(slo_schema_check_compile_text(&checks[i], s->text, strlen(s->text),
			                                   NULL) == 0,
			     "an embedded schema is refused");
		check_value(checks[i], text, len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = size ? memchr(text, '\n', size) : NULL;
	struct slo_schema_check *check slo_schema_check_auto = NULL;
	struct slo_err err = { 0 };
	int r;

	if (!end) {
		check_embedded(text, size);
		return 0;
	}
	r = slo_schema_check_compile_text(&check, text, (size_t)(end - text), &err);
	must(r == 0 || (r < 0 && !check && err.msg[0]), "refused without a reason");
	if (check)
		check_value(check, end + 1, size - (size_t)(end - text) - 1);
	return 0;
}
