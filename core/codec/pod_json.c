/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/pod_json.h"
#include "core/codec/json_load.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAME_LEN 254

static const char *text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* --- whose service --------------------------------------------------------------------------------------------- */

/* "chat-7d4b9c8f5" without the hash that the Deployment put there; a ReplicaSet of nobody keeps its name. */
static bool cut_template_hash(const char *name, const char *hash, char buf[NAME_LEN])
{
	size_t n = strlen(name), h = strlen(hash);

	if (!h || n < h + 2 || n >= NAME_LEN || strcmp(name + n - h, hash) != 0 ||
	    name[n - h - 1] != '-')
		return false;
	memcpy(buf, name, n - h - 1);
	buf[n - h - 1] = '\0';
	return true;
}

/* A CronJob's Job ends in the minute it was due, since 1970: eight digits. */
static bool cut_minute(const char *name, char buf[NAME_LEN])
{
	const char *dash = strrchr(name, '-');
	size_t digits = dash ? strspn(dash + 1, "0123456789") : 0;

	if (digits < 8 || dash[1 + digits] || dash == name || (size_t)(dash - name) >= NAME_LEN)
		return false;
	memcpy(buf, name, (size_t)(dash - name));
	buf[dash - name] = '\0';
	return true;
}

/* The name of what made the pod; "" nobody did. */
static const char *owner_name(const json_t *meta, char buf[NAME_LEN])
{
	json_t *ref;
	size_t i;

	json_array_foreach(json_object_get(meta, "ownerReferences"), i, ref)
	{
		const char *kind = text(ref, "kind"), *name = text(ref, "name");

		if (!json_is_true(json_object_get(ref, "controller")))
			continue;
		if (strcmp(kind, "ReplicaSet") == 0 &&
		    cut_template_hash(
			    name, text(json_object_get(meta, "labels"), "pod-template-hash"), buf))
			return buf;
		if (strcmp(kind, "Job") == 0 && cut_minute(name, buf))
			return buf;
		/* A mirror pod's owner is the node. */
		return strcmp(kind, "Node") == 0 ? "" : name;
	}
	return "";
}

static const char *service_name(const json_t *meta, char buf[NAME_LEN])
{
	const json_t *labels = json_object_get(meta, "labels");
	const char *const choice[] = {
		text(json_object_get(meta, "annotations"),
		     "resource.opentelemetry.io/service.name"),
		text(labels, "app.kubernetes.io/instance"),
		text(labels, "app.kubernetes.io/name"),
		owner_name(meta, buf),
	};

	for (size_t i = 0; i < SLO_ARRAY_SIZE(choice); i++) {
		if (*choice[i])
			return choice[i];
	}
	return text(meta, "name");
}

/* --- pods ------------------------------------------------------------------------------------------------------ */

/* "containerd://ID": one that has not begun has none. */
static void add_containers(const json_t *status, const char *key, struct slo_pod *pod)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(status, key), i, item)
	{
		const char *id = text(item, "containerID"), *scheme = strstr(id, "://");

		if (!scheme || pod->container_count == SLO_POD_CONTAINERS_MAX)
			continue;
		pod->container[pod->container_count].id = scheme + 3;
		pod->container[pod->container_count].name = text(item, "name");
		pod->container_count++;
	}
}

static void tell(const json_t *object, enum slo_pod_event event, slo_pod_fn fn, void *user)
{
	const json_t *meta = json_object_get(object, "metadata");
	const json_t *notes = json_object_get(meta, "annotations");
	const json_t *status = json_object_get(object, "status");
	struct slo_pod pod = {
		.uid = text(meta, "uid"),
		.hash = text(notes, "kubernetes.io/config.hash"),
		.name = text(meta, "name"),
		.namespace_ = text(meta, "namespace"),
		.service_namespace = text(notes, "resource.opentelemetry.io/service.namespace"),
	};
	char buf[NAME_LEN];

	if (!*pod.uid)
		return;
	if (!*pod.service_namespace)
		pod.service_namespace = pod.namespace_;
	pod.service = service_name(meta, buf);
	add_containers(status, "containerStatuses", &pod);
	add_containers(status, "initContainerStatuses", &pod);
	add_containers(status, "ephemeralContainerStatuses", &pod);
	fn(user, event, &pod);
}

/* A Status object, as an answer or as an event. */
static void read_status(const json_t *status, struct slo_pod_page *ret)
{
	json_int_t code = json_integer_value(json_object_get(status, "code"));

	ret->code = code > 0 && code < 1000 ? (unsigned int)code : 500;
	(void)snprintf(ret->why, sizeof(ret->why), "%.159s", text(status, "message"));
}

static int read_event(const json_t *root, slo_pod_fn fn, void *user, struct slo_pod_page *ret,
                      struct slo_err *err)
{
	const json_t *object = json_object_get(root, "object");
	const char *type = text(root, "type");

	if (strcmp(type, "ERROR") == 0) {
		read_status(object, ret);
		return 0;
	}
	(void)snprintf(ret->version, sizeof(ret->version), "%.63s",
	               text(json_object_get(object, "metadata"), "resourceVersion"));
	if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
		tell(object, SLO_POD_CHANGED, fn, user);
	else if (strcmp(type, "DELETED") == 0)
		tell(object, SLO_POD_GONE, fn, user);
	else if (strcmp(type, "BOOKMARK") != 0)
		return slo_err_set(err, -EBADMSG, "a watch's event is of type '%.40s'", type);
	return 0;
}

static int read_list(const json_t *root, slo_pod_fn fn, void *user, struct slo_pod_page *ret)
{
	const json_t *meta = json_object_get(root, "metadata");
	const char *next = text(meta, "continue");
	json_t *item;
	size_t i;

	if (strlen(next) >= sizeof(ret->next))
		return -EBADMSG;
	(void)snprintf(ret->version, sizeof(ret->version), "%.63s", text(meta, "resourceVersion"));
	memcpy(ret->next, next, strlen(next) + 1);
	json_array_foreach(json_object_get(root, "items"), i, item)
		tell(item, SLO_POD_LISTED, fn, user);
	return 0;
}

int slo_pod_json_read(const char *json, size_t len, slo_pod_fn fn, void *user,
                      struct slo_pod_page *ret, struct slo_err *err)
{
	struct slo_pod_page page = { 0 };
	json_error_t bad;
	json_t *root = NULL;
	int r = slo_json_load(&root, json, len, 0, &bad);
	const char *kind = text(root, "kind");

	if (r == -ENOMEM)
		return slo_err_set(err, r, "no memory for an answer of %zu bytes", len);
	if (r < 0)
		return slo_err_set(err, -EBADMSG, "not JSON: %.120s", bad.text);
	if (json_is_string(json_object_get(root, "type"))) {
		r = read_event(root, fn, user, &page, err);
	} else if (strcmp(kind, "PodList") == 0) {
		r = read_list(root, fn, user, &page);
		if (r < 0)
			(void)slo_err_set(err, r, "the continue token is too long");
	} else if (strcmp(kind, "Status") == 0) {
		read_status(root, &page);
		r = 0;
	} else {
		r = slo_err_set(err, -EBADMSG, "neither a PodList nor an event of a watch");
	}
	json_decref(root);
	if (r == 0)
		*ret = page;
	return r;
}
