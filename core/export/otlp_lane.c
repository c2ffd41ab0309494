/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_lane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/export/otlp_answer.h"
#include "core/export/otlp_queue.h"
#include "core/export/otlp_target.h"
#include "core/net/backoff.h"

#define REQUEST_MAX ((size_t)64 << 20)
#define REPLY_MAX ((size_t)4 << 20)
#define FLIGHTS_MAX 4 /* requests of one kind under way at once */
#define BACKOFF_BASE_MS 1000
#define BACKOFF_CAP_MS 30000

struct flight {
	struct slo_otlp_lane *lane;
	uint64_t id; /* of the client's request; 0: free */
	struct slo_otlp_batch *batch; /* of the queue; NULL: the spool's record @position */
	uint64_t position;
	struct slo_otlp_label label;
};

struct slo_otlp_lane {
	enum slo_otlp_kind kind;
	struct slo_otlp_target target;
	struct slo_http_client *client;
	struct slo_spool *spool; /* NULL: none */
	uint64_t spool_max;
	struct slo_otlp_queue queue;
	struct flight flight[FLIGHTS_MAX];
	uint64_t tried_position; /* of the spool: what was sent once already */
	struct slo_backoff backoff;
	bool closing;
	uint64_t exported, rejected, dropped, retried;
	struct slo_otlp_last last;
};

static void on_lost(void *user, uint32_t tag)
{
	struct slo_otlp_lane *l = user;
	enum slo_otlp_kind kind;
	struct slo_otlp_label label;

	if (slo_otlp_tag_read(tag, &kind, &label))
		l->dropped += label.items;
}

/* --- the queue in memory -------------------------------------------------------------------------------------- */

size_t slo_otlp_lane_bytes(const struct slo_otlp_lane *l)
{
	return l->queue.bytes;
}

bool slo_otlp_lane_spill(struct slo_otlp_lane *l)
{
	struct slo_otlp_batch *b = slo_otlp_queue_idle(&l->queue);

	if (!b)
		return false;
	if (!l->spool || slo_spool_append(l->spool, slo_otlp_tag_of(l->kind, &b->label), b->body,
	                                  b->len, false, NULL) < 0)
		l->dropped += b->label.items;
	slo_otlp_queue_remove(&l->queue, b);
	return true;
}

/* --- the queue on disk ---------------------------------------------------------------------------------------- */

static struct slo_spool_stats on_disk(const struct slo_otlp_lane *l)
{
	struct slo_spool_stats st = { 0 };

	if (l->spool)
		slo_spool_stats(l->spool, &st);
	return st;
}

bool slo_otlp_lane_adopt(struct slo_otlp_lane *l, const struct slo_spool_record *r, bool push)
{
	const struct slo_spool_stats st = on_disk(l);
	int e;

	if (!slo_otlp_lane_wants(l)) {
		on_lost(l, r->tag);
		return true;
	}
	if (st.records && st.bytes + r->len > l->spool_max / 2 && !(push && l->backoff.failures))
		return false;
	e = slo_spool_append(l->spool, r->tag, r->data, r->len, false, NULL);
	if (e == -EMSGSIZE)
		on_lost(l, r->tag);
	return e == 0 || e == -EMSGSIZE;
}

bool slo_otlp_lane_is_well(const struct slo_otlp_lane *l)
{
	return slo_otlp_lane_wants(l) && !l->backoff.failures;
}

void slo_otlp_lane_expire(struct slo_otlp_lane *l, int64_t unix_ms)
{
	if (l->spool)
		slo_spool_expire(l->spool, unix_ms);
}

/* --- sending -------------------------------------------------------------------------------------------------- */

static size_t flights(const struct slo_otlp_lane *l)
{
	size_t n = 0;

	for (size_t i = 0; i < FLIGHTS_MAX; i++)
		n += l->flight[i].id != 0;
	return n;
}

/* One at a time where the other side does not answer as it should. */
static struct flight *free_flight(struct slo_otlp_lane *l)
{
	if (flights(l) >= (l->backoff.failures ? 1 : FLIGHTS_MAX))
		return NULL;
	for (size_t i = 0; i < FLIGHTS_MAX; i++) {
		if (!l->flight[i].id)
			return &l->flight[i];
	}
	return NULL;
}

static bool spool_is_read(const struct slo_otlp_lane *l)
{
	for (size_t i = 0; i < FLIGHTS_MAX; i++) {
		if (l->flight[i].id && !l->flight[i].batch)
			return true;
	}
	return false;
}

static void on_done(void *user, const struct slo_http_reply *reply);

static int submit(struct flight *f, const uint8_t *body, size_t len)
{
	const struct slo_otlp_lane *l = f->lane;
	const struct slo_otlp_target *t = &l->target;
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
	return slo_http_client_submit(l->client, &req, &f->id, NULL);
}

static void note(struct slo_otlp_lane *l, enum slo_otlp_verdict verdict, const char *why)
{
	l->last.verdict = verdict;
	if (*why)
		(void)snprintf(l->last.why, sizeof(l->last.why), "%s", why);
}

static void note_failure(struct slo_otlp_lane *l, const char *why, int64_t retry_after_ms)
{
	note(l, SLO_OTLP_AGAIN, why);
	slo_backoff_fail(&l->backoff, slo_clock_monotonic_ns(), retry_after_ms);
}

/* False: not now. */
static bool launch(struct slo_otlp_lane *l, struct flight *f, const uint8_t *body, size_t len,
                   bool tried)
{
	int r = submit(f, body, len);

	if (r == 0) {
		l->retried += tried;
		return true;
	}
	f->id = 0;
	/* Others have all of the client's requests: the next tick tries again. */
	if (r != -EAGAIN) {
		note_failure(l,
		             r == -EKEYREJECTED
		                     ? "no CA certificates on this host: set ca_file"
		                     : "the request cannot be made: out of memory, or the "
		                       "endpoint is no address",
		             -1);
	}
	return false;
}

static bool send_spooled(struct slo_otlp_lane *l)
{
	struct slo_spool_record record;
	struct flight *f = free_flight(l);
	enum slo_otlp_kind kind;
	bool tried;

	while (f && l->spool && !spool_is_read(l) && slo_spool_peek(l->spool, &record) == 0) {
		if (!slo_otlp_tag_read(record.tag, &kind, &f->label) || kind != l->kind ||
		    !l->target.url) {
			on_lost(l, record.tag);
			slo_spool_ack(l->spool, record.position);
			continue;
		}
		f->batch = NULL;
		f->position = record.position;
		tried = l->tried_position == record.position;
		l->tried_position = record.position;
		return launch(l, f, record.data, record.len, tried);
	}
	return false;
}

static bool send_queued(struct slo_otlp_lane *l)
{
	struct flight *f = free_flight(l);
	struct slo_otlp_batch *b = slo_otlp_queue_idle(&l->queue);

	if (!f || !b)
		return false;
	f->batch = b;
	f->label = b->label;
	if (!launch(l, f, b->body, b->len, b->tried))
		return false;
	b->under_way = b->tried = true;
	return true;
}

void slo_otlp_lane_pump(struct slo_otlp_lane *l, uint64_t now_ns)
{
	if (l->closing || slo_backoff_waits(&l->backoff, now_ns))
		return;
	(void)send_spooled(l);
	while (send_queued(l))
		;
}

static void forget(struct slo_otlp_lane *l, const struct flight *f)
{
	if (f->batch) {
		slo_otlp_queue_remove(&l->queue, f->batch);
	} else {
		slo_spool_ack(l->spool, f->position);
	}
}

static void settle(struct slo_otlp_lane *l, const struct flight *f, const struct slo_otlp_answer *a,
                   int64_t retry_after_ms)
{
	uint64_t rejected = a->verdict == SLO_OTLP_REFUSED ? f->label.items : a->rejected;

	if (a->verdict == SLO_OTLP_AGAIN) {
		if (f->batch)
			f->batch->under_way = false;
		note_failure(l, a->why, retry_after_ms);
		return;
	}
	note(l, a->verdict, a->why);
	slo_backoff_succeed(&l->backoff, slo_clock_monotonic_ns());
	l->rejected += rejected;
	l->exported += f->label.items - rejected;
	forget(l, f);
}

static void on_done(void *user, const struct slo_http_reply *reply)
{
	struct flight *f = user;
	struct slo_otlp_lane *l = f->lane;
	struct slo_otlp_answer answer;

	f->id = 0;
	if (l->closing && reply->error == -ECANCELED) {
		if (f->batch)
			f->batch->under_way = false;
		return;
	}
	slo_otlp_answer_read(reply, f->label.items, &answer);
	settle(l, f, &answer, reply->retry_after_ms);
	slo_otlp_lane_pump(l, slo_clock_monotonic_ns());
}

/* --- calls ---------------------------------------------------------------------------------------------------- */

bool slo_otlp_lane_wants(const struct slo_otlp_lane *l)
{
	return l->target.url != NULL;
}

void slo_otlp_lane_drop(struct slo_otlp_lane *l, size_t items)
{
	l->dropped += items;
}

void slo_otlp_lane_put(struct slo_otlp_lane *l, uint8_t *body, size_t len, size_t items)
{
	if (!slo_otlp_lane_wants(l) || !len || !items) {
		free(body);
	} else if (len > REQUEST_MAX || items > SLO_OTLP_ITEMS_MAX ||
	           slo_otlp_queue_put(&l->queue, body, len, (uint32_t)items, l->target.gzip) < 0) {
		l->dropped += items;
		free(body);
	}
}

void slo_otlp_lane_hurry(struct slo_otlp_lane *l)
{
	slo_backoff_hurry(&l->backoff);
}

bool slo_otlp_lane_is_due(const struct slo_otlp_lane *l, uint64_t until_ns)
{
	return flights(l) || ((l->queue.oldest || on_disk(l).records) &&
	                      !slo_backoff_waits(&l->backoff, until_ns));
}

void slo_otlp_lane_put_down(struct slo_otlp_lane *l)
{
	l->closing = true;
	for (size_t i = 0; i < FLIGHTS_MAX; i++) {
		if (l->flight[i].id)
			slo_http_client_cancel(l->client, l->flight[i].id);
	}
	l->closing = false;
	while (slo_otlp_lane_spill(l))
		;
}

void slo_otlp_add_spool(const struct slo_spool_stats *st, struct slo_otlp_exporter_stats *ret)
{
	ret->spool_bytes += st->bytes;
	ret->spool_batches += st->records;
	ret->spool_damaged += st->damaged;
	ret->spool_cut_bytes += st->torn_bytes;
	if (st->unread)
		ret->spool_unread = st->unread;
}

void slo_otlp_lane_stats(const struct slo_otlp_lane *l, struct slo_otlp_exporter_stats *ret)
{
	const struct slo_spool_stats st = on_disk(l);

	ret->exported[l->kind] += l->exported;
	ret->rejected[l->kind] += l->rejected;
	ret->dropped[l->kind] += l->dropped;
	ret->retried += l->retried;
	ret->queue_bytes += l->queue.bytes;
	ret->queue_batches += l->queue.count;
	slo_otlp_add_spool(&st, ret);
	ret->last[l->kind] = l->last;
}

/* --- life ----------------------------------------------------------------------------------------------------- */

int slo_otlp_lane_new(struct slo_otlp_lane **ret, enum slo_otlp_kind kind,
                      const struct slo_otlp_exporter_config *cfg, struct slo_err *err)
{
	struct slo_otlp_lane *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return slo_err_set(err, -ENOMEM, "otlp: no memory");
	l->kind = kind;
	l->client = cfg->client;
	l->backoff.base_ms = BACKOFF_BASE_MS;
	l->backoff.cap_ms = BACKOFF_CAP_MS;
	for (size_t i = 0; i < FLIGHTS_MAX; i++)
		l->flight[i].lane = l;
	r = slo_otlp_target_init(&l->target, kind, cfg, err);
	if (r < 0) {
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

int slo_otlp_lane_open(struct slo_otlp_lane *l, const struct slo_otlp_exporter_config *cfg,
                       uint64_t max_bytes, struct slo_err *err)
{
	char dir[1024];
	const struct slo_spool_config spool = { .dir = dir,
		                                .max_bytes = max_bytes,
		                                .max_age_ms = cfg->spool_age_ms,
		                                .on_lost = on_lost,
		                                .user = l };

	(void)snprintf(dir, sizeof(dir), "%.900s/%s", cfg->spool_dir, slo_otlp_kind_name(l->kind));
	l->spool_max = max_bytes;
	return slo_spool_open(&l->spool, &spool, err);
}

void slo_otlp_lane_freep(struct slo_otlp_lane **lane)
{
	struct slo_otlp_lane *l = *lane;

	if (!l)
		return;
	slo_otlp_lane_put_down(l);
	slo_spool_freep(&l->spool);
	slo_otlp_target_fini(&l->target);
	free(l);
	*lane = NULL;
}
