/* SPDX-License-Identifier: Apache-2.0 */
/* The loopback interface, its addresses and sockets: all that the self test sends stays on this host. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/programs/sloctl/selftest_case.h"

#define READS_MAX 8

const char *slo_selftest_family_name(enum slo_selftest_family f)
{
	return f == SLO_SELFTEST_V4 ? "IPv4" : "IPv6";
}

const char *slo_selftest_family_names(bool v4, bool v6)
{
	if (v4 && v6)
		return "IPv4 and IPv6";
	return v4 ? "IPv4" : "IPv6";
}

uint8_t slo_selftest_family_number(enum slo_selftest_family f)
{
	return f == SLO_SELFTEST_V4 ? 4 : 6;
}

void slo_selftest_loopback(enum slo_selftest_family f, uint16_t port, union slo_selftest_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (f == SLO_SELFTEST_V4) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		ret->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(port);
		ret->v6.sin6_addr = in6addr_loopback;
	}
}

socklen_t slo_selftest_addr_len(const union slo_selftest_addr *addr)
{
	return addr->any.sa_family == AF_INET ? sizeof(addr->v4) : sizeof(addr->v6);
}

uint16_t slo_selftest_local_port(int fd)
{
	union slo_selftest_addr addr = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(addr);

	if (getsockname(fd, &addr.any, &len))
		return 0;
	return ntohs(addr.any.sa_family == AF_INET ? addr.v4.sin_port : addr.v6.sin6_port);
}

int slo_selftest_tcp_info(int fd, struct tcp_info *ret_info, uint64_t *ret_now_ns)
{
	uint64_t begin;

	for (int i = 0; i < READS_MAX; i++) {
		struct tcp_info info = { 0 };
		socklen_t len = sizeof(info);

		begin = slo_clock_monotonic_ns();
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
			return -errno;
		*ret_info = info;
		*ret_now_ns = slo_clock_monotonic_ns();
		if (*ret_now_ns - begin < SLO_SELFTEST_TICK_NS)
			break;
	}
	return 0;
}

static int set_lo(int fd, bool up, bool *ret_was_up)
{
	struct ifreq req;
	int flags;

	memset(&req, 0, sizeof(req));
	memcpy(req.ifr_name, "lo", sizeof("lo"));
	if (ioctl(fd, SIOCGIFFLAGS, &req))
		return -errno;
	flags = req.ifr_flags;
	*ret_was_up = flags & IFF_UP;
	if (up == *ret_was_up)
		return 0;
	req.ifr_flags = (short)(up ? flags | IFF_UP : flags & ~IFF_UP);
	return ioctl(fd, SIOCSIFFLAGS, &req) ? -errno : 0;
}

int slo_selftest_lo_begin(struct slo_selftest *t, struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool was_up = false;
	int r;

	/* A kernel without IPv4: each cause says for itself what it lacks. */
	if (fd < 0)
		return 0;
	r = set_lo(fd, true, &was_up);
	if (r == -EPERM)
		return slo_err_set(err, r,
		                   "the loopback interface is down and CAP_NET_ADMIN is missing to "
		                   "bring it up: ip link set lo up");
	if (r < 0)
		return slo_err_set(err, r, "the loopback interface cannot be brought up: %s",
		                   strerror(-r));
	t->lo_up = !was_up;
	return 0;
}

void slo_selftest_lo_end(struct slo_selftest *t)
{
	slo_cleanup(slo_closep) int fd = -1;
	bool was_up;

	if (!t->lo_up)
		return;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)set_lo(fd, false, &was_up);
	t->lo_up = false;
}
