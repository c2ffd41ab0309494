/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server of a few lines that answers by a script, however badly: raw bytes, late, half, or not at all. One
 * connection a request, one after the other. What it was sent is kept.
 */
#ifndef SLO_TEST_NET_SERVER_H
#define SLO_TEST_NET_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/base.h"

#define SERVER_REQUESTS_MAX 512

struct server_reply {
	const char *text; /* raw; NULL: closed without a byte */
	int delay_ms; /* before it */
	int times; /* 0: once; -1: for ever. The last row lasts for ever */
};

struct server {
	pthread_t thread;
	pthread_mutex_t lock;
	int fd;
	int stop[2];
	unsigned short port;
	const struct server_reply *script;
	size_t rows;
	size_t count;
	char *request[SERVER_REQUESTS_MAX];
	size_t length[SERVER_REQUESTS_MAX];
};

static inline size_t server_body_at(const char *text, size_t len)
{
	const char *end = len ? memmem(text, len, "\r\n\r\n", 4) : NULL;

	return end ? (size_t)(end - text) + 4 : 0;
}

static inline int server_is_whole(const char *text, size_t len)
{
	size_t at = server_body_at(text, len);
	const char *length = at ? strcasestr(text, "\r\ncontent-length:") : NULL;

	if (!at)
		return 0;
	return !length || length > text + at ||
	       len - at >= strtoul(length + sizeof("\r\ncontent-length:") - 1, NULL, 10);
}

static inline char *server_read(int fd, size_t *ret_len)
{
	size_t size = 1 << 20, len = 0;
	char *text = malloc(size);

	assert(text);
	text[0] = '\0';
	while (!server_is_whole(text, len)) {
		ssize_t n;

		if (len + 1 == size) {
			size *= 2;
			text = realloc(text, size);
			assert(text);
		}
		n = read(fd, text + len, size - len - 1);
		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
	}
	*ret_len = len;
	return text;
}

static inline const struct server_reply *server_row(const struct server *s, size_t nth)
{
	size_t row = 0, used = 0;

	for (; row + 1 < s->rows; row++) {
		used += s->script[row].times ? (size_t)s->script[row].times : 1;
		if (nth < used)
			break;
	}
	return &s->script[row];
}

static inline void server_answer(struct server *s, int fd)
{
	struct pollfd stop = { .fd = s->stop[0], .events = POLLIN };
	const struct server_reply *row;
	size_t len, left;
	char *text = server_read(fd, &len);

	(void)pthread_mutex_lock(&s->lock);
	row = server_row(s, s->count);
	if (s->count < SERVER_REQUESTS_MAX) {
		s->request[s->count] = text;
		s->length[s->count] = len;
	} else {
		free(text);
	}
	s->count++;
	(void)pthread_mutex_unlock(&s->lock);
	if (row->delay_ms && poll(&stop, 1, row->delay_ms) > 0)
		return;
	for (left = row->text ? strlen(row->text) : 0; left;) {
		ssize_t n = send(fd, row->text + strlen(row->text) - left, left, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		left -= (size_t)n;
	}
}

static inline void *server_main(void *arg)
{
	struct server *s = arg;
	struct pollfd p[2] = { { .fd = s->fd, .events = POLLIN },
		               { .fd = s->stop[0], .events = POLLIN } };

	while (poll(p, 2, -1) > 0 && !p[1].revents) {
		int fd = accept(s->fd, NULL, NULL);

		if (fd < 0)
			continue;
		server_answer(s, fd);
		(void)shutdown(fd, SHUT_WR);
		(void)close(fd);
	}
	return NULL;
}

/* @port 0: any. */
static inline struct server *server_start(const struct server_reply *script, size_t rows,
                                          unsigned short port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr = { htonl(INADDR_LOOPBACK) },
		                  .sin_port = htons(port) };
	socklen_t len = sizeof(at);
	struct server *s = calloc(1, sizeof(*s));
	int on = 1, r;

	assert(s);
	s->script = script;
	s->rows = rows;
	(void)pthread_mutex_init(&s->lock, NULL);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	r = bind(s->fd, (struct sockaddr *)&at, sizeof(at));
	assert(r == 0);
	r = listen(s->fd, 64);
	assert(r == 0);
	r = getsockname(s->fd, (struct sockaddr *)&at, &len);
	assert(r == 0);
	s->port = ntohs(at.sin_port);
	r = pipe(s->stop);
	assert(r == 0);
	r = pthread_create(&s->thread, NULL, server_main, s);
	assert(r == 0);
	(void)r;
	return s;
}

static inline size_t server_count(struct server *s)
{
	size_t n;

	(void)pthread_mutex_lock(&s->lock);
	n = s->count;
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

/* The body of the nth request; ends with a NUL. */
static inline const char *server_body(struct server *s, size_t nth, size_t *ret_len)
{
	size_t at = server_body_at(s->request[nth], s->length[nth]);

	if (ret_len)
		*ret_len = s->length[nth] - at;
	return s->request[nth] + at;
}

static inline void server_stop(struct server *s)
{
	(void)!write(s->stop[1], "x", 1);
	(void)pthread_join(s->thread, NULL);
	for (size_t i = 0; i < SERVER_REQUESTS_MAX; i++)
		free(s->request[i]);
	(void)close(s->fd);
	(void)close(s->stop[0]);
	(void)close(s->stop[1]);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

#endif
