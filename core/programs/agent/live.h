/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live pipeline: spans come in and wait for the signals that belong to them, requests are counted against
 * objectives, a burning one opens an incident, the incident is told.
 */
#ifndef SLO_AGENT_LIVE_H
#define SLO_AGENT_LIVE_H

#include "compat/container_index.h"
#include "compat/identity_cache.h"
#include "core/base/clock.h"
#include "core/config/config.h"
#include "core/engine/attribute.h"
#include "core/engine/burn.h"
#include "core/engine/correlate_enrich.h"
#include "core/engine/evidence_window.h"
#include "core/engine/incident_track.h"
#include "core/engine/metrics.h"
#include "core/export/otlp_batch.h"
#include "core/export/otlp_exporter.h"
#include "core/export/otlp_receiver.h"
#include "core/model/sli_event.h"
#include "core/net/http_server.h"
#include "core/net/kubernetes.h"
#include "core/net/webhook.h"
#include "core/store/minute_ring.h"

#define SLO_LIVE_SERVICES 32
#define SLO_LIVE_OBJECTIVES 64
#define SLO_LIVE_PLACES 16 /* cgroups of one service on this node */
#define SLO_LIVE_NAME_LEN 128
#define SLO_LIVE_HISTORY \
	96 /* incidents kept for sloctl: each objective may have one open, and the past has room */
/* A clock that is a minute ahead is a clock; what lies further in the future would make the rest late. */
#define SLO_LIVE_FUTURE_NS ((int64_t)(60 * SLO_NS_PER_SEC))
#define SLO_LIVE_SECRET_LEN 4096
#define SLO_LIVE_PLACE_CACHE 256 /* senders whose cgroup is known */
#define SLO_LIVE_BATCHES 4096 /* waiting for their signals */

/* A service that spans or requests named; two of a name in two namespaces are two. */
struct slo_live_service {
	bool unmet; /* none did yet: a [slo.NAME] waits for it, @name is as it stands there */
	char name[SLO_LIVE_NAME_LEN];
	char namespace_[SLO_LIVE_NAME_LEN];
	uint64_t key; /* of evidence and baselines: stable over restarts */
	uint64_t place[SLO_LIVE_PLACES]; /* cgroup ids on this node that run it */
	size_t place_count;
	uint64_t requests;
	int64_t last_ns; /* end of the latest request, CLOCK_REALTIME */
	int64_t learnt_slot; /* the baseline has learnt up to this evaluation */
};

/* One [slo.NAME], or a default objective of a service that has none. */
struct slo_live_objective {
	char name[SLO_LIVE_NAME_LEN];
	struct slo_live_service *service;
	enum slo_sli sli;
	double threshold;
	struct slo_burn_config burn;
	struct slo_burn_ring ring;
	struct slo_minute_ring *file; /* NULL: @memory */
	struct slo_burn_bucket *memory;
	struct slo_burn_result result; /* of the last evaluation */
	struct slo_incident_track track;
	enum slo_incident_step telling; /* begun, perhaps not ended: told again after a restart */
	uint64_t valid, bad; /* since the start */
};

/* An incident as people ask for it. */
struct slo_live_incident {
	char id[33];
	char service[SLO_LIVE_NAME_LEN], namespace_[SLO_LIVE_NAME_LEN],
		objective[SLO_LIVE_NAME_LEN];
	char sli[32];
	char trace_id[33]; /* of a request that went bad; "" none */
	char dedup_key[SLO_DEDUP_KEY_LEN];
	bool open, ticket;
	bool withdrawn; /* ended with its objective, not by calm */
	bool silent; /* told last: too few requests to see whether it is over */
	int64_t opened_ns, updated_ns, ended_ns;
	double burn;
	int64_t window_minutes;
	struct slo_observation observation;
	struct slo_attribution verdict;
};

/* An incident's track as it is kept, and where it is while its objective is no more. */
struct slo_live_track {
	char objective[SLO_LIVE_NAME_LEN], service[SLO_LIVE_NAME_LEN],
		namespace_[SLO_LIVE_NAME_LEN];
	struct slo_incident_track track;
	uint32_t telling; /* enum slo_incident_step */
};

/* A service whose baseline is kept, whether or not this run meets it. */
struct slo_live_known {
	uint64_t key;
	int64_t last_ns;
	char name[SLO_LIVE_NAME_LEN], namespace_[SLO_LIVE_NAME_LEN];
};

struct slo_live_counts {
	uint64_t spans, requests, retrievals;
	uint64_t sli_events;
	uint64_t late_requests; /* older than what the objective keeps, or later than the clock */
	uint64_t unowned_requests; /* no service.name, or no room for another one */
	uint64_t throttled_batches;
	uint64_t enriched_spans;
	uint64_t exported_bytes;
	uint64_t opened, updated, resolved;
	uint64_t held_lost; /* events exported before their span was known, for want of room */
	uint64_t splice_failed;
	uint64_t clock_steps; /* the clock was set by a second or more */
};

/* What the log last said of the webhook. */
struct slo_live_told {
	uint64_t ns; /* CLOCK_MONOTONIC; 0: nothing yet */
	uint64_t dead, dropped, delivered;
	bool disabled, open_circuit;
	bool fails;
};

struct slo_live_input;
struct slo_live_wait;
struct slo_live_held;

struct slo_live_place {
	uint64_t key; /* of the sender; 0: empty */
	uint64_t place; /* 0: not found */
	uint64_t since_ns;
};

/* The agent's own state, for those who ask. */
struct slo_live_health {
	double overhead_pct; /* below 0: not known */
	uint64_t lost_ring, lost_map, shed, rejected;
	uint64_t heard_ns; /* CLOCK_MONOTONIC: the backends were asked last */
};

/* What it needs of the agent. Borrowed for life. */
struct slo_live_config {
	const struct slo_config *cfg; /* copied */
	const char *node;
	const char *mode; /* capability mode; may change: read at use */
	struct slo_identity_cache *identity;
	int host_root;
	const char *controller;
	char *const *environment;
	/* Signals that are measured right now: SLO_SIG_BIT. */
	uint64_t (*measured)(void *user);
	/* What measures it. */
	enum slo_source (*source)(void *user, enum slo_signal sig);
	void (*health)(void *user, struct slo_live_health *ret);
	void *user;
};

struct slo_live {
	struct slo_live_config c;
	struct slo_config *cfg; /* a copy: a reload changes the agent's, not what is open here */
	struct slo_workload self;
	struct slo_correlator *correlator;
	struct slo_storms *storms;
	struct slo_evidence_windows *evidence;
	struct slo_baselines *baselines;
	struct slo_attr_model *model;
	struct slo_live_service service[SLO_LIVE_SERVICES];
	size_t service_count;
	struct slo_live_objective objective[SLO_LIVE_OBJECTIVES];
	size_t objective_count;
	struct slo_live_place places[SLO_LIVE_PLACE_CACHE];
	struct slo_container_index *containers; /* NULL: nobody named one yet */
	uint64_t lookups_since_ns;
	unsigned int lookups; /* of processes in this second */
	struct slo_live_incident history[SLO_LIVE_HISTORY]; /* in the order they opened */
	size_t history_count;
	struct slo_live_track
		left[2 * SLO_LIVE_OBJECTIVES]; /* open, their objectives gone: to be ended */
	size_t left_count;
	struct slo_live_known known[SLO_LIVE_SERVICES]; /* of earlier runs */
	size_t known_count;
	struct slo_live_wait *wait; /* SLO_LIVE_BATCHES, a ring */
	size_t wait_head, wait_count, wait_bytes, wait_spans;
	struct slo_live_held *held; /* events that wait for a span, a ring */
	uint64_t held_first, held_next; /* by the order of arrival at the correlator */
	struct slo_http_client *client; /* NULL: nothing is sent */
	struct slo_otlp_receiver *receiver; /* NULL: none */
	struct slo_live_input *input; /* NULL: none */
	struct slo_otlp_exporter *exporter; /* NULL: none */
	struct slo_webhook *webhook; /* NULL: none */
	struct slo_live_told webhook_told;
	uint64_t spool_told_ns; /* CLOCK_MONOTONIC; 0: never */
	char trace_id[33]; /* of the latest request that went bad */
	struct slo_metrics *metrics;
	struct slo_http_server *http; /* NULL: no /metrics */
	struct slo_kubernetes *pods; /* NULL: no Kubernetes */
	char metrics_token[SLO_LIVE_SECRET_LEN];
	char token[SLO_LIVE_SECRET_LEN]; /* that senders must give; "": none asked */
	struct slo_live_counts count;
	uint64_t slot_ns;
	uint64_t next_evaluation_ns, next_metrics_ns, next_state_ns; /* CLOCK_MONOTONIC */
	struct {
		uint64_t at_ns; /* CLOCK_MONOTONIC; 0: never */
		enum slo_otlp_verdict verdict;
	} export_told[SLO_OTLP_KIND_MAX_];
	int timer; /* runs out when the next batch is due */
	uint64_t timer_ns; /* when that is, CLOCK_MONOTONIC; 0: it is not set */
	int lock; /* of the state folder */
	bool state_known; /* read: from now on it may be written over */
	uint64_t clock_offset_ns; /* CLOCK_REALTIME less CLOCK_BOOTTIME; 0: not known yet */
	int64_t clock_step_ns; /* by which the clock was set last; 0: it was not */
	uint64_t clock_stepped_ns; /* when, CLOCK_MONOTONIC */
	uint64_t now_ns; /* CLOCK_MONOTONIC of this turn */
};

/* Builds everything the configuration asks for. NULL-safe free. 0 or negative errno with @err. */
int slo_live_new(struct slo_live **ret, const struct slo_live_config *c, struct slo_err *err);
/* Sends what is still waiting, writes the state. */
void slo_live_freep(struct slo_live **l);
#define slo_live_auto slo_cleanup(slo_live_freep)

/* Descriptors for the loop; of each that is readable: slo_live_run(). */
#define SLO_LIVE_FDS 5
#define SLO_LIVE_ALL (-1)
unsigned int slo_live_fds(const struct slo_live *l, int fds[SLO_LIVE_FDS]);
void slo_live_run(struct slo_live *l, int fd, uint64_t now_ns);
/* Once an interval. */
void slo_live_tick(struct slo_live *l, uint64_t now_ns);

/* An event of the kernel's, with its names. */
void slo_live_event(struct slo_live *l, const struct slo_probe_event *ev,
                    const struct slo_identity *who, enum slo_status status);
/* One slo-event of an application that logs instead of tracing. */
void slo_live_sli(struct slo_live *l, const struct slo_sli_event *ev);

/* --- its parts, in files of their own ------------------------------------------------------------------------- */

/* live_spans.c: slo_otlp_batch_fn; what is due leaves, all of it with @all. */
int slo_live_take_batch(void *live, struct slo_otlp_batch *batch);
void slo_live_release(struct slo_live *l, bool all);
void slo_live_hold(struct slo_live *l, const struct slo_probe_event *ev, enum slo_status status);
void slo_live_release_held(struct slo_live *l, bool all);
/* Rings of their own sizes; freed by the other. */
int slo_live_spans_init(struct slo_live *l, struct slo_err *err);
void slo_live_spans_fini(struct slo_live *l);

/* live_input.c: slo-events of a file that grows, or of standard input. */
struct slo_live_input_stats {
	uint64_t events, rejected, truncations, cut_bytes, skipped_bytes, lost_files;
};
int slo_live_input_open(struct slo_live *l, struct slo_err *err);
/* NULL-safe in what it closes. */
void slo_live_input_close(struct slo_live *l);
/* These three: where there is one. */
int slo_live_input_fd(const struct slo_live *l);
void slo_live_input_run(struct slo_live *l);
void slo_live_input_stats(const struct slo_live *l, struct slo_live_input_stats *ret);

/* live_who.c: names of a cgroup; the strings are borrowed from @who and static buffers of @l. */
void slo_live_workload(struct slo_live *l, const struct slo_identity *who,
                       struct slo_workload *ret);
/* As the sender of spans has it, else that of the pod in which it runs on this node; "" unknown. */
const char *slo_live_namespace_of(struct slo_live *l, const struct slo_span_resource *r,
                                  uint64_t place);
/* Names of pods, where there is Kubernetes. */
int slo_live_pods_init(struct slo_live *l, struct slo_err *err);
/* The service that runs in cgroup @place, "" unknown. */
const char *slo_live_service_at(const struct slo_live *l, uint64_t place);
/* A cgroup whose own name (of Kubernetes, or its systemd unit) is that of a service runs it. */
void slo_live_recognise(struct slo_live *l, uint64_t place, const struct slo_identity *who);
/* The cgroup of this node in which the sender of spans runs; 0: not of this node, or not to be told. */
uint64_t slo_live_place_of(struct slo_live *l, const struct slo_span_resource *r);
/* What the correlator knows a cgroup by, on both sides. */
void slo_live_place_key(uint64_t place, char buf[32]);

/* live_clock.c: at each turn, before anything is counted. */
void slo_live_follow_clock(struct slo_live *l);
/* @unix_ns of a span in today's time: one from before the clock was set may come after. */
int64_t slo_live_time(const struct slo_live *l, int64_t unix_ns);

/* live_objective.c */
int slo_live_objectives_load(struct slo_live *l, struct slo_err *err);
/* NULL: no room. */
struct slo_live_service *slo_live_service(struct slo_live *l, const char *name,
                                          const char *namespace_);
/* Whether it would have an objective. */
bool slo_live_is_wanted(const struct slo_live *l, const char *namespace_, const char *name);
void slo_live_objective_close(struct slo_live_objective *o);
void slo_live_add_place(struct slo_live *l, struct slo_live_service *s, uint64_t place);

/*
 * Takes the objectives of @next: what is new or changed begins, what is gone ends, and its incident with it. 0, or
 * -EINVAL with @err and nothing changed.
 */
int slo_live_reload(struct slo_live *l, const struct slo_config *next, struct slo_err *err);

/* live_slo.c */
int slo_live_slo_init(struct slo_live *l, struct slo_err *err);
void slo_live_slo_fini(struct slo_live *l);
void slo_live_count(struct slo_live *l, struct slo_live_service *s, const struct slo_span *span);
/* Steps that a killed agent had begun to tell; the end of what has lost its objective. */
void slo_live_tell_again(struct slo_live *l);
/* Burn rates, incidents, baselines. */
void slo_live_evaluate(struct slo_live *l);

/* live_tell.c: one step of an incident, to everybody. */
void slo_live_tell(struct slo_live *l, const struct slo_incident_track *track,
                   enum slo_incident_step step, const struct slo_live_incident *in);
/* Row of the history that @o's incident has; NULL: it is not there any more. */
struct slo_live_incident *slo_live_incident_find(struct slo_live *l, const char *id);
/* The row of a new one, in place of the oldest that has ended where there is no room. Moves the others. */
struct slo_live_incident *slo_live_incident_add(struct slo_live *l);
/* The record as the codec writes it. Borrows from both. */
struct slo_incident;
void slo_live_incident_record(const struct slo_live *l, const struct slo_live_incident *in,
                              struct slo_incident *ret);
int slo_live_tell_init(struct slo_live *l, struct slo_err *err);
/* The log says where what is told does not arrive. */
void slo_live_tell_tick(struct slo_live *l);
/* Makes @client, once: only who sends something asks, for libcurl comes into memory with it. */
int slo_live_client(struct slo_live *l, struct slo_err *err);

/* live_metrics.c */
int slo_live_metrics_init(struct slo_live *l, struct slo_err *err);
void slo_live_metrics_tick(struct slo_live *l);
/* At the end: what waits for the collector is sent, as far as @timeout_ms goes; what is lost is told. */
void slo_live_metrics_stop(struct slo_live *l, uint64_t timeout_ms);

/* live_state.c: what survives a restart. */
/* Could a folder that was named be used? Asked before what takes long, such as compiling. */
int slo_live_state_try(const struct slo_config *cfg, struct slo_err *err);
int slo_live_state_open(struct slo_live *l, struct slo_err *err);
/* live_sweep.c: removes what no run will look at any more; before the first objective. */
void slo_live_state_sweep(const struct slo_live *l);
/* Once privileges are dropped: says where the folder can be written no more. */
void slo_live_state_check(const struct slo_live *l);
/* After the objectives are known. */
void slo_live_state_read(struct slo_live *l);
/* The text of a state file. False: it is none of this build. */
bool slo_live_state_take(struct slo_live *l, const char *text, size_t len);
void slo_live_state_write(struct slo_live *l);
/* What is written of @o's incident. */
void slo_live_track_of(const struct slo_live_objective *o, struct slo_live_track *ret);
/* "STATE_DIR/NAME"; false: nothing is kept. */
bool slo_live_path(const struct slo_live *l, const char *name, char *buf, size_t size);
/* Of a negative errno: the disk takes nothing, which is no reason not to watch. */
bool slo_live_is_full(int r);

#endif
