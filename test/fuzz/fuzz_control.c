/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's line: any bytes, in pieces of any size, the last one perhaps followed by a hang-up. */
#include "core/programs/agent/control.c" /* NOLINT(bugprone-suspicious-include) */

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int answer(void *user, const char *cmd, const char *id, struct slo_jsonw *w)
{
	(void)user;
	if (strcmp(cmd, "explain") == 0)
		return -ENOENT;
	slo_jsonw_object_begin(w);
	slo_jsonw_key(w, "cmd");
	slo_jsonw_str(w, cmd);
	slo_jsonw_key(w, "id");
	slo_jsonw_str(w, id);
	slo_jsonw_object_end(w);
	return 0;
}

/* An answer is one line of JSON. */
static void check_answer(const char *text, size_t len)
{
	json_t *value;

	if (!len)
		return;
	if (text[len - 1] != '\n' || memchr(text, '\n', len - 1))
		abort();
	value = json_loadb(text, len, 0, NULL);
	if (!value)
		abort();
	json_decref(value);
}

static void serve(struct slo_control *c, int peer, const uint8_t *data, size_t size)
{
	struct client *k = &c->client[0];
	static char got[1 << 16];
	size_t at = 0, len = 0;
	ssize_t n;

	while (at < size && k->fd >= 0) {
		size_t piece = 1 + data[at] % 200;

		piece = piece < size - at ? piece : size - at;
		(void)!write(peer, data + at, piece);
		at += piece;
		read_some(c, k);
	}
	while (len < sizeof(got) && (n = read(peer, got + len, sizeof(got) - len)) > 0)
		len += (size_t)n;
	check_answer(got, len);
	leave(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slo_control c = { .cfg = { .answer = answer }, .listen_fd = -1 };
	int ends[2];

	c.epfd = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < CLIENTS; i++)
		c.client[i].fd = -1;
	if (c.epfd < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		abort();
	c.client[0].fd = ends[0];
	serve(&c, ends[1], data, size);
	(void)close(ends[1]);
	slo_closep(&c.epfd);
	return 0;
}
