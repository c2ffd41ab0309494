/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_sender.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/export/otlp_answer.h"
#include "core/export/otlp_target.h"
#include "core/net/backoff.h"
#include "core/net/gzip.h"
#include "core/store/spool.h"

#define REQUEST_MAX ((size_t)64 << 20)
#define REPLY_MAX ((size_t)4 << 20)
#define FLIGHTS_MAX 4 /* requests under way at once */
#define BACKOFF_BASE_MS 1000
#define BACKOFF_CAP_MS 30000
#define EXPIRE_NS SLO_NS_PER_SEC
#define DRAIN_STEP_MS 20
#define ITEMS_MAX ((UINT32_C(1) << 24) - 1) /* what a spool's tag holds */

/* What is known of a request beside its body; a tag of the spool. */
struct label {
	enum slo_otlp_kind kind;
	bool gzip;
	uint32_t items;
};

struct batch {
	struct batch *next; /* the next younger one */
	struct label label;
	uint8_t *body; /* owned */
	size_t len;
	bool under_way, tried;
};

struct flight {
	struct slo_otlp_sender *sender;
	uint64_t id; /* of the client's request; 0: free */
	struct batch *batch; /* of the queue; NULL: the spool's record @position */
	uint64_t position;
	struct label label;
};

struct slo_otlp_sender {
	struct slo_otlp_target target[SLO_OTLP_KIND_MAX_];
	struct slo_http_client *client;
	struct slo_spool *spool; /* NULL: none */
	size_t queue_max;
	struct batch *oldest, *youngest;
	struct flight flight[FLIGHTS_MAX];
	uint64_t tried_position; /* of the spool: what was sent once already */
	struct slo_backoff backoff;
	uint64_t expired_ns;
	bool closing;
	struct slo_otlp_exporter_stats stats;
};

static uint32_t tag_of(const struct label *l)
{
	return (uint32_t)l->kind | (l->gzip ? 4U : 0U) | l->items << 8;
}

/* False: no tag of ours. */
static bool read_tag(uint32_t tag, struct label *ret)
{
	if ((tag & 3) >= SLO_OTLP_KIND_MAX_ || (tag & 0xf8))
		return false;
	*ret = (struct label){ .kind = (enum slo_otlp_kind)(tag & 3),
		               .gzip = tag & 4,
		               .items = tag >> 8 };
	return true;
}

static void on_lost(void *user, uint32_t tag)
{
	struct slo_otlp_sender *s = user;
	struct label l;

	if (read_tag(tag, &l))
		s->stats.dropped[l.kind] += l.items;
}

/* --- the queue in memory -------------------------------------------------------------------------------------- */

static void append(struct slo_otlp_sender *s, struct batch *b)
{
	if (s->youngest) {
		s->youngest->next = b;
	} else {
		s->oldest = b;
	}
	s->youngest = b;
	s->stats.queue_bytes += b->len;
	s->stats.queue_batches++;
}

static void remove_batch(struct slo_otlp_sender *s, struct batch *b)
{
	struct batch **at = &s->oldest, *before = NULL;

	while (*at != b) {
		before = *at;
		at = &before->next;
	}
	*at = b->next;
	if (s->youngest == b)
		s->youngest = before;
	s->stats.queue_bytes -= b->len;
	s->stats.queue_batches--;
	free(b->body);
	free(b);
}

static struct batch *oldest_idle(const struct slo_otlp_sender *s)
{
	struct batch *b = s->oldest;

	while (b && b->under_way)
		b = b->next;
	return b;
}

/* To disk, or lost. */
static void spill(struct slo_otlp_sender *s, struct batch *b)
{
	if (!s->spool ||
	    slo_spool_append(s->spool, tag_of(&b->label), b->body, b->len, false, NULL) < 0)
		s->stats.dropped[b->label.kind] += b->label.items;
	remove_batch(s, b);
}

static void keep_within_cap(struct slo_otlp_sender *s)
{
	struct batch *b;

	while (s->stats.queue_bytes > s->queue_max && (b = oldest_idle(s)))
		spill(s, b);
}

/* --- sending -------------------------------------------------------------------------------------------------- */

static size_t flights(const struct slo_otlp_sender *s)
{
	size_t n = 0;

	for (size_t i = 0; i < FLIGHTS_MAX; i++)
		n += s->flight[i].id != 0;
	return n;
}

/* One at a time where the other side does not answer as it should. */
static struct flight *free_flight(struct slo_otlp_sender *s)
{
	if (flights(s) >= (s->backoff.failures ? 1 : FLIGHTS_MAX))
		return NULL;
	for (size_t i = 0; i < FLIGHTS_MAX; i++) {
		if (!s->flight[i].id)
			return &s->flight[i];
	}
	return NULL;
}

static bool spool_is_read(const struct slo_otlp_sender *s)
{
	for (size_t i = 0; i < FLIGHTS_MAX; i++) {
		if (s->flight[i].id && !s->flight[i].batch)
			return true;
	}
	return false;
}

static void on_done(void *user, const struct slo_http_reply *reply);

static int submit(struct flight *f, const uint8_t *body, size_t len)
{
	const struct slo_otlp_sender *s = f->sender;
	const struct slo_otlp_target *t = &s->target[f->label.kind];
	struct slo_http_header header[SLO_OTLP_HEADERS_MAX + 2];
	struct slo_http_request req = { .method = "POST",
		                        .url = t->url,
		                        .headers = header,
		                        .body = body,
		                        .body_len = len,
		                        .timeout_ms = t->timeout_ms,
		                        .max_reply_bytes = REPLY_MAX,
		                        .tls = t->tls,
		                        .on_done = on_done,
		                        .user = f };

	header[req.header_count++] =
		(struct slo_http_header){ "Content-Type", "application/x-protobuf" };
	if (f->label.gzip)
		header[req.header_count++] = (struct slo_http_header){ "Content-Encoding", "gzip" };
	for (size_t i = 0; i < t->header_count; i++)
		header[req.header_count++] = t->header[i];
	return slo_http_client_submit(s->client, &req, &f->id, NULL);
}

static void note_failure(struct slo_otlp_sender *s, enum slo_otlp_kind kind, const char *why,
                         int64_t retry_after_ms)
{
	s->stats.failing = true;
	(void)snprintf(s->stats.why, sizeof(s->stats.why), "%s: %s", slo_otlp_kind_name(kind), why);
	slo_backoff_fail(&s->backoff, slo_clock_monotonic_ns(), retry_after_ms);
}

/* False: not now. */
static bool launch(struct slo_otlp_sender *s, struct flight *f, const uint8_t *body, size_t len,
                   bool tried)
{
	int r = submit(f, body, len);

	if (r == 0) {
		s->stats.retried += tried;
		return true;
	}
	f->id = 0;
	/* Others have all of the client's requests: the next tick tries again. */
	if (r != -EAGAIN) {
		note_failure(s, f->label.kind,
		             r == -EKEYREJECTED
		                     ? "no CA certificates on this host: set ca_file"
		                     : "the request cannot be made: out of memory, or the "
		                       "endpoint is no address",
		             -1);
	}
	return false;
}

static bool send_spooled(struct slo_otlp_sender *s)
{
	struct slo_spool_record record;
	struct flight *f = free_flight(s);
	bool tried;

	while (f && s->spool && !spool_is_read(s) && slo_spool_peek(s->spool, &record) == 0) {
		if (!read_tag(record.tag, &f->label) || !s->target[f->label.kind].url) {
			on_lost(s, record.tag);
			slo_spool_ack(s->spool, record.position);
			continue;
		}
		f->batch = NULL;
		f->position = record.position;
		tried = s->tried_position == record.position;
		s->tried_position = record.position;
		return launch(s, f, record.data, record.len, tried);
	}
	return false;
}

static bool send_queued(struct slo_otlp_sender *s)
{
	struct flight *f = free_flight(s);
	struct batch *b = oldest_idle(s);

	if (!f || !b)
		return false;
	f->batch = b;
	f->label = b->label;
	if (!launch(s, f, b->body, b->len, b->tried))
		return false;
	b->under_way = b->tried = true;
	return true;
}

static void pump(struct slo_otlp_sender *s, uint64_t now_ns)
{
	if (s->closing || slo_backoff_waits(&s->backoff, now_ns))
		return;
	(void)send_spooled(s);
	while (send_queued(s))
		;
}

static void forget(struct slo_otlp_sender *s, const struct flight *f)
{
	if (f->batch) {
		remove_batch(s, f->batch);
	} else {
		slo_spool_ack(s->spool, f->position);
	}
}

static void settle(struct slo_otlp_sender *s, const struct flight *f,
                   const struct slo_otlp_answer *a, int64_t retry_after_ms)
{
	const struct label *l = &f->label;

	if (a->verdict == SLO_OTLP_AGAIN) {
		if (f->batch)
			f->batch->under_way = false;
		note_failure(s, l->kind, a->why, retry_after_ms);
		return;
	}
	slo_backoff_succeed(&s->backoff);
	s->stats.failing = a->verdict == SLO_OTLP_REFUSED;
	if (*a->why)
		(void)snprintf(s->stats.why, sizeof(s->stats.why), "%s: %s",
		               slo_otlp_kind_name(l->kind), a->why);
	if (a->verdict == SLO_OTLP_REFUSED) {
		s->stats.rejected[l->kind] += l->items;
	} else {
		s->stats.rejected[l->kind] += a->rejected;
		s->stats.exported[l->kind] += l->items - a->rejected;
	}
	forget(s, f);
}

static void on_done(void *user, const struct slo_http_reply *reply)
{
	struct flight *f = user;
	struct slo_otlp_sender *s = f->sender;
	struct slo_otlp_answer answer;

	f->id = 0;
	if (s->closing && reply->error == -ECANCELED) {
		if (f->batch)
			f->batch->under_way = false;
		return;
	}
	slo_otlp_answer_read(reply, f->label.items, &answer);
	settle(s, f, &answer, reply->retry_after_ms);
	keep_within_cap(s);
	pump(s, slo_clock_monotonic_ns());
}

/* --- calls ---------------------------------------------------------------------------------------------------- */

bool slo_otlp_sender_wants(const struct slo_otlp_sender *s, enum slo_otlp_kind kind)
{
	return s->target[kind].url != NULL;
}

void slo_otlp_sender_drop(struct slo_otlp_sender *s, enum slo_otlp_kind kind, size_t items)
{
	s->stats.dropped[kind] += items;
}

/* Packed once, whatever becomes of it: the queue and the disk hold more so. */
static void pack(struct batch *b)
{
	uint8_t *packed;
	size_t len;

	if (slo_gzip(b->body, b->len, &packed, &len) < 0)
		return;
	free(b->body);
	b->body = packed;
	b->len = len;
	b->label.gzip = true;
}

void slo_otlp_sender_put(struct slo_otlp_sender *s, enum slo_otlp_kind kind, uint8_t *body,
                         size_t len, size_t items)
{
	struct batch *b;

	if (!slo_otlp_sender_wants(s, kind) || !len || !items) {
		free(body);
		return;
	}
	b = len > REQUEST_MAX || items > ITEMS_MAX ? NULL : calloc(1, sizeof(*b));
	if (!b) {
		s->stats.dropped[kind] += items;
		free(body);
		return;
	}
	b->label = (struct label){ .kind = kind, .items = (uint32_t)items };
	b->body = body;
	b->len = len;
	if (s->target[kind].gzip)
		pack(b);
	append(s, b);
	keep_within_cap(s);
	pump(s, slo_clock_monotonic_ns());
}

void slo_otlp_sender_tick(struct slo_otlp_sender *s, uint64_t now_ns)
{
	if (s->spool && now_ns > s->expired_ns + EXPIRE_NS) {
		s->expired_ns = now_ns;
		slo_spool_expire(s->spool, (int64_t)(slo_clock_realtime_ns() / SLO_NS_PER_MS));
	}
	pump(s, now_ns);
}

static bool is_empty(const struct slo_otlp_sender *s)
{
	struct slo_spool_stats st = { 0 };

	if (s->spool)
		slo_spool_stats(s->spool, &st);
	return !s->oldest && !st.records;
}

void slo_otlp_sender_drain(struct slo_otlp_sender *s, uint64_t timeout_ms)
{
	uint64_t now = slo_clock_monotonic_ns(), until = now + timeout_ms * SLO_NS_PER_MS;
	struct pollfd p = { .fd = slo_http_client_fd(s->client), .events = POLLIN };

	s->backoff.not_before_ns = 0;
	for (; !is_empty(s) && now < until; now = slo_clock_monotonic_ns()) {
		slo_otlp_sender_tick(s, now);
		(void)poll(&p, 1, DRAIN_STEP_MS);
		slo_http_client_run(s->client);
	}
}

void slo_otlp_sender_stats(const struct slo_otlp_sender *s, struct slo_otlp_exporter_stats *ret)
{
	struct slo_spool_stats st = { 0 };

	if (s->spool)
		slo_spool_stats(s->spool, &st);
	*ret = s->stats;
	ret->spool_bytes = st.bytes;
	ret->spool_batches = st.records;
	ret->spool_damaged = st.damaged;
	ret->spool_cut_bytes = st.torn_bytes;
	ret->spool_unread = st.unread;
}

/* --- life ----------------------------------------------------------------------------------------------------- */

static int open_spool(struct slo_otlp_sender *s, const struct slo_otlp_exporter_config *cfg,
                      struct slo_err *err)
{
	const struct slo_spool_config spool = { .dir = cfg->spool_dir,
		                                .max_bytes = cfg->spool_bytes,
		                                .max_age_ms = cfg->spool_age_ms,
		                                .on_lost = on_lost,
		                                .user = s };

	return cfg->spool_dir && *cfg->spool_dir ? slo_spool_open(&s->spool, &spool, err) : 0;
}

int slo_otlp_sender_new(struct slo_otlp_sender **ret, const struct slo_otlp_exporter_config *cfg,
                        struct slo_err *err)
{
	slo_otlp_sender_auto struct slo_otlp_sender *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return slo_err_set(err, -ENOMEM, "otlp: no memory");
	s->client = cfg->client;
	s->queue_max = cfg->queue_bytes;
	s->backoff.base_ms = BACKOFF_BASE_MS;
	s->backoff.cap_ms = BACKOFF_CAP_MS;
	for (size_t i = 0; i < FLIGHTS_MAX; i++)
		s->flight[i].sender = s;
	for (enum slo_otlp_kind k = 0; r == 0 && k < SLO_OTLP_KIND_MAX_; k++)
		r = slo_otlp_target_init(&s->target[k], k, cfg, err);
	if (r == 0)
		r = open_spool(s, cfg, err);
	if (r < 0)
		return r;
	*ret = slo_take_ptr(s);
	return 0;
}

void slo_otlp_sender_freep(struct slo_otlp_sender **sender)
{
	struct slo_otlp_sender *s = *sender;

	if (!s)
		return;
	s->closing = true;
	for (size_t i = 0; i < FLIGHTS_MAX; i++) {
		if (s->flight[i].id)
			slo_http_client_cancel(s->client, s->flight[i].id);
	}
	while (s->oldest)
		spill(s, s->oldest);
	slo_spool_freep(&s->spool);
	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		slo_otlp_target_fini(&s->target[k]);
	free(s);
	*sender = NULL;
}
