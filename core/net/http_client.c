/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/http_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include "core/net/curl.h"
#include "core/net/http_transfer.h"

#define REQUESTS_MAX 256
#define EVENTS_AT_ONCE 32
#define TURNS_AT_ONCE 64 /* a piece of a body each: then others of the loop have theirs */

struct slo_http_client {
	struct slo_curl curl;
	CURLM *multi;
	int epfd; /* curl's sockets, @timerfd and @wakefd: what the caller sees */
	int timerfd; /* curl's next timeout */
	int wakefd; /* there are requests not begun, or cancelled ones */
	bool in_curl; /* a callback of curl is running: it must not be called again */
	bool global; /* curl_global_init() succeeded */
	uint64_t last_id;
	struct slo_http_transfer *waiting; /* not begun; the latest first */
	size_t max;
	struct slo_http_transfer *transfers[REQUESTS_MAX];
	char user_agent[128];
};

/* --- what curl asks of the loop ------------------------------------------------------------------------------- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *of_socket)
{
	struct slo_http_client *c = user;
	struct epoll_event ev = { .data.fd = fd };

	(void)easy;
	(void)of_socket;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(c->epfd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
	if (epoll_ctl(c->epfd, EPOLL_CTL_MOD, fd, &ev) == 0)
		return 0;
	return epoll_ctl(c->epfd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -1;
}

static int on_timer(CURLM *multi, long ms, void *user)
{
	struct slo_http_client *c = user;
	struct itimerspec at = { 0 };

	(void)multi;
	if (ms == 0)
		at.it_value.tv_nsec = 1; /* now; 0 would disarm */
	if (ms > 0) {
		at.it_value.tv_sec = ms / 1000;
		at.it_value.tv_nsec = ms % 1000 * 1000000;
	}
	return timerfd_settime(c->timerfd, 0, &at, NULL) == 0 ? 0 : -1;
}

static void wake(struct slo_http_client *c)
{
	uint64_t one = 1;

	(void)!write(c->wakefd, &one, sizeof(one));
}

static void drain(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
}

/* --- requests ------------------------------------------------------------------------------------------------- */

static struct slo_http_transfer **slot_of(struct slo_http_client *c,
                                          const struct slo_http_transfer *t)
{
	for (size_t i = 0; i < c->max; i++) {
		if (c->transfers[i] == t)
			return &c->transfers[i];
	}
	return NULL;
}

static void forget_waiting(struct slo_http_client *c, const struct slo_http_transfer *t)
{
	struct slo_http_transfer **at = &c->waiting;

	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
}

/* Its slot is free before the caller hears of it, so that on_done may submit. */
static void finish(struct slo_http_client *c, struct slo_http_transfer *t, CURLcode code)
{
	struct slo_http_transfer **slot = slot_of(c, t);
	struct slo_http_reply reply;

	assert(slot);
	*slot = NULL;
	if (t->begun) {
		(void)c->curl.multi_remove_handle(c->multi, t->easy);
	} else {
		forget_waiting(c, t);
	}
	slo_http_transfer_reply(t, code, &reply);
	t->on_done(t->user, &reply);
	slo_http_transfer_freep(&t);
}

static void begin_waiting(struct slo_http_client *c)
{
	while (c->waiting) {
		struct slo_http_transfer *t = c->waiting;

		c->waiting = t->next;
		t->next = NULL;
		t->begun = true;
		if (c->curl.multi_add_handle(c->multi, t->easy) != CURLM_OK)
			finish(c, t, CURLE_OUT_OF_MEMORY);
	}
}

static void finish_cancelled(struct slo_http_client *c)
{
	for (size_t i = 0; i < c->max; i++) {
		if (c->transfers[i] && c->transfers[i]->cancelled)
			finish(c, c->transfers[i], CURLE_ABORTED_BY_CALLBACK);
	}
}

static void finish_done(struct slo_http_client *c)
{
	CURLMsg *msg;
	int left;

	while ((msg = c->curl.multi_info_read(c->multi, &left))) {
		struct slo_http_transfer *t = NULL;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)slo_curl_ask(&c->curl, msg->easy_handle, CURLINFO_PRIVATE, &t);
		finish(c, t, code);
	}
}

static void act(struct slo_http_client *c, const struct epoll_event *ev)
{
	int what = 0, running;
	curl_socket_t fd = ev->data.fd;

	if (fd == c->wakefd) {
		drain(fd);
		return;
	}
	if (fd == c->timerfd) {
		drain(fd);
		fd = CURL_SOCKET_TIMEOUT;
	} else {
		what = (ev->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		       (ev->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		       (ev->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	}
	c->in_curl = true;
	(void)c->curl.multi_socket_action(c->multi, fd, what, &running);
	c->in_curl = false;
}

void slo_http_client_run(struct slo_http_client *c)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int n = 1;

	assert(!c->in_curl);
	/* curl moves one piece a call: once a turn of the loop is too slow beside a receiver that takes whole bodies. */
	for (int turn = 0; turn < TURNS_AT_ONCE && n > 0; turn++) {
		begin_waiting(c);
		n = epoll_wait(c->epfd, events, EVENTS_AT_ONCE, 0);
		for (int i = 0; i < n; i++)
			act(c, &events[i]);
		finish_done(c);
		finish_cancelled(c);
	}
}

int slo_http_client_fd(const struct slo_http_client *c)
{
	return c->epfd;
}

int slo_http_client_submit(struct slo_http_client *c, const struct slo_http_request *req,
                           uint64_t *ret_id, struct slo_err *err)
{
	struct slo_http_transfer **slot = slot_of(c, NULL);
	int r;

	if (!slot)
		return slo_err_set(err, -EAGAIN, "%zu requests are under way already", c->max);
	r = slo_http_transfer_new(slot, &c->curl, req, c->user_agent, err);
	if (r < 0)
		return r;
	(*slot)->id = ++c->last_id;
	(*slot)->next = c->waiting;
	c->waiting = *slot;
	wake(c);
	if (ret_id)
		*ret_id = c->last_id;
	return 0;
}

void slo_http_client_cancel(struct slo_http_client *c, uint64_t id)
{
	for (size_t i = 0; i < c->max; i++) {
		if (!c->transfers[i] || c->transfers[i]->id != id)
			continue;
		c->transfers[i]->cancelled = true;
		if (c->in_curl) {
			wake(c);
		} else {
			finish(c, c->transfers[i], CURLE_ABORTED_BY_CALLBACK);
		}
		return;
	}
}

/* --- life ----------------------------------------------------------------------------------------------------- */

static int watch(struct slo_http_client *c, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(c->epfd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int set_up_fds(struct slo_http_client *c)
{
	c->epfd = epoll_create1(EPOLL_CLOEXEC);
	c->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	c->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->epfd < 0 || c->timerfd < 0 || c->wakefd < 0)
		return -errno;
	return watch(c, c->timerfd) < 0 ? -errno : watch(c, c->wakefd);
}

static int set_up_multi(struct slo_http_client *c)
{
	if (c->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	c->global = true;
	c->multi = c->curl.multi_init();
	if (!c->multi)
		return -ENOMEM;
	(void)slo_curl_set_multi(&c->curl, c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)slo_curl_set_multi(&c->curl, c->multi, CURLMOPT_SOCKETDATA, c);
	(void)slo_curl_set_multi(&c->curl, c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	(void)slo_curl_set_multi(&c->curl, c->multi, CURLMOPT_TIMERDATA, c);
	(void)slo_curl_set_multi(&c->curl, c->multi, CURLMOPT_MAXCONNECTS, (long)c->max);
	return 0;
}

int slo_http_client_new(struct slo_http_client **ret, const struct slo_http_client_config *cfg,
                        struct slo_err *err)
{
	slo_http_client_auto struct slo_http_client *c = NULL;
	int r;

	if (cfg->max_requests < 1 || cfg->max_requests > REQUESTS_MAX)
		return slo_err_set(err, -EINVAL, "HTTP client: 1 to %d requests at once, not %zu",
		                   REQUESTS_MAX, cfg->max_requests);
	c = calloc(1, sizeof(*c));
	if (!c)
		return slo_err_set(err, -ENOMEM, "HTTP client: no memory");
	c->epfd = c->timerfd = c->wakefd = -1;
	c->max = cfg->max_requests;
	(void)snprintf(c->user_agent, sizeof(c->user_agent), "%s", cfg->user_agent);
	r = slo_curl_open(&c->curl, err);
	if (r < 0)
		return r;
	r = set_up_fds(c);
	if (r == 0)
		r = set_up_multi(c);
	if (r < 0)
		return slo_err_set(err, r, "HTTP client: %s", strerror(-r));
	*ret = slo_take_ptr(c);
	return 0;
}

void slo_http_client_freep(struct slo_http_client **client)
{
	struct slo_http_client *c = *client;

	if (!c)
		return;
	assert(!c->in_curl);
	for (size_t i = 0; i < c->max; i++) {
		if (!c->transfers[i])
			continue;
		c->transfers[i]->cancelled = true;
		finish(c, c->transfers[i], CURLE_ABORTED_BY_CALLBACK);
	}
	if (c->multi)
		(void)c->curl.multi_cleanup(c->multi);
	if (c->global)
		c->curl.global_cleanup();
	slo_curl_close(&c->curl);
	slo_closep(&c->timerfd);
	slo_closep(&c->wakefd);
	slo_closep(&c->epfd);
	free(c);
	*client = NULL;
}

/* --- without a loop ------------------------------------------------------------------------------------------- */

struct fetch {
	const struct slo_http_request *req;
	struct slo_err *err;
	int error;
	bool done;
};

static void fetched(void *user, const struct slo_http_reply *reply)
{
	struct fetch *f = user;

	f->done = true;
	f->error = reply->error;
	if (reply->error)
		slo_err_fill(f->err, reply->error, "%s", reply->why);
	f->req->on_done(f->req->user, reply);
}

static int fetch_data(void *user, const uint8_t *data, size_t len)
{
	struct fetch *f = user;

	return f->req->on_data(f->req->user, data, len);
}

int slo_http_fetch(const struct slo_http_request *req, struct slo_err *err)
{
	slo_http_client_auto struct slo_http_client *c = NULL;
	struct slo_http_client_config cfg = { .max_requests = 1,
		                              .user_agent = "llm-slo/" SLO_VERSION };
	struct fetch f = { .req = req, .err = err };
	struct slo_http_request mine = *req;
	struct pollfd p = { .events = POLLIN };
	int r = slo_http_client_new(&c, &cfg, err);

	if (r < 0)
		return r;
	mine.on_done = fetched;
	mine.on_data = req->on_data ? fetch_data : NULL;
	mine.user = &f;
	r = slo_http_client_submit(c, &mine, NULL, err);
	if (r < 0)
		return r;
	p.fd = slo_http_client_fd(c);
	while (!f.done) {
		(void)poll(&p, 1, -1);
		slo_http_client_run(c);
	}
	return f.error;
}
