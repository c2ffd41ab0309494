/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/pod_json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct seen {
	unsigned int count;
	enum slo_pod_event event;
	char text[512];
};

static void note(void *user, enum slo_pod_event event, const struct slo_pod *pod)
{
	struct seen *s = user;
	size_t n;

	s->count++;
	s->event = event;
	n = (size_t)snprintf(s->text, sizeof(s->text), "%s|%s|%s|%s|%s|%s", pod->uid, pod->hash,
	                     pod->namespace_, pod->name, pod->service_namespace, pod->service);
	for (size_t i = 0; i < pod->container_count; i++)
		n += (size_t)snprintf(s->text + n, sizeof(s->text) - n, "|%s=%s",
		                      pod->container[i].name, pod->container[i].id);
}

static struct seen read_one(const char *json, int expected, struct slo_pod_page *page)
{
	struct seen s = { 0 };
	struct slo_err err = { 0 };

	assert_int_equal(slo_pod_json_read(json, strlen(json), note, &s, page, &err), expected);
	assert_int_equal(err.code, expected);
	return s;
}

#define POD(meta) "{\"metadata\":{\"uid\":\"u\",\"name\":\"p-1\",\"namespace\":\"ns\"" meta "}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}"

static void lists_have_pods_a_version_and_a_token(void **state)
{
	struct slo_pod_page page;
	struct seen s = read_one(
		"{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"42\",\"continue\":\"to=k\"},"
		"\"items\":[{\"metadata\":{\"uid\":\"u1\",\"name\":\"a\",\"namespace\":\"n\"},\"status\":"
		"{\"containerStatuses\":[{\"name\":\"app\",\"containerID\":\"containerd://c1\"},"
		"{\"name\":\"late\"}],\"initContainerStatuses\":[{\"name\":\"init\",\"containerID\":"
		"\"cri-o://c2\"}]}},{\"metadata\":{\"name\":\"no uid\"}}]}",
		0, &page);

	(void)state;
	assert_int_equal(s.count, 1);
	assert_int_equal(s.event, SLO_POD_LISTED);
	assert_string_equal(s.text, "u1||n|a|n|a|app=c1|init=c2");
	assert_string_equal(page.version, "42");
	assert_string_equal(page.next, "to=k");
	assert_int_equal(page.code, 0);
}

static void events_are_told_apart(void **state)
{
	struct slo_pod_page page;
	struct seen s = read_one(EVENT("ADDED", POD(",\"resourceVersion\":\"7\"")), 0, &page);

	(void)state;
	assert_int_equal(s.event, SLO_POD_CHANGED);
	assert_string_equal(page.version, "7");
	s = read_one(EVENT("DELETED", POD("")), 0, &page);
	assert_int_equal(s.event, SLO_POD_GONE);
	s = read_one(
		EVENT("BOOKMARK", "{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"9\"}}"), 0,
		&page);
	assert_int_equal(s.count, 0);
	assert_string_equal(page.version, "9");
	(void)read_one(EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}"),
	               0, &page);
	assert_int_equal(page.code, 410);
	assert_string_equal(page.why, "too old");
}

/* OpenTelemetry's order. */
static void services_are_named_in_order(void **state)
{
	static const struct {
		const char *meta, *service;
	} rows[] = {
		{ ",\"annotations\":{\"resource.opentelemetry.io/service.name\":\"A\"},\"labels\":"
		  "{\"app.kubernetes.io/instance\":\"I\"}",
		  "A" },
		{ ",\"labels\":{\"app.kubernetes.io/name\":\"N\",\"app.kubernetes.io/instance\":\"I\"}",
		  "I" },
		{ ",\"labels\":{\"app.kubernetes.io/name\":\"N\",\"pod-template-hash\":\"7d4\"},"
		  "\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"name\":\"chat-7d4\",\"controller\":true}]",
		  "N" },
		{ ",\"labels\":{\"pod-template-hash\":\"7d4\"},\"ownerReferences\":[{\"kind\":\"ReplicaSet\","
		  "\"name\":\"my-chat-7d4\",\"controller\":true}]",
		  "my-chat" },
		{ ",\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"name\":\"bare-rs\",\"controller\":true}]",
		  "bare-rs" },
		{ ",\"ownerReferences\":[{\"kind\":\"StatefulSet\",\"name\":\"db\",\"controller\":true}]",
		  "db" },
		{ ",\"ownerReferences\":[{\"kind\":\"Job\",\"name\":\"nightly-29012345\",\"controller\":true}]",
		  "nightly" },
		{ ",\"ownerReferences\":[{\"kind\":\"Job\",\"name\":\"batch-7\",\"controller\":true}]",
		  "batch-7" },
		{ ",\"ownerReferences\":[{\"kind\":\"Node\",\"name\":\"node-1\",\"controller\":true}]",
		  "p-1" },
		{ ",\"ownerReferences\":[{\"kind\":\"X\",\"name\":\"not the controller\"}]",
		  "p-1" },
		{ "", "p-1" },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct slo_pod_page page;
		char json[512];
		struct seen s;

		(void)snprintf(json, sizeof(json), EVENT("ADDED", POD("%s")), rows[i].meta);
		s = read_one(json, 0, &page);
		assert_string_equal(strrchr(s.text, '|') + 1, rows[i].service);
	}
}

static void what_is_neither_is_refused(void **state)
{
	static const char *const bad[] = {
		"",    "{", "[]", "{}", "{\"kind\":\"Pod\"}", "{\"type\":\"EATEN\",\"object\":{}}",
		"null"
	};
	struct slo_pod_page page = { .code = 77 };

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++)
		assert_int_equal(read_one(bad[i], -EBADMSG, &page).count, 0);
	assert_int_equal(page.code, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_have_pods_a_version_and_a_token),
		cmocka_unit_test(events_are_told_apart),
		cmocka_unit_test(services_are_named_in_order),
		cmocka_unit_test(what_is_neither_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
