/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_sender.h"

#include <errno.h>
#include <poll.h>

#include "core/base/clock.h"
#include "core/export/otlp_lane.h"
#include "core/export/otlp_queue.h"

#define EXPIRE_NS SLO_NS_PER_SEC
#define DRAIN_STEP_MS 20
#define MOVE_BYTES ((size_t)8 << 20) /* of the earlier spool at a tick */

struct slo_otlp_sender {
	struct slo_otlp_lane *lane[SLO_OTLP_KIND_MAX_];
	struct slo_spool
		*earlier; /* one for all kinds, as it was once; NULL: there is nothing in it */
	struct slo_http_client *client;
	size_t queue_max;
	uint64_t expired_ns;
};

/* Of what [spool] max_bytes has: spans and records are many, a snapshot of metrics is small. */
static const unsigned int shares[] = {
	[SLO_OTLP_TRACES] = 4,
	[SLO_OTLP_LOGS] = 3,
	[SLO_OTLP_METRICS] = 1,
};
SLO_TABLE_COMPLETE(shares, SLO_OTLP_KIND_MAX_);

static uint64_t share_of(const struct slo_otlp_sender *s, enum slo_otlp_kind kind, uint64_t bytes)
{
	unsigned int all = 0;

	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		all += slo_otlp_lane_wants(s->lane[k]) ? shares[k] : 0;
	bytes = all && slo_otlp_lane_wants(s->lane[kind]) ? bytes / all * shares[kind] : 0;
	return bytes > SLO_SPOOL_BYTES_MIN ? bytes : SLO_SPOOL_BYTES_MIN;
}

/* --- memory --------------------------------------------------------------------------------------------------- */

static size_t bytes_of(const struct slo_otlp_sender *s)
{
	size_t bytes = 0;

	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		bytes += slo_otlp_lane_bytes(s->lane[k]);
	return bytes;
}

/* The kind that holds the most gives its oldest; where all of that is under way, another. */
static bool spill_largest(struct slo_otlp_sender *s)
{
	bool asked[SLO_OTLP_KIND_MAX_] = { false };

	for (size_t n = 0; n < SLO_OTLP_KIND_MAX_; n++) {
		size_t most = SLO_OTLP_KIND_MAX_;

		for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++) {
			if (!asked[k] &&
			    (most == SLO_OTLP_KIND_MAX_ ||
			     slo_otlp_lane_bytes(s->lane[k]) > slo_otlp_lane_bytes(s->lane[most])))
				most = k;
		}
		if (slo_otlp_lane_spill(s->lane[most]))
			return true;
		asked[most] = true;
	}
	return false;
}

static void keep_within_cap(struct slo_otlp_sender *s)
{
	while (bytes_of(s) > s->queue_max && spill_largest(s))
		;
}

/* --- the earlier spool ---------------------------------------------------------------------------------------- */

static void on_earlier_lost(void *user, uint32_t tag)
{
	struct slo_otlp_sender *s = user;
	struct slo_otlp_label label;
	enum slo_otlp_kind kind;

	if (slo_otlp_tag_read(tag, &kind, &label))
		slo_otlp_lane_drop(s->lane[kind], label.items);
}

static bool is_any_well(const struct slo_otlp_sender *s)
{
	bool well = false;

	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		well |= slo_otlp_lane_is_well(s->lane[k]);
	return well;
}

/*
 * Each record to its kind's own spool, as there is room. A kind that fails has none for long: it does not hold up those
 * behind it that could go.
 */
static void move_earlier(struct slo_otlp_sender *s)
{
	struct slo_spool_record record;
	struct slo_otlp_label label;
	bool push = is_any_well(s);
	enum slo_otlp_kind kind;

	for (size_t moved = 0; s->earlier && moved < MOVE_BYTES; moved += record.len) {
		int r = slo_spool_peek(s->earlier, &record);

		if (r == -ENOENT)
			slo_spool_freep(&s->earlier);
		if (r < 0 || (slo_otlp_tag_read(record.tag, &kind, &label) &&
		              !slo_otlp_lane_adopt(s->lane[kind], &record, push)))
			return;
		slo_spool_ack(s->earlier, record.position);
	}
}

/* --- calls ---------------------------------------------------------------------------------------------------- */

bool slo_otlp_sender_wants(const struct slo_otlp_sender *s, enum slo_otlp_kind kind)
{
	return slo_otlp_lane_wants(s->lane[kind]);
}

void slo_otlp_sender_drop(struct slo_otlp_sender *s, enum slo_otlp_kind kind, size_t items)
{
	slo_otlp_lane_drop(s->lane[kind], items);
}

void slo_otlp_sender_put(struct slo_otlp_sender *s, enum slo_otlp_kind kind, uint8_t *body,
                         size_t len, size_t items)
{
	slo_otlp_lane_put(s->lane[kind], body, len, items);
	keep_within_cap(s);
	slo_otlp_lane_pump(s->lane[kind], slo_clock_monotonic_ns());
}

static void expire(struct slo_otlp_sender *s)
{
	int64_t unix_ms = (int64_t)(slo_clock_realtime_ns() / SLO_NS_PER_MS);

	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		slo_otlp_lane_expire(s->lane[k], unix_ms);
	if (s->earlier)
		slo_spool_expire(s->earlier, unix_ms);
}

void slo_otlp_sender_tick(struct slo_otlp_sender *s, uint64_t now_ns)
{
	if (now_ns > s->expired_ns + EXPIRE_NS) {
		s->expired_ns = now_ns;
		expire(s);
	}
	move_earlier(s);
	/* What was under way and failed may go to disk again. */
	keep_within_cap(s);
	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		slo_otlp_lane_pump(s->lane[k], now_ns);
}

static bool is_due(const struct slo_otlp_sender *s, uint64_t until_ns)
{
	bool due = s->earlier && is_any_well(s);

	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		due |= slo_otlp_lane_is_due(s->lane[k], until_ns);
	return due;
}

void slo_otlp_sender_drain(struct slo_otlp_sender *s, uint64_t timeout_ms)
{
	uint64_t now = slo_clock_monotonic_ns(), until = now + timeout_ms * SLO_NS_PER_MS;
	struct pollfd p = { .fd = slo_http_client_fd(s->client), .events = POLLIN };

	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		slo_otlp_lane_hurry(s->lane[k]);
	for (; now < until && is_due(s, until); now = slo_clock_monotonic_ns()) {
		slo_otlp_sender_tick(s, now);
		(void)poll(&p, 1, DRAIN_STEP_MS);
		slo_http_client_run(s->client);
	}
	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		slo_otlp_lane_put_down(s->lane[k]);
}

void slo_otlp_sender_stats(const struct slo_otlp_sender *s, struct slo_otlp_exporter_stats *ret)
{
	struct slo_spool_stats st = { 0 };

	*ret = (struct slo_otlp_exporter_stats){ 0 };
	if (s->earlier) {
		slo_spool_stats(s->earlier, &st);
		slo_otlp_add_spool(&st, ret);
	}
	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		slo_otlp_lane_stats(s->lane[k], ret);
}

/* --- life ----------------------------------------------------------------------------------------------------- */

/* The folder once was one spool, which makes it where it is not there. */
static int open_spools(struct slo_otlp_sender *s, const struct slo_otlp_exporter_config *cfg,
                       struct slo_err *err)
{
	const struct slo_spool_config earlier = { .dir = cfg->spool_dir,
		                                  .max_bytes = cfg->spool_bytes,
		                                  .max_age_ms = cfg->spool_age_ms,
		                                  .on_lost = on_earlier_lost,
		                                  .user = s };
	int r;

	if (!cfg->spool_dir || !*cfg->spool_dir)
		return 0;
	r = slo_spool_open(&s->earlier, &earlier, err);
	for (enum slo_otlp_kind k = 0; r == 0 && k < SLO_OTLP_KIND_MAX_; k++)
		r = slo_otlp_lane_open(s->lane[k], cfg, share_of(s, k, cfg->spool_bytes), err);
	if (r == 0)
		move_earlier(s);
	return r;
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
	for (enum slo_otlp_kind k = 0; r == 0 && k < SLO_OTLP_KIND_MAX_; k++)
		r = slo_otlp_lane_new(&s->lane[k], k, cfg, err);
	if (r == 0)
		r = open_spools(s, cfg, err);
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
	for (size_t k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		slo_otlp_lane_freep(&s->lane[k]);
	slo_spool_freep(&s->earlier);
	free(s);
	*sender = NULL;
}
