/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "compat/hostfile.h"
#include "core/base/clock.h"

#define MESSAGE_MAX 512

/* WATCHDOG_PID is of the process that is meant: a parent that did not clear its own is not us. */
static uint64_t take_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t us = 0, id = (uint64_t)getpid();

	if (pid && slo_text_u64(pid, 10, &id))
		id = 0;
	if (!usec || slo_text_u64(usec, 10, &us) || us > UINT64_MAX / SLO_NS_PER_US)
		us = 0;
	return id == (uint64_t)getpid() ? us * SLO_NS_PER_US : 0;
}

/* "@name" is an abstract socket, whose name begins with a NUL and has no other end than its length. */
static int connect_to(const char *path, struct slo_err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	slo_cleanup(slo_closep) int fd = -1;
	size_t length = strlen(path);

	if ((*path != '/' && *path != '@') || length >= sizeof(to.sun_path))
		return slo_err_set(err, -EINVAL, "NOTIFY_SOCKET=%s: no socket of a service manager",
		                   path);
	memcpy(to.sun_path, path, length);
	if (*path == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)))
		return slo_err_set(err, -errno, "NOTIFY_SOCKET=%s: %s", path, strerror(errno));
	return slo_take_fd(fd);
}

int slo_notify_open(struct slo_notify *ret, struct slo_err *err)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct slo_notify n = SLO_NOTIFY_NONE;

	if (path && *path) {
		n.watchdog_ns = take_watchdog();
		n.fd = connect_to(path, err);
	}
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	if (path && *path && n.fd < 0)
		return n.fd;
	*ret = n;
	return 0;
}

int slo_notify_send(const struct slo_notify *n, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list args;
	int length;

	if (n->fd < 0)
		return 0;
	va_start(args, fmt);
	length = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(text))
		return -EMSGSIZE;
	return send(n->fd, text, (size_t)length, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void slo_notify_close(struct slo_notify *n)
{
	slo_closep(&n->fd);
	n->watchdog_ns = 0;
}
