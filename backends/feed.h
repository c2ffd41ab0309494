/* SPDX-License-Identifier: Apache-2.0 */
/* What the backends of BPF programs do alike, however those were made: hand on what they give, and account for all of it. */
#ifndef SLO_BACKENDS_FEED_H
#define SLO_BACKENDS_FEED_H

#include "backends/aggregate.h"
#include "backends/cost.h"
#include "backends/disk.h"
#include "backends/events.h"
#include "backends/shared.h"
#include "core/backend.h"

struct slo_feed {
	slo_event_fn on_event;
	slo_record_fn on_record;
	void *user;
	struct slo_backend_config cfg; /* for retarget; pointers in it are not used after open */
	struct slo_shared shared; /* the backend's to close */
	struct slo_agg *agg[SLO_SIG_MAX_]; /* set by the backend, owned here */
	const struct slo_abi_stats *own
		[SLO_SIG_MAX_]; /* what user space counted in the programs' place, borrowed; NULL none */
	struct slo_events events;
	int root; /* dirfd of the host's root, owned */
	uint64_t served; /* SLO_SIG_BIT of each; set by the backend before start */
	uint64_t enabled, by_turns;
	uint32_t epoch;
	uint64_t interval_start_ns;
	uint64_t offset_ns; /* read at each poll: the clock may have been set */
	uint64_t delivered[SLO_SIG_MAX_];
	uint64_t lost[SLO_SIG_MAX_]; /* of what the buffers lost, what the programs took for sent */
	struct slo_disks disks;
	uint64_t rejected;
	struct slo_cost cost;
	bool self_timed; /* programs time themselves: set before slo_feed_start() */
};

/* Takes the callbacks of @cfg; fini() is safe from here on. */
void slo_feed_init(struct slo_feed *f, const struct slo_backend_config *cfg);
void slo_feed_fini(struct slo_feed *f);

/* 0 or negative errno. */
int slo_feed_open_root(struct slo_feed *f, const struct slo_backend_config *cfg,
                       struct slo_err *err);

/* Opens the way of events and begins the first interval, all that is served being on. @f must stay where it is. 0 or negative errno. */
int slo_feed_start(struct slo_feed *f, const struct slo_backend_config *cfg, struct slo_err *err);

/* A record as a buffer gave it; slo_events_fn, @user is the feed. */
void slo_feed_on_record(void *user, const void *record, size_t size);
/* An event that user space made; slo_dns_fn, @user is the feed. */
void slo_feed_on_own(void *user, const struct slo_abi_event *e);

/* Tells the programs that @sig is on or off; to attach and detach is the backend's. */
void slo_feed_enable(struct slo_feed *f, enum slo_signal sig, bool on);

/* These are the ops of core/backend.h as far as they are the same for all. */
int slo_feed_retarget(struct slo_feed *f, const struct slo_backend_config *cfg,
                      struct slo_err *err);
int slo_feed_poll(struct slo_feed *f, uint64_t now_ns, struct slo_err *err);
int slo_feed_interval(struct slo_feed *f, uint64_t now_ns);
/* All but costs. */
void slo_feed_stats(const struct slo_feed *f, struct slo_backend_stats *ret);

/* Gives @sig the cost of the program that measures @all (SLO_SIG_BIT set) of what is served: where it is the first of them. */
void slo_feed_add_cost(const struct slo_feed *f, enum slo_signal sig, uint64_t all,
                       struct slo_cost_of cost, struct slo_backend_stats *ret);

/* What a backend says of signals that it does not serve. */
struct slo_refusal_of {
	const char *backend; /* its name */
	const char *failed; /* the mechanism named where it failed as a whole */
	uint64_t can; /* SLO_SIG_BIT of each that it could serve at all */
	const char *lacks; /* why it cannot serve the others */
};

void slo_verdicts_clear(struct slo_verdict verdicts[SLO_SIG_MAX_]);
/* Refuses those of @wanted that neither serve nor are refused yet; @code: it failed as a whole, for @why; 0: it did not. */
void slo_verdicts_refuse_rest(struct slo_verdict verdicts[SLO_SIG_MAX_], uint64_t wanted,
                              const struct slo_refusal_of *of, int code, const char *why);

#endif
