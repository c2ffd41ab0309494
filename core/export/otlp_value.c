/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_value.h"

#include "core/export/otlp_fields.h"

/* Lists within lists. Protobuf's own libraries stop at 100 messages, of which a level takes up to three. */
#define ANY_DEPTH_MAX 32

static int read_attr(struct slo_otlp_fault *fault, struct slo_wire w, unsigned int depth,
                     struct slo_otlp_attr_in *ret);
static int read_any(struct slo_otlp_fault *fault, struct slo_wire w, unsigned int depth,
                    struct slo_otlp_value *ret);

/* NOLINTBEGIN(misc-no-recursion): bounded by ANY_DEPTH_MAX. */

/* An ArrayValue of values, or a KeyValueList of attributes. */
static int read_list(struct slo_otlp_fault *fault, struct slo_wire w, unsigned int depth,
                     bool of_attrs)
{
	struct slo_otlp_value value;
	struct slo_wire_field f;
	struct slo_otlp_attr_in attr;
	int r;

	if (depth == ANY_DEPTH_MAX)
		return slo_otlp_bad(fault, w.p, "values nested deeper than 32 levels");
	while ((r = slo_otlp_next(fault, &w, &f)) > 0) {
		if (!slo_otlp_is_bytes(&f, SLO_OTLP_LIST_VALUES))
			continue;
		r = of_attrs ? read_attr(fault, f.bytes, depth + 1, &attr)
		             : read_any(fault, f.bytes, depth + 1, &value);
		if (r < 0)
			return r;
	}
	return r;
}

static void take_scalar(const struct slo_wire_field *f, struct slo_otlp_value *ret)
{
	if (slo_otlp_is_bytes(f, SLO_OTLP_ANY_STRING)) {
		ret->type = SLO_OTLP_VALUE_TEXT;
		ret->text = f->bytes;
	} else if (f->type == SLO_WIRE_VARINT &&
	           (f->number == SLO_OTLP_ANY_INT || f->number == SLO_OTLP_ANY_BOOL)) {
		ret->type = SLO_OTLP_VALUE_INT;
		ret->i = (int64_t)f->value;
	} else if (f->number == SLO_OTLP_ANY_DOUBLE && f->type == SLO_WIRE_FIXED64) {
		ret->type = SLO_OTLP_VALUE_DOUBLE;
		memcpy(&ret->d, &f->value, sizeof(ret->d));
	}
}

static int read_any(struct slo_otlp_fault *fault, struct slo_wire w, unsigned int depth,
                    struct slo_otlp_value *ret)
{
	struct slo_wire_field f;
	int r;

	ret->type = SLO_OTLP_VALUE_NONE;
	while ((r = slo_otlp_next(fault, &w, &f)) > 0) {
		if (slo_otlp_is_bytes(&f, SLO_OTLP_ANY_ARRAY) ||
		    slo_otlp_is_bytes(&f, SLO_OTLP_ANY_KVLIST)) {
			r = read_list(fault, f.bytes, depth, f.number == SLO_OTLP_ANY_KVLIST);
			if (r < 0)
				return r;
			ret->type = SLO_OTLP_VALUE_NONE;
		} else {
			take_scalar(&f, ret);
		}
	}
	return r;
}

static int read_attr(struct slo_otlp_fault *fault, struct slo_wire w, unsigned int depth,
                     struct slo_otlp_attr_in *ret)
{
	struct slo_wire_field f;
	int r;

	ret->key = (struct slo_wire){ w.p, w.p };
	ret->value.type = SLO_OTLP_VALUE_NONE;
	while ((r = slo_otlp_next(fault, &w, &f)) > 0) {
		if (slo_otlp_is_bytes(&f, SLO_OTLP_KEY_VALUE_KEY)) {
			ret->key = f.bytes;
		} else if (slo_otlp_is_bytes(&f, SLO_OTLP_KEY_VALUE_VALUE)) {
			r = read_any(fault, f.bytes, depth, &ret->value);
			if (r < 0)
				return r;
		}
	}
	return r;
}

/* NOLINTEND(misc-no-recursion) */

int slo_otlp_check_attrs(struct slo_otlp_fault *fault, struct slo_wire w, uint32_t number)
{
	struct slo_wire_field f;
	struct slo_otlp_attr_in attr;
	int r;

	while ((r = slo_otlp_next(fault, &w, &f)) > 0) {
		if (slo_otlp_is_bytes(&f, number)) {
			r = read_attr(fault, f.bytes, 0, &attr);
			if (r < 0)
				return r;
		}
	}
	return r;
}

#define TAG(number, type) (uint8_t)((number) << 3 | (type))

/* An AnyValue of a text of less than 128 bytes, of a whole number or a bool, and nothing else. */
static bool read_short_value(struct slo_wire w, struct slo_otlp_value *ret)
{
	size_t len = slo_wire_left(&w);
	uint8_t tag = len < 2 ? 0 : *w.p++;
	uint64_t number;

	if (tag == TAG(SLO_OTLP_ANY_STRING, SLO_WIRE_BYTES) && *w.p == len - 2) {
		ret->type = SLO_OTLP_VALUE_TEXT;
		ret->text = (struct slo_wire){ w.p + 1, w.end };
		return true;
	}
	if (tag != TAG(SLO_OTLP_ANY_INT, SLO_WIRE_VARINT) &&
	    tag != TAG(SLO_OTLP_ANY_BOOL, SLO_WIRE_VARINT))
		return false;
	if (slo_wire_varint(&w, &number) < 0 || w.p != w.end)
		return false;
	ret->type = SLO_OTLP_VALUE_INT;
	ret->i = (int64_t)number;
	return true;
}

/*
 * As all senders write most of them: a key and a value of less than 128 bytes each. They are most of a request's bytes,
 * and a third of what it costs to read them one field after the other. False: it has another form, or is broken.
 */
static bool read_short_attr(struct slo_wire w, struct slo_otlp_attr_in *ret)
{
	size_t left = slo_wire_left(&w), key;
	const uint8_t *value;

	if (left < 4 || w.p[0] != TAG(SLO_OTLP_KEY_VALUE_KEY, SLO_WIRE_BYTES))
		return false;
	key = w.p[1];
	if (key > 127 || key + 4 > left)
		return false;
	value = w.p + 2 + key;
	if (value[0] != TAG(SLO_OTLP_KEY_VALUE_VALUE, SLO_WIRE_BYTES) || value[1] > 127 ||
	    value[1] != left - key - 4)
		return false;
	ret->key = (struct slo_wire){ w.p + 2, value };
	return read_short_value((struct slo_wire){ value + 2, w.end }, &ret->value);
}

int slo_otlp_read_attr(struct slo_otlp_fault *fault, struct slo_wire w,
                       struct slo_otlp_attr_in *ret)
{
	return read_short_attr(w, ret) ? 0 : read_attr(fault, w, 0, ret);
}
