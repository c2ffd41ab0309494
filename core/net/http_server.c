/* SPDX-License-Identifier: Apache-2.0 */
/*
 * We accept and choose whom to cut off; libmicrohttpd, that takes over each socket, speaks HTTP. It watches sockets
 * edge-triggered and keeps a list of what is ready, so run() goes on until it asks for no more, or wakes itself.
 */
#include "core/net/http_server.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "core/net/http_listen.h"
#include "core/net/http_request.h"
#include "core/net/spare.h"

#define CONNECTIONS_MAX 256
#define BYTES_MAX (UINT64_C(64) << 20)
#define TIMEOUT_S 10
#define ACCEPTS_AT_ONCE 16
#define SPARE 64 /* rows of sockets that were shut and are not reaped yet */
#define TURNS_AT_ONCE 64
#define MEMORY_LIMIT (32U << 10) /* of one connection: its head, and one piece of its body */
#define WHOLE_REQUEST 4 /* timeouts */
#define WATCHED 3 /* who comes, the daemon's own set, what was left */

static uint64_t timeout_ns(const struct slo_http_server *s)
{
	return s->timeout_s * SLO_NS_PER_SEC;
}

/* --- connections ---------------------------------------------------------------------------------------------- */

static struct slo_http_conn *slot_of(struct slo_http_server *s, int fd)
{
	for (size_t i = 0; i < s->slots; i++) {
		if (s->conn[i].fd == fd)
			return &s->conn[i];
	}
	return NULL;
}

static void leave(struct slo_http_server *s, struct slo_http_conn *c)
{
	if (!c->shut)
		s->open--;
	*c = (struct slo_http_conn){ .fd = -1 };
}

/* Its owner closes it when it sees the end. */
static void shut(struct slo_http_server *s, struct slo_http_conn *c)
{
	(void)shutdown(c->fd, SHUT_RDWR);
	c->shut = true;
	s->open--;
	s->st.refused++;
}

/*
 * How little it is missed: those that never sent a whole head, oldest first; idle ones; then bodies, by bytes a second.
 * A body is given a second to begin, an answer time to be read.
 */
static double dispensable(const struct slo_http_conn *c, uint64_t now_ns)
{
	double age_s = (double)(now_ns - c->since_ns) / 1e9;

	if (c->fd < 0 || c->shut)
		return -1;
	if (c->state == SLO_HTTP_HEAD)
		return (c->served ? 1e10 : 1e20) + age_s;
	if (c->state != SLO_HTTP_BODY || age_s < 1)
		return -1;
	return age_s / ((double)c->received + 1);
}

static bool make_room(struct slo_http_server *s, uint64_t now_ns)
{
	struct slo_http_conn *worst = NULL;
	double most = 0;

	for (size_t i = 0; i < s->slots; i++) {
		double d = dispensable(&s->conn[i], now_ns);

		if (d >= most) {
			most = d;
			worst = &s->conn[i];
		}
	}
	if (worst)
		shut(s, worst);
	return worst;
}

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
	struct slo_http_server *s = user;
	struct slo_http_conn *c = *context;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		info = s->mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		*context = info ? slot_of(s, info->connect_fd) : NULL;
	} else if (c && c->fd >= 0) {
		leave(s, c);
	}
}

static int watch(const struct slo_http_server *s, int fd, struct slo_err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(s->epfd, EPOLL_CTL_ADD, fd, &ev))
		return slo_err_set(err, -errno, "http: epoll: %s", strerror(errno));
	return 0;
}

/* -EIO, -ELIBACC */
static int start(struct slo_http_server *s, struct slo_err *err)
{
	const union MHD_DaemonInfo *info;
	int r = slo_mhd_open(&s->mhd, err);

	if (r < 0)
		return r;
	s->daemon = s->mhd.start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, slo_http_request_piece, s,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_NOTIFY_COMPLETED,
		slo_http_request_end, s, MHD_OPTION_URI_LOG_CALLBACK, slo_http_request_begin, s,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)s->slots * 2,
		MHD_OPTION_CONNECTION_TIMEOUT, s->timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)MEMORY_LIMIT, MHD_OPTION_END);
	if (!s->daemon)
		return slo_err_set(err, -EIO, "listen '%s': the HTTP server does not start: %s",
		                   s->cfg.listen, strerror(errno));
	info = s->mhd.get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || info->epoll_fd < 0)
		return slo_err_set(err, -EIO, "listen '%s': the HTTP server has no epoll set",
		                   s->cfg.listen);
	return watch(s, info->epoll_fd, err);
}

static void stop(struct slo_http_server *s)
{
	if (s->daemon)
		s->mhd.stop_daemon(s->daemon);
	s->daemon = NULL;
	slo_mhd_close(&s->mhd);
}

static void admit(struct slo_http_server *s, int fd, const struct sockaddr_storage *from,
                  socklen_t len)
{
	uint64_t now = slo_clock_monotonic_ns();
	struct slo_http_conn *c = slot_of(s, fd);

	/* One that was taken over and closed without a word. */
	if (c)
		leave(s, c);
	if (s->open >= s->max && !make_room(s, now)) {
		s->st.refused++;
		(void)close(fd);
		return;
	}
	c = slot_of(s, -1);
	if (!c) {
		(void)s->mhd.run(s->daemon); /* reaps what was shut */
		c = slot_of(s, -1);
	}
	if (!c) {
		s->st.refused++;
		(void)close(fd);
		return;
	}
	*c = (struct slo_http_conn){ .fd = fd, .since_ns = now };
	s->open++;
	/* It owns the socket from here, also where it fails. */
	if (s->mhd.add_connection(s->daemon, fd, (const struct sockaddr *)from, len) != MHD_YES &&
	    c->fd == fd)
		leave(s, c);
}

/* No descriptor is free: whoever is missed least makes room, else the newcomer goes. True: there may be more. */
static bool hang_up(struct slo_http_server *s, int code)
{
	if (code != EMFILE && code != ENFILE)
		return false;
	if (make_room(s, slo_clock_monotonic_ns()))
		return true;
	if (!slo_spare_refuse(&s->spare_fd, s->listen_fd, code))
		return false;
	s->st.refused++;
	return true;
}

/* True: there may be more. */
static bool accept_some(struct slo_http_server *s)
{
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof(from);
		int fd = accept4(s->listen_fd, (struct sockaddr *)&from, &len,
		                 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0 && !s->daemon && start(s, NULL) < 0) {
			stop(s);
			s->st.refused++;
			(void)close(fd);
			return false;
		}
		if (fd >= 0)
			admit(s, fd, &from, len);
		else if (errno != EINTR && errno != ECONNABORTED)
			return i == 0 && hang_up(s, errno);
	}
	return true;
}

/* A sender of one byte now and then is never silent for long: the whole request has a limit of its own. */
static void cut_off_slow(struct slo_http_server *s)
{
	uint64_t now = slo_clock_monotonic_ns();

	if (now - s->swept_ns < SLO_NS_PER_SEC)
		return;
	s->swept_ns = now;
	for (size_t i = 0; i < s->slots; i++) {
		struct slo_http_conn *c = &s->conn[i];

		if (c->fd >= 0 && !c->shut && now - c->since_ns > WHOLE_REQUEST * timeout_ns(s))
			shut(s, c);
	}
}

/* --- life ----------------------------------------------------------------------------------------------------- */

static int open_all(struct slo_http_server *s, struct slo_err *err)
{
	int r;

	s->listen_fd = slo_http_listen(s->cfg.listen, &s->port, err);
	if (s->listen_fd < 0)
		return s->listen_fd;
	s->epfd = epoll_create1(EPOLL_CLOEXEC);
	s->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->spare_fd = slo_spare_open();
	if (s->epfd < 0 || s->wakefd < 0)
		return slo_err_set(err, -errno, "http: %s", strerror(errno));
	r = watch(s, s->listen_fd, err);
	if (!r)
		r = watch(s, s->wakefd, err);
	/* Those whom nobody asks need not hold it in memory; that it is missing is told now. */
	return r ? r : slo_mhd_check(err);
}

int slo_http_server_open(struct slo_http_server **ret, const struct slo_http_server_config *cfg,
                         struct slo_err *err)
{
	slo_http_server_auto struct slo_http_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return slo_err_set(err, -ENOMEM, "http: out of memory");
	s->listen_fd = s->epfd = s->wakefd = s->spare_fd = -1;
	s->cfg = *cfg;
	s->max = cfg->max_connections ? cfg->max_connections : CONNECTIONS_MAX;
	s->max_bytes = cfg->max_bytes ? cfg->max_bytes : BYTES_MAX;
	s->timeout_s = cfg->timeout_s ? cfg->timeout_s : TIMEOUT_S;
	s->slots = s->max + SPARE;
	s->conn = calloc(s->slots, sizeof(*s->conn));
	if (!s->conn)
		return slo_err_set(err, -ENOMEM, "http: out of memory");
	for (size_t i = 0; i < s->slots; i++)
		s->conn[i].fd = -1;
	r = open_all(s, err);
	if (r < 0)
		return r;
	*ret = slo_take_ptr(s);
	return 0;
}

void slo_http_server_freep(struct slo_http_server **sp)
{
	struct slo_http_server *s = *sp;

	if (!s)
		return;
	stop(s);
	slo_closep(&s->listen_fd);
	slo_closep(&s->epfd);
	slo_closep(&s->wakefd);
	slo_closep(&s->spare_fd);
	free(s->conn);
	free(s);
	*sp = NULL;
}

int slo_http_server_fd(const struct slo_http_server *s)
{
	return s->epfd;
}

static bool has_more(const struct slo_http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	return s->mhd.get_timeout(s->daemon, &ms) == MHD_YES && ms == 0;
}

/* Newcomers, and what was left for this turn. True: there may be more. */
static bool take_what_waits(struct slo_http_server *s)
{
	struct epoll_event ev[WATCHED];
	int n = epoll_wait(s->epfd, ev, WATCHED, 0);
	bool more = false;
	uint64_t count;

	for (int i = 0; i < n; i++) {
		if (ev[i].data.fd == s->wakefd)
			(void)!read(s->wakefd, &count, sizeof(count));
		if (ev[i].data.fd == s->listen_fd)
			more = accept_some(s);
	}
	return more;
}

void slo_http_server_run(struct slo_http_server *s)
{
	uint64_t one = 1;
	bool more = take_what_waits(s);
	int turns = 0;

	cut_off_slow(s);
	if (!s->daemon)
		return;
	do {
		(void)s->mhd.run(s->daemon);
	} while (has_more(s) && ++turns < TURNS_AT_ONCE);
	if (more || turns == TURNS_AT_ONCE)
		(void)!write(s->wakefd, &one, sizeof(one));
}

uint16_t slo_http_server_port(const struct slo_http_server *s)
{
	return s->port;
}

void slo_http_server_stats(const struct slo_http_server *s, struct slo_http_server_stats *ret)
{
	*ret = s->st;
	ret->connections = s->open;
}
