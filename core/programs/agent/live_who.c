/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who: cgroups by the names people know them by, and where the senders of spans run. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "compat/cgroup.h"
#include "compat/host.h"
#include "compat/procpid.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/jsonw.h"
#include "core/codec/pod_json.h"
#include "core/programs/agent/live.h"

#define PLACE_KEPT_NS (10 * SLO_NS_PER_SEC)
#define NO_PLACE_KEPT_NS SLO_NS_PER_SEC /* a container may be younger than the last look */
#define LOOKUPS_PER_S 1000 /* of processes; senders of spans say what they like */

void slo_live_place_key(uint64_t place, char buf[32])
{
	static const char head[] = "cgroup:";
	char digits[20], *end = digits + sizeof(digits), *from = slo_print_u64(end, place);
	size_t len = (size_t)(end - from);

	memcpy(buf, head, sizeof(head) - 1);
	memcpy(buf + sizeof(head) - 1, from, len);
	buf[sizeof(head) - 1 + len] = '\0';
}

const char *slo_live_service_at(const struct slo_live *l, uint64_t place)
{
	for (size_t i = 0; place && i < l->service_count; i++) {
		const struct slo_live_service *s = &l->service[i];

		for (size_t p = 0; p < s->place_count; p++) {
			if (s->place[p] == place)
				return s->name;
		}
	}
	return "";
}

void slo_live_workload(struct slo_live *l, const struct slo_identity *who, struct slo_workload *ret)
{
	struct slo_pod_names names;

	*ret = (struct slo_workload){
		.cluster = l->cfg->agent.cluster,
		.node = l->c.node,
		.namespace_ = "",
		.pod = "",
		.pod_uid = who->pod_uid,
		.container = "",
		.container_id = who->container_id,
		.service = who->unit,
	};
	if (l->pods && slo_kubernetes_find(l->pods, who->pod_uid, who->container_id, &names)) {
		ret->namespace_ = names.namespace_;
		ret->pod = names.pod;
		ret->container = names.container;
		ret->service = names.service;
	}
}

const char *slo_live_namespace_of(struct slo_live *l, const struct slo_span_resource *r,
                                  uint64_t place)
{
	struct slo_workload w;

	if (*r->who.namespace_ || !place || !l->pods)
		return r->who.namespace_;
	slo_live_workload(l, slo_identity_get(l->c.identity, place, 0, l->now_ns), &w);
	return w.namespace_;
}

static bool wants_pods(const struct slo_config *cfg)
{
	if (cfg->kubernetes.kind == SLO_CONFIG_KUBERNETES_AUTO)
		return slo_kubernetes_is_here();
	return cfg->kubernetes.kind != SLO_CONFIG_KUBERNETES_OFF;
}

int slo_live_pods_init(struct slo_live *l, struct slo_err *err)
{
	struct slo_kubernetes_config k = {
		.read = slo_pod_json_read,
		.kubelet = l->cfg->kubernetes.kind == SLO_CONFIG_KUBERNETES_KUBELET,
		.api = l->cfg->kubernetes.api,
		.token_file = l->cfg->kubernetes.token_file,
		.ca_file = l->cfg->kubernetes.ca_file,
		.node = l->c.node,
	};
	int r;

	if (!wants_pods(l->cfg))
		return 0;
	r = slo_live_client(l, err);
	if (r < 0)
		return slo_err_wrap(err, r, "[kubernetes]");
	k.client = l->client;
	return slo_kubernetes_new(&l->pods, &k, err);
}

void slo_live_recognise(struct slo_live *l, uint64_t place, const struct slo_identity *who)
{
	struct slo_workload w;
	size_t len;

	slo_live_workload(l, who, &w);
	len = strlen(w.service);
	if (len > 8 && strcmp(w.service + len - 8, ".service") == 0)
		len -= 8;
	for (size_t i = 0; len && i < l->service_count; i++) {
		const struct slo_live_service *s = &l->service[i];

		/* Where both sides know a namespace it is the same one. */
		if (*w.namespace_ && *s->namespace_ && strcmp(w.namespace_, s->namespace_) != 0)
			continue;
		if (strncmp(s->name, w.service, len) == 0 && !s->name[len]) {
			slo_live_add_place(l, &l->service[i], place);
			return;
		}
	}
}

/* --- where a sender runs ------------------------------------------------------------------------------------ */

static int open_hierarchy(const struct slo_live *l)
{
	struct slo_cgroups cgroups;
	const char *mount;

	if (slo_cgroups_read(l->c.host_root, &cgroups, NULL) < 0)
		return -1;
	mount = slo_cgroups_mount(&cgroups, l->c.controller);
	return mount ? slo_host_open(l->c.host_root, mount, O_RDONLY | O_DIRECTORY) : -1;
}

static uint64_t place_of_container(struct slo_live *l, const char *id)
{
	slo_cleanup(slo_closep) int base = -1;

	if (!l->containers) {
		base = open_hierarchy(l);
		if (base < 0 || slo_container_index_new(&l->containers, base, 0, NULL) < 0)
			return 0;
	}
	return slo_container_index_find(l->containers, id, l->now_ns);
}

/* The path of this hierarchy in /proc/PID/cgroup: "0::PATH" of v2, else the line with the controller. */
static bool cgroup_path(const char *text, const char *controller, char *buf, size_t size)
{
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		size_t len = strcspn(line, "\n");
		const char *names = memchr(line, ':', len);
		const char *path =
			names ? memchr(names + 1, ':', len - (size_t)(names + 1 - line)) : NULL;
		size_t names_len;

		if (!path)
			return false;
		names_len = (size_t)(path - names - 1);
		path++;
		if (controller ? names_len == strlen(controller) &&
		                         strncmp(names + 1, controller, names_len) == 0
		               : names_len == 0) {
			(void)snprintf(buf, size, "%.*s", (int)(len - (size_t)(path - line)), path);
			return true;
		}
		if (!line[len])
			return false;
	}
	return false;
}

static uint64_t place_of_pid(const struct slo_live *l, uint32_t pid)
{
	slo_cleanup(slo_closep) int base = -1;
	char text[4096], path[SLO_CGROUP_PATH_LEN];
	uint32_t own;
	uint64_t id = 0;

	/* A pid of a container is a number of its own: only one that means the same here may be looked up here. */
	if (slo_procpid_ns_pid(l->c.host_root, pid, &own) == 0 && own != pid)
		return 0;
	if (slo_procpid_cgroup(l->c.host_root, pid, text, sizeof(text)) <= 0 ||
	    !cgroup_path(text, l->c.controller, path, sizeof(path)))
		return 0;
	base = open_hierarchy(l);
	if (base < 0 || slo_cgroup_id_at(base, path[1] ? path + 1 : "", &id) < 0)
		return 0;
	return id;
}

static bool may_look(struct slo_live *l)
{
	if (l->now_ns - l->lookups_since_ns > SLO_NS_PER_SEC) {
		l->lookups_since_ns = l->now_ns;
		l->lookups = 0;
	}
	return l->lookups++ < LOOKUPS_PER_S;
}

static uint64_t find_place(struct slo_live *l, const struct slo_span_resource *r)
{
	bool here = !*r->who.node || strcmp(r->who.node, l->c.node) == 0;
	uint64_t place = 0;

	if (*r->who.container_id)
		place = place_of_container(l, r->who.container_id);
	if (!place && *r->who.pod_uid)
		place = place_of_container(l, r->who.pod_uid);
	if (!place && here && r->pid && !*r->who.container_id && !*r->who.pod_uid && may_look(l))
		place = place_of_pid(l, r->pid);
	return place;
}

/* Walks and reads of /proc are for the first span of a process, not for every batch. */
uint64_t slo_live_place_of(struct slo_live *l, const struct slo_span_resource *r)
{
	uint64_t key = slo_hash_bytes(r->pid, r->who.container_id, strlen(r->who.container_id));
	struct slo_live_place *p;

	key = slo_hash_bytes(key, r->who.pod_uid, strlen(r->who.pod_uid));
	key = slo_hash_bytes(key, r->who.node, strlen(r->who.node)) | 1;
	p = &l->places[key % SLO_LIVE_PLACE_CACHE];
	if (p->key != key ||
	    l->now_ns - p->since_ns > (p->place ? PLACE_KEPT_NS : NO_PLACE_KEPT_NS)) {
		*p = (struct slo_live_place){ .key = key, .since_ns = l->now_ns };
		p->place = find_place(l, r);
	}
	return p->place;
}
