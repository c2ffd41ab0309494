/* SPDX-License-Identifier: Apache-2.0 */
/* Objectives and incidents of the live pipeline over restarts: requests come as slo-events, whose time is their own. */
#include <dirent.h>
#include <errno.h>
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
#include "core/programs/agent/live.h"

#define MINUTE_NS (60 * (int64_t)SLO_NS_PER_SEC)

static char dir[64];

static uint64_t measured(void *user)
{
	(void)user;
	return 0;
}

static enum slo_source source(void *user, enum slo_signal sig)
{
	(void)user;
	(void)sig;
	return SLO_SRC_PROCFS;
}

static void health(void *user, struct slo_live_health *ret)
{
	(void)user;
	*ret = (struct slo_live_health){ .overhead_pct = -1 };
}

static struct slo_config *configure(const char *objectives)
{
	slo_cleanup(slo_freep) struct slo_config_issues *issues = calloc(1, sizeof(*issues));
	char text[4096];
	struct slo_config_text from = { SLO_CONFIG_INI, "test.ini", text, 0 };
	struct slo_config *cfg = NULL;
	struct slo_err err = { 0 };

	from.len = (size_t)snprintf(text, sizeof(text),
	                            "[agent]\nstate_dir = %s/state\n[receiver]\nlisten =\n"
	                            "[metrics]\nlisten =\n[kubernetes]\nkind = off\n%s",
	                            dir, objectives);
	if (slo_config_parse(&cfg, &from, issues, &err) < 0)
		fail_msg("%s", err.msg);
	return cfg;
}

static struct slo_live *start(const char *objectives)
{
	slo_config_auto struct slo_config *cfg = configure(objectives);
	const struct slo_live_config c = { .cfg = cfg,
		                           .node = "n1",
		                           .mode = "minimal",
		                           .host_root = -1,
		                           .measured = measured,
		                           .source = source,
		                           .health = health };
	struct slo_live *l = NULL;
	struct slo_err err = { 0 };

	if (slo_live_new(&l, &c, &err) < 0)
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

	(void)state;
	for (int64_t m = 0; m < SLO_BURN_BUCKETS; m++)
		assert_true(
			slo_burn_add(&objective_of(l, "", "e")->ring, ahead - m * MINUTE_NS, true));
	slo_live_freep(&l);
	l = start(text);
	for (int64_t m = 59; m >= 0; m--)
		say(l, "", "chat", SLO_SLI_ERROR_RATE, m * MINUTE_NS, 0);
	assert_int_equal(l->count.late_requests, 0);
	assert_int_equal(objective_of(l, "", "e")->valid, 60);
	slo_live_freep(&l);
}

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/slo-live-XXXXXX");
	slo_log_set_level(SLO_LOG_ERR);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[320];
	DIR *d;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/state", dir);
	d = opendir(path);
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		(void)snprintf(path, sizeof(path), "%s/state/%s", dir, e->d_name);
		(void)unlink(path);
	}
	if (d)
		(void)closedir(d);
	(void)snprintf(path, sizeof(path), "%s/state", dir);
	(void)rmdir(path);
	return rmdir(dir);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		TEST(every_objective_may_have_an_incident_open),
		TEST(what_has_ended_makes_room_first),
		TEST(requests_count_though_a_clock_was_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
