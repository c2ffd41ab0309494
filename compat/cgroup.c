/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "compat/host.h"
#include "compat/hostfile.h"
#include "compat/mount.h"

#ifndef CGROUP2_SUPER_MAGIC
#define CGROUP2_SUPER_MAGIC 0x63677270
#endif

#define WAY_OUT "mount it: mount -t cgroup2 none /sys/fs/cgroup/unified"

static const char *const layout_names[] = {
	[SLO_CGROUP_UNKNOWN] = "unknown",
	[SLO_CGROUP_V1] = "v1",
	[SLO_CGROUP_V2] = "v2",
	[SLO_CGROUP_HYBRID] = "hybrid",
};
SLO_TABLE_COMPLETE(layout_names, SLO_CGROUP_LAYOUT_MAX_);

static const char *const v1_names[] = {
	[SLO_CGROUP_V1_SYSTEMD] = "name=systemd",
	[SLO_CGROUP_V1_MEMORY] = "memory",
	[SLO_CGROUP_V1_PIDS] = "pids",
	[SLO_CGROUP_V1_CPU] = "cpu",
	[SLO_CGROUP_V1_CPUACCT] = "cpuacct",
	[SLO_CGROUP_V1_BLKIO] = "blkio",
};
SLO_TABLE_COMPLETE(v1_names, SLO_CGROUP_V1_MAX_);

const char *slo_cgroup_layout_name(enum slo_cgroup_layout layout)
{
	return layout_names[layout];
}

const char *slo_cgroup_v1_name(enum slo_cgroup_v1 v1)
{
	return v1_names[v1];
}

int slo_cgroup_v1_from_name(const char *name, enum slo_cgroup_v1 *ret)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(v1_names); i++) {
		if (strcmp(name, v1_names[i]) == 0) {
			*ret = (enum slo_cgroup_v1)i;
			return 0;
		}
	}
	return -ENOENT;
}

/* One line of mountinfo, split in place. */
struct mount {
	char *fsroot; /* directory of the filesystem that is mounted */
	char *point;
	char *type;
	char *options; /* of the super block: the v1 controllers */
};

/* mountinfo writes blank, tab, newline and backslash as three octal digits. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /fsroot /point rw,noatime master:1 - type source options" */
static bool split_mount(char *line, struct mount *ret)
{
	char *word = slo_text_word(&line);

	for (int field = 1; word && field < 4; field++)
		word = slo_text_word(&line);
	ret->fsroot = word;
	ret->point = word ? slo_text_word(&line) : NULL;
	while (word && strcmp(word, "-") != 0)
		word = slo_text_word(&line);
	if (!word || !ret->point)
		return false;
	ret->type = slo_text_word(&line);
	/* The source in front of the options may be empty. */
	ret->options = slo_text_word(&line);
	word = slo_text_word(&line);
	if (word)
		ret->options = word;
	if (!ret->type || !ret->options)
		return false;
	unescape(ret->point);
	return true;
}

/* The same hierarchy may be mounted more than once: a mount of its root wins over one of a part, then the first. */
static void keep_mount(char *slot, bool *slot_is_root, const struct mount *m)
{
	bool is_root = strcmp(m->fsroot, "/") == 0;

	if (strlen(m->point) >= SLO_CGROUP_MOUNT_LEN || (slot[0] && (*slot_is_root || !is_root)))
		return;
	(void)snprintf(slot, SLO_CGROUP_MOUNT_LEN, "%s", m->point);
	*slot_is_root = is_root;
}

static void keep_v1(struct slo_cgroups *cgs, bool *is_root, const struct mount *m, bool *any)
{
	char *rest = m->options;
	char *o;

	while ((o = strsep(&rest, ","))) {
		enum slo_cgroup_v1 v1;

		if (slo_cgroup_v1_from_name(o, &v1) == 0)
			keep_mount(cgs->v1[v1], &is_root[v1], m);
	}
	*any = true;
}

static int read_mountinfo(int root, const char *path, struct slo_cgroups *ret)
{
	slo_cleanup(slo_fclosep) FILE *f = NULL;
	slo_cleanup(slo_freep) char *line = NULL;
	bool v1_root[SLO_CGROUP_V1_MAX_] = { false };
	struct slo_cgroups cgs = { .source = path };
	bool v2_root = false;
	bool any_v1 = false;
	size_t size = 0;
	int err = slo_hostfile_stream(root, path, &f);

	if (err)
		return err;
	while (getline(&line, &size, f) >= 0) {
		struct mount m;

		if (!split_mount(line, &m))
			continue;
		if (strcmp(m.type, "cgroup2") == 0) {
			keep_mount(cgs.v2, &v2_root, &m);
		} else if (strcmp(m.type, "cgroup") == 0) {
			keep_v1(&cgs, v1_root, &m, &any_v1);
		}
	}
	if (!cgs.v2[0] && !any_v1)
		return -ENOENT;
	cgs.layout = !any_v1 ? SLO_CGROUP_V2 : cgs.v2[0] ? SLO_CGROUP_HYBRID : SLO_CGROUP_V1;
	*ret = cgs;
	return 0;
}

/* True where what the mount table names is also there below this root (PID 1 may live in another mount namespace). */
static bool is_reachable(int root, const struct slo_cgroups *cgs)
{
	if (cgs->v2[0])
		return slo_hostfile_exists(root, cgs->v2);
	for (size_t i = 0; i < SLO_CGROUP_V1_MAX_; i++) {
		if (cgs->v1[i][0])
			return slo_hostfile_exists(root, cgs->v1[i]);
	}
	return true;
}

int slo_cgroups_read(int root, struct slo_cgroups *ret, struct slo_err *err)
{
	struct slo_cgroups init = { 0 };
	struct slo_cgroups self = { 0 };
	int init_err = read_mountinfo(root, "/proc/1/mountinfo", &init);
	int self_err;

	if (init_err == 0 && is_reachable(root, &init)) {
		*ret = init;
		return 0;
	}
	self_err = read_mountinfo(root, "/proc/self/mountinfo", &self);
	if (self_err == 0) {
		*ret = self;
		return 0;
	}
	if (init_err == 0) {
		*ret = init;
		return 0;
	}
	return slo_err_set(
		err, self_err,
		"no cgroup hierarchy in /proc/1/mountinfo (%s) or /proc/self/mountinfo (%s): " WAY_OUT,
		strerror(-init_err), strerror(-self_err));
}

const char *slo_cgroups_mount(const struct slo_cgroups *cgs, const char *controller)
{
	const char *path = cgs->v2;
	enum slo_cgroup_v1 v1;

	if (controller) {
		if (slo_cgroup_v1_from_name(controller, &v1))
			return NULL;
		path = cgs->v1[v1];
	}
	return path[0] ? path : NULL;
}

static enum slo_cgroup_ns ns_by_path(int root, char *why, size_t size)
{
	char text[4096];
	ssize_t n = slo_host_read(root, "/proc/self/cgroup", text, sizeof(text));

	if (n < 0) {
		(void)snprintf(why, size,
		               "neither /proc/self/ns/cgroup nor /proc/self/cgroup can be read");
		return SLO_CGROUP_NS_UNKNOWN;
	}
	if (strstr(text, ":/..")) {
		(void)snprintf(why, size, "/proc/self/cgroup has paths above its own root");
		return SLO_CGROUP_NS_OWN;
	}
	/* cgroup namespaces came with 4.6: a kernel that has pid namespace links but none for cgroups has none. */
	if (readlinkat(root, "proc/self/ns/pid", text, sizeof(text)) > 0) {
		(void)snprintf(why, size, "the kernel has no cgroup namespaces");
		return SLO_CGROUP_NS_INITIAL;
	}
	(void)snprintf(why, size, "/proc/self/ns/cgroup cannot be read");
	return SLO_CGROUP_NS_UNKNOWN;
}

enum slo_cgroup_ns slo_cgroup_ns(int root, char *why, size_t size)
{
	char scratch[160];
	uint64_t self;
	uint64_t init;

	if (!why) {
		why = scratch;
		size = sizeof(scratch);
	}
	if (slo_hostfile_ns(root, "/proc/self/ns/cgroup", &self))
		return ns_by_path(root, why, size);
	if (self == SLO_NS_CGROUP_INITIAL) {
		(void)snprintf(why, size, "/proc/self/ns/cgroup is the initial one");
		return SLO_CGROUP_NS_INITIAL;
	}
	if (slo_hostfile_ns(root, "/proc/1/ns/cgroup", &init) == 0 && init != self) {
		(void)snprintf(
			why, size,
			"/proc/self/ns/cgroup is not that of PID 1: sees only its own subtree");
	} else {
		(void)snprintf(
			why, size,
			"/proc/self/ns/cgroup is not the initial one: sees only its own subtree");
	}
	return SLO_CGROUP_NS_OWN;
}

bool slo_cgroup_is_root(int fd)
{
	struct stat st;

	/* kernfs numbers a tree's root first; before 5.5 st_ino is the lower half of the id, 1 just as well. */
	return fstat(fd, &st) == 0 && st.st_ino == 1;
}

/* 0 and *@ret_fd for a cgroup2 directory. On a fixture any directory will do. */
static int open_v2(int root, const char *path, bool live, int *ret_fd)
{
	slo_cleanup(slo_closep) int fd = slo_host_open(root, path, O_RDONLY | O_DIRECTORY);
	struct statfs fs;

	if (fd < 0)
		return fd;
	if (live && (fstatfs(fd, &fs) || (unsigned long)fs.f_type != CGROUP2_SUPER_MAGIC))
		return -ENOTDIR;
	*ret_fd = slo_take_fd(fd);
	return 0;
}

static bool kernel_has_cgroup2(int root)
{
	char text[8192];

	return slo_host_read(root, "/proc/filesystems", text, sizeof(text)) < 0 ||
	       strstr(text, "\tcgroup2\n");
}

static int refuse_cgroup2(int root, int code, const char *step, struct slo_err *err)
{
	if (!kernel_has_cgroup2(root)) {
		return slo_err_set(
			err, -ENOTSUP,
			"the kernel has no cgroup2 (/proc/filesystems; Linux 4.5 or newer has): use a mechanism without cgroup programs");
	}
	return slo_err_set(err, code, "cgroup2 is not mounted and %s failed (%s%s): " WAY_OUT, step,
	                   strerror(-code), code == -EPERM ? ", needs CAP_SYS_ADMIN" : "");
}

/* The mounted hierarchy: whole, or (*@ret_whole false) the subtree of this namespace, or -1. */
static int open_mounted(int root, bool live, bool *ret_whole, char *ret_path, size_t size)
{
	/* PID 1's own mounts come second: a container that shares the host's PIDs sees them there, whole. */
	static const char *const prefixes[] = { "", "/proc/1/root" };
	slo_cleanup(slo_closep) int part = -1;
	struct slo_cgroups cgs = { 0 };

	(void)slo_cgroups_read(root, &cgs, NULL);
	for (size_t i = 0; cgs.v2[0] && i < SLO_ARRAY_SIZE(prefixes); i++) {
		slo_cleanup(slo_closep) int fd = -1;
		char path[SLO_CGROUP_MOUNT_LEN + 16];

		(void)snprintf(path, sizeof(path), "%s%s", prefixes[i], cgs.v2);
		if (open_v2(root, path, live, &fd))
			continue;
		*ret_whole = !live || slo_cgroup_is_root(fd);
		if (*ret_whole || part < 0)
			(void)snprintf(ret_path, size, "%s", path);
		if (*ret_whole)
			return slo_take_fd(fd);
		if (part < 0)
			part = slo_take_fd(fd);
	}
	return slo_take_fd(part);
}

int slo_cgroup2_open_root(int root, char *where, size_t size, struct slo_err *err)
{
	static const char part_note[] = " (cgroup namespace: only its own subtree)";
	slo_cleanup(slo_closep) int mounted = -1;
	slo_cleanup(slo_closep) int detached = -1;
	char path[SLO_CGROUP_MOUNT_LEN + 16];
	bool live = slo_hostfile_is_live(root);
	const char *step = "open";
	bool whole = false;
	int code = -ENOENT;

	mounted = open_mounted(root, live, &whole, path, sizeof(path));
	if (!whole && live) {
		code = slo_mount_detached("cgroup2", &detached, &step);
		whole = code == 0 && slo_cgroup_is_root(detached);
		if (whole || mounted < 0)
			(void)snprintf(path, sizeof(path), "detached mount");
		if (whole)
			slo_closep(&mounted);
	}
	if (mounted < 0 && detached < 0)
		return refuse_cgroup2(root, code, step, err);
	if (where)
		(void)snprintf(where, size, "%s%s", path, whole ? "" : part_note);
	return mounted >= 0 ? slo_take_fd(mounted) : slo_take_fd(detached);
}

int slo_cgroup_id_at(int dirfd, const char *path, uint64_t *ret_id)
{
	union {
		struct file_handle fh;
		unsigned char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} h = { .fh.handle_bytes = sizeof(uint64_t) };
	struct stat st;
	int mount_id;

	/* kernfs: 64 bits of id from 5.5 on; inode number and generation, which make the id of 4.14 to 5.4, before. */
	if (name_to_handle_at(dirfd, path, &h.fh, &mount_id, AT_EMPTY_PATH) == 0 &&
	    h.fh.handle_bytes == sizeof(uint64_t)) {
		memcpy(ret_id, h.room + sizeof(struct file_handle), sizeof(*ret_id));
		return 0;
	}
	if (fstatat(dirfd, path, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -errno;
	*ret_id = st.st_ino;
	return 0;
}
