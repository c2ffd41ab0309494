/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/cgroup_index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>

#include "compat/cgroup.h"

#ifndef CGROUP_SUPER_MAGIC
#define CGROUP_SUPER_MAGIC 0x27e0eb
#endif
#ifndef CGROUP2_SUPER_MAGIC
#define CGROUP2_SUPER_MAGIC 0x63677270
#endif

#define NSEC_PER_SEC UINT64_C(1000000000)
#define WALK_MIN_GAP_NS (NSEC_PER_SEC / 20)
#define WALK_SHARE 20 /* a walk may take one part in so many of the time */
#define NAME_BYTES_PER_ENTRY \
	128 /* mean length of a path below the base that the arena has room for */

/* A directory whose children are being read. */
struct level {
	DIR *dir;
	size_t len; /* of its path; 0 at the base */
};

struct walker {
	size_t max;
	slo_cgroup_walk_fn fn;
	void *user;
	struct slo_cgroup_walk count;
	bool is_cgroupfs;
	int depth; /* levels in use */
	struct level levels[SLO_CGROUP_DEPTH_MAX + 1]; /* the base is none */
	char path[SLO_CGROUP_PATH_LEN];
};

static bool is_cgroupfs(const struct statfs *fs)
{
	return (unsigned long)fs->f_type == CGROUP2_SUPER_MAGIC ||
	       (unsigned long)fs->f_type == CGROUP_SUPER_MAGIC;
}

static bool is_directory(int dirfd, const struct dirent *e)
{
	struct stat st;

	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
		return false;
	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* kernfs counts subdirectories in the link number, so most directories need not be read. */
static bool is_leaf(const struct walker *w, int fd)
{
	struct stat st;

	return w->is_cgroupfs && fstat(fd, &st) == 0 && st.st_nlink == 2;
}

/* Gives the directory to the callback and, where it may have children, a level. Takes @taken_fd. */
static int enter(struct walker *w, int taken_fd, size_t len)
{
	slo_cleanup(slo_closep) int fd = taken_fd;
	uint64_t id;
	DIR *dir;
	int err;

	if (w->count.seen >= w->max || slo_cgroup_id_at(fd, "", &id)) {
		w->count.lost++;
		return 0;
	}
	w->count.seen++;
	err = w->fn(w->user, id, len ? w->path : "/");
	if (err || is_leaf(w, fd))
		return err;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)slo_take_fd(fd);
	w->levels[w->depth++] = (struct level){ dir, len };
	return 0;
}

static int enter_child(struct walker *w, int dirfd, const char *name, size_t len)
{
	size_t room = sizeof(w->path) - len;
	int n = snprintf(w->path + len, room, "/%s", name);
	int fd;

	if (n < 0 || (size_t)n >= room || w->depth > SLO_CGROUP_DEPTH_MAX) {
		w->count.lost++;
		return 0;
	}
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		/* Removed meanwhile: nothing is lost. */
		w->count.lost += errno != ENOENT;
		return 0;
	}
	return enter(w, fd, len + (size_t)n);
}

static void leave(struct walker *w)
{
	(void)closedir(w->levels[--w->depth].dir);
}

int slo_cgroup_walk(int base, size_t max, slo_cgroup_walk_fn fn, void *user,
                    struct slo_cgroup_walk *ret)
{
	struct walker w = { .max = max, .fn = fn, .user = user };
	struct statfs fs;
	int err;
	int fd = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	w.is_cgroupfs = fstatfs(fd, &fs) == 0 && is_cgroupfs(&fs);
	err = enter(&w, fd, 0);
	while (err == 0 && w.depth > 0) {
		const struct level *top = &w.levels[w.depth - 1];
		const struct dirent *e = readdir(top->dir);

		if (!e) {
			leave(&w);
		} else if (is_directory(dirfd(top->dir), e)) {
			err = enter_child(&w, dirfd(top->dir), e->d_name, top->len);
		}
	}
	while (w.depth > 0)
		leave(&w);
	if (ret)
		*ret = w.count;
	return err;
}

struct entry {
	uint64_t id;
	uint32_t path; /* offset in the arena */
	uint32_t len;
};

/* What a walk found: entries sorted by id, paths in one arena. Both grow with the tree up to their maximum. */
struct tree {
	struct entry *entries;
	size_t count;
	size_t room;
	char *arena;
	size_t arena_used;
	size_t arena_room;
	size_t arena_max;
	size_t lost;
};

struct slo_cgroup_index {
	int dirfd;
	size_t max;
	uint64_t root_id;
	bool handles;
	int handle_type;
	bool walked;
	uint64_t walked_at_ns;
	struct tree tree;
	struct slo_cgroup_index_stats stats;
};

static int tree_reserve(struct tree *t, size_t max, size_t len)
{
	if (t->count == t->room) {
		size_t room = t->room ? t->room * 2 : 256;
		struct entry *more;

		room = room < max ? room : max;
		more = reallocarray(t->entries, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		t->entries = more;
		t->room = room;
	}
	if (t->arena_used + len > t->arena_room) {
		size_t room = t->arena_room ? t->arena_room * 2 : 16384;
		char *more;

		room = room < t->arena_max ? room : t->arena_max;
		if (t->arena_used + len > room)
			return -ENOSPC;
		more = realloc(t->arena, room);
		if (!more)
			return -ENOMEM;
		t->arena = more;
		t->arena_room = room;
	}
	return 0;
}

static int add_entry(void *user, uint64_t id, const char *path)
{
	struct slo_cgroup_index *idx = user;
	struct tree *t = &idx->tree;
	size_t len = strlen(path);
	int err = tree_reserve(t, idx->max, len);

	if (err) {
		t->lost++;
		return 0;
	}
	memcpy(t->arena + t->arena_used, path, len);
	t->entries[t->count++] = (struct entry){
		.id = id,
		.path = (uint32_t)t->arena_used,
		.len = (uint32_t)len,
	};
	t->arena_used += len;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static int rebuild(struct slo_cgroup_index *idx, uint64_t now_ns)
{
	struct slo_cgroup_walk walk = { 0 };
	uint64_t begin = monotonic_ns();
	int err;

	idx->tree.count = 0;
	idx->tree.arena_used = 0;
	idx->tree.lost = 0;
	err = slo_cgroup_walk(idx->dirfd, idx->max, add_entry, idx, &walk);
	if (idx->tree.count)
		qsort(idx->tree.entries, idx->tree.count, sizeof(struct entry), by_id);
	idx->walked = true;
	idx->walked_at_ns = now_ns;
	idx->stats.walks++;
	idx->stats.entries = idx->tree.count;
	idx->stats.lost = walk.lost + idx->tree.lost;
	idx->stats.last_walk_ns = monotonic_ns() - begin;
	return err;
}

static const struct entry *find(const struct tree *t, uint64_t id)
{
	struct entry key = { .id = id };

	return t->count ? bsearch(&key, t->entries, t->count, sizeof(key), by_id) : NULL;
}

static bool is_walk_due(const struct slo_cgroup_index *idx, uint64_t now_ns)
{
	uint64_t gap = idx->stats.last_walk_ns * WALK_SHARE;

	if (gap < WALK_MIN_GAP_NS)
		gap = WALK_MIN_GAP_NS;
	return !idx->walked || now_ns - idx->walked_at_ns >= gap;
}

static int path_by_walk(struct slo_cgroup_index *idx, uint64_t id, uint64_t now_ns, char *buf,
                        size_t size)
{
	const struct entry *e = idx->walked ? find(&idx->tree, id) : NULL;

	if (!e) {
		int err;

		if (!is_walk_due(idx, now_ns))
			return -EAGAIN;
		err = rebuild(idx, now_ns);
		e = find(&idx->tree, id);
		if (!e)
			return err ? err : -ENOENT;
	}
	if (e->len >= size)
		return -ENAMETOOLONG;
	memcpy(buf, idx->tree.arena + e->path, e->len);
	buf[e->len] = '\0';
	return (int)e->len;
}

union handle {
	struct file_handle fh;
	unsigned char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

/* Path of an open descriptor, as this process sees it; "" where it has none. */
static void path_of_fd(int fd, char *buf, size_t size)
{
	char link[40];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
}

/*
 * kernfs resolves a handle by id without any walk (needs CAP_DAC_READ_SEARCH). The descriptor's path minus that of the
 * base is the cgroup's; a cgroup outside a namespace's subtree has no such path.
 */
static int path_by_handle(const struct slo_cgroup_index *idx, uint64_t id, char *buf, size_t size)
{
	union handle h = { .fh.handle_bytes = sizeof(id), .fh.handle_type = idx->handle_type };
	slo_cleanup(slo_closep) int fd = -1;
	char base[SLO_CGROUP_PATH_LEN];
	char path[SLO_CGROUP_PATH_LEN * 2];
	const char *tail;
	size_t base_len;

	memcpy(h.room + sizeof(h.fh), &id, sizeof(id));
	fd = open_by_handle_at(idx->dirfd, &h.fh, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ESTALE ? -ENOENT : -errno;
	path_of_fd(idx->dirfd, base, sizeof(base));
	path_of_fd(fd, path, sizeof(path));
	base_len = strcmp(base, "/") == 0 ? 0 : strlen(base);
	if (base[0] != '/' || strncmp(path, base, base_len) != 0)
		return -EXDEV;
	tail = path + base_len;
	if (*tail && *tail != '/')
		return -EXDEV;
	if (strlen(tail) > strlen(" (deleted)") &&
	    strcmp(tail + strlen(tail) - strlen(" (deleted)"), " (deleted)") == 0)
		return -ENOENT;
	if (!*tail)
		tail = "/";
	if (strlen(tail) >= size)
		return -ENAMETOOLONG;
	memcpy(buf, tail, strlen(tail) + 1);
	return (int)strlen(tail);
}

/* Handles work where the base's own resolves to "/" again. */
static void probe_handles(struct slo_cgroup_index *idx)
{
	union handle h = { .fh.handle_bytes = sizeof(uint64_t) };
	struct statfs fs;
	char path[8];
	int mount_id;

	if (fstatfs(idx->dirfd, &fs) || !is_cgroupfs(&fs))
		return;
	if (name_to_handle_at(idx->dirfd, "", &h.fh, &mount_id, AT_EMPTY_PATH) ||
	    h.fh.handle_bytes != sizeof(uint64_t))
		return;
	idx->handle_type = h.fh.handle_type;
	idx->handles = path_by_handle(idx, idx->root_id, path, sizeof(path)) == 1;
}

int slo_cgroup_index_new(struct slo_cgroup_index **ret, int dirfd, size_t max, bool walk_only,
                         struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct slo_cgroup_index *idx;
	uint64_t root_id;
	int code;

	if (fd < 0)
		return slo_err_set(err, -errno, "cgroup index: %s", strerror(errno));
	code = slo_cgroup_id_at(fd, "", &root_id);
	if (code)
		return slo_err_set(err, code, "cgroup index: id of the root: %s", strerror(-code));
	idx = calloc(1, sizeof(*idx));
	if (!idx)
		return slo_err_set(err, -ENOMEM, "cgroup index: out of memory");
	idx->dirfd = slo_take_fd(fd);
	idx->root_id = root_id;
	idx->max = max && max < SLO_CGROUP_INDEX_MAX ? max : SLO_CGROUP_INDEX_MAX;
	idx->tree.arena_max = idx->max * NAME_BYTES_PER_ENTRY + SLO_CGROUP_PATH_LEN;
	if (!walk_only)
		probe_handles(idx);
	*ret = idx;
	return 0;
}

void slo_cgroup_index_freep(struct slo_cgroup_index **idx)
{
	if (!*idx)
		return;
	slo_closep(&(*idx)->dirfd);
	free((*idx)->tree.entries);
	free((*idx)->tree.arena);
	free(*idx);
	*idx = NULL;
}

int slo_cgroup_index_path(struct slo_cgroup_index *idx, uint64_t id, uint64_t now_ns, char *buf,
                          size_t size)
{
	if (idx->handles) {
		int n = path_by_handle(idx, id, buf, size);

		if (n != -EPERM && n != -EACCES) {
			idx->stats.by_handle++;
			return n == -EXDEV ? -ENOENT : n;
		}
		/* The capability was dropped since: walk from now on. */
		idx->handles = false;
	}
	return path_by_walk(idx, id, now_ns, buf, size);
}

uint64_t slo_cgroup_index_root_id(const struct slo_cgroup_index *idx)
{
	return idx->root_id;
}

void slo_cgroup_index_stats(const struct slo_cgroup_index *idx, struct slo_cgroup_index_stats *ret)
{
	*ret = idx->stats;
	ret->handles = idx->handles;
}
