/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl webhook test`: one incident, labelled as a test, to a receiver; and what came of it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/jsonw.h"
#include "core/base/sha256.h"
#include "core/codec/record_time.h"
#include "core/net/webhook.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/load_config.h"
#include "core/programs/sloctl/tool.h"
#include "core/programs/webhook_config.h"

#define PROG "sloctl webhook"
#define SUMMARY "sloctl webhook test: no incident, this only shows that messages arrive"
#define POLL_MS 20

struct args {
	const char *config;
	struct slo_overrides overrides;
	bool dry_run;
};

#define AT(field) offsetof(struct args, field)
#define WEBHOOK(key_name) .type = SLO_OPT_CONFIG, .section = "webhook", .key = key_name

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "url", .letter = 'u', .arg = "URL", WEBHOOK("url"), .help = "receiver (of the configuration)" },
	{ .name = "format", .letter = 'f', .arg = "FORMAT", WEBHOOK("format"),
	  .help = "generic, pagerduty, opsgenie, jsm, alertmanager, slack (of the configuration)" },
	{ .name = "secret-file", .arg = "FILE", WEBHOOK("secret_file"),
	  .help = "file with the signing, routing or API key; SLO_WEBHOOK_SECRET serves too" },
	{ .name = "ca-file", .arg = "FILE", WEBHOOK("ca_file"), .help = "CA certificates (the system's)" },
	{ .name = "timeout", .arg = "TIME", WEBHOOK("timeout_ms"), .help = "for one message (5s)" },
	{ .name = "config", .letter = 'c', .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(config),
	  .help = "with [webhook] (" SLO_CONFIG_DEFAULT_PATH ")" },
	{ .name = "dry-run", .letter = 'n', .type = SLO_OPT_BOOL, .offset = AT(dry_run),
	  .help = "print the body, send nothing" },
};
/* clang-format on */

static const struct slo_verb verbs[] = {
	{ .name = "test", .help = "send a test incident" },
	{ .name = NULL },
};

const struct slo_options slo_cmd_webhook_options = {
	.prog = PROG,
	.usage = "test [options]",
	.about =
		"Sends one incident that is labelled as a test, as [webhook] would send a real one, and\n"
		"resolves it where the receiver knows resolving.\n"
		"Exit: 0 accepted, 1 refused, 4 not reached.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
	.operands_max = 1,
	.verbs = verbs,
};

/* --- the incident --------------------------------------------------------------------------------------------- */

struct incident {
	char time[SLO_RECORD_TIME_SIZE];
	char host[65];
	char id[96];
	char key[SLO_SHA256_HEX_SIZE];
	char json[1024];
	struct slo_notice notice;
};

static size_t write_json(struct incident *i, bool v1)
{
	struct slo_jsonw w;

	slo_jsonw_init(&w, i->json, sizeof(i->json));
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_str(&w, "incident_id", i->id);
	slo_jsonw_member_str(&w, "timestamp", i->time);
	slo_jsonw_member_str(&w, "cluster", i->host);
	slo_jsonw_member_str(&w, "service", "llm-slo-test");
	slo_jsonw_member_str(&w, "predicted_fault_domain", "unknown");
	slo_jsonw_member_u64(&w, "confidence", 0);
	slo_jsonw_key(&w, "evidence");
	slo_jsonw_array_begin(&w);
	slo_jsonw_array_end(&w);
	slo_jsonw_key(&w, "slo_impact");
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_str(&w, "sli", "ttft_ms");
	slo_jsonw_member_u64(&w, "burn_rate", 0);
	slo_jsonw_member_u64(&w, "window_minutes", 5);
	slo_jsonw_object_end(&w);
	if (!v1) {
		slo_jsonw_member_bool(&w, "synthetic", true);
	}
	slo_jsonw_object_end(&w);
	return (size_t)slo_jsonw_finish(&w);
}

static void make_incident(struct incident *i, bool v1)
{
	struct slo_sha256 hash;
	int64_t unix_ns = 0;
	size_t len;

	(void)slo_tool_generated_at(i->time);
	(void)slo_record_time_parse(i->time, &unix_ns, NULL);
	if (getenv("SOURCE_DATE_EPOCH") || gethostname(i->host, sizeof(i->host) - 1) < 0)
		(void)snprintf(i->host, sizeof(i->host), "test");
	(void)snprintf(i->id, sizeof(i->id), "test-%s-%s", i->host, i->time);
	slo_sha256_init(&hash);
	slo_sha256_add(&hash, i->id, strlen(i->id));
	slo_sha256_finish_hex(&hash, i->key);
	i->key[SLO_DEDUP_KEY_LEN - 1] = '\0';
	len = write_json(i, v1);
	i->notice = (struct slo_notice){ .kind = SLO_NOTICE_TEST,
		                         .severity = SLO_SEVERITY_INFO,
		                         .id = i->id,
		                         .dedup_key = i->key,
		                         .incident_id = i->id,
		                         .summary = SUMMARY,
		                         .cluster = i->host,
		                         .namespace_ = "",
		                         .service = "llm-slo-test",
		                         .slo = "test",
		                         .sli = "ttft_ms",
		                         .domain = "unknown",
		                         .next_step = "",
		                         .started_unix_ns = unix_ns,
		                         .unix_ns = unix_ns,
		                         .json = i->json,
		                         .json_len = len,
		                         .synthetic = true };
}

/* --- sending -------------------------------------------------------------------------------------------------- */

static int fail(const struct slo_err *err)
{
	(void)fprintf(stderr, PROG ": %s\n", err->msg);
	return err->code == -EINVAL ? SLO_EXIT_USAGE : SLO_EXIT_BACKEND;
}

/* Until all is delivered, or the first failure. */
static int wait_for(struct slo_webhook *w, struct slo_http_client *client)
{
	struct pollfd p = { .fd = slo_http_client_fd(client), .events = POLLIN };
	uint64_t begin = slo_clock_monotonic_ns();
	struct slo_webhook_stats st;

	for (slo_webhook_stats(w, &st); st.waiting && !*st.why; slo_webhook_stats(w, &st)) {
		slo_webhook_tick(w, slo_clock_monotonic_ns());
		(void)poll(&p, 1, POLL_MS);
		slo_http_client_run(client);
	}
	if (*st.why) {
		(void)fprintf(stderr, PROG ": %s: %s\n", st.dead ? "refused" : "not delivered",
		              st.why);
		return st.dead ? SLO_EXIT_NEGATIVE : SLO_EXIT_BACKEND;
	}
	(void)printf("accepted: %llu message%s in %llu ms\n", (unsigned long long)st.delivered,
	             st.delivered == 1 ? "" : "s (the test, and its end)",
	             (unsigned long long)((slo_clock_monotonic_ns() - begin) / SLO_NS_PER_MS));
	return SLO_EXIT_OK;
}

static int send_test(struct slo_webhook_config *cfg, const struct slo_notice *notice)
{
	const struct slo_http_client_config http = { .max_requests = 1,
		                                     .user_agent = "llm-slo/" SLO_VERSION };
	slo_http_client_auto struct slo_http_client *client = NULL;
	slo_webhook_auto struct slo_webhook *w = NULL; /* goes before the client it uses */
	struct slo_err err = { 0 };

	if (slo_http_client_new(&client, &http, &err) < 0)
		return fail(&err);
	cfg->client = client;
	if (slo_webhook_new(&w, cfg, &err) < 0 || slo_webhook_send(w, notice, &err) < 0)
		return fail(&err);
	return wait_for(w, client);
}

static int print_body(const struct slo_webhook_config *cfg, const struct slo_notice *notice)
{
	slo_cleanup(slo_freep) char *body = NULL;
	struct slo_err err = { 0 };
	size_t len;

	if (slo_webhook_render(cfg, notice, &body, &len, &err) < 0)
		return fail(&err);
	(void)printf("%.*s\n", (int)len, body);
	return SLO_EXIT_OK;
}

static int run(const struct args *args, const struct slo_config *cfg)
{
	char secret[SLO_CONFIG_TEXT_LEN];
	struct slo_webhook_config w;
	struct incident incident = { .host = "" };
	struct slo_err err = { 0 };
	int code;

	if (slo_webhook_config_of(cfg, secret, &w, &err) < 0)
		return fail(&err);
	make_incident(&incident, w.v1);
	code = args->dry_run ? print_body(&w, &incident.notice) : send_test(&w, &incident.notice);
	explicit_bzero(secret, sizeof(secret));
	return code;
}

int slo_cmd_webhook(int argc, char **argv)
{
	slo_config_auto struct slo_config *cfg = NULL;
	struct args args = { .config = NULL };
	int first;
	int r = slo_options_parse(&slo_cmd_webhook_options, argc, argv, &args, &args.overrides,
	                          &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (!slo_options_verb(&slo_cmd_webhook_options, argv[first]))
		return SLO_EXIT_USAGE;
	r = slo_tool_load_config(PROG, args.config, &args.overrides, &cfg);
	return r != 0 ? r : run(&args, cfg);
}
