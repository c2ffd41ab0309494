/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/targets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "compat/cgroup.h"
#include "compat/cgroup_index.h"
#include "compat/host.h"
#include "compat/identity.h"

struct hierarchy {
	int fd; /* its root directory */
	char mount[SLO_CGROUP_MOUNT_LEN]; /* "" where it has none */
};

struct collector {
	uint64_t *ids;
	size_t count;
	size_t sorted; /* of those, distinct and ascending: what earlier targets gave */
	size_t max;
	size_t found; /* of this target, those that another gave too included */
	char pod_uid[SLO_POD_UID_LEN]; /* only cgroups of this pod; "" all */
};

static void close_hierarchy(struct hierarchy *h)
{
	slo_closep(&h->fd);
}

static int open_hierarchy(int root, const char *controller, struct hierarchy *ret,
                          struct slo_err *err)
{
	struct slo_cgroups cgs = { 0 };
	int code = slo_cgroups_read(root, &cgs, err);
	const char *mount = code ? NULL : slo_cgroups_mount(&cgs, controller);
	int fd;

	if (!controller) {
		fd = slo_cgroup2_open_root(root, NULL, 0, err);
		if (fd < 0)
			return fd;
	} else {
		if (code)
			return code;
		if (!mount) {
			return slo_err_set(err, -ENOENT, "cgroup v1 controller %s is not mounted",
			                   controller);
		}
		fd = slo_host_open(root, mount, O_RDONLY | O_DIRECTORY);
		if (fd < 0)
			return slo_err_set(err, fd, "%s: %s", mount, strerror(-fd));
	}
	ret->fd = fd;
	(void)snprintf(ret->mount, sizeof(ret->mount), "%s", mount ? mount : "");
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return (*x > *y) - (*x < *y);
}

static int collect(void *user, uint64_t id, const char *path)
{
	struct collector *c = user;

	if (c->pod_uid[0]) {
		struct slo_identity identity;

		(void)slo_identity_parse_path(path, &identity);
		if (strcmp(identity.pod_uid, c->pod_uid) != 0)
			return 0;
	}
	c->found++;
	/* Targets may overlap. */
	if (c->sorted && bsearch(&id, c->ids, c->sorted, sizeof(id), by_value))
		return 0;
	if (c->count == c->max)
		return -E2BIG;
	c->ids[c->count++] = id;
	return 0;
}

static void sort(struct collector *c)
{
	if (c->count)
		qsort(c->ids, c->count, sizeof(*c->ids), by_value);
	c->sorted = c->count;
}

static int walk_failed(int code, const char *name, const struct collector *c, struct slo_err *err)
{
	if (code == -E2BIG) {
		return slo_err_set(err, code,
		                   "target %s: more than %zu cgroups: name a smaller subtree", name,
		                   c->max);
	}
	return slo_err_set(err, code, "target %s: %s", name, strerror(-code));
}

static bool has_dotdot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2) {
		if ((p == path || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
			return true;
	}
	return false;
}

static int expand_cgroup(const struct hierarchy *h, const char *name, struct collector *c,
                         struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = -1;
	size_t mount_len = strlen(h->mount);
	const char *path = name;
	int code;

	if (name[0] != '/' || has_dotdot(name)) {
		return slo_err_set(err, -EINVAL,
		                   "target %s: a cgroup path begins with \"/\" and has no \"..\"",
		                   name);
	}
	if (mount_len && strncmp(name, h->mount, mount_len) == 0 &&
	    (name[mount_len] == '/' || name[mount_len] == '\0'))
		path += mount_len;
	fd = slo_host_open(h->fd, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0) {
		return slo_err_set(err, fd, "target %s: no such cgroup below %s: %s", name,
		                   mount_len ? h->mount : "the cgroup2 root", strerror(-fd));
	}
	c->pod_uid[0] = '\0';
	code = slo_cgroup_walk(fd, SLO_CGROUP_INDEX_MAX, collect, c, NULL);
	sort(c);
	return code ? walk_failed(code, name, c, err) : 0;
}

static int expand_pod(const struct hierarchy *h, const char *uid, struct collector *c,
                      struct slo_err *err)
{
	int code;

	if (!*uid || strlen(uid) >= sizeof(c->pod_uid))
		return slo_err_set(err, -EINVAL, "target pod %s: not a pod UID", uid);
	(void)snprintf(c->pod_uid, sizeof(c->pod_uid), "%s", uid);
	for (char *p = c->pod_uid; (p = strchr(p, '_'));)
		*p = '-';
	c->found = 0;
	code = slo_cgroup_walk(h->fd, SLO_CGROUP_INDEX_MAX, collect, c, NULL);
	if (code == 0 && c->found == 0) {
		return slo_err_set(err, -ENOENT, "target pod %s: no cgroup of it below %s", uid,
		                   h->mount[0] ? h->mount : "the cgroup2 root");
	}
	sort(c);
	return code ? walk_failed(code, uid, c, err) : 0;
}

int slo_targets_expand(int root, const struct slo_target_names *names, uint64_t *ids, size_t max,
                       struct slo_err *err)
{
	slo_cleanup(close_hierarchy) struct hierarchy h = { .fd = -1 };
	struct collector c = { .max = max };
	int code;

	c.ids = ids;
	if (names->cgroup_count + names->pod_count == 0)
		return 0;
	code = open_hierarchy(root, names->controller, &h, err);
	for (size_t i = 0; code == 0 && i < names->cgroup_count; i++)
		code = expand_cgroup(&h, names->cgroups[i], &c, err);
	for (size_t i = 0; code == 0 && i < names->pod_count; i++)
		code = expand_pod(&h, names->pod_uids[i], &c, err);
	return code ? code : (int)c.count;
}
