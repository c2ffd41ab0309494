/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/procs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "compat/host.h"
#include "compat/hostfile.h"

#define TCP_LISTEN_STATE 0x0A
#define SOCKETS_MAX 1024
#define BUDGET_MS 100
#define NAMESPACES_MAX 256

struct sockets {
	uint64_t inodes[SOCKETS_MAX];
	size_t count;
};

static void close_dirp(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static uint64_t monotonic_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* "  sl: LOCAL:PORT REMOTE:PORT ST TX:RX TR:WHEN RETR UID TIMEOUT INODE ..." with LOCAL, PORT and ST hexadecimal. */
static bool parse_socket(char *line, unsigned int *ret_port, unsigned int *ret_state,
                         uint64_t *ret_inode)
{
	enum {
		LOCAL = 1,
		STATE = 3,
		INODE = 9
	};
	uint64_t port = 0;
	uint64_t state = 0;
	char *w;

	for (int field = 0; (w = slo_text_word(&line)); field++) {
		char *colon = strrchr(w, ':');

		if (field == LOCAL && (!colon || slo_text_u64(colon + 1, 16, &port)))
			return false;
		if (field == STATE && slo_text_u64(w, 16, &state))
			return false;
		if (field == INODE) {
			if (slo_text_u64(w, 10, ret_inode))
				return false;
			*ret_port = (unsigned int)port;
			*ret_state = (unsigned int)state;
			return *ret_inode != 0;
		}
	}
	return false;
}

static int read_table(int root, const char *path, unsigned int port, bool udp, uint64_t deadline_ms,
                      struct sockets *ret)
{
	slo_cleanup(slo_fclosep) FILE *f = NULL;
	slo_cleanup(slo_freep) char *line = NULL;
	unsigned int lines = 0;
	size_t size = 0;
	int err = slo_hostfile_stream(root, path, &f);

	if (err)
		return err;
	while (ret->count < SOCKETS_MAX && getline(&line, &size, f) >= 0) {
		unsigned int found;
		unsigned int state;
		uint64_t inode;

		if (++lines % 256 == 0 && monotonic_ms() > deadline_ms)
			break;
		if (parse_socket(line, &found, &state, &inode) && found == port &&
		    (udp || state == TCP_LISTEN_STATE))
			ret->inodes[ret->count++] = inode;
	}
	return 0;
}

/* Both families' tables of the network namespace that @dir ("proc/1/net") shows. 0 where one could be read. */
static int read_namespace(int root, const char *dir, unsigned int port, bool udp,
                          uint64_t deadline_ms, struct sockets *ret)
{
	static const char *const families[] = { "", "6" };
	int err = -ENOENT;
	bool any = false;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(families); i++) {
		char path[48];
		int one;

		(void)snprintf(path, sizeof(path), "%s/%s%s", dir, udp ? "udp" : "tcp",
		               families[i]);
		one = read_table(root, path, port, udp, deadline_ms, ret);
		any |= one == 0;
		err = one ? one : err;
	}
	return any ? 0 : err;
}

/* *@ret_all (nullable): each was visited. */
static int walk_processes(int root, uint64_t deadline_ms, bool (*fn)(void *user, uint32_t pid),
                          void *user, bool *ret_all)
{
	slo_cleanup(close_dirp) DIR *dir = NULL;
	struct dirent *e;
	int fd = slo_host_open(root, "proc", O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		int err = -errno;

		(void)close(fd);
		return err;
	}
	while ((e = readdir(dir)) && monotonic_ms() <= deadline_ms) {
		uint64_t pid;

		if (slo_text_u64(e->d_name, 10, &pid) == 0 && pid <= UINT32_MAX &&
		    !fn(user, (uint32_t)pid))
			break;
	}
	if (ret_all)
		*ret_all = !e;
	return 0;
}

int slo_procs_each(int root, unsigned int budget_ms, bool (*fn)(void *user, uint32_t pid),
                   void *user, bool *ret_all)
{
	return walk_processes(root, monotonic_ms() + budget_ms, fn, user, ret_all);
}

struct search {
	int root;
	unsigned int port;
	bool udp;
	uint64_t deadline_ms;
	struct sockets sockets;
	uint64_t namespaces[NAMESPACES_MAX]; /* read already */
	size_t namespace_count;
	uint32_t *tgids;
	size_t count, max;
};

static bool is_new_namespace(struct search *s, uint64_t inode)
{
	if (!inode)
		return false;
	for (size_t i = 0; i < s->namespace_count; i++) {
		if (s->namespaces[i] == inode)
			return false;
	}
	if (s->namespace_count == NAMESPACES_MAX)
		return false;
	s->namespaces[s->namespace_count++] = inode;
	return true;
}

static bool add_namespace(void *user, uint32_t pid)
{
	struct search *s = user;
	char path[48];

	(void)snprintf(path, sizeof(path), "proc/%u/ns/net", pid);
	if (is_new_namespace(s, slo_host_inode(s->root, path))) {
		(void)snprintf(path, sizeof(path), "proc/%u/net", pid);
		(void)read_namespace(s->root, path, s->port, s->udp, s->deadline_ms, &s->sockets);
	}
	return true;
}

/* The host's tables are PID 1's; where they cannot be read, this process's. Then those of all other namespaces. */
static int read_tables(struct search *s)
{
	int err =
		read_namespace(s->root, "proc/1/net", s->port, s->udp, s->deadline_ms, &s->sockets);

	if (err)
		err = read_namespace(s->root, "proc/net", s->port, s->udp, s->deadline_ms,
		                     &s->sockets);
	else
		(void)is_new_namespace(s, slo_host_inode(s->root, "proc/1/ns/net"));
	if (err)
		return err;
	return walk_processes(s->root, s->deadline_ms, add_namespace, s, NULL);
}

static bool is_ours(const struct sockets *s, uint64_t inode)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->inodes[i] == inode)
			return true;
	}
	return false;
}

static bool owns_one(int root, uint32_t pid, const struct sockets *s)
{
	char path[32];
	slo_cleanup(close_dirp) DIR *dir = NULL;
	struct dirent *e;
	int fd;

	(void)snprintf(path, sizeof(path), "proc/%u/fd", pid);
	fd = slo_host_open(root, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return false;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return false;
	}
	while ((e = readdir(dir))) {
		static const char mark[] = "socket:[";
		char link[64];
		uint64_t inode;
		ssize_t n;

		n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
		if (n < (ssize_t)strlen(mark) + 2 || strncmp(link, mark, strlen(mark)) != 0)
			continue;
		link[n - 1] = '\0'; /* the closing bracket */
		if (slo_text_u64(link + strlen(mark), 10, &inode) == 0 && is_ours(s, inode))
			return true;
	}
	return false;
}

static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x > *y) - (*x < *y);
}

static bool add_owner(void *user, uint32_t pid)
{
	struct search *s = user;

	if (owns_one(s->root, pid, &s->sockets))
		s->tgids[s->count++] = pid;
	return s->count < s->max;
}

ssize_t slo_procs_port_owners(int root, unsigned int port, bool udp, uint32_t *tgids, size_t max)
{
	struct search s = {
		.root = root,
		.port = port,
		.udp = udp,
		.deadline_ms = monotonic_ms() + BUDGET_MS,
		.tgids = tgids,
		.max = max,
	};
	int err = read_tables(&s);

	if (err)
		return err;
	if (!s.sockets.count || !max)
		return 0;
	err = walk_processes(root, s.deadline_ms, add_owner, &s, NULL);
	if (err)
		return err;
	if (s.count)
		qsort(tgids, s.count, sizeof(*tgids), by_value);
	return (ssize_t)s.count;
}
