/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/export/otlp_fields.h"
#include "core/export/otlp_value.h"

#define ROUNDS 200000
#define BEFORE \
	2 /* bytes of a field that nobody knows: what it stands before is read field by field */

static uint8_t bytes[BEFORE + 1024];

static uint8_t *put_text(uint8_t *p, uint32_t number, size_t len)
{
	p = slo_wire_put_head(p, number, len);
	memset(p, 'k', len);
	return p + len;
}

/* A KeyValue; returns its end. @kind: a field of AnyValue. */
static uint8_t *put_attr(uint8_t *p, size_t key, uint32_t kind, uint64_t number, size_t text)
{
	uint8_t any[600], *end = any;

	p = put_text(p, SLO_OTLP_KEY_VALUE_KEY, key);
	if (kind == SLO_OTLP_ANY_STRING || kind == SLO_OTLP_ANY_BYTES)
		end = put_text(end, kind, text);
	else if (kind == SLO_OTLP_ANY_DOUBLE)
		end = slo_wire_put_fixed64(slo_wire_put_tag(end, kind, SLO_WIRE_FIXED64), number);
	else
		end = slo_wire_put_varint(slo_wire_put_tag(end, kind, SLO_WIRE_VARINT), number);
	return slo_wire_put_bytes(p, SLO_OTLP_KEY_VALUE_VALUE, any, (size_t)(end - any));
}

/* The same answer for the bytes up to @end with the unknown field before them and without. True: they are an attribute. */
static bool check_both_ways(const uint8_t *end)
{
	struct slo_otlp_fault fault = { 0 }, fault_after = { 0 };
	struct slo_otlp_attr_in plain, after;
	int r = slo_otlp_read_attr(&fault, (struct slo_wire){ bytes + BEFORE, end }, &plain);

	assert_int_equal(slo_otlp_read_attr(&fault_after, (struct slo_wire){ bytes, end }, &after),
	                 r);
	assert_ptr_equal(fault.at, fault_after.at);
	if (r < 0)
		return false;
	assert_int_equal(slo_wire_left(&plain.key), slo_wire_left(&after.key));
	if (slo_wire_left(&plain.key))
		assert_ptr_equal(plain.key.p, after.key.p);
	assert_int_equal(plain.value.type, after.value.type);
	if (plain.value.type == SLO_OTLP_VALUE_TEXT) {
		assert_ptr_equal(plain.value.text.p, after.value.text.p);
		assert_ptr_equal(plain.value.text.end, after.value.text.end);
	}
	if (plain.value.type == SLO_OTLP_VALUE_INT)
		assert_int_equal(plain.value.i, after.value.i);
	return true;
}

static void begin(void)
{
	uint8_t *p = slo_wire_put_varint(slo_wire_put_tag(bytes, 15, SLO_WIRE_VARINT), 0);

	assert_ptr_equal(p, bytes + BEFORE);
}

static void test_lengths_about_one_byte_read_alike(void **state)
{
	static const size_t lengths[] = { 0,   1,   2,   120, 121, 122, 123,
		                          124, 125, 126, 127, 128, 129, 300 };

	(void)state;
	begin();
	for (size_t k = 0; k < sizeof(lengths) / sizeof(*lengths); k++) {
		for (size_t t = 0; t < sizeof(lengths) / sizeof(*lengths); t++) {
			for (uint32_t kind = SLO_OTLP_ANY_STRING; kind <= SLO_OTLP_ANY_DOUBLE;
			     kind++)
				assert_true(
					check_both_ways(put_attr(bytes + BEFORE, lengths[k], kind,
				                                 UINT64_MAX >> t, lengths[t])));
		}
	}
}

/* Whatever a few wrong bytes or a cut make of it. */
static void test_broken_bytes_read_alike(void **state)
{
	size_t whole = 0;
	uint64_t x = 88172645463325252U;

	(void)state;
	begin();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint8_t *end;
		size_t len;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		end = put_attr(bytes + BEFORE, x % 5, 1 + (uint32_t)(x >> 8) % 7, x >> (x % 64),
		               (x >> 16) % 6);
		len = (size_t)(end - bytes) - BEFORE;
		if (x >> 24 & 1)
			bytes[BEFORE + (x >> 32) % len] =
				(uint8_t)(x >> 48) & ((x >> 25 & 1) ? 255 : 31);
		if (x >> 26 & 1)
			bytes[BEFORE + (x >> 40) % len] ^= (uint8_t)(1U << (x >> 56 & 7));
		whole += check_both_ways(end - ((x >> 27 & 7) ? 0 : (x >> 60) % len));
	}
	/* Both kinds came up, or the test shows nothing. */
	assert_in_range(whole, ROUNDS / 5, ROUNDS / 10 * 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths_about_one_byte_read_alike),
		cmocka_unit_test(test_broken_bytes_read_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
