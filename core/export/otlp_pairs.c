/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_pairs.h"

#include <string.h>

#include "core/base/jsonw.h"
#include "core/export/otlp_fields.h"
#include "core/export/wire.h"

void slo_otlp_pairs_init(struct slo_otlp_pairs *p, uint32_t field)
{
	p->field = field;
	p->dropped = 0;
	p->outer = NULL;
	p->len = 0;
}

/* --- text ------------------------------------------------------------------------------------------------------- */

/* Bytes from 1 to 127 that @s begins with. */
static size_t ascii(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (signed char)s[i] > 0)
		i++;
	return i;
}

size_t slo_otlp_utf8(char *to, const char *s, size_t n)
{
	static const char unknown[] = "\xef\xbf\xbd";
	size_t len = 0;

	for (size_t step, put; n; s += step, n -= step, len += put) {
		const char *from = s;

		put = step = ascii(s, n);
		if (!step && *s)
			put = step = slo_jsonw_utf8_length((const unsigned char *)s, n);
		if (!step) {
			from = unknown;
			put = sizeof(unknown) - 1;
			step = 1;
		}
		if (to)
			memcpy(to + len, from, put);
	}
	return len;
}

/* --- pairs ------------------------------------------------------------------------------------------------------ */

static uint8_t *put(uint8_t *to, const void *bytes, size_t n)
{
	memcpy(to, bytes, n);
	return to + n;
}

/* The pair up to its AnyValue, of @value bytes; NULL: no room. */
static uint8_t *begin(struct slo_otlp_pairs *p, const char *key, size_t value)
{
	size_t outer = p->outer ? strlen(p->outer) + 1 : 0, inner = strlen(key),
	       len = outer + inner;
	size_t pair = 1 + slo_wire_varint_size(len) + len + 1 + slo_wire_varint_size(value) + value;
	uint8_t *to = p->bytes + p->len;

	if (1 + slo_wire_varint_size(pair) + pair > sizeof(p->bytes) - p->len) {
		p->dropped++;
		return NULL;
	}
	to = slo_wire_put_head(to, p->field, pair);
	to = slo_wire_put_head(to, SLO_OTLP_KEY_VALUE_KEY, len);
	if (outer) {
		to = put(to, p->outer, outer - 1);
		*to++ = '.';
	}
	to = put(to, key, inner);
	return slo_wire_put_head(to, SLO_OTLP_KEY_VALUE_VALUE, value);
}

static void end(struct slo_otlp_pairs *p, const uint8_t *to)
{
	p->len = (size_t)(to - p->bytes);
}

/* Its head, and room for @n bytes of text; NULL: there is none. */
static uint8_t *begin_text(struct slo_otlp_pairs *p, const char *key, size_t n)
{
	uint8_t *to = begin(p, key, 1 + slo_wire_varint_size(n) + n);

	return to ? slo_wire_put_head(to, SLO_OTLP_ANY_STRING, n) : NULL;
}

void slo_otlp_pairs_plain(struct slo_otlp_pairs *p, const char *key, const char *value, size_t n)
{
	uint8_t *to = begin_text(p, key, n);

	if (!to)
		return;
	memcpy(to, value, n);
	end(p, to + n);
}

void slo_otlp_pairs_strn(struct slo_otlp_pairs *p, const char *key, const char *value, size_t n)
{
	size_t len;
	uint8_t *to;

	if (ascii(value, n) == n) {
		slo_otlp_pairs_plain(p, key, value, n);
		return;
	}
	len = slo_otlp_utf8(NULL, value, n);
	to = begin_text(p, key, len);
	if (!to)
		return;
	(void)slo_otlp_utf8((char *)to, value, n);
	end(p, to + len);
}

void slo_otlp_pairs_str(struct slo_otlp_pairs *p, const char *key, const char *value)
{
	slo_otlp_pairs_strn(p, key, value, strlen(value));
}

void slo_otlp_pairs_known(struct slo_otlp_pairs *p, const char *key, const char *value)
{
	if (*value)
		slo_otlp_pairs_str(p, key, value);
}

void slo_otlp_pairs_i64(struct slo_otlp_pairs *p, const char *key, int64_t value)
{
	uint8_t *to = begin(p, key, 1 + slo_wire_varint_size((uint64_t)value));

	if (!to)
		return;
	to = slo_wire_put_tag(to, SLO_OTLP_ANY_INT, SLO_WIRE_VARINT);
	end(p, slo_wire_put_varint(to, (uint64_t)value));
}

void slo_otlp_pairs_double(struct slo_otlp_pairs *p, const char *key, double value)
{
	uint8_t *to = begin(p, key, 1 + sizeof(value));
	uint64_t bits;

	if (!to)
		return;
	memcpy(&bits, &value, sizeof(bits));
	to = slo_wire_put_tag(to, SLO_OTLP_ANY_DOUBLE, SLO_WIRE_FIXED64);
	end(p, slo_wire_put_fixed64(to, bits));
}

void slo_otlp_pairs_bool(struct slo_otlp_pairs *p, const char *key, bool value)
{
	uint8_t *to = begin(p, key, 2);

	if (!to)
		return;
	to = slo_wire_put_tag(to, SLO_OTLP_ANY_BOOL, SLO_WIRE_VARINT);
	end(p, slo_wire_put_varint(to, value));
}

/* --- resources -------------------------------------------------------------------------------------------------- */

void slo_otlp_put_resource(struct slo_pb_buf *b, const struct slo_workload *who,
                           const char *fallback, const char *version)
{
	struct slo_otlp_pairs p;
	size_t dropped;

	slo_otlp_pairs_init(&p, SLO_OTLP_RESOURCE_ATTRIBUTES);
	slo_otlp_pairs_known(&p, "service.name", *who->service ? who->service : fallback);
	slo_otlp_pairs_known(&p, "service.namespace", who->namespace_);
	slo_otlp_pairs_known(&p, "service.version", version);
	slo_otlp_pairs_known(&p, "k8s.cluster.name", who->cluster);
	slo_otlp_pairs_known(&p, "k8s.namespace.name", who->namespace_);
	slo_otlp_pairs_known(&p, "k8s.pod.name", who->pod);
	slo_otlp_pairs_known(&p, "k8s.pod.uid", who->pod_uid);
	slo_otlp_pairs_known(&p, "k8s.container.name", who->container);
	slo_otlp_pairs_known(&p, "container.id", who->container_id);
	slo_otlp_pairs_known(&p, "k8s.node.name", *who->pod || *who->pod_uid ? who->node : "");
	slo_otlp_pairs_known(&p, "host.name", who->node);
	dropped = p.dropped ? 1 + slo_wire_varint_size(p.dropped) : 0;
	slo_pb_put_head(b, 1, p.len + dropped);
	slo_pb_put_raw(b, p.bytes, p.len);
	if (dropped)
		slo_pb_put_varint(b, SLO_OTLP_RESOURCE_DROPPED, p.dropped);
}
