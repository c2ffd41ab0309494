/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "compat/cgroup.h"
#include "compat/host.h"
#include "core/programs/sloctl/selftest_case.h"

/* A process that was killed is in its cgroup until it is gone. */
#define REMOVE_TRIES 50
#define REMOVE_MS 10

/* Whether the root of cgroup2 gives @controller to its children: that is the host's choice, and not changed. */
static int is_given(int base, const char *controller, struct slo_err *err)
{
	char text[256], *rest = text;
	ssize_t n = slo_host_read(base, "cgroup.subtree_control", text, sizeof(text));

	if (n < 0)
		return slo_err_set(err, (int)n, "cgroup.subtree_control: %s", strerror((int)-n));
	for (char *word; (word = strsep(&rest, " \n"));) {
		if (strcmp(word, controller) == 0)
			return 0;
	}
	return slo_err_set(err, -ENOTSUP,
	                   "cgroup2 gives its children no %s controller; try "
	                   "echo +%s > /sys/fs/cgroup/cgroup.subtree_control",
	                   controller, controller);
}

static int open_base(const struct slo_selftest *t, const char *controller,
                     struct slo_selftest_cgroup *cg, struct slo_err *err)
{
	struct slo_cgroups cgroups = { 0 };
	const char *mount;
	int r = slo_cgroups_read(t->root, &cgroups, err);

	if (r < 0)
		return r;
	mount = slo_cgroups_mount(&cgroups, controller);
	cg->v2 = !mount;
	if (!mount)
		mount = slo_cgroups_mount(&cgroups, NULL);
	if (!mount)
		return slo_err_set(err, -ENOENT, "no cgroup hierarchy has the %s controller",
		                   controller);
	cg->base = slo_host_open(t->root, mount, O_RDONLY | O_DIRECTORY);
	if (cg->base < 0)
		return slo_err_set(err, cg->base, "%s: %s", mount, strerror(-cg->base));
	return cg->v2 ? is_given(cg->base, controller, err) : 0;
}

int slo_selftest_cgroup_make(const struct slo_selftest *t, const char *controller,
                             struct slo_selftest_cgroup *cg, struct slo_err *err)
{
	int r = open_base(t, controller, cg, err);

	if (r < 0)
		return r;
	(void)snprintf(cg->name, sizeof(cg->name), "llm-slo-selftest-%d-%s", (int)getpid(),
	               controller);
	if (mkdirat(cg->base, cg->name, 0755)) {
		r = -errno;
		cg->name[0] = '\0';
		return slo_err_set(err, r,
		                   "cannot make a cgroup with the %s controller: %s; run as root "
		                   "where the cgroup tree is writable",
		                   controller, strerror(-r));
	}
	return 0;
}

void slo_selftest_cgroup_path(const struct slo_selftest_cgroup *cg, const char *file,
                              char ret[SLO_SELFTEST_CGROUP_PATH])
{
	(void)snprintf(ret, SLO_SELFTEST_CGROUP_PATH, "%s/%s", cg->name, file);
}

int slo_selftest_cgroup_write(const struct slo_selftest_cgroup *cg, const char *file,
                              const char *text, struct slo_err *err)
{
	char path[SLO_SELFTEST_CGROUP_PATH];
	slo_cleanup(slo_closep) int fd = -1;

	slo_selftest_cgroup_path(cg, file, path);
	fd = slo_host_open(cg->base, path, O_WRONLY);
	if (fd < 0)
		return slo_err_set(err, fd, "%s: %s", path, strerror(-fd));
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return slo_err_set(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

int slo_selftest_cgroup_join(const struct slo_selftest_cgroup *cg,
                             const struct slo_selftest_child *c, struct slo_err *err)
{
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", (int)c->pid);
	return slo_selftest_cgroup_write(cg, "cgroup.procs", pid, err);
}

void slo_selftest_cgroup_remove(struct slo_selftest_cgroup *cg)
{
	for (int i = 0; cg->name[0] && i < REMOVE_TRIES; i++) {
		if (!unlinkat(cg->base, cg->name, AT_REMOVEDIR) || errno != EBUSY)
			break;
		(void)poll(NULL, 0, REMOVE_MS);
	}
	cg->name[0] = '\0';
	slo_closep(&cg->base);
}
