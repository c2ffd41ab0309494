/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 512
#define HOST_MAX 256
#define FORM "write it as HOST:PORT, [IPv6]:PORT or :PORT"

/* "[::1]:80" to "::1" and "80"; the port is digits. */
static int split(const char *address, char host[HOST_MAX], const char **ret_port,
                 struct slo_err *err)
{
	const char *colon = strrchr(address, ':'), *begin = address;
	size_t len;

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    strlen(colon + 1) > 5)
		return slo_err_set(err, -EINVAL, "listen '%s': no port: " FORM, address);
	len = (size_t)(colon - begin);
	if (len >= 2 && begin[0] == '[' && begin[len - 1] == ']') {
		begin++;
		len -= 2;
	} else if (memchr(begin, ':', len)) {
		return slo_err_set(err, -EINVAL, "listen '%s': which ':' is the port's? " FORM,
		                   address);
	}
	if (len >= HOST_MAX || strtoul(colon + 1, NULL, 10) > 65535)
		return slo_err_set(err, -EINVAL, "listen '%s': out of range: " FORM, address);
	memcpy(host, begin, len);
	host[len] = '\0';
	*ret_port = colon + 1;
	return 0;
}

static int open_one(const struct addrinfo *ai, bool dual)
{
	slo_cleanup(slo_closep) int fd =
		socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	int on = 1, only6 = !dual;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    (ai->ai_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6))) ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, BACKLOG))
		return -errno;
	return slo_take_fd(fd);
}

static uint16_t port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at = { 0 };
	socklen_t len = sizeof(at);

	if (getsockname(fd, &at.any, &len))
		return 0;
	return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

static const char *way_out(int code)
{
	switch (code) {
	case -EADDRINUSE:
		return "another program listens there: stop it, or choose another port";
	case -EACCES:
		return "ports below 1024 need CAP_NET_BIND_SERVICE: choose another port";
	case -EADDRNOTAVAIL:
		return "no interface of this host has that address";
	default:
		return "choose another address";
	}
}

int slo_http_listen(const char *address, uint16_t *ret_port, struct slo_err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *found = NULL;
	char host[HOST_MAX];
	const char *port = "";
	int fd = -EADDRNOTAVAIL, r = split(address, host, &port, err);

	if (r < 0)
		return r;
	r = getaddrinfo(*host ? host : NULL, port, &hints, &found);
	if (r)
		return slo_err_set(err, -EADDRNOTAVAIL, "listen '%s': %s: " FORM, address,
		                   gai_strerror(r));
	/* Everywhere is one socket for both families, where there is IPv6. */
	for (int family = 0; fd < 0 && family < 2; family++) {
		for (const struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next) {
			if ((ai->ai_family == AF_INET6) == (family == (*host ? 1 : 0)))
				fd = open_one(ai, !*host || strcmp(host, "::") == 0);
		}
		if (fd == -EADDRINUSE)
			break;
	}
	freeaddrinfo(found);
	if (fd < 0)
		return slo_err_set(err, fd, "listen '%s': %s; %s", address, strerror(-fd),
		                   way_out(fd));
	*ret_port = port_of(fd);
	return fd;
}
