/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans on their way through: a batch is read when it comes, waits as long as signals may lag, gets what was measured
 * beside its spans, and goes on. Events wait the other way round, for the span that they belong to.
 */
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>

#include "core/base/clock.h"
#include "core/base/jsonw.h"
#include "core/base/log.h"
#include "core/codec/ip_text.h"
#include "core/programs/agent/live.h"

#define WAIT_BYTES_MAX ((size_t)32 << 20)
#define HELD_MAX 4096
/* SDKs send a span within 5 s of its end; then comes the lag. */
#define HOLD_NS (8 * SLO_NS_PER_SEC)
#define NO_ID UINT64_MAX

struct slo_live_wait {
	struct slo_otlp_batch *batch;
	uint64_t due_ns;
	uint64_t *id; /* one a span; NO_ID: the correlator did not take it */
};

struct slo_live_held {
	uint64_t order; /* at the correlator */
	uint64_t since_ns;
	struct slo_probe_event ev;
	enum slo_status status;
	struct slo_otlp_link link;
};

int slo_live_spans_init(struct slo_live *l, struct slo_err *err)
{
	l->wait = calloc(SLO_LIVE_BATCHES, sizeof(*l->wait));
	l->held = calloc(HELD_MAX, sizeof(*l->held));
	if (!l->wait || !l->held)
		return slo_err_set(err, -ENOMEM, "live pipeline: out of memory");
	return 0;
}

void slo_live_spans_fini(struct slo_live *l)
{
	for (size_t i = 0; l->wait && i < l->wait_count; i++) {
		struct slo_live_wait *w = &l->wait[(l->wait_head + i) % SLO_LIVE_BATCHES];

		slo_otlp_batch_freep(&w->batch);
		slo_freep(&w->id);
	}
	slo_freep(&l->wait);
	slo_freep(&l->held);
}

static void hex(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++) {
		any |= bytes[i];
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[any ? 2 * n : 0] = '\0';
}

/* --- in --------------------------------------------------------------------------------------------------------- */

static void arm(struct slo_live *l)
{
	/* One that has run out is not set. + 1: 0 would disarm. */
	uint64_t due = l->wait_count ? l->wait[l->wait_head].due_ns + 1 : 0;
	struct itimerspec at = { .it_value = { .tv_sec = (time_t)(due / SLO_NS_PER_SEC),
		                               .tv_nsec = (long)(due % SLO_NS_PER_SEC) } };

	if (due == l->timer_ns)
		return;
	(void)timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &at, NULL);
	l->timer_ns = due;
}

/* A resource of the batch, looked up once for all of its spans. */
struct sender {
	uint32_t resource;
	bool known;
	const struct slo_span_resource *r;
	struct slo_live_service *service;
	uint64_t place;
	char key[32];
};

/* False: @s is it already. */
static bool find_sender(struct slo_live *l, const struct slo_otlp_batch *b, uint32_t resource,
                        struct sender *s)
{
	if (s->known && s->resource == resource)
		return false;
	s->known = true;
	s->resource = resource;
	s->r = slo_otlp_batch_resource(b, resource);
	s->place = slo_live_place_of(l, s->r);
	s->key[0] = '\0';
	if (s->place)
		slo_live_place_key(s->place, s->key);
	return true;
}

static void look_up(struct slo_live *l, const struct slo_otlp_batch *b, uint32_t resource,
                    struct sender *s)
{
	if (!find_sender(l, b, resource, s))
		return;
	s->service =
		slo_live_service(l, s->r->who.service, slo_live_namespace_of(l, s->r, s->place));
	if (s->place && s->service)
		slo_live_add_place(l, s->service, s->place);
}

static uint64_t correlate_span(struct slo_live *l, const struct slo_span *span,
                               const struct sender *s)
{
	char trace[2 * SLO_TRACE_ID_LEN + 1];
	struct slo_corr_span c = {
		.who = { .trace_id = trace,
		         .pod = *s->key ? s->key : s->r->who.pod,
		         .conn = span->conn,
		         .service = s->r->who.service,
		         /* Without a host's name it is of this node only where the process was found here. */
		         .node = *s->r->who.node ? s->r->who.node
		                 : s->place      ? l->c.node
		                                 : "",
		         .pid = s->r->pid },
		.start_ns = span->start_ns,
		.end_ns = span->end_ns,
	};
	uint64_t id;

	hex(span->trace_id, SLO_TRACE_ID_LEN, trace);
	return slo_correlator_add_span(l->correlator, &c, &id) < 0 ? NO_ID : id;
}

static void take_spans(struct slo_live *l, struct slo_live_wait *w)
{
	const struct slo_span *spans;
	size_t n = slo_otlp_batch_spans(w->batch, &spans);
	int64_t now = (int64_t)slo_clock_realtime_ns();
	struct sender s = { 0 };

	for (size_t i = 0; i < n; i++) {
		look_up(l, w->batch, spans[i].resource, &s);
		w->id[i] = correlate_span(l, &spans[i], &s);
		slo_live_count(l, s.service, &spans[i]);
		if (spans[i].llm.is_request)
			slo_metrics_request(l->metrics, &spans[i], &s.r->who, now);
	}
	slo_otlp_batch_forget_conns(w->batch);
	l->count.spans += n;
	l->wait_spans += n;
	l->wait_bytes += slo_otlp_batch_bytes(w->batch);
}

int slo_live_take_batch(void *live, struct slo_otlp_batch *batch)
{
	struct slo_live *l = live;
	const struct slo_span *spans;
	size_t n = slo_otlp_batch_spans(batch, &spans);
	struct slo_live_wait *w = &l->wait[(l->wait_head + l->wait_count) % SLO_LIVE_BATCHES];
	uint64_t *id;

	/* One alone is always taken, however large. */
	if (l->wait_count == SLO_LIVE_BATCHES ||
	    (l->wait_count && (l->wait_bytes + slo_otlp_batch_bytes(batch) > WAIT_BYTES_MAX ||
	                       l->wait_spans + n > l->cfg->receiver.retain_spans))) {
		l->count.throttled_batches++;
		return -EAGAIN;
	}
	id = calloc(n + 1, sizeof(*id));
	if (!id)
		return -EAGAIN;
	*w = (struct slo_live_wait){ .batch = batch, .id = id };
	w->due_ns = slo_clock_monotonic_ns() + l->cfg->receiver.lag_ms * SLO_NS_PER_MS;
	take_spans(l, w);
	if (l->wait_count++ == 0)
		arm(l);
	return 0;
}

/* --- out -------------------------------------------------------------------------------------------------------- */

struct leaving {
	struct slo_live *l;
	const struct slo_live_wait *w;
	struct sender sender; /* of the resource last met */
	struct slo_storm storm; /* the sender's, where it has one */
	bool has_storm;
	size_t enriched;
};

static void put(struct slo_otlp_attrs *a, const char *key, struct slo_otlp_attr value)
{
	if (a->count == SLO_OTLP_ATTRS_MAX)
		return;
	value.key = key;
	a->attr[a->count++] = value;
}

static void put_double(struct slo_otlp_attrs *a, const char *key, double v)
{
	if (!isnan(v))
		put(a, key, (struct slo_otlp_attr){ .type = SLO_OTLP_DOUBLE, .d = v });
}

/* The event that waits for this span gets its ids. */
static void link_held(struct slo_live *l, const struct slo_corr_hit *hit,
                      const struct slo_span *span)
{
	uint64_t low = l->held_first, high = l->held_next;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (l->held[mid % HELD_MAX].order < hit->order)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < l->held_next && l->held[low % HELD_MAX].order == hit->order) {
		struct slo_otlp_link *link = &l->held[low % HELD_MAX].link;

		if (hit->confidence <= link->confidence)
			return;
		memcpy(link->trace_id, span->trace_id, sizeof(link->trace_id));
		memcpy(link->span_id, span->span_id, sizeof(link->span_id));
		link->confidence = hit->confidence;
	}
}

static void put_enrichment(const struct slo_enrichment *e, struct slo_otlp_attrs *a)
{
	double ms;

	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (e->present & SLO_SIG_BIT(i))
			put_double(a, slo_signal_attr_name((enum slo_signal)i), e->value[i]);
	}
	if (e->confidence > 0) {
		put_double(a, slo_span_attr_name(SLO_ATTR_CONFIDENCE), e->confidence);
		put(a, slo_span_attr_name(SLO_ATTR_TIER),
		    (struct slo_otlp_attr){ .type = SLO_OTLP_STRING,
		                            .s = slo_corr_tier_desc(e->tier)->name });
	}
	if (slo_enrichment_retrieval_ms(e, &ms))
		put_double(a, slo_span_attr_name(SLO_ATTR_RETRIEVAL_KERNEL_MS), ms);
}

/* slo_otlp_attrs_fn: what was measured beside span @i. */
static void attributes(void *user, size_t i, const struct slo_span *span,
                       struct slo_otlp_attrs *ret)
{
	struct leaving *out = user;
	struct slo_live *l = out->l;
	const char *key = out->sender.key;
	struct slo_enrichment e = { 0 };
	struct slo_corr_result hits = { 0 };

	ret->count = 0;
	if (out->w->id[i] != NO_ID &&
	    slo_correlator_match(l->correlator, out->w->id[i], &hits) == 0)
		slo_enrichment_add(&e, &hits);
	for (unsigned int h = 0; h < hits.count; h++)
		link_held(l, &hits.hit[h], span);
	put_enrichment(&e, ret);
	if (find_sender(l, out->w->batch, span->resource, &out->sender))
		out->has_storm = *key && slo_storms_get(l->storms, key, &out->storm);
	if (out->has_storm && out->storm.begin_ns <= span->end_ns &&
	    out->storm.end_ns >= span->start_ns)
		put(ret, slo_span_attr_name(SLO_ATTR_RETRY_STORM),
		    (struct slo_otlp_attr){ .type = SLO_OTLP_BOOL, .i = 1 });
	out->enriched += ret->count > 0;
	if (span->llm.is_request) {
		put_double(ret, slo_span_attr_name(SLO_ATTR_TTFT_MS), span->llm.ttft_ms);
		put_double(ret, slo_span_attr_name(SLO_ATTR_TOKENS_PER_SEC),
		           span->llm.tokens_per_sec);
	}
}

static void look_at_all(struct leaving *out)
{
	const struct slo_span *spans;
	size_t n = slo_otlp_batch_spans(out->w->batch, &spans);
	struct slo_otlp_attrs unused;

	for (size_t i = 0; i < n; i++)
		attributes(out, i, &spans[i], &unused);
}

static void leave(struct slo_live *l, struct slo_live_wait *w)
{
	struct leaving out = { .l = l, .w = w };
	const struct slo_span *spans;
	size_t n = slo_otlp_batch_spans(w->batch, &spans), len = 0;
	uint8_t *body = NULL;

	l->wait_spans -= n;
	l->wait_bytes -= slo_otlp_batch_bytes(w->batch);
	if (!l->exporter) {
		look_at_all(&out);
	} else if (slo_otlp_batch_splice(w->batch, attributes, &out, &body, &len) < 0) {
		l->count.splice_failed += n;
	} else {
		l->count.exported_bytes += len;
		slo_otlp_exporter_traces(l->exporter, body, len, n);
	}
	l->count.enriched_spans += out.enriched;
	slo_otlp_batch_freep(&w->batch);
	slo_freep(&w->id);
}

void slo_live_release(struct slo_live *l, bool all)
{
	uint64_t now = slo_clock_monotonic_ns();

	while (l->wait_count && (all || l->wait[l->wait_head].due_ns <= now)) {
		leave(l, &l->wait[l->wait_head]);
		l->wait_head = (l->wait_head + 1) % SLO_LIVE_BATCHES;
		l->wait_count--;
	}
	arm(l);
}

/* --- events ----------------------------------------------------------------------------------------------------- */

/* One end as spans have it: RFC 5952, IPv6 in brackets, IPv4 inside of IPv6 as the IPv4 that it is. Without a NUL. */
static char *put_end(char *to, uint8_t family, const uint8_t *addr, uint16_t port)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool v4 = family == 4 || memcmp(addr, mapped, sizeof(mapped)) == 0;
	char digits[20], *end = digits + sizeof(digits), *from = slo_print_u64(end, port);

	if (!v4)
		*to++ = '[';
	to += slo_ip_text(v4 ? 4 : 6, family == 6 && v4 ? addr + sizeof(mapped) : addr, to);
	if (!v4)
		*to++ = ']';
	*to++ = ':';
	return (char *)memcpy(to, from, (size_t)(end - from)) + (end - from);
}

static void conn_text(const struct slo_conn_tuple *t, char buf[SLO_SPAN_CONN_LEN])
{
	char *to;

	buf[0] = '\0';
	if (!t->family || !t->sport || !t->dport)
		return;
	to = put_end(buf, t->family, t->saddr, t->sport);
	*to++ = '-';
	*to++ = '>';
	to = put_end(to, t->family, t->daddr, t->dport);
	memcpy(to, t->proto == IPPROTO_UDP ? "/udp" : "/tcp", sizeof("/tcp"));
}

static void export_held(struct slo_live *l, const struct slo_live_held *h)
{
	const struct slo_identity *id =
		slo_identity_get(l->c.identity, h->ev.cgroup_id, h->ev.tgid, l->now_ns);
	struct slo_workload who;

	if (!l->exporter)
		return;
	slo_live_workload(l, id, &who);
	slo_otlp_exporter_event(l->exporter, &h->ev, h->status, &who, &h->link,
	                        l->cfg->privacy.names);
}

void slo_live_release_held(struct slo_live *l, bool all)
{
	while (l->held_first < l->held_next) {
		const struct slo_live_held *h = &l->held[l->held_first % HELD_MAX];

		if (!all && h->since_ns + HOLD_NS > l->now_ns)
			break;
		export_held(l, h);
		l->held_first++;
	}
}

void slo_live_hold(struct slo_live *l, const struct slo_probe_event *ev, enum slo_status status)
{
	char key[32], conn[SLO_SPAN_CONN_LEN], trace[2 * SLO_TRACE_ID_LEN + 1];
	struct slo_corr_signal signal = {
		.who = { .trace_id = trace,
		         .pod = key,
		         .conn = conn,
		         .service = slo_live_service_at(l, ev->cgroup_id),
		         .node = l->c.node,
		         .pid = slo_identity_ns_pid(l->c.identity, ev->tgid, l->now_ns) },
		.time_ns = (int64_t)slo_event_realtime_ns(ev),
		.signal = ev->signal,
		.value = slo_event_value(ev),
	};
	struct slo_correlator_stats st;
	struct slo_live_held *h;

	key[0] = '\0';
	if (ev->cgroup_id)
		slo_live_place_key(ev->cgroup_id, key);
	conn_text(&ev->tuple, conn);
	hex(ev->trace_id, SLO_TRACE_ID_LEN, trace);
	(void)slo_correlator_add_signal(l->correlator, &signal);
	if (ev->signal == SLO_SIG_TCP_RETRANSMITS)
		(void)slo_storms_add(l->storms, key, signal.time_ns, ev->count);
	if (!l->exporter)
		return;
	if (l->held_next - l->held_first == HELD_MAX) {
		export_held(l, &l->held[l->held_first++ % HELD_MAX]);
		l->count.held_lost++;
	}
	slo_correlator_stats_get(l->correlator, &st);
	h = &l->held[l->held_next++ % HELD_MAX];
	*h = (struct slo_live_held){ .order = st.signals + st.spans + st.refused,
		                     .since_ns = l->now_ns,
		                     .ev = *ev,
		                     .status = status };
	if (!slo_event_is_traced(ev))
		return;
	/* What the kernel saw the thread work for needs no guess; no hit is surer. */
	memcpy(h->link.trace_id, ev->trace_id, sizeof(h->link.trace_id));
	memcpy(h->link.span_id, ev->span_id, sizeof(h->link.span_id));
	h->link.confidence = slo_corr_tier_desc(SLO_TIER_TRACE)->confidence;
}
