/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/event_json_detail.h"

#include <errno.h>
#include <string.h>

#include "core/codec/json_fields.h"
#include "core/codec/wire_names.h"
#include "core/model/detail.h"

/* Reads detail{} key by key; the first failure stays and the rest do nothing. */
struct detail_reader {
	const json_t *object; /* NULL: no detail, every key absent */
	struct slo_err *err;
	int r;
};

static void detail_fail(struct detail_reader *d, const char *key, const char *what)
{
	d->r = slo_err_set(d->err, -EINVAL, "field \"detail.%s\" is not %s", key, what);
}

static const json_t *detail_get(const struct detail_reader *d, const char *key)
{
	return d->r < 0 ? NULL : json_object_get(d->object, key);
}

static uint64_t detail_u64(struct detail_reader *d, const char *key, uint64_t max)
{
	const json_t *v = detail_get(d, key);
	int64_t n = 0;

	if (v && (slo_json_to_i64(v, &n) < 0 || n < 0 || (uint64_t)n > max)) {
		detail_fail(d, key, "an integer within its range");
		return 0;
	}
	return (uint64_t)n;
}

static uint64_t detail_ns(struct detail_reader *d, const char *key)
{
	const json_t *v = detail_get(d, key);
	uint64_t ns = 0;

	if (v && slo_json_ms_to_ns(key, v, &ns, d->err) < 0)
		d->r = slo_err_wrap(d->err, -EINVAL, "detail");
	return ns;
}

static bool detail_bool(struct detail_reader *d, const char *key)
{
	const json_t *v = detail_get(d, key);

	if (v && !json_is_boolean(v))
		detail_fail(d, key, "a boolean");
	return json_is_true(v);
}

/* NULL where absent. */
static const char *detail_str(struct detail_reader *d, const char *key)
{
	const json_t *v = detail_get(d, key);

	if (v && !json_is_string(v))
		detail_fail(d, key, "a string");
	return json_string_value(v);
}

static bool detail_is(struct detail_reader *d, const char *key, const char *yes, const char *no)
{
	const char *s = detail_str(d, key);

	if (s && strcmp(s, yes) != 0 && strcmp(s, no) != 0)
		detail_fail(d, key, "one of its two values");
	return s && strcmp(s, yes) == 0;
}

static unsigned int detail_wire(struct detail_reader *d, const char *key, enum slo_wire_set set,
                                unsigned int max)
{
	const char *s = detail_str(d, key);
	int v = s ? slo_wire_value(set, s) : 0;

	if (v >= 0 && (unsigned int)v <= max)
		return (unsigned int)v;
	detail_fail(d, key, "a known name or number");
	return 0;
}

static void read_dns(struct detail_reader *d, struct slo_probe_event *ev)
{
	const char *qname = detail_str(d, "qname");

	slo_json_copy_text(ev->detail.dns.qname, sizeof(ev->detail.dns.qname), qname ? qname : "");
	ev->detail.dns.qtype = (uint16_t)detail_wire(d, "qtype", SLO_WIRE_QTYPE, UINT16_MAX);
	ev->detail.dns.rcode = (uint16_t)detail_wire(d, "rcode", SLO_WIRE_RCODE, UINT16_MAX);
	ev->detail.dns.retries = (uint16_t)detail_u64(d, "retries", UINT16_MAX);
	ev->detail.dns.server_ns = detail_ns(d, "server_ms");
	ev->detail.dns.upstream = detail_is(d, "hop", "upstream", "client");
	ev->detail.dns.truncated = detail_bool(d, "truncated");
}

static void read_retransmit(struct detail_reader *d, struct slo_probe_event *ev)
{
	const char *name = detail_str(d, "kind");
	int kind = SLO_RETR_OTHER;

	while (name && kind < SLO_RETR_MAX_ &&
	       strcmp(slo_retr_kind_name((enum slo_retr_kind)kind), name) != 0)
		kind++;
	if (kind == SLO_RETR_MAX_) {
		detail_fail(d, "kind", "a known kind of retransmission");
		kind = SLO_RETR_OTHER;
	}
	ev->detail.retr.kind = (enum slo_retr_kind)kind;
	ev->detail.retr.tcp_state =
		(uint8_t)detail_wire(d, "tcp_state", SLO_WIRE_TCP_STATE, UINT8_MAX);
	ev->detail.retr.passive = detail_bool(d, "passive");
}

static void read_connect(struct detail_reader *d, struct slo_probe_event *ev)
{
	uint64_t srtt_ns = detail_ns(d, "srtt_ms");

	ev->detail.conn.syn_retrans = (uint32_t)detail_u64(d, "syn_retrans", UINT32_MAX);
	if (srtt_ns / 1000 > UINT32_MAX)
		detail_fail(d, "srtt_ms", "below 71 minutes");
	ev->detail.conn.srtt_us = (uint32_t)((srtt_ns + 500) / 1000);
}

static void read_connect_error(struct detail_reader *d, struct slo_probe_event *ev)
{
	unsigned int error = detail_wire(d, "error", SLO_WIRE_ERRNO, UINT16_MAX);

	if (!ev->err)
		ev->err = (int)error;
	ev->detail.conn.local = detail_is(d, "origin", "local", "remote");
	ev->detail.conn.syn_retrans = (uint32_t)detail_u64(d, "syn_retrans", UINT32_MAX);
	ev->detail.conn.after_ns = detail_ns(d, "after_ms");
	ev->detail.conn.aborted = detail_bool(d, "aborted");
}

static uint32_t detail_enum(struct detail_reader *d, const struct slo_detail_field *f)
{
	const char *s = detail_str(d, f->key);

	for (uint32_t i = 0; s && i < f->max; i++) {
		if (strcmp(s, f->names[i]) == 0)
			return i;
	}
	if (s)
		detail_fail(d, f->key, "one of its names");
	return 0;
}

static void read_field(struct detail_reader *d, const struct slo_detail_field *f,
                       struct slo_probe_event *ev)
{
	void *at = (char *)ev + f->offset;
	const char *s;

	switch (f->type) {
	case SLO_DETAIL_U32:
		*(uint32_t *)at = (uint32_t)detail_u64(d, f->key, UINT32_MAX);
		break;
	case SLO_DETAIL_U64:
		*(uint64_t *)at = detail_u64(d, f->key, INT64_MAX);
		break;
	case SLO_DETAIL_MS:
		*(uint64_t *)at = detail_ns(d, f->key);
		break;
	case SLO_DETAIL_TRUE:
		*(bool *)at = detail_bool(d, f->key);
		break;
	case SLO_DETAIL_ENUM:
		*(uint32_t *)at = detail_enum(d, f);
		break;
	case SLO_DETAIL_TEXT:
		s = detail_str(d, f->key);
		slo_json_copy_text(at, f->max, s ? s : "");
		break;
	case SLO_DETAIL_CODED:
	case SLO_DETAIL_TYPE_MAX_:
		break;
	}
}

static void read_fields(struct detail_reader *d, struct slo_probe_event *ev)
{
	size_t count;
	const struct slo_detail_field *f = slo_detail_fields(&count);

	for (size_t i = 0; i < count; i++) {
		if (slo_detail_applies(&f[i], ev))
			read_field(d, &f[i], ev);
	}
}

static bool read_digits(const char **text, uint64_t max, uint64_t *ret_v)
{
	const char *p = *text;
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > max)
			return false;
	}
	if (p == *text)
		return false;
	*text = p;
	*ret_v = v;
	return true;
}

/* "slot:count,..." with slots growing, "" for none. */
static int read_slots(const char *text, struct slo_hist *h)
{
	uint64_t next = 0;

	while (*text) {
		uint64_t slot;
		uint64_t n;

		if (!read_digits(&text, SLO_HIST_SLOTS - 1, &slot) || slot < next || *text++ != ':')
			return -EINVAL;
		if (!read_digits(&text, UINT32_MAX, &n))
			return -EINVAL;
		h->slot[slot] = (uint32_t)n;
		h->count += n;
		next = slot + 1;
		if (*text == ',' && text[1]) {
			text++;
		} else if (*text) {
			return -EINVAL;
		}
	}
	return 0;
}

static void read_hist(struct detail_reader *d, struct slo_probe_event *ev)
{
	const char *slots = detail_str(d, "slots");
	const char *comm = detail_str(d, "worst_comm");

	if (slots && read_slots(slots, &ev->hist) < 0)
		detail_fail(d, "slots", "\"slot:count,...\" with growing slots 0 to 27");
	ev->hist.sum_ns = detail_ns(d, "sum_ms");
	ev->hist.max_ns = detail_ns(d, "max_ms");
	ev->tgid = (uint32_t)detail_u64(d, "worst_pid", UINT32_MAX);
	ev->tid = 0;
	slo_json_copy_text(ev->comm, sizeof(ev->comm), comm ? comm : "");
}

static void read_signal_detail(struct detail_reader *d, struct slo_probe_event *ev)
{
	switch (ev->signal) {
	case SLO_SIG_DNS_LATENCY:
		read_dns(d, ev);
		break;
	case SLO_SIG_TCP_RETRANSMITS:
		read_retransmit(d, ev);
		break;
	case SLO_SIG_CONNECT_LATENCY:
		read_connect(d, ev);
		break;
	case SLO_SIG_CONNECT_ERRORS:
		read_connect_error(d, ev);
		break;
	case SLO_SIG_RUNQUEUE_DELAY:
	case SLO_SIG_TLS_HANDSHAKE:
	case SLO_SIG_TLS_FAIL:
	case SLO_SIG_CPU_STEAL:
	case SLO_SIG_CFS_THROTTLED:
	case SLO_SIG_MEM_RECLAIM:
	case SLO_SIG_DISK_IO:
	case SLO_SIG_SYSCALL:
	case SLO_SIG_MAX_:
		break;
	}
}

static int check_detail(json_t *detail, struct slo_err *err)
{
	for (void *it = json_object_iter(detail); it; it = json_object_iter_next(detail, it)) {
		const char *key = json_object_iter_key(it);
		const json_t *value = json_object_iter_value(it);
		if (!json_is_string(value) && !json_is_number(value) && !json_is_boolean(value)) {
			return slo_err_set(err, -EINVAL,
			                   "field \"detail\": " SLO_JSON_QUOTED
			                   " is not a string, number or boolean",
			                   key);
		}
	}
	return 0;
}

int slo_event_json_read_detail(json_t *detail, struct slo_probe_event *ev, struct slo_err *err)
{
	struct detail_reader d = { .object = detail, .err = err };
	int r = detail ? check_detail(detail, err) : 0;

	if (r < 0)
		return r;
	read_signal_detail(&d, ev);
	read_fields(&d, ev);
	if (ev->kind == SLO_EV_HIST)
		read_hist(&d, ev);
	ev->replayed = detail_bool(&d, "replayed");
	(void)detail_bool(&d, "timeout"); /* it made the kind; only its type is left to check */
	return d.r;
}
