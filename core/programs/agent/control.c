/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/agent/control.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/base/clock.h"
#include "core/codec/json_load.h"
#include "core/net/spare.h"

#define CLIENTS 8
#define REQUEST_MAX 1024
#define FIRST_ROOM ((size_t)64 << 10)
#define ANSWER_MAX ((size_t)4 << 20)
#define TIME_NS (5 * SLO_NS_PER_SEC)

struct client {
	int fd; /* -1: none */
	uint64_t since_ns;
	size_t got;
	char request[REQUEST_MAX];
	char *answer; /* NULL: still reading */
	size_t len, sent;
};

struct slo_control {
	struct slo_control_config cfg;
	int listen_fd, epfd, spare_fd;
	struct sockaddr_un at;
	bool bound;
	struct client client[CLIENTS];
	struct slo_control_stats st;
};

/* --- clients -------------------------------------------------------------------------------------------------- */

static void leave(struct client *k)
{
	slo_closep(&k->fd);
	slo_freep(&k->answer);
	*k = (struct client){ .fd = -1 };
}

static void refuse(struct slo_control *c, struct client *k)
{
	c->st.refused++;
	leave(k);
}

static const char *reason(int code)
{
	switch (code) {
	case -ENOENT:
		return "no such incident";
	case -ENOTSUP:
		return "no such command";
	case -EBADMSG:
		return "not a request";
	default:
		return strerror(-code);
	}
}

static void say_error(struct client *k, int code)
{
	int n = asprintf(&k->answer, "{\"error\":\"%s\"}\n", reason(code));

	if (n < 0)
		k->answer = NULL;
	k->len = n < 0 ? 0 : (size_t)n;
}

/* The provider's document, in as much room as it takes. */
static int ask(const struct slo_control *c, struct client *k, const char *cmd, const char *id)
{
	for (size_t room = FIRST_ROOM; room <= ANSWER_MAX; room *= 4) {
		slo_cleanup(slo_freep) char *text = malloc(room + 1);
		struct slo_jsonw w;
		ssize_t n;
		int r;

		if (!text)
			return -ENOMEM;
		slo_jsonw_init(&w, text, room);
		r = c->cfg.answer(c->cfg.user, cmd, id, &w);
		if (r < 0)
			return r;
		n = slo_jsonw_finish(&w);
		if (n < 0)
			continue;
		text[n] = '\n';
		k->answer = slo_take_ptr(text);
		k->len = (size_t)n + 1;
		return 0;
	}
	return -EFBIG;
}

static void handle(struct slo_control *c, struct client *k)
{
	json_t *request = NULL;
	json_error_t why;
	int r = slo_json_load(&request, k->request, k->got, JSON_REJECT_DUPLICATES, &why);
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	const char *id = json_string_value(json_object_get(request, "id"));

	if (r == 0)
		r = cmd ? ask(c, k, cmd, id ? id : "") : -EBADMSG;
	json_decref(request);
	if (r < 0) {
		c->st.refused++;
		say_error(k, r);
	} else {
		c->st.answered++;
	}
}

static void send_some(struct slo_control *c, struct client *k)
{
	struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = k };

	while (k->sent < k->len) {
		ssize_t n = send(k->fd, k->answer + k->sent, k->len - k->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			(void)epoll_ctl(c->epfd, EPOLL_CTL_MOD, k->fd, &ev);
			return;
		}
		if (n < 0)
			break;
		k->sent += (size_t)n;
	}
	leave(k);
}

static void read_some(struct slo_control *c, struct client *k)
{
	ssize_t n = read(k->fd, k->request + k->got, sizeof(k->request) - k->got);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		refuse(c, k);
		return;
	}
	end = memchr(k->request + k->got, '\n', (size_t)n);
	k->got += (size_t)n;
	if (end)
		k->got = (size_t)(end - k->request);
	else if (k->got == sizeof(k->request))
		say_error(k, -EBADMSG);
	else
		return;
	if (end)
		handle(c, k);
	else
		c->st.refused++;
	if (k->answer)
		send_some(c, k);
	else
		leave(k);
}

static void admit(struct slo_control *c)
{
	struct client *k = NULL;
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; i < CLIENTS && !k; i++)
		k = c->client[i].fd < 0 ? &c->client[i] : NULL;
	if (fd < 0) {
		c->st.refused += slo_spare_refuse(&c->spare_fd, c->listen_fd, errno);
		return;
	}
	ev.data.ptr = k;
	if (!k || epoll_ctl(c->epfd, EPOLL_CTL_ADD, fd, &ev)) {
		c->st.refused++;
		(void)close(fd);
		return;
	}
	k->fd = fd;
	k->since_ns = slo_clock_monotonic_ns();
}

void slo_control_run(struct slo_control *c)
{
	struct epoll_event ev[CLIENTS + 1];
	uint64_t now = slo_clock_monotonic_ns();
	int n = epoll_wait(c->epfd, ev, CLIENTS + 1, 0);

	for (int i = 0; i < n; i++) {
		struct client *k = ev[i].data.ptr;

		if (!k)
			admit(c);
		else if (k->fd >= 0 && k->answer)
			send_some(c, k);
		else if (k->fd >= 0)
			read_some(c, k);
	}
	for (size_t i = 0; i < CLIENTS; i++) {
		if (c->client[i].fd >= 0 && now > c->client[i].since_ns + TIME_NS)
			refuse(c, &c->client[i]);
	}
}

/* --- life ----------------------------------------------------------------------------------------------------- */

/* A socket that nobody listens on is a dead agent's. */
static int remove_dead(const struct sockaddr_un *at, struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd < 0)
		return slo_err_set(err, -errno, "control socket: %s", strerror(errno));
	if (lstat(at->sun_path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return slo_err_set(err, -EEXIST,
		                   "control %s: there is something that is no socket; "
		                   "remove it, or choose another [agent] control",
		                   at->sun_path);
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0)
		return slo_err_set(err, -EADDRINUSE,
		                   "control %s: another agent answers there; "
		                   "choose another [agent] control",
		                   at->sun_path);
	(void)unlink(at->sun_path);
	return 0;
}

static void make_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *end = strrchr(path, '/');

	if (!end || end == path)
		return;
	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(end - path), path);
	(void)mkdir(folder, 0755); /* where that fails, bind() says so */
}

static int bind_private(struct slo_control *c, struct slo_err *err)
{
	/* From the first moment on nobody else may connect. */
	mode_t before = umask(0177);
	int r = bind(c->listen_fd, (const struct sockaddr *)&c->at, sizeof(c->at)) ? -errno : 0;

	(void)umask(before);
	if (r < 0)
		return slo_err_set(err, r, "control %s: %s; choose another [agent] control%s",
		                   c->at.sun_path, strerror(-r),
		                   r == -EACCES ? ", or RuntimeDirectory= in the unit" : "");
	c->bound = true;
	if (listen(c->listen_fd, CLIENTS))
		return slo_err_set(err, -errno, "control %s: %s", c->at.sun_path, strerror(errno));
	return 0;
}

static int open_all(struct slo_control *c, struct slo_err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	int r;

	if (strlen(c->cfg.path) >= sizeof(c->at.sun_path))
		return slo_err_set(err, -ENAMETOOLONG, "control %s: longer than %zu bytes",
		                   c->cfg.path, sizeof(c->at.sun_path) - 1);
	c->at.sun_family = AF_UNIX;
	memcpy(c->at.sun_path, c->cfg.path, strlen(c->cfg.path));
	make_folder(c->cfg.path);
	r = remove_dead(&c->at, err);
	if (r < 0)
		return r;
	c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	c->epfd = epoll_create1(EPOLL_CLOEXEC);
	c->spare_fd = slo_spare_open();
	if (c->listen_fd < 0 || c->epfd < 0)
		return slo_err_set(err, -errno, "control socket: %s", strerror(errno));
	r = bind_private(c, err);
	if (r < 0)
		return r;
	if (epoll_ctl(c->epfd, EPOLL_CTL_ADD, c->listen_fd, &ev))
		return slo_err_set(err, -errno, "control socket: %s", strerror(errno));
	return 0;
}

int slo_control_open(struct slo_control **ret, const struct slo_control_config *cfg,
                     struct slo_err *err)
{
	slo_control_auto struct slo_control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return slo_err_set(err, -ENOMEM, "control socket: out of memory");
	c->cfg = *cfg;
	c->listen_fd = c->epfd = c->spare_fd = -1;
	for (size_t i = 0; i < CLIENTS; i++)
		c->client[i].fd = -1;
	r = open_all(c, err);
	if (r < 0)
		return r;
	*ret = slo_take_ptr(c);
	return 0;
}

void slo_control_freep(struct slo_control **cp)
{
	struct slo_control *c = *cp;

	if (!c)
		return;
	for (size_t i = 0; i < CLIENTS; i++)
		leave(&c->client[i]);
	slo_closep(&c->listen_fd);
	slo_closep(&c->epfd);
	slo_closep(&c->spare_fd);
	if (c->bound)
		(void)unlink(c->at.sun_path);
	free(c);
	*cp = NULL;
}

int slo_control_fd(const struct slo_control *c)
{
	return c->epfd;
}

void slo_control_stats(const struct slo_control *c, struct slo_control_stats *ret)
{
	*ret = c->st;
}
