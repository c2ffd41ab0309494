/* SPDX-License-Identifier: Apache-2.0 */
/* Objectives and incidents of the live pipeline over restarts: requests come as slo-events, whose time is their own. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "test/unit/base/remove_dir.h"
#include "test/unit/programs/live_rig.h"

#define MINUTE_NS (60 * (int64_t)SLO_NS_PER_SEC)

static char dir[64], state_dir[80];

static struct slo_live *start(const char *objectives)
{
	struct slo_live *l = NULL;
	struct slo_err err = { 0 };

	if (rig_start(&l, state_dir, objectives, &err) < 0)
		fail_msg("%s", err.msg);
	return l;
}

static void say(struct slo_live *l, const char *namespace_, const char *service, enum slo_sli sli,
                int64_t age_ns, double value)
{
	const struct slo_sli_event ev = { .unix_ns = (int64_t)slo_clock_realtime_ns() - age_ns,
		                          .k8s_namespace = namespace_,
		                          .service = service,
		                          .trace_id = "",
		                          .sli = sli,
		                          .value = value };

	slo_live_sli(l, &ev);
}

/* Every request of the last hour failed: a page. */
static void fail_for_an_hour(struct slo_live *l, const char *namespace_, const char *service)
{
	for (int m = 59; m >= 0; m--) {
		for (int i = 0; i < 3; i++) {
			say(l, namespace_, service, SLO_SLI_ERROR_RATE, m * MINUTE_NS, 1);
			say(l, namespace_, service, SLO_SLI_TTFT, m * MINUTE_NS, 5000);
		}
	}
}

static struct slo_live_objective *objective_of(struct slo_live *l, const char *namespace_,
                                               const char *name)
{
	for (size_t i = 0; i < l->objective_count; i++) {
		struct slo_live_objective *o = &l->objective[i];

		if (strcmp(o->name, name) == 0 && strcmp(o->service->namespace_, namespace_) == 0)
			return o;
	}
	fail_msg("no objective %s in \"%s\"", name, namespace_);
	return NULL;
}

static size_t open_incidents(const struct slo_live *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->history_count; i++)
		n += l->history[i].open;
	return n;
}

/* Messages in the queue of a webhook whose receiver never answers, after an incident that went on for hours. */
static uint64_t waiting_after_hours(const char *format)
{
	slo_live_auto struct slo_live *l = NULL;
	struct slo_webhook_stats st;
	struct slo_err err = { 0 };
	char text[256];

	(void)snprintf(text, sizeof(text),
	               "[webhook]\nenabled = on\nformat = %s\nurl = http://127.0.0.1:9\n", format);
	assert_int_equal(rig_start(&l, "", text, &err), 0);
	fail_for_an_hour(l, "", "chat");
	slo_live_evaluate(l);
	assert_int_equal(l->count.opened, 2);
	slo_live_evaluate(l);
	slo_webhook_stats(l->webhook, &st);
	assert_int_equal(st.waiting, 2);
	for (size_t i = 0; i < l->objective_count; i++)
		l->objective[i].track.told_ns -= SLO_INCIDENT_REMIND_NS;
	slo_live_evaluate(l);
	slo_live_evaluate(l);
	slo_webhook_stats(l->webhook, &st);
	return st.waiting;
}

/* --- tests ------------------------------------------------------------------------------------------------------ */

/* Two objectives each of as many services as there may be: none of their incidents may push another one out. */
static void every_objective_may_have_an_incident_open(void **state)
{
	struct slo_live *l = start("");
	char name[16];

	(void)state;
	for (int i = 0; i < SLO_LIVE_SERVICES; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		fail_for_an_hour(l, "", name);
	}
	slo_live_evaluate(l);
	assert_int_equal(l->count.opened, SLO_LIVE_OBJECTIVES);
	assert_int_equal(open_incidents(l), SLO_LIVE_OBJECTIVES);
	slo_live_freep(&l);

	l = start("");
	assert_int_equal(l->objective_count, SLO_LIVE_OBJECTIVES);
	for (size_t i = 0; i < l->objective_count; i++) {
		assert_true(l->objective[i].track.open);
		assert_non_null(slo_live_incident_find(l, l->objective[i].track.id));
	}
	slo_live_freep(&l);
}

/* An alert of Alertmanager ends after four hours without another word; a page or a message in a channel does not. */
static void an_incident_that_lasts_is_told_again_to_those_who_forget(void **state)
{
	(void)state;
	assert_int_equal(waiting_after_hours("alertmanager"), 4);
	assert_int_equal(waiting_after_hours("slack"), 2);
}

static void what_has_ended_makes_room_first(void **state)
{
	struct slo_live *l = start("");

	(void)state;
	for (int i = 0; i < 2 * SLO_LIVE_HISTORY; i++) {
		struct slo_live_incident *in = slo_live_incident_add(l);

		*in = (struct slo_live_incident){ .open = i < 3 };
		(void)snprintf(in->id, sizeof(in->id), "inc-%d", i);
	}
	for (int i = 0; i < 3; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "inc-%d", i);
		assert_non_null(slo_live_incident_find(l, id));
	}
	assert_null(slo_live_incident_find(l, "inc-3"));
	assert_string_equal(l->history[l->history_count - 1].id, "inc-191");
	slo_live_freep(&l);
}

/* What an earlier run counted by a clock that was an hour ahead does not refuse the hour that comes. */
static void requests_count_though_a_clock_was_ahead(void **state)
{
	const char *text = "[slo.e]\nservice = chat\nsli = error_rate\nthreshold = 0.01\n"
			   "objective = 0.95\n";
	struct slo_live *l = start(text);
	int64_t ahead = (int64_t)slo_clock_realtime_ns() + 60 * MINUTE_NS;
	uint64_t dropped;

	(void)state;
	for (int64_t m = 0; m < SLO_BURN_BUCKETS; m++)
		assert_true(
			slo_burn_add(&objective_of(l, "", "e")->ring, ahead - m * MINUTE_NS, true));
	slo_live_freep(&l);
	l = start(text);
	/* Those of the future, one a minute, are dropped and counted; a minute ahead is no future yet. */
	dropped = l->count.late_requests;
	assert_in_range(dropped, 58, 60);
	for (int64_t m = 59; m >= 0; m--)
		say(l, "", "chat", SLO_SLI_ERROR_RATE, m * MINUTE_NS, 0);
	assert_int_equal(l->count.late_requests, dropped);
	assert_int_equal(objective_of(l, "", "e")->valid, 60);
	slo_live_freep(&l);
}

#define ERRORS(name, service)                \
	"[slo." name "]\nservice = " service \
	"\nsli = error_rate\nthreshold = 0.01\nobjective = 0.95\n"

static const struct slo_live_incident *only_incident(const struct slo_live *l)
{
	assert_int_equal(l->history_count, 1);
	return &l->history[0];
}

static void an_objective_that_is_gone_ends_its_incident_at_the_start(void **state)
{
	struct slo_live *l = start(ERRORS("a", "chat") ERRORS("b", "other"));

	(void)state;
	fail_for_an_hour(l, "", "chat");
	slo_live_evaluate(l);
	assert_true(only_incident(l)->open);
	slo_live_freep(&l);

	l = start(ERRORS("b", "other"));
	assert_false(only_incident(l)->open);
	assert_true(only_incident(l)->withdrawn);
	assert_int_equal(l->count.resolved, 1);
	assert_int_equal(l->left_count, 0);
	slo_live_freep(&l);

	l = start(ERRORS("b", "other"));
	assert_false(only_incident(l)->open);
	assert_int_equal(l->count.resolved, 0); /* once */
	slo_live_freep(&l);
}

/* It failed until nobody asked it any more: an hour later that is given up, and not called recovered. */
static void a_service_without_requests_has_not_recovered(void **state)
{
	struct slo_live *l = start(ERRORS("a", "chat"));
	struct slo_live_objective *a;

	(void)state;
	fail_for_an_hour(l, "", "chat");
	slo_live_evaluate(l);
	a = objective_of(l, "", "a");
	(void)slo_burn_ring_follow(&a->ring, -20 * 60000, (int64_t)slo_clock_realtime_ns());
	for (int i = 0; i < 5; i++)
		slo_live_evaluate(l);
	assert_true(only_incident(l)->open);
	assert_int_equal(l->count.updated, 0);
	a->track.told_ns -= SLO_INCIDENT_UPDATE_NS;
	slo_live_evaluate(l);
	slo_live_evaluate(l);
	assert_int_equal(l->count.updated, 1);
	assert_true(only_incident(l)->silent);
	slo_live_freep(&l);

	/* After a restart it is the same silence. */
	l = start(ERRORS("a", "chat"));
	a = objective_of(l, "", "a");
	slo_live_evaluate(l);
	assert_int_equal(l->count.updated, 0);
	a->track.silent_ns -= SLO_INCIDENT_SILENT_NS;
	slo_live_evaluate(l);
	assert_false(only_incident(l)->open);
	assert_true(only_incident(l)->silent);
	assert_int_equal(l->count.resolved, 1);
	slo_live_freep(&l);
}

static int reload(struct slo_live *l, const char *objectives)
{
	struct slo_err err = { 0 };
	slo_config_auto struct slo_config *cfg = rig_config(state_dir, objectives, &err);

	if (!cfg)
		fail_msg("%s", err.msg);
	return slo_live_reload(l, cfg, NULL);
}

static void a_reload_takes_the_objectives(void **state)
{
	struct slo_live *l = start(ERRORS("a", "chat") ERRORS("b", "chat"));
	struct slo_live_objective *b;
	char kept[33];

	(void)state;
	fail_for_an_hour(l, "", "chat");
	slo_live_evaluate(l);
	assert_int_equal(open_incidents(l), 2);
	b = objective_of(l, "", "b");
	memcpy(kept, b->track.id, sizeof(kept));
	/* Windows whose alert could never fire. */
	assert_int_equal(reload(l, "[slo.a]\nservice = chat\nsli = error_rate\nthreshold = 0.01\n"
	                           "objective = 0.5\n"),
	                 -EINVAL);
	assert_int_equal(open_incidents(l), 2);
	assert_int_equal(reload(l, ERRORS("b", "chat") ERRORS("c", "chat") ERRORS("d", "later")),
	                 0);
	assert_int_equal(open_incidents(l), 1);
	assert_int_equal(l->count.resolved, 1);
	assert_int_equal(l->objective_count, 3);
	assert_string_equal(objective_of(l, "", "b")->track.id, kept);
	assert_int_equal(objective_of(l, "", "c")->valid, 0);
	fail_for_an_hour(l, "", "chat");
	fail_for_an_hour(l, "ns", "later");
	assert_int_equal(objective_of(l, "", "c")->valid, 180);
	assert_int_equal(objective_of(l, "ns", "d")->valid, 180);
	/* Without any, the default ones. */
	assert_int_equal(reload(l, ""), 0);
	assert_int_equal(l->objective_count, 4);
	assert_int_equal(open_incidents(l), 0);
	assert_int_equal(objective_of(l, "ns", "later.ttft_ms")->valid, 0);
	slo_live_freep(&l);
}

static void reloads_do_not_use_up_the_room_for_services(void **state)
{
	struct slo_live *l = start("");
	char text[256];

	(void)state;
	for (int i = 0; i < 2 * SLO_LIVE_SERVICES; i++) {
		(void)snprintf(text, sizeof(text), ERRORS("a", "s%d"), i);
		assert_int_equal(reload(l, text), 0);
	}
	assert_int_equal(l->objective_count, 1);
	assert_int_equal(l->service_count, 1);
	slo_live_freep(&l);
}

static void services_of_a_name_in_two_namespaces_are_two(void **state)
{
	struct slo_live *l = start(ERRORS("all", "chat") ERRORS("prod", "prod/chat"));

	(void)state;
	assert_int_equal(l->objective_count, 2);
	for (int i = 0; i < 3; i++)
		say(l, "staging", "chat", SLO_SLI_ERROR_RATE, 0, 0);
	say(l, "prod", "chat", SLO_SLI_ERROR_RATE, 0, 1);
	assert_int_equal(l->objective_count, 3);
	assert_int_equal(objective_of(l, "staging", "all")->valid, 3);
	assert_int_equal(objective_of(l, "staging", "all")->bad, 0);
	assert_int_equal(objective_of(l, "prod", "all")->valid, 1);
	assert_int_equal(objective_of(l, "prod", "prod")->bad, 1);
	assert_true(objective_of(l, "prod", "all")->service->key !=
	            objective_of(l, "staging", "all")->service->key);
	fail_for_an_hour(l, "prod", "chat");
	slo_live_evaluate(l);
	assert_int_equal(open_incidents(l), 2);
	slo_live_freep(&l);

	/* After a restart each has its own requests, and the incidents are whose they were. */
	l = start(ERRORS("all", "chat") ERRORS("prod", "prod/chat"));
	slo_live_evaluate(l);
	assert_int_equal(open_incidents(l), 2);
	assert_true(objective_of(l, "prod", "all")->track.open);
	assert_int_equal(objective_of(l, "prod", "all")->result.window[6].valid, 181);
	say(l, "staging", "chat", SLO_SLI_ERROR_RATE, 0, 0);
	slo_live_evaluate(l);
	assert_false(objective_of(l, "staging", "all")->track.open);
	assert_int_equal(objective_of(l, "staging", "all")->result.window[6].valid, 4);
	slo_live_freep(&l);
}

static void learn(struct slo_live *l, const char *name, double value)
{
	const struct slo_live_service *s = slo_live_service(l, name, "");

	for (int i = 0; i < 50; i++)
		assert_true(slo_baselines_add(l->baselines, s->key, SLO_EVID_QUEUE_SHARE, value));
}

static double learnt(struct slo_live *l, const char *name)
{
	const struct slo_live_service *s = slo_live_service(l, name, "");

	return slo_baselines_get(l->baselines, s->key, SLO_EVID_QUEUE_SHARE).n;
}

/* The run between met neither, and wrote the state. */
static void a_run_that_does_not_meet_a_service_keeps_its_baseline(void **state)
{
	struct slo_live *l = start("");

	(void)state;
	learn(l, "rare", 0.25);
	learn(l, "often", 0.25);
	slo_live_freep(&l);
	l = start("");
	learn(l, "often", 0.25);
	slo_live_freep(&l);
	l = start("");
	assert_true(learnt(l, "rare") > 45);
	assert_true(learnt(l, "often") > 90);
	slo_live_freep(&l);
}

static void of_known_services_the_latest_are_kept(void **state)
{
	char name[16];

	(void)state;
	for (int run = 0; run < 3; run++) {
		struct slo_live *l = start("");

		for (int i = 0; i < SLO_LIVE_SERVICES; i++) {
			(void)snprintf(name, sizeof(name), "r%d-%d", run, i);
			learn(l, name, 0.25);
		}
		slo_live_freep(&l);
	}
	for (int run = 2; run >= 1; run--) {
		struct slo_live *l = start("");
		bool kept;

		assert_int_equal(l->known_count, SLO_LIVE_SERVICES);
		(void)snprintf(name, sizeof(name), "r%d-7", run);
		kept = learnt(l, name) > 45;
		assert_int_equal(kept, run == 2);
		slo_live_freep(&l);
	}
}

/* Told at the start, with the way out; only where nobody asked for that folder the agent goes on without. */
static void a_state_folder_that_cannot_be_written_is_told_at_the_start(void **state)
{
	struct slo_live *l = NULL;
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(mkdir(state_dir, 0755), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	else
		assert_int_equal(chmod(state_dir, 0555), 0);
	assert_int_equal(rig_start(&l, state_dir, "", &err), -EACCES);
	assert_int_equal(seteuid(getuid()), 0);
	assert_non_null(strstr(err.msg, "[agent] state_dir: "));
	assert_non_null(strstr(err.msg, "cannot write there: Permission denied"));
	assert_non_null(strstr(err.msg, "StateDirectory="));
	(void)chmod(state_dir, 0755);
}

/* What becomes unwritable later costs a file, not the objective. */
static void an_objective_outlives_its_folder(void **state)
{
	struct slo_live *l;

	(void)state;
	slo_log_set_level(SLO_LOG_ERR);
	assert_int_equal(mkdir(state_dir, 0755), 0);
	l = start("");
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	else
		assert_int_equal(chmod(state_dir, 0555), 0);
	fail_for_an_hour(l, "", "chat");
	assert_int_equal(seteuid(getuid()), 0);
	(void)chmod(state_dir, 0755);
	assert_int_equal(l->objective_count, 2);
	assert_non_null(objective_of(l, "", "chat.error_rate")->memory);
	assert_null(objective_of(l, "", "chat.error_rate")->file);
	slo_live_evaluate(l);
	assert_int_equal(open_incidents(l), 2);
	slo_live_freep(&l);
}

static void leave(const char *name, int days)
{
	int64_t then = (int64_t)(slo_clock_realtime_ns() / SLO_NS_PER_SEC) - days * INT64_C(86400);
	const struct timespec times[2] = { { .tv_sec = then }, { .tv_sec = then } };
	char path[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", state_dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(futimens(fd, times), 0);
	(void)close(fd);
}

static bool is_left(const char *name)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", state_dir, name);
	return access(path, F_OK) == 0;
}

/* Services of other names come with each deployment: their files would be there for ever. */
static void what_earlier_runs_left_goes_in_time(void **state)
{
	struct slo_live *l;

	(void)state;
	assert_int_equal(mkdir(state_dir, 0755), 0);
	leave("slo-0123456789abcdef.ring", 31);
	leave("slo-1123456789abcdef.ring", 29);
	leave("slo-2123456789abcdef.ring.refused", 31);
	leave("slo-3123456789abcdef.ring.new.77", 0);
	leave("state.bin.77-0.tmp", 0);
	leave("notes.txt", 400);
	l = start("");
	assert_false(is_left("slo-0123456789abcdef.ring"));
	assert_true(is_left("slo-1123456789abcdef.ring"));
	assert_false(is_left("slo-2123456789abcdef.ring.refused"));
	assert_false(is_left("slo-3123456789abcdef.ring.new.77"));
	assert_false(is_left("state.bin.77-0.tmp"));
	assert_true(is_left("notes.txt"));
	slo_live_freep(&l);
}

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/slo-live-XXXXXX");
	slo_log_set_level(SLO_LOG_ERR);
	/* Others may look: what they may not is the tests' own matter. */
	if (!mkdtemp(dir) || chmod(dir, 0755))
		return -1;
	(void)snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	return 0;
}

static int remove_dirs(void **state)
{
	(void)state;
	remove_dir(state_dir);
	return rmdir(dir);
}

/* Whoever asks between a service's first request and the first evaluation. */
static void an_objective_is_not_well_before_it_is_judged(void **state)
{
	slo_live_auto struct slo_live *l = start("[slo.e]\nservice = chat\nsli = error_rate\n"
	                                         "threshold = 0.01\nobjective = 0.99\n");

	(void)state;
	say(l, "", "chat", SLO_SLI_ERROR_RATE, 0, 0);
	assert_int_equal(l->objective_count, 1);
	assert_int_equal(l->objective[0].result.state, SLO_BURN_INSUFFICIENT);
}

/* Whose clock is an hour ahead: what a collector gets of it begins before it ends all the same. */
struct begun {
	int64_t latest_ns;
	size_t series;
};

static void see_begin(void *user, const struct slo_metric_desc *desc,
                      const struct slo_metric_series *s)
{
	struct begun *b = user;

	if (strcmp(desc->name, "llm_slo_requests_total") != 0)
		return;
	b->series++;
	if (s->start_unix_ns > b->latest_ns)
		b->latest_ns = s->start_unix_ns;
}

static void spans_of_a_clock_ahead_begin_no_series_ahead(void **state)
{
	slo_live_auto struct slo_live *l = NULL;
	struct slo_otlp_batch *batch = NULL;
	struct begun begun = { 0 };
	struct slo_err err = { 0 };
	uint64_t end = slo_clock_realtime_ns() + 60 * (uint64_t)MINUTE_NS;
	char text[1024];
	int n;

	(void)state;
	assert_int_equal(rig_start(&l, "", "", &err), 0);
	n = snprintf(
		text, sizeof(text),
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
		"\"value\":{\"stringValue\":\"chat\"}}]},\"scopeSpans\":[{\"spans\":[{"
		"\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\","
		"\"name\":\"chat\",\"kind\":3,\"startTimeUnixNano\":\"%" PRIu64 "\","
		"\"endTimeUnixNano\":\"%" PRIu64 "\",\"attributes\":[{\"key\":"
		"\"gen_ai.operation.name\",\"value\":{\"stringValue\":\"chat\"}}]}]}]}]}",
		end - SLO_NS_PER_SEC, end);
	assert_int_equal(slo_otlp_batch_parse_json(&batch, text, (size_t)n, &err), 0);
	assert_int_equal(slo_live_take_batch(l, batch), 0);
	slo_metrics_visit(l->metrics, (int64_t)slo_clock_realtime_ns(), see_begin, &begun);
	assert_true(begun.series > 0);
	assert_true(begun.latest_ns <= (int64_t)slo_clock_realtime_ns());
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dirs)
	const struct CMUnitTest tests[] = {
		TEST(what_earlier_runs_left_goes_in_time),
		TEST(every_objective_may_have_an_incident_open),
		TEST(an_incident_that_lasts_is_told_again_to_those_who_forget),
		TEST(what_has_ended_makes_room_first),
		TEST(requests_count_though_a_clock_was_ahead),
		TEST(an_objective_is_not_well_before_it_is_judged),
		TEST(spans_of_a_clock_ahead_begin_no_series_ahead),
		TEST(an_objective_that_is_gone_ends_its_incident_at_the_start),
		TEST(a_service_without_requests_has_not_recovered),
		TEST(a_reload_takes_the_objectives),
		TEST(reloads_do_not_use_up_the_room_for_services),
		TEST(services_of_a_name_in_two_namespaces_are_two),
		TEST(a_run_that_does_not_meet_a_service_keeps_its_baseline),
		TEST(of_known_services_the_latest_are_kept),
		TEST(a_state_folder_that_cannot_be_written_is_told_at_the_start),
		TEST(an_objective_outlives_its_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
