/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/decode.h"
#include "test/random.h"

#define OFFSET UINT64_C(1700000000000000000)

static struct slo_abi_event event_of(unsigned int signal, unsigned int kind)
{
	return (struct slo_abi_event){
		.version = SLO_ABI_VERSION,
		.size = sizeof(struct slo_abi_event),
		.signal = (uint8_t)signal,
		.kind = (uint8_t)kind,
		.source = SLO_ABI_SRC_TP_BTF,
		.family = 2,
		.start_ns = 1000,
		.value = 500,
		.tgid = 7,
		.tid = 8,
		.cgroup_id = 9,
		.netns = 10,
		.err = 110,
		.sport = 40000,
		.dport = 53,
		.proto = 17,
		.sample_weight = 4,
		.saddr = { 10, 0, 0, 1 },
		.daddr = { 10, 0, 0, 2 },
		.comm = "exactly16bytes!!",
	};
}

static struct slo_abi_agg agg_of(unsigned int signal, unsigned int kind)
{
	struct slo_abi_agg a = {
		.head = event_of(signal, kind), .interval_ns = 1000000000, .count = 3, .max = 9000
	};

	a.head.size = sizeof(a);
	return a;
}

static struct slo_probe_event decoded(const void *rec, size_t size)
{
	struct slo_probe_event ev;
	struct slo_err err = { 0 };

	memset(&ev, 0xa5, sizeof(ev));
	if (slo_decode(rec, size, OFFSET, &ev, &err))
		fail_msg("%s", err.msg);
	return ev;
}

/* Refused, with a reason and the result untouched. */
static void assert_refused(const void *rec, size_t size)
{
	struct slo_probe_event ev, untouched;
	struct slo_err err = { 0 };

	memset(&ev, 0xa5, sizeof(ev));
	memset(&untouched, 0xa5, sizeof(untouched));
	assert_int_equal(slo_decode(rec, size, 0, &ev, &err), -EBADMSG);
	assert_int_equal(err.code, -EBADMSG);
	assert_true(strlen(err.msg) > 10);
	assert_memory_equal(&ev, &untouched, sizeof(ev));
	assert_int_equal(slo_decode(rec, size, 0, &ev, NULL), -EBADMSG);
}

static void a_sample_keeps_every_field(void **state)
{
	struct slo_abi_event e = event_of(SLO_ABI_RUNQUEUE_DELAY, SLO_ABI_SAMPLE);
	struct slo_probe_event ev;

	(void)state;

	e.extra.runq.cpu = 3;
	e.extra.runq.prio = 120;
	ev = decoded(&e, sizeof(e));
	assert_int_equal(ev.signal, SLO_SIG_RUNQUEUE_DELAY);
	assert_int_equal(ev.kind, SLO_EV_SAMPLE);
	assert_int_equal(ev.source, SLO_SRC_TP_BTF);
	assert_false(ev.replayed);
	assert_int_equal(ev.start_ns, 1000);
	assert_int_equal(ev.realtime_offset_ns, OFFSET);
	assert_int_equal(ev.value_ns, 500);
	assert_int_equal(ev.count, 0);
	assert_int_equal(ev.interval_ns, 0);
	assert_true(ev.gauge == 0);
	assert_int_equal(ev.tgid, 7);
	assert_int_equal(ev.tid, 8);
	assert_int_equal(ev.cgroup_id, 9);
	assert_int_equal(ev.netns, 10);
	assert_int_equal(ev.err, 110);
	assert_int_equal(ev.sample_weight, 4);
	assert_int_equal(ev.tuple.family, 4);
	assert_int_equal(ev.tuple.proto, 17);
	assert_int_equal(ev.tuple.sport, 40000);
	assert_int_equal(ev.tuple.dport, 53);
	assert_memory_equal(ev.tuple.daddr, e.daddr, 16);
	assert_string_equal(ev.comm, "exactly16bytes!!");
	assert_int_equal(ev.detail.runq.cpu, 3);
	assert_int_equal(ev.detail.runq.prio, 120);
}

static void counts_and_connects_have_their_own_facts(void **state)
{
	struct slo_abi_event r = event_of(SLO_ABI_TCP_RETRANSMITS, SLO_ABI_SAMPLE);
	struct slo_abi_event c = event_of(SLO_ABI_CONNECT_ERRORS, SLO_ABI_SAMPLE);
	struct slo_probe_event ev;

	(void)state;
	r.extra.retr.kind = SLO_ABI_RETR_RTO;
	r.extra.retr.tcp_state = 1;
	r.flags = SLO_ABI_F_PASSIVE;
	r.family = 10;
	ev = decoded(&r, sizeof(r));
	assert_int_equal(ev.count, 500);
	assert_int_equal(ev.value_ns, 0);
	assert_int_equal(ev.tuple.family, 6);
	assert_int_equal(ev.detail.retr.kind, SLO_RETR_RTO);
	assert_int_equal(ev.detail.retr.tcp_state, 1);
	assert_true(ev.detail.retr.passive);

	c.flags = SLO_ABI_F_LOCAL | SLO_ABI_F_ABORTED;
	c.extra.conn.syn_retrans = 2;
	c.extra.conn.srtt_us = 300;
	c.extra.conn.after_ns = 400;
	ev = decoded(&c, sizeof(c));
	assert_int_equal(ev.detail.conn.syn_retrans, 2);
	assert_int_equal(ev.detail.conn.srtt_us, 300);
	assert_int_equal(ev.detail.conn.after_ns, 400);
	assert_true(ev.detail.conn.local && ev.detail.conn.aborted);
}

static void a_histogram_counts_its_slots(void **state)
{
	struct slo_abi_agg a = agg_of(SLO_ABI_DNS_LATENCY, SLO_ABI_HIST);
	struct slo_probe_event ev;

	(void)state;
	a.slot[0] = 1;
	a.slot[3] = 2;
	a.slot[SLO_ABI_SLOTS - 1] = UINT32_MAX;
	a.count = 2; /* an update behind */
	a.head.flags = SLO_ABI_F_UPSTREAM;
	ev = decoded(&a, sizeof(a));
	assert_int_equal(ev.hist.count, UINT64_C(3) + UINT32_MAX);
	assert_int_equal(ev.count, ev.hist.count);
	assert_int_equal(ev.hist.sum_ns, 500);
	assert_int_equal(ev.hist.max_ns, 9000);
	assert_int_equal(ev.interval_ns, 1000000000);
	assert_int_equal(ev.value_ns, 0);
	assert_true(ev.detail.dns.upstream);
	assert_string_equal(ev.detail.dns.qname, "");
	assert_false(ev.detail.dns.truncated);
}

static void a_gauge_is_millionths_in_either_record(void **state)
{
	struct slo_abi_event e = event_of(SLO_ABI_CPU_STEAL, SLO_ABI_GAUGE);
	struct slo_abi_agg a = agg_of(SLO_ABI_CPU_STEAL, SLO_ABI_GAUGE);
	struct slo_probe_event ev;

	(void)state;
	e.value = 12500000;
	ev = decoded(&e, sizeof(e));
	assert_true(ev.gauge == 12.5);
	assert_int_equal(ev.interval_ns, 0);
	a.head.value = 1;
	ev = decoded(&a, sizeof(a));
	assert_true(ev.gauge == 1e-6);
	assert_int_equal(ev.interval_ns, 1000000000);
	assert_int_equal(ev.count, 3);
}

static void records_may_be_unaligned_and_padded(void **state)
{
	struct slo_abi_event e = event_of(SLO_ABI_SYSCALL, SLO_ABI_SAMPLE);
	uint8_t bytes[sizeof(e) + 16] = { 0 };

	(void)state;
	for (size_t shift = 0; shift < 8; shift++) {
		memcpy(bytes + shift, &e, sizeof(e));
		assert_int_equal(decoded(bytes + shift, sizeof(e) + 4).value_ns, 500);
	}
}

static struct slo_abi_traced traced_of(unsigned int signal, unsigned int kind)
{
	struct slo_abi_traced t = { .event = event_of(signal, kind) };

	t.event.size = sizeof(t);
	for (size_t i = 0; i < sizeof(t.trace); i++)
		((uint8_t *)&t.trace)[i] = (uint8_t)(i + 1);
	return t;
}

static void a_longer_record_tells_its_trace(void **state)
{
	struct slo_abi_traced t = traced_of(SLO_ABI_DNS_LATENCY, SLO_ABI_TIMEOUT);
	struct slo_probe_event ev = decoded(&t, sizeof(t));

	(void)state;
	assert_true(slo_event_is_traced(&ev));
	assert_memory_equal(ev.trace_id, t.trace.trace_id, SLO_TRACE_ID_LEN);
	assert_memory_equal(ev.span_id, t.trace.span_id, SLO_SPAN_ID_LEN);
	assert_int_equal(ev.value_ns, 500);
	for (size_t size = sizeof(t.event); size < sizeof(t); size++)
		assert_refused(&t, size);
	t.trace = (struct slo_abi_trace){ 0 };
	ev = decoded(&t, sizeof(t));
	assert_false(slo_event_is_traced(&ev));
}

static void the_format_before_is_read_and_had_no_traces(void **state)
{
	struct slo_abi_traced t = traced_of(SLO_ABI_SYSCALL, SLO_ABI_SAMPLE);
	struct slo_abi_event e = event_of(SLO_ABI_SYSCALL, SLO_ABI_SAMPLE);
	struct slo_probe_event ev;

	(void)state;
	e.version = t.event.version = 1;
	ev = decoded(&e, sizeof(e));
	assert_false(slo_event_is_traced(&ev));
	assert_refused(&t, sizeof(t));
	t.event.version = SLO_ABI_VERSION;
	t.event.kind = SLO_ABI_HIST;
	assert_refused(&t, sizeof(t));
}

static void every_shorter_size_is_refused(void **state)
{
	struct slo_abi_agg a = agg_of(SLO_ABI_DNS_LATENCY, SLO_ABI_HIST);
	struct slo_abi_event e = event_of(SLO_ABI_DNS_LATENCY, SLO_ABI_SAMPLE);

	(void)state;
	for (size_t size = 0; size < sizeof(a); size++) {
		/* On the heap, so that ASan sees a read beyond. */
		uint8_t *rec = malloc(size + !size);

		assert_non_null(rec);
		memcpy(rec, &a, size);
		assert_refused(rec, size);
		memcpy(rec, &e, size < sizeof(e) ? size : sizeof(e));
		if (size < sizeof(e))
			assert_refused(rec, size);
		free(rec);
	}
}

static void what_is_out_of_range_is_refused(void **state)
{
	const struct {
		size_t at;
		size_t bytes;
		uint64_t value;
		unsigned int signal;
		unsigned int kind;
	} bad[] = {
		{ offsetof(struct slo_abi_event, version), 2, 0, 0, 0 },
		{ offsetof(struct slo_abi_event, version), 2, SLO_ABI_VERSION + 1, 0, 0 },
		{ offsetof(struct slo_abi_event, size), 2, 0, 0, 0 },
		{ offsetof(struct slo_abi_event, size), 2, 65535, 0, 0 },
		{ offsetof(struct slo_abi_event, size), 2, sizeof(struct slo_abi_agg), 0, 0 },
		{ offsetof(struct slo_abi_event, signal), 1, SLO_ABI_SIGNAL_MAX, 0, 0 },
		{ offsetof(struct slo_abi_event, kind), 1, SLO_ABI_KIND_MAX, 0, 0 },
		{ offsetof(struct slo_abi_event, kind), 1, SLO_ABI_HIST, 0, 0 },
		{ offsetof(struct slo_abi_event, kind), 1, SLO_ABI_COUNT, 0, 0 },
		{ offsetof(struct slo_abi_event, source), 1, SLO_ABI_SRC_MAX, 0, 0 },
		{ offsetof(struct slo_abi_event, family), 1, 1, 0, 0 },
		{ offsetof(struct slo_abi_event, start_ns), 8, UINT64_MAX, 0, 0 },
		{ offsetof(struct slo_abi_event, value), 8, UINT64_C(1) << 63, 0, 0 },
		{ offsetof(struct slo_abi_event, value), 8, UINT64_C(1) << 54, SLO_ABI_CPU_STEAL,
		  SLO_ABI_GAUGE },
		{ offsetof(struct slo_abi_event, err), 4, UINT32_MAX, 0, 0 },
		{ offsetof(struct slo_abi_event, err), 4, 4096, 0, 0 },
		{ offsetof(struct slo_abi_event, extra.dns.name_len), 1, SLO_ABI_NAME_LEN + 1, 0,
		  0 },
		{ offsetof(struct slo_abi_event, extra.retr.kind), 4, SLO_ABI_RETR_MAX,
		  SLO_ABI_TCP_RETRANSMITS, 0 },
		{ offsetof(struct slo_abi_event, extra.retr.tcp_state), 4, 16,
		  SLO_ABI_TCP_RETRANSMITS, 0 },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		struct slo_abi_agg a = { .head = event_of(bad[i].signal, bad[i].kind) };

		(void)decoded(&a, sizeof(a));
		memcpy((uint8_t *)&a + bad[i].at, &bad[i].value, bad[i].bytes);
		assert_refused(&a, sizeof(a));
	}
}

static void kinds_that_do_not_fit_the_signal_are_refused(void **state)
{
	struct slo_abi_event sample = event_of(SLO_ABI_CPU_STEAL, SLO_ABI_SAMPLE);
	struct slo_abi_event timeout = event_of(SLO_ABI_CPU_STEAL, SLO_ABI_TIMEOUT);
	struct slo_abi_agg hist = agg_of(SLO_ABI_TCP_RETRANSMITS, SLO_ABI_HIST);
	struct slo_abi_agg interval = agg_of(SLO_ABI_TCP_RETRANSMITS, SLO_ABI_COUNT);

	(void)state;
	assert_refused(&sample, sizeof(sample));
	assert_refused(&timeout, sizeof(timeout));
	assert_refused(&hist, sizeof(hist));
	(void)decoded(&interval, sizeof(interval));
	interval.interval_ns = UINT64_MAX;
	assert_refused(&interval, sizeof(interval));
}

static struct slo_probe_event named(const void *wire, size_t len)
{
	struct slo_abi_event e = event_of(SLO_ABI_DNS_LATENCY, SLO_ABI_SAMPLE);

	assert_true(len <= SLO_ABI_NAME_LEN);
	memcpy(e.extra.dns.name, wire, len);
	e.extra.dns.name_len = (uint8_t)len;
	return decoded(&e, sizeof(e));
}

static void dns_names_become_dotted_text(void **state)
{
	const struct {
		const char *wire;
		size_t len;
		const char *text;
		unsigned int qtype;
		bool truncated;
	} names[] = {
		{ "", 0, "", 0, false },
		{ "\0\0\1\0\1", 5, ".", 1, false },
		{ "\3API\6OpenAI\3com\0\0\34\0\1", 20, "api.openai.com", 28, false },
		{ "\3api\6openai\3com\0", 16, "api.openai.com", 0, false },
		{ "\3api\6openai\3com\0\0", 17, "api.openai.com", 0, false },
		{ "\3api\6openai\3com", 15, "api.openai.com", 0, true },
		{ "\3api\6open", 9, "api.open", 0, true },
		{ "\3api\6", 5, "api", 0, true },
		{ "\5", 1, "", 0, true },
		{ "\3api\300\14", 6, "api", 0, true },
		{ "\100abc", 4, "", 0, true },
		{ "\4a.b\\\1\n\0\0\1\0\1", 12, "a\\046b\\092.\\010", 1, false },
		{ "\2 \xff\0", 4, "\\032\\255", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(names); i++) {
		struct slo_probe_event ev = named(names[i].wire, names[i].len);

		assert_string_equal(ev.detail.dns.qname, names[i].text);
		assert_int_equal(ev.detail.dns.qtype, names[i].qtype);
		assert_int_equal(ev.detail.dns.truncated, names[i].truncated);
	}
}

static void a_name_of_escapes_is_cut_between_them(void **state)
{
	uint8_t wire[SLO_ABI_NAME_LEN];
	struct slo_probe_event ev;

	(void)state;
	memset(wire, 1, sizeof(wire));
	wire[0] = 63;
	ev = named(wire, sizeof(wire));
	assert_int_equal(strlen(ev.detail.dns.qname), 76);
	assert_true(ev.detail.dns.truncated);
	/* The separator of a label of which nothing fits goes with it. */
	wire[0] = 19;
	ev = named(wire, sizeof(wire));
	assert_int_equal(strlen(ev.detail.dns.qname), 76);
}

static void server_time_runs_from_the_last_transmission(void **state)
{
	struct slo_abi_event e = event_of(SLO_ABI_DNS_LATENCY, SLO_ABI_SAMPLE);

	(void)state;
	e.extra.dns.last_ns = 1400;
	assert_int_equal(decoded(&e, sizeof(e)).detail.dns.server_ns, 100);
	e.extra.dns.last_ns = 999;
	assert_int_equal(decoded(&e, sizeof(e)).detail.dns.server_ns, 0);
	e.extra.dns.last_ns = 1501;
	assert_int_equal(decoded(&e, sizeof(e)).detail.dns.server_ns, 0);
	e.extra.dns.last_ns = 1400;
	e.kind = SLO_ABI_TIMEOUT;
	assert_int_equal(decoded(&e, sizeof(e)).detail.dns.server_ns, 0);
}

static void random_bytes(uint64_t *seed, void *to, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = (uint8_t)test_random(seed);
}

static void random_name(uint64_t *seed, char name[SLO_QNAME_LEN])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t labels = test_random(seed) % 6;
	size_t used = 0;

	for (size_t i = 0; i < labels; i++) {
		for (size_t n = 1 + test_random(seed) % 10; n; n--)
			name[used++] = letters[test_random(seed) % (sizeof(letters) - 1)];
		if (i + 1 < labels)
			name[used++] = '.';
	}
	name[used] = '\0';
}

static void random_detail(uint64_t *seed, struct slo_probe_event *ev)
{
	uint64_t r = test_random(seed);

	switch (ev->signal) {
	case SLO_SIG_DNS_LATENCY:
		random_name(seed, ev->detail.dns.qname);
		if (ev->kind == SLO_EV_SAMPLE)
			ev->detail.dns.server_ns = ev->value_ns ? r % ev->value_ns : 0;
		ev->detail.dns.qtype = (uint16_t)r;
		ev->detail.dns.rcode = (uint16_t)(r >> 16);
		ev->detail.dns.retries = (uint16_t)(r >> 32);
		ev->detail.dns.upstream = r >> 48 & 1;
		ev->detail.dns.truncated = r >> 49 & 1;
		break;
	case SLO_SIG_TCP_RETRANSMITS:
		ev->detail.retr.kind = (enum slo_retr_kind)(r % SLO_RETR_MAX_);
		ev->detail.retr.tcp_state = r >> 32 & 0xf;
		ev->detail.retr.passive = r >> 48 & 1;
		break;
	case SLO_SIG_CONNECT_LATENCY:
	case SLO_SIG_CONNECT_ERRORS:
		ev->detail.conn.syn_retrans = (uint32_t)r;
		ev->detail.conn.srtt_us = (uint32_t)(r >> 32);
		ev->detail.conn.after_ns = test_random(seed);
		ev->detail.conn.local = r & 1;
		ev->detail.conn.aborted = r >> 1 & 1;
		break;
	case SLO_SIG_RUNQUEUE_DELAY:
		ev->detail.runq.cpu = (uint32_t)r;
		ev->detail.runq.prio = (uint32_t)(r >> 32);
		ev->detail.runq.cause = (uint32_t)(r % SLO_WAIT_MAX_);
		break;
	case SLO_SIG_TLS_HANDSHAKE:
	case SLO_SIG_TLS_FAIL:
		ev->detail.tls.server_ns = r;
		ev->detail.tls.after_ns = test_random(seed);
		ev->detail.tls.version = (uint32_t)(r % SLO_TLS_VERSION_MAX_);
		ev->detail.tls.reason = (uint32_t)(r % SLO_TLS_REASON_MAX_);
		ev->detail.tls.alert = r >> 8 & 0xff;
		ev->detail.tls.retried = r & 1;
		ev->detail.tls.early_data = r >> 1 & 1;
		ev->detail.tls.server = r >> 2 & 1;
		ev->detail.tls.by_peer = r >> 3 & 1;
		memset(ev->detail.tls.sni, 'x', r % SLO_SNI_LEN);
		break;
	case SLO_SIG_MEM_RECLAIM:
		ev->detail.reclaim.kind = (uint32_t)(r % SLO_RECLAIM_MAX_);
		ev->detail.reclaim.order = (uint32_t)r;
		ev->detail.reclaim.pages = test_random(seed);
		ev->detail.reclaim.throttled_ns = test_random(seed);
		break;
	case SLO_SIG_DISK_IO:
		if (ev->kind == SLO_EV_SAMPLE && ev->value_ns > 1) {
			ev->detail.disk.device_ns = 1 + r % (ev->value_ns - 1);
			ev->detail.disk.queue_ns = ev->value_ns - ev->detail.disk.device_ns;
		}
		ev->detail.disk.op = (uint32_t)(r % SLO_DISK_OP_MAX_);
		ev->detail.disk.bytes = (uint32_t)r;
		ev->detail.disk.major = r & 0xfff;
		ev->detail.disk.minor = r >> 12 & 0xfffff;
		(void)snprintf(ev->detail.disk.device, sizeof(ev->detail.disk.device), "%u:%u",
		               ev->detail.disk.major, ev->detail.disk.minor);
		break;
	case SLO_SIG_SYSCALL:
		ev->detail.sys.nr = (uint32_t)r;
		ev->detail.sys.family = (uint32_t)(r % SLO_SYS_FAMILY_MAX_);
		ev->detail.sys.file = (uint32_t)(r % SLO_FILE_CLASS_MAX_);
		ev->detail.sys.bytes = r >> 1;
		ev->detail.sys.major = r & 0xfff;
		ev->detail.sys.minor = r >> 12 & 0xfffff;
		break;
	case SLO_SIG_CFS_THROTTLED:
		ev->detail.throttle.periods = (uint32_t)r;
		ev->detail.throttle.throttled = (uint32_t)(r >> 32);
		break;
	case SLO_SIG_CPU_STEAL:
	case SLO_SIG_MAX_:
		break;
	}
}

/* Which kinds a signal of this unit may have; see struct slo_probe_event. */
static enum slo_event_kind random_kind(uint64_t *seed, enum slo_unit unit)
{
	enum slo_event_kind kind = (enum slo_event_kind)(test_random(seed) % SLO_EV_KIND_MAX_);

	if (kind == SLO_EV_HIST && unit != SLO_UNIT_MS)
		return SLO_EV_COUNT;
	if ((kind == SLO_EV_SAMPLE || kind == SLO_EV_TIMEOUT) && unit == SLO_UNIT_PCT)
		return SLO_EV_GAUGE;
	return kind;
}

static void random_value(uint64_t *seed, struct slo_probe_event *ev, enum slo_unit unit)
{
	bool plain = ev->kind == SLO_EV_SAMPLE || ev->kind == SLO_EV_TIMEOUT;

	if (plain && unit == SLO_UNIT_MS)
		ev->value_ns = test_random(seed) >> (1 + test_random(seed) % 63);
	else
		ev->count = test_random(seed) >> (1 + test_random(seed) % 63);
	if (!plain)
		ev->interval_ns = test_random(seed) >> 20;
	if (ev->kind == SLO_EV_GAUGE)
		ev->gauge = (double)(test_random(seed) >> 20) / 1e6;
	if (ev->kind != SLO_EV_HIST)
		return;
	for (int i = 0; i < SLO_HIST_SLOTS; i++) {
		ev->hist.slot[i] = (uint32_t)test_random(seed);
		ev->hist.count += ev->hist.slot[i];
	}
	ev->count = ev->hist.count;
	ev->hist.sum_ns = test_random(seed) >> 1;
	ev->hist.max_ns = test_random(seed) >> 1;
}

static void random_event(uint64_t *seed, struct slo_probe_event *ev)
{
	enum slo_unit unit;

	memset(ev, 0, sizeof(*ev));
	ev->signal = (enum slo_signal)(test_random(seed) % SLO_SIG_MAX_);
	unit = slo_signal_desc(ev->signal)->unit;
	ev->kind = random_kind(seed, unit);
	ev->source = (enum slo_source)(test_random(seed) % SLO_SRC_MAX_);
	ev->start_ns = test_random(seed) >> 1;
	ev->realtime_offset_ns = OFFSET;
	random_value(seed, ev, unit);
	ev->tgid = (uint32_t)test_random(seed);
	ev->tid = (uint32_t)test_random(seed);
	ev->cgroup_id = test_random(seed);
	ev->netns = (uint32_t)test_random(seed);
	ev->err = (int)(test_random(seed) % 4096);
	ev->sample_weight = (uint16_t)test_random(seed);
	random_bytes(seed, &ev->tuple, sizeof(ev->tuple));
	ev->tuple.family = (uint8_t[]){ 0, 4, 6 }[test_random(seed) % 3];
	for (uint64_t i = 0, n = test_random(seed) % (SLO_COMM_LEN + 1); i < n; i++)
		ev->comm[i] = (char)('!' + test_random(seed) % 90);
	if ((ev->kind == SLO_EV_SAMPLE || ev->kind == SLO_EV_TIMEOUT) && ev->tgid % 2) {
		random_bytes(seed, ev->trace_id, sizeof(ev->trace_id));
		random_bytes(seed, ev->span_id, sizeof(ev->span_id));
	}
	random_detail(seed, ev);
}

static void encoding_and_decoding_give_the_event_again(void **state)
{
	uint64_t seed = TEST_RANDOM_SEED + 42;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct slo_probe_event in, out;
		struct slo_abi_agg rec;
		struct slo_err err = { 0 };
		size_t size;

		random_event(&seed, &in);
		size = slo_encode(&in, &rec);
		memset(&out, 0, sizeof(out));
		if (slo_decode(&rec, size, OFFSET, &out, &err))
			fail_msg("event %d: %s", i, err.msg);
		/* Everything behind a text's end is the reader's own. */
		memset(out.comm + strlen(out.comm), 0, sizeof(out.comm) - strlen(out.comm));
		assert_memory_equal(&in, &out, sizeof(in));
	}
}

/* Any record that decodes is, encoded and decoded again, the same event: names of the network included. */
static void records_of_noise_decode_alike_twice(void **state)
{
	uint64_t seed = TEST_RANDOM_SEED + 7;
	int good = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct slo_abi_agg rec = { .head = event_of(SLO_ABI_DNS_LATENCY, SLO_ABI_SAMPLE) };
		struct slo_probe_event first = { 0 }, second = { 0 };
		size_t size;

		random_bytes(&seed, &rec.head.extra, sizeof(rec.head.extra));
		rec.head.extra.dns.name_len %= SLO_ABI_NAME_LEN + 2;
		for (int label = 0; label < SLO_ABI_NAME_LEN; label += 1 + label % 11)
			rec.head.extra.dns.name[label] %= 16;
		if (slo_decode(&rec, sizeof(rec.head), OFFSET, &first, NULL))
			continue;
		good++;
		size = slo_encode(&first, &rec);
		assert_int_equal(slo_decode(&rec, size, OFFSET, &second, NULL), 0);
		assert_string_equal(first.detail.dns.qname, second.detail.dns.qname);
		assert_int_equal(first.detail.dns.truncated, second.detail.dns.truncated);
		assert_int_equal(first.detail.dns.qtype, second.detail.dns.qtype);
		assert_int_equal(first.detail.dns.server_ns, second.detail.dns.server_ns);
	}
	assert_true(good > 90000);
}

static void encoding_keeps_within_what_decodes(void **state)
{
	struct slo_probe_event ev = { .signal = SLO_SIG_CPU_STEAL, .kind = SLO_EV_GAUGE };
	const double gauges[] = { -1, (double)NAN, (double)INFINITY, 1e300, 0, 99.9999999 };
	struct slo_abi_agg rec;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(gauges); i++) {
		ev.gauge = gauges[i];
		(void)decoded(&rec, slo_encode(&ev, &rec));
	}
	ev.signal = SLO_SIG_DISK_IO;
	ev.kind = SLO_EV_SAMPLE;
	ev.value_ns = ev.start_ns = ev.interval_ns = UINT64_MAX;
	ev.sample_weight = UINT32_MAX;
	ev.err = INT32_MAX;
	ev = decoded(&rec, slo_encode(&ev, &rec));
	assert_int_equal(ev.value_ns, INT64_MAX);
	assert_int_equal(ev.sample_weight, 65535);
	assert_int_equal(ev.err, 4095);
}

static void names_of_every_length_survive_or_are_cut(void **state)
{
	struct slo_probe_event ev = { .signal = SLO_SIG_DNS_LATENCY, .kind = SLO_EV_SAMPLE };

	(void)state;
	for (size_t len = 1; len < SLO_QNAME_LEN; len++) {
		struct slo_probe_event out;
		struct slo_abi_agg rec;

		memset(ev.detail.dns.qname, 'x', len);
		for (size_t i = 20; i + 1 < len; i += 20)
			ev.detail.dns.qname[i] = '.';
		ev.detail.dns.qname[len] = '\0';
		out = decoded(&rec, slo_encode(&ev, &rec));
		assert_memory_equal(out.detail.dns.qname, ev.detail.dns.qname,
		                    strlen(out.detail.dns.qname));
		assert_int_equal(out.detail.dns.truncated, len > SLO_ABI_NAME_LEN - 2);
		if (!out.detail.dns.truncated)
			assert_string_equal(out.detail.dns.qname, ev.detail.dns.qname);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sample_keeps_every_field),
		cmocka_unit_test(counts_and_connects_have_their_own_facts),
		cmocka_unit_test(a_histogram_counts_its_slots),
		cmocka_unit_test(a_gauge_is_millionths_in_either_record),
		cmocka_unit_test(records_may_be_unaligned_and_padded),
		cmocka_unit_test(a_longer_record_tells_its_trace),
		cmocka_unit_test(the_format_before_is_read_and_had_no_traces),
		cmocka_unit_test(every_shorter_size_is_refused),
		cmocka_unit_test(what_is_out_of_range_is_refused),
		cmocka_unit_test(kinds_that_do_not_fit_the_signal_are_refused),
		cmocka_unit_test(dns_names_become_dotted_text),
		cmocka_unit_test(a_name_of_escapes_is_cut_between_them),
		cmocka_unit_test(server_time_runs_from_the_last_transmission),
		cmocka_unit_test(encoding_and_decoding_give_the_event_again),
		cmocka_unit_test(records_of_noise_decode_alike_twice),
		cmocka_unit_test(encoding_keeps_within_what_decodes),
		cmocka_unit_test(names_of_every_length_survive_or_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
