/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/webhook.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/net/backoff.h"
#include "core/net/webhook_format.h"
#include "core/net/webhook_message.h"
#include "core/store/sink.h"
#include "core/store/spool.h"

#define BACKOFF_BASE_MS 1000
#define BACKOFF_CAP_MS 30000
#define BREAKER_FAILURES 5
#define BREAKER_NS (60 * SLO_NS_PER_SEC)
#define MEMORY_MESSAGES_MAX 256
#define DEAD_BYTES (UINT64_C(16) << 20)
#define DRAIN_STEP_MS 20

struct waiting {
	struct waiting *next;
	uint32_t tag;
	size_t len;
	uint8_t data[];
};

struct slo_webhook {
	struct slo_webhook_config cfg; /* strings are those of @sender */
	struct slo_webhook_sender sender;
	struct slo_spool *spool; /* NULL: memory only */
	struct slo_sink *dead;
	struct waiting *oldest, *youngest; /* what the disk did not take */
	size_t in_memory;
	struct {
		bool spooled;
		uint64_t position;
		struct slo_webhook_message
			message; /* borrows from the spool's or the waiting record */
		struct slo_webhook_sent sent; /* id 0: nothing is under way */
	} flight;
	char tried[SLO_WEBHOOK_ID_LEN]; /* id of the message that was sent last, and failed */
	struct slo_backoff backoff;
	uint64_t expired_ns;
	bool closing;
	struct slo_webhook_stats stats;
};

/* --- what waits ----------------------------------------------------------------------------------------------- */

static void forget_oldest(struct slo_webhook *w)
{
	struct waiting *one = w->oldest;

	w->oldest = one->next;
	if (!w->oldest)
		w->youngest = NULL;
	w->in_memory--;
	free(one);
}

static int keep_in_memory(struct slo_webhook *w, uint32_t tag, const void *data, size_t len)
{
	struct waiting *one;

	/* The oldest may be under way: it stays, the new one goes. */
	one = w->in_memory < MEMORY_MESSAGES_MAX ? malloc(sizeof(*one) + len) : NULL;
	if (!one) {
		w->stats.dropped++;
		return -ENOMEM;
	}
	one->next = NULL;
	one->tag = tag;
	one->len = len;
	memcpy(one->data, data, len);
	if (w->youngest) {
		w->youngest->next = one;
	} else {
		w->oldest = one;
	}
	w->youngest = one;
	w->in_memory++;
	return 0;
}

/* In their order, before a newer one is: an end that overtook its beginning would leave it open for good. */
static bool move_to_disk(struct slo_webhook *w)
{
	bool under_way = w->flight.sent.id && !w->flight.spooled;

	while (w->oldest && !under_way &&
	       slo_spool_append(w->spool, w->oldest->tag, w->oldest->data, w->oldest->len, true,
	                        NULL) == 0)
		forget_oldest(w);
	return !w->oldest;
}

static int store(struct slo_webhook *w, const struct slo_notice *n, enum slo_notice_kind kind,
                 struct slo_err *err)
{
	slo_cleanup(slo_freep) uint8_t *record = NULL;
	uint32_t tag;
	size_t len;
	int r = slo_webhook_message_encode(w->cfg.format, n, kind, &record, &len, &tag);

	w->stats.dropped += r < 0;
	if (r < 0)
		return slo_err_set(err, r, "%s",
		                   r == -ENOMEM ? "no memory" : "a notice without id or key");
	if (!w->spool)
		return keep_in_memory(w, tag, record, len) < 0
		               ? slo_err_set(err, -ENOMEM, "too many notices wait already")
		               : 0;
	r = move_to_disk(w)
	            ? slo_spool_append(w->spool, tag, record, len, kind != SLO_NOTICE_UPDATE, err)
	            : slo_err_set(err, -ENOSPC, "earlier notices wait for room on the disk");
	/* It is sent all the same; only a restart would forget it. */
	if (r < 0)
		(void)keep_in_memory(w, tag, record, len);
	return r;
}

static void fail(struct slo_webhook *w, int64_t retry_after_ms)
{
	uint64_t now = slo_clock_monotonic_ns();

	slo_backoff_fail(&w->backoff, now, retry_after_ms);
	w->stats.open_circuit = w->backoff.failures >= BREAKER_FAILURES;
	if (w->stats.open_circuit && w->backoff.not_before_ns < now + BREAKER_NS)
		w->backoff.not_before_ns = now + BREAKER_NS;
}

/*
 * The oldest message, whose strings are borrowed until it is acknowledged. False: none, or it cannot be read now: a younger
 * one in memory would overtake it.
 */
static bool next_message(struct slo_webhook *w)
{
	struct slo_spool_record record;
	int r = -ENOENT;

	while (w->spool && (r = slo_spool_peek(w->spool, &record)) == 0) {
		if (slo_webhook_message_decode(w->cfg.format, record.tag, record.data, record.len,
		                               &w->flight.message)) {
			w->flight.spooled = true;
			w->flight.position = record.position;
			return true;
		}
		w->stats.dropped++; /* of another format: the configuration has changed */
		slo_spool_ack(w->spool, record.position);
	}
	if (r != -ENOENT) {
		(void)snprintf(w->stats.why, sizeof(w->stats.why),
		               "the queue on disk cannot be read now: %s", strerror(-r));
		fail(w, -1);
		return false;
	}
	w->flight.spooled = false;
	return w->oldest &&
	       slo_webhook_message_decode(w->cfg.format, w->oldest->tag, w->oldest->data,
	                                  w->oldest->len, &w->flight.message);
}

static void acknowledge(struct slo_webhook *w)
{
	if (w->flight.spooled) {
		slo_spool_ack(w->spool, w->flight.position);
	} else {
		forget_oldest(w);
	}
}

/* --- sending -------------------------------------------------------------------------------------------------- */

static void bury(struct slo_webhook *w, const struct slo_http_reply *reply)
{
	char line[SLO_SINK_BUFFER_BYTES];
	ssize_t len;

	w->stats.dead++;
	if (!w->dead)
		return;
	len = slo_webhook_dead_line(line, sizeof(line), &w->flight.message, w->cfg.format,
	                            reply->status, w->stats.why);
	if (len > 0)
		(void)slo_sink_write(w->dead, line, (size_t)len, NULL);
	(void)slo_sink_flush(w->dead, NULL);
}

/* The other side's text may repeat what it was sent: then it stays out. */
static void note_status(struct slo_webhook *w, const struct slo_http_reply *reply)
{
	char said[120];

	slo_http_quote(said, sizeof(said), (const char *)reply->body, reply->body_len);
	if (*w->sender.secret && strstr(said, w->sender.secret))
		said[0] = '\0';
	(void)snprintf(w->stats.why, sizeof(w->stats.why), "answered with status %u%s%s%s",
	               reply->status,
	               reply->status / 100 == 3 ? " (redirects are not followed)" : "",
	               *said ? ": " : "", said);
}

static bool is_retryable(unsigned int status)
{
	return status == 408 || status == 429 || status >= 500;
}

/*
 * True: that message is done, one way or the other. The status is the receiver's word; what comes behind it, an endless page or
 * half of one, takes nothing back, and would come again with every attempt.
 */
static bool settle(struct slo_webhook *w, const struct slo_http_reply *reply)
{
	if (reply->error && !reply->status) {
		(void)snprintf(w->stats.why, sizeof(w->stats.why), "%s", reply->why);
		fail(w, -1);
		return false;
	}
	if (reply->status / 100 == 2) {
		w->stats.delivered++;
	} else {
		note_status(w, reply);
		if (is_retryable(reply->status)) {
			fail(w, reply->retry_after_ms);
			return false;
		}
		w->stats.disabled = reply->status == 410;
		bury(w, reply);
	}
	slo_backoff_succeed(&w->backoff, slo_clock_monotonic_ns());
	w->stats.open_circuit = false;
	return true;
}

static void pump(struct slo_webhook *w, uint64_t now_ns);

static void on_done(void *user, const struct slo_http_reply *reply)
{
	struct slo_webhook *w = user;

	w->flight.sent.id = 0;
	free(slo_take_ptr(w->flight.sent.body));
	if (w->closing)
		return;
	if (settle(w, reply)) {
		w->tried[0] = '\0';
		acknowledge(w);
	} else {
		(void)snprintf(w->tried, sizeof(w->tried), "%.*s", (int)w->flight.message.id_len,
		               w->flight.message.id);
	}
	pump(w, slo_clock_monotonic_ns());
}

static void count_retry(struct slo_webhook *w)
{
	const struct slo_webhook_message *m = &w->flight.message;

	if (strlen(w->tried) == m->id_len && memcmp(w->tried, m->id, m->id_len) == 0)
		w->stats.retried++;
}

static void pump(struct slo_webhook *w, uint64_t now_ns)
{
	struct slo_err err = { 0 };
	int r;

	if (w->closing || w->flight.sent.id || w->stats.disabled ||
	    slo_backoff_waits(&w->backoff, now_ns) || !next_message(w))
		return;
	r = slo_webhook_submit(&w->sender, &w->flight.message, on_done, w, &w->flight.sent, &err);
	if (r == 0) {
		count_retry(w);
		return;
	}
	w->flight.sent.id = 0;
	/* Others have all of the client's requests: the next tick tries again. */
	if (r == -EAGAIN)
		return;
	(void)snprintf(w->stats.why, sizeof(w->stats.why), "%s", err.msg);
	fail(w, -1);
}

int slo_webhook_send(struct slo_webhook *w, const struct slo_notice *n, struct slo_err *err)
{
	int r = store(w, n, n->kind, err);

	if (r == 0 && n->kind == SLO_NOTICE_TEST &&
	    slo_webhook_format_desc(w->cfg.format)->resolves)
		r = store(w, n, SLO_NOTICE_RESOLVE, err);
	pump(w, slo_clock_monotonic_ns());
	return r;
}

void slo_webhook_tick(struct slo_webhook *w, uint64_t now_ns)
{
	if (w->spool && now_ns > w->expired_ns + SLO_NS_PER_SEC) {
		w->expired_ns = now_ns;
		slo_spool_expire(w->spool, (int64_t)(slo_clock_realtime_ns() / SLO_NS_PER_MS));
		(void)move_to_disk(w);
	}
	pump(w, now_ns);
}

void slo_webhook_stats(const struct slo_webhook *w, struct slo_webhook_stats *ret)
{
	struct slo_spool_stats st = { 0 };

	if (w->spool)
		slo_spool_stats(w->spool, &st);
	*ret = w->stats;
	ret->waiting = st.records + w->in_memory;
	ret->dropped += st.dropped + st.damaged;
	ret->damaged = st.damaged;
	ret->cut_bytes = st.torn_bytes;
}

/* Nothing is left that could go before @until_ns. */
static bool is_drained(const struct slo_webhook *w, uint64_t until_ns)
{
	struct slo_webhook_stats st;

	slo_webhook_stats(w, &st);
	return !st.waiting || st.disabled ||
	       (!w->flight.sent.id && slo_backoff_waits(&w->backoff, until_ns));
}

/* Where there is no disk, what waits ends here, counted. */
static void give_up(struct slo_webhook *w)
{
	if (w->spool)
		return;
	w->closing = true;
	if (w->flight.sent.id)
		slo_http_client_cancel(w->cfg.client, w->flight.sent.id);
	w->closing = false;
	w->stats.dropped += w->in_memory;
	while (w->oldest)
		forget_oldest(w);
}

void slo_webhook_drain(struct slo_webhook *w, uint64_t timeout_ms)
{
	uint64_t now = slo_clock_monotonic_ns(), until = now + timeout_ms * SLO_NS_PER_MS;
	struct pollfd p = { .fd = slo_http_client_fd(w->cfg.client), .events = POLLIN };

	slo_backoff_hurry(&w->backoff);
	for (; now < until && !is_drained(w, until); now = slo_clock_monotonic_ns()) {
		slo_webhook_tick(w, now);
		(void)poll(&p, 1, DRAIN_STEP_MS);
		slo_http_client_run(w->cfg.client);
	}
	give_up(w);
}

/* --- life ----------------------------------------------------------------------------------------------------- */

static int open_dir(struct slo_webhook *w, const struct slo_webhook_config *cfg,
                    struct slo_err *err)
{
	char path[600];
	const struct slo_spool_config spool = { .dir = path,
		                                .max_bytes = cfg->spool_bytes,
		                                .max_age_ms = cfg->spool_age_ms };
	const struct slo_sink_config sink = { .path = path, .max_bytes = DEAD_BYTES, .keep = 1 };
	int r;

	if (!cfg->dir || !*cfg->dir)
		return 0;
	if (mkdir(cfg->dir, 0700) < 0 && errno != EEXIST)
		return slo_err_set(err, -errno, "%s: %s", cfg->dir, strerror(errno));
	(void)snprintf(path, sizeof(path), "%s/queue", cfg->dir);
	r = slo_spool_open(&w->spool, &spool, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/dead-letter.jsonl", cfg->dir);
	return slo_sink_open(&w->dead, &sink, err);
}

int slo_webhook_new(struct slo_webhook **ret, const struct slo_webhook_config *cfg,
                    struct slo_err *err)
{
	slo_webhook_auto struct slo_webhook *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return slo_err_set(err, -ENOMEM, "no memory");
	w->cfg = (struct slo_webhook_config){ .format = cfg->format, .client = cfg->client };
	w->backoff.base_ms = BACKOFF_BASE_MS;
	w->backoff.cap_ms = BACKOFF_CAP_MS;
	r = slo_webhook_sender_init(&w->sender, cfg, err);
	if (r == 0)
		r = open_dir(w, cfg, err);
	if (r < 0)
		return r;
	*ret = slo_take_ptr(w);
	return 0;
}

void slo_webhook_freep(struct slo_webhook **webhook)
{
	struct slo_webhook *w = *webhook;

	if (!w)
		return;
	w->closing = true;
	if (w->flight.sent.id)
		slo_http_client_cancel(w->cfg.client, w->flight.sent.id);
	while (w->oldest)
		forget_oldest(w);
	slo_spool_freep(&w->spool);
	slo_sink_closep(&w->dead);
	slo_webhook_sender_fini(&w->sender);
	free(w);
	*webhook = NULL;
}
