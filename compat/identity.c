/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/identity.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

#define COMPONENTS_MAX 64
#define ID_LEN 64 /* hexadecimal digits of a container's id */
#define STATIC_UID_LEN 32

struct word {
	const char *at;
	size_t len;
};

/*
 * What stands in front of the id in a component, with or without ".scope" behind. Monitors ("crio-conmon-<id>") are no
 * match, because the rest is longer than an id.
 */
static const struct {
	const char *prefix;
	const char *runtime;
} prefixes[] = {
	{ "docker-", "docker" },
	{ "cri-containerd-", "containerd" },
	{ "containerd-", "containerd" },
	{ "nerdctl-", "containerd" },
	{ "crio-", "cri-o" },
	{ "libpod-payload-", "podman" },
	{ "libpod-", "podman" },
};

/* Parent directories that tell the runtime of a bare id; the first that is found above it, innermost first, counts. */
static const struct {
	const char *parent;
	const char *runtime;
} parents[] = {
	{ "docker", "docker" },      { "ecs", "docker" }, { "libpod_parent", "podman" },
	{ "default", "containerd" }, /* containerd's and nerdctl's namespaces */
	{ "k8s.io", "containerd" },
};

static bool is_hex(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'f'))
			return false;
	}
	return true;
}

static bool word_is(struct word w, const char *text)
{
	return w.len == strlen(text) && memcmp(w.at, text, w.len) == 0;
}

static bool starts_with(struct word w, const char *prefix)
{
	return w.len >= strlen(prefix) && memcmp(w.at, prefix, strlen(prefix)) == 0;
}

static bool ends_with(struct word w, const char *suffix)
{
	size_t len = strlen(suffix);

	return w.len >= len && memcmp(w.at + w.len - len, suffix, len) == 0;
}

static struct word without_suffix(struct word w, const char *suffix)
{
	if (ends_with(w, suffix))
		w.len -= strlen(suffix);
	return w;
}

static struct word skip(struct word w, size_t len)
{
	return (struct word){ w.at + len, w.len - len };
}

static void copy(char *to, size_t size, struct word w)
{
	size_t len = w.len < size ? w.len : size - 1;

	memcpy(to, w.at, len);
	to[len] = '\0';
}

static size_t split(const char *path, struct word *ret, size_t max)
{
	size_t count = 0;

	while (*path) {
		size_t len = strcspn(path, "/");

		/* Deeper than anything real: the innermost ones matter. */
		if (len && count == max) {
			memmove(ret, ret + 1, (max - 1) * sizeof(*ret));
			count--;
		}
		if (len)
			ret[count++] = (struct word){ path, len };
		path += len;
		path += strspn(path, "/");
	}
	return count;
}

/* "kubepods-burstable-pod<uid>.slice:cri-containerd:<id>": runc given a systemd path by the cgroupfs driver. */
static bool colon_container(struct word w, struct word *ret_id, const char **ret_runtime)
{
	const char *last = memrchr(w.at, ':', w.len);
	struct word head;

	if (!last)
		return false;
	head = (struct word){ w.at, (size_t)(last - w.at) };
	*ret_id = (struct word){ last + 1, w.len - head.len - 1 };
	if (ret_id->len != ID_LEN || !is_hex(ret_id->at, ID_LEN))
		return false;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(prefixes); i++) {
		size_t len = strlen(prefixes[i].prefix) - 1;

		if (head.len > len && head.at[head.len - len - 1] == ':' &&
		    memcmp(head.at + head.len - len, prefixes[i].prefix, len) == 0) {
			*ret_runtime = prefixes[i].runtime;
			return true;
		}
	}
	return false;
}

static bool prefixed_container(struct word w, struct word *ret_id, const char **ret_runtime)
{
	w = without_suffix(w, ".scope");
	for (size_t i = 0; i < SLO_ARRAY_SIZE(prefixes); i++) {
		struct word id;

		if (!starts_with(w, prefixes[i].prefix))
			continue;
		id = skip(w, strlen(prefixes[i].prefix));
		if (id.len == ID_LEN && is_hex(id.at, id.len)) {
			*ret_id = id;
			*ret_runtime = prefixes[i].runtime;
			return true;
		}
	}
	return false;
}

static bool is_kubepods(struct word w)
{
	/* "kubepods", "kubepods.slice", "kubepods-burstable.slice", and below a kubelet's own root "kubelet-kubepods.slice". */
	return memmem(w.at, w.len, "kubepods", strlen("kubepods")) != NULL;
}

static const char *runtime_of_bare(const struct word *words, size_t index)
{
	while (index-- > 0) {
		for (size_t i = 0; i < SLO_ARRAY_SIZE(parents); i++) {
			if (word_is(words[index], parents[i].parent))
				return parents[i].runtime;
		}
		if (is_kubepods(words[index]))
			return "containerd";
	}
	return "";
}

static bool container_at(const struct word *words, size_t index, struct word *ret_id,
                         const char **ret_runtime)
{
	struct word w = words[index];

	if (w.len == ID_LEN && is_hex(w.at, w.len)) {
		*ret_id = w;
		*ret_runtime = runtime_of_bare(words, index);
		return true;
	}
	return prefixed_container(w, ret_id, ret_runtime) ||
	       colon_container(w, ret_id, ret_runtime);
}

/* 8-4-4-4-12 digits with @sep between, or the 32 digits of a static pod's configuration hash. */
static bool is_uid(struct word w, char sep)
{
	static const size_t groups[] = { 8, 4, 4, 4, 12 };
	size_t at = 0;

	if (w.len == STATIC_UID_LEN)
		return is_hex(w.at, w.len);
	if (w.len != SLO_POD_UID_LEN - 1)
		return false;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(groups); i++) {
		if ((i && w.at[at++] != sep) || !is_hex(w.at + at, groups[i]))
			return false;
		at += groups[i];
	}
	return true;
}

/* The uid in "[...]kubepods[-qos]-pod<uid_with_underscores>.slice[:runtime:id]" or "pod<uid>". */
static bool pod_at(const struct word *words, size_t index, struct word *ret_uid)
{
	struct word w = words[index];
	const char *colon = memchr(w.at, ':', w.len);
	const char *mark;
	size_t above = 0;

	if (colon)
		w.len = (size_t)(colon - w.at);
	if (is_kubepods(w)) {
		w = without_suffix(w, ".slice");
		mark = memmem(w.at, w.len, "-pod", strlen("-pod"));
		if (!mark)
			return false;
		*ret_uid = skip(w, (size_t)(mark - w.at) + strlen("-pod"));
		return is_uid(*ret_uid, '_') || is_uid(*ret_uid, '-');
	}
	if (!starts_with(w, "pod"))
		return false;
	*ret_uid = skip(w, strlen("pod"));
	if (!is_uid(*ret_uid, '-'))
		return false;
	/* Below kubepods, or seen from a cgroup namespace inside it: "/../pod<uid>". */
	for (size_t i = 0; i < index; i++) {
		if (is_kubepods(words[i]))
			return true;
		above += word_is(words[i], "..");
	}
	return above > 0 && above == index;
}

static const char *qos_of(const struct word *words, size_t index)
{
	static const char *const classes[] = { "burstable", "besteffort" };

	for (size_t i = 0; i < SLO_ARRAY_SIZE(classes); i++) {
		if (memmem(words[index].at, words[index].len, classes[i], strlen(classes[i])) ||
		    (index && word_is(words[index - 1], classes[i])))
			return classes[i];
	}
	/* Guaranteed pods stand right below kubepods; from inside a cgroup namespace the class may be out of sight. */
	return is_kubepods(words[index]) || (index && is_kubepods(words[index - 1])) ? "guaranteed"
	                                                                             : "";
}

static bool is_unit(struct word w)
{
	static const char *const suffixes[] = { ".service", ".scope", ".socket", ".mount",
		                                ".swap" };

	for (size_t i = 0; i < SLO_ARRAY_SIZE(suffixes); i++) {
		if (ends_with(w, suffixes[i]))
			return true;
	}
	return false;
}

static bool is_slice(struct word w)
{
	return ends_with(w, ".slice");
}

/* A slice is only where units lie: any unit, however far up, tells more. */
static void find_unit(const struct word *words, size_t count, struct slo_identity *id)
{
	bool (*const kinds[])(struct word) = { is_unit, is_slice };

	for (size_t k = 0; k < SLO_ARRAY_SIZE(kinds); k++) {
		for (size_t i = count; i-- > 0;) {
			if (kinds[k](words[i])) {
				copy(id->unit, sizeof(id->unit), words[i]);
				return;
			}
		}
	}
}

static void copy_path(char *to, size_t size, struct word path)
{
	if (path.len < size) {
		copy(to, size, path);
		return;
	}
	(void)snprintf(to, size, "...%s", path.at + path.len - (size - 1 - strlen("...")));
}

static bool parse(struct word path, struct slo_identity *ret)
{
	struct word words[COMPONENTS_MAX];
	struct slo_identity id = { 0 };
	const char *runtime = "";
	struct word found = { 0 };
	size_t count = split(path.at, words, SLO_ARRAY_SIZE(words));
	size_t pod = count;
	size_t low = 0;

	copy_path(id.path, sizeof(id.path), path);
	while (pod > 0 && !pod_at(words, pod - 1, &found))
		pod--;
	if (pod > 0) {
		copy(id.pod_uid, sizeof(id.pod_uid), found);
		for (char *c = id.pod_uid; (c = strchr(c, '_'));)
			*c = '-';
		(void)snprintf(id.qos, sizeof(id.qos), "%s", qos_of(words, pod - 1));
		/* The colon form names pod and container in one component. */
		low = pod - 1;
	}
	for (size_t i = count; i-- > low;) {
		if (container_at(words, i, &found, &runtime)) {
			copy(id.container_id, sizeof(id.container_id), found);
			(void)snprintf(id.runtime, sizeof(id.runtime), "%s", runtime);
			break;
		}
	}
	if (!id.container_id[0])
		find_unit(words, count, &id);
	*ret = id;
	return id.container_id[0] || id.pod_uid[0];
}

bool slo_identity_parse_path(const char *cgroup_path, struct slo_identity *ret)
{
	/* A process may outlive its cgroup's directory (4.19 and older mark that in /proc/PID/cgroup, newer ones for zombies). */
	static const char deleted[] = " (deleted)";
	char text[4096];
	struct word path = { text, 0 };
	int n = snprintf(text, sizeof(text), "%s", cgroup_path);

	path.len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	path = without_suffix(path, deleted);
	text[path.len] = '\0';
	return parse(path, ret);
}

static size_t rank_of(struct word controllers)
{
	static const char *const order[] = { "name=systemd", "memory",  "pids",
		                             "cpu",          "cpuacct", "blkio" };

	if (controllers.len == 0)
		return 0;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(order); i++) {
		struct word rest = controllers;

		while (rest.len) {
			const char *comma = memchr(rest.at, ',', rest.len);
			struct word one = { rest.at, comma ? (size_t)(comma - rest.at) : rest.len };

			if (word_is(one, order[i]))
				return i + 1;
			rest = skip(rest, comma ? one.len + 1 : rest.len);
		}
	}
	return SLO_ARRAY_SIZE(order) + 1;
}

/* Lower is better: the class of what the line tells first, then the hierarchy. */
static size_t score_of(struct word controllers, const struct slo_identity *id, bool named)
{
	size_t kind = named ? (id->container_id[0] ? 0 : 1) : strcmp(id->path, "/") != 0 ? 2 : 3;

	return kind * 16 + rank_of(controllers);
}

bool slo_identity_parse_proc(const char *text, struct slo_identity *ret)
{
	struct slo_identity best = { 0 };
	size_t best_score = SIZE_MAX;
	bool best_named = false;

	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *a = memchr(text, ':', len);
		const char *b = a ? memchr(a + 1, ':', len - (size_t)(a + 1 - text)) : NULL;

		if (b) {
			char path[4096];
			struct slo_identity id;
			struct word controllers = { a + 1, (size_t)(b - a - 1) };
			size_t score;
			bool named;

			copy(path, sizeof(path),
			     (struct word){ b + 1, len - (size_t)(b + 1 - text) });
			named = slo_identity_parse_path(path, &id);
			score = score_of(controllers, &id, named);
			if (score < best_score) {
				best = id;
				best_score = score;
				best_named = named;
			}
		}
		text += len;
		text += *text == '\n';
	}
	*ret = best;
	return best_named;
}
