/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/procfs/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The kernel's macros that walk netlink messages cast const away. */
#pragma GCC diagnostic ignored "-Wcast-qual"

#define BUF_BYTES 32768
/* The kernel answers a dump at once; a lost answer must not hang the agent. */
#define WAIT_S 1

int slo_sockdiag_open(struct slo_err *err)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int code;

	if (fd < 0)
		return slo_err_set(err, -errno, "netlink sock_diag: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait))) {
		code = -errno;
		(void)close(fd);
		return slo_err_set(err, code, "netlink sock_diag: %s", strerror(-code));
	}
	return fd;
}

static int ask(int fd, char *buf, uint8_t family, uint32_t states)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} msg = {
		.head = { .nlmsg_len = sizeof(msg),
		          .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.req = { .sdiag_family = family,
		         .sdiag_protocol = IPPROTO_TCP,
		         .idiag_ext = 1 << (INET_DIAG_INFO - 1),
		         .idiag_states = states },
	};

	/* What an answer that came too late left behind would be taken for this one's. */
	while (recv(fd, buf, BUF_BYTES, MSG_DONTWAIT) > 0)
		continue;
	return send(fd, &msg, sizeof(msg), 0) < 0 ? -errno : 0;
}

/* Older kernels give a shorter struct tcp_info. */
static void take_info(struct slo_sockdiag *s, const struct rtattr *attr)
{
	struct tcp_info info = { 0 };
	size_t len = (size_t)RTA_PAYLOAD(attr);

	memcpy(&info, RTA_DATA(attr), len < sizeof(info) ? len : sizeof(info));
	s->has_info = true;
	s->total_retrans = info.tcpi_total_retrans;
	s->rtt_us = info.tcpi_rtt;
}

static bool is_mapped(const uint32_t *a)
{
	return !a[0] && !a[1] && a[2] == htonl(0xffff);
}

static void take_tuple(struct slo_conn_tuple *t, const struct inet_diag_msg *d)
{
	bool v4 = d->idiag_family == AF_INET;
	size_t skip = 0;

	if (!v4 && is_mapped(d->id.idiag_dst)) {
		v4 = true;
		skip = 3;
	}
	*t = (struct slo_conn_tuple){ .family = v4 ? 4 : 6,
		                      .proto = IPPROTO_TCP,
		                      .sport = ntohs(d->id.idiag_sport),
		                      .dport = ntohs(d->id.idiag_dport) };
	memcpy(t->saddr, d->id.idiag_src + skip, v4 ? 4 : 16);
	memcpy(t->daddr, d->id.idiag_dst + skip, v4 ? 4 : 16);
}

static void give(const struct nlmsghdr *head, slo_sockdiag_fn fn, void *user)
{
	const struct inet_diag_msg *d = NLMSG_DATA(head);
	int left = (int)(head->nlmsg_len - NLMSG_LENGTH(sizeof(*d)));
	struct slo_sockdiag s = {
		.cookie = (uint64_t)d->id.idiag_cookie[1] << 32 | d->id.idiag_cookie[0],
		.state = d->idiag_state,
		.inode = d->idiag_inode,
	};

	if (head->nlmsg_len < NLMSG_LENGTH(sizeof(*d)))
		return;
	take_tuple(&s.tuple, d);
	for (const struct rtattr *a = (const struct rtattr *)(d + 1); RTA_OK(a, left);
	     a = RTA_NEXT(a, left)) {
		if (a->rta_type == INET_DIAG_INFO)
			take_info(&s, a);
	}
	fn(user, &s);
}

/* An end may be a failure's: that of a kernel with inet_diag and without tcp_diag is the only word of it. 0 or negative errno. */
static int end_of(const struct nlmsghdr *h)
{
	int code = 0;

	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(code)))
		memcpy(&code, NLMSG_DATA(h), sizeof(code));
	return code < 0 ? code : 0;
}

/* One datagram of the answer. 1: more will come, 0: the end, or negative errno. */
static int take(int fd, char *buf, slo_sockdiag_fn fn, void *user)
{
	ssize_t n = recv(fd, buf, BUF_BYTES, 0);
	size_t left;

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	left = (size_t)n;
	for (const struct nlmsghdr *h = (const struct nlmsghdr *)buf; NLMSG_OK(h, left);
	     h = NLMSG_NEXT(h, left)) {
		const struct nlmsgerr *e = NLMSG_DATA(h);

		if (h->nlmsg_type == NLMSG_DONE)
			return end_of(h);
		if (h->nlmsg_type == NLMSG_ERROR)
			return e->error ? e->error : -EPROTO;
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY)
			give(h, fn, user);
	}
	return 1;
}

int slo_sockdiag_dump(int fd, uint32_t states, slo_sockdiag_fn fn, void *user, struct slo_err *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	char buf[BUF_BYTES] __attribute__((aligned(8)));

	bool any = false;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(families); i++) {
		int r = ask(fd, buf, families[i], states);

		if (!r) {
			do
				r = take(fd, buf, fn, user);
			while (r == 1);
		}
		/* A kernel may lack one of them. */
		if (r < 0 && r != -ENOENT)
			return slo_err_set(err, r, "netlink sock_diag: %s", strerror(-r));
		any |= r == 0;
	}
	if (!any)
		return slo_err_set(err, -ENOENT,
		                   "netlink sock_diag: this kernel does not tell of TCP sockets "
		                   "(modprobe tcp_diag; CONFIG_INET_DIAG)");
	return 0;
}
