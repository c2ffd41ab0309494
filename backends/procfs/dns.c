/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS latency by a packet socket with a classic BPF filter, which any kernel has: queries that leave this network namespace
 * over UDP and the answers that come in, with the kernel's receive times.
 */
#include "backends/procfs/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backends/procfs/dns_lookups.h"
#include "backends/procfs/interval.h"
#include "backends/procfs/reader.h"
#include "core/base/clock.h"

#define DNS_PORT 53
#define SNAP_BYTES 512
#define RCVBUF_BYTES (1 << 20)
/* One turn of the loop takes no more. */
#define BATCH 1024

#define LOAD8(at) BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at)
#define LOAD16(at) BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at)
#define EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)

/* Packets begin with the IP header: the socket is of the cooked kind. Jumps count from the next instruction. */
static struct sock_filter filter[] = {
	LOAD8(0),
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
	EQUAL(4, 0, 9), /* to IPv6 */
	LOAD8(9),
	EQUAL(IPPROTO_UDP, 0, 15),
	LOAD16(6), /* a later fragment has no ports */
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 13, 0),
	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
	EQUAL(DNS_PORT, 9, 0),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
	EQUAL(DNS_PORT, 7, 8),
	EQUAL(6, 0, 7), /* IPv6 */
	LOAD8(6),
	EQUAL(IPPROTO_UDP, 0, 5),
	LOAD16(40),
	EQUAL(DNS_PORT, 2, 0),
	LOAD16(42),
	EQUAL(DNS_PORT, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SNAP_BYTES),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };

struct dns {
	int fd;
	bool muted;
	struct slo_dns_lookups lookups;
	uint64_t from_ns;
	uint64_t offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC, at the last poll */
	uint64_t lost; /* packets that the socket had no room for, not accounted yet */
};

/* The kernel's time of the packet; now where it has none. */
static uint64_t stamp_of(const struct dns *d, struct msghdr *msg)
{
	uint64_t now = slo_clock_monotonic_ns();

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct timespec ts;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return slo_dns_stamp_ns((uint64_t)ts.tv_sec * SLO_NS_PER_SEC + (uint64_t)ts.tv_nsec,
		                        d->offset_ns, now);
	}
	return now;
}

/* One packet. Number of events given; -EAGAIN where there is no packet. */
static int take(struct dns *d)
{
	uint8_t buf[SNAP_BYTES];
	char control[CMSG_SPACE(sizeof(struct timespec))] __attribute__((aligned(8)));
	struct sockaddr_ll from = { 0 };
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_name = &from,
		              .msg_namelen = sizeof(from),
		              .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = control,
		              .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(d->fd, &msg, MSG_DONTWAIT);
	struct slo_dns_packet p;

	if (n < 0)
		return -errno;
	if (slo_dns_packet_parse(buf, (size_t)n, &p))
		return 0;
	/* On the loopback each packet passes twice; a router's passing traffic is no host's of ours. */
	if (from.sll_pkttype != (p.answer ? PACKET_HOST : PACKET_OUTGOING))
		return 0;
	return slo_dns_lookups_take(&d->lookups, &p, from.sll_ifindex, stamp_of(d, &msg));
}

/* Of packets that came while it was muted, or were under way to the socket when that began. */
static void discard(const struct dns *d)
{
	uint8_t byte;

	for (int i = 0; i < BATCH && recv(d->fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0; i++)
		continue;
}

/* Number of events; *@ret_drained: nothing is left in the socket. */
static int take_all(struct dns *d, bool *ret_drained, struct slo_err *err)
{
	int given = 0, r = 0;

	(void)slo_clock_follow_realtime(&d->offset_ns);
	for (int i = 0; i < BATCH && (r = take(d)) >= 0; i++)
		given += r;
	*ret_drained = r == -EAGAIN;
	if (r < 0 && r != -EAGAIN && r != -EINTR && r != -ENETDOWN)
		return slo_err_set(err, r, "packet socket: %s", strerror(-r));
	return given;
}

static int dns_poll(void *state, slo_procfs_event_fn fn, void *user, struct slo_err *err)
{
	struct dns *d = state;
	bool drained;

	if (d->muted) {
		discard(d);
		return 0;
	}
	d->lookups.fn = fn;
	d->lookups.user = user;
	return take_all(d, &drained, err);
}

/* Packets for which the socket had no room since the last call. */
static uint64_t take_drops(const struct dns *d)
{
	struct tpacket_stats st = { 0 };
	socklen_t size = sizeof(st);

	return getsockopt(d->fd, SOL_PACKET, PACKET_STATISTICS, &st, &size) ? 0 : st.tp_drops;
}

static void dns_close(void *state)
{
	struct dns *d = state;

	if (!d)
		return;
	slo_dns_lookups_fini(&d->lookups);
	slo_closep(&d->fd);
	free(d);
}

static int attach(int fd, bool mute, struct slo_err *err)
{
	const struct sock_fprog all = { SLO_ARRAY_SIZE(filter), filter };
	const struct sock_fprog none = { SLO_ARRAY_SIZE(nothing), nothing };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, mute ? &none : &all, sizeof(all)))
		return slo_err_set(err, -errno, "packet socket: %s", strerror(errno));
	return 0;
}

/* The filter goes on before the protocol, so that nothing else ever queues up. */
static int open_socket(struct slo_err *err)
{
	const struct sockaddr_ll any = { .sll_family = AF_PACKET,
		                         .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int bytes = RCVBUF_BYTES, on = 1, code;

	if (fd < 0)
		return slo_err_set(err, -errno, "packet socket: %s%s", strerror(errno),
		                   errno == EPERM ? "; needs CAP_NET_RAW" : "");
	/* With CAP_NET_ADMIN beyond the system's limit; without it, up to that. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	code = attach(fd, false, err);
	if (!code && (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
	              bind(fd, (const struct sockaddr *)&any, sizeof(any))))
		code = slo_err_set(err, -errno, "packet socket: %s", strerror(errno));
	if (code)
		(void)close(fd);
	return code ? code : fd;
}

static int dns_open(int root, void **ret_state, struct slo_err *err)
{
	struct dns *d = calloc(1, sizeof(*d));
	int r;

	(void)root;
	if (!d)
		return slo_err_set(err, -ENOMEM, "procfs: out of memory");
	d->fd = open_socket(err);
	r = d->fd < 0 ? d->fd : slo_dns_lookups_init(&d->lookups, err);
	if (r) {
		dns_close(d);
		return r;
	}
	d->from_ns = slo_clock_monotonic_ns();
	*ret_state = d;
	return 0;
}

static void dns_probe(int root, struct slo_verdict *v)
{
	struct slo_err err = { 0 };
	void *state = NULL;
	int r = dns_open(root, &state, &err);

	if (r) {
		slo_verdict_refuse(v, "packet socket", r, "%s", err.msg);
		(void)snprintf(v->needs, sizeof(v->needs), "CAP_NET_RAW, CONFIG_PACKET");
	} else {
		slo_interval_serve(
			v, SLO_SRC_PROCFS, "packet socket",
			"AF_PACKET with a classic BPF filter, UDP port 53",
			"the agent's network namespace only (a container's query as it leaves the "
			"host); UDP only; owner unknown; a resolver's own queries not told from clients'");
	}
	dns_close(state);
}

static void dns_tune(void *state, const struct slo_procfs_options *options)
{
	struct dns *d = state;

	d->lookups.options = *options;
}

static int dns_fd(void *state)
{
	const struct dns *d = state;

	return d->fd;
}

/* The descriptor stays: CAP_NET_RAW, which another would take, is dropped once all is attached. */
static int dns_mute(void *state, bool mute, struct slo_err *err)
{
	struct dns *d = state;
	int r = mute == d->muted ? 0 : attach(d->fd, mute, err);

	if (r || mute == d->muted)
		return r;
	d->muted = mute;
	d->lost += take_drops(d);
	slo_dns_lookups_clear(&d->lookups);
	d->from_ns = slo_clock_monotonic_ns();
	if (mute)
		discard(d);
	return 0;
}

static int dns_read(void *state, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
                    struct slo_err *err)
{
	struct dns *d = state;
	/* Before the socket is emptied: what was answered by then has been seen, or is among the drops. */
	uint64_t seen_ns = slo_clock_monotonic_ns(), drops;
	struct slo_hist *hist = &d->lookups.hist;
	struct slo_probe_event ev;
	bool drained = false;
	int r;

	if (d->muted)
		return dns_poll(state, fn, user, err);
	d->lookups.fn = fn;
	d->lookups.user = user;
	r = take_all(d, &drained, err);
	drops = take_drops(d);
	d->lost += drops;
	if (drops)
		d->lookups.lost_ns = slo_clock_monotonic_ns();
	if (drained)
		slo_dns_lookups_sweep(&d->lookups, seen_ns);
	if (hist->count && now_ns > d->from_ns) {
		slo_interval_event(&ev, SLO_SIG_DNS_LATENCY, SLO_EV_HIST, d->from_ns, now_ns);
		ev.hist = *hist;
		ev.count = hist->count;
		fn(user, &ev);
		*hist = (struct slo_hist){ 0 };
	}
	d->from_ns = now_ns;
	return r < 0 ? r : 0;
}

/* A packet is half a lookup, and on the loopback it passes twice: lookups lost are at most as many. */
static void dns_account(void *state, struct slo_signal_stats *st)
{
	struct dns *d = state;

	st->made += d->lost;
	st->lost_ring += d->lost;
	st->inflight_full += d->lookups.inflight_full;
	st->unmatched += d->lookups.unmatched;
	d->lost = d->lookups.inflight_full = d->lookups.unmatched = 0;
}

const struct slo_procfs_reader slo_procfs_dns = {
	.signal = SLO_SIG_DNS_LATENCY,
	.probe = dns_probe,
	.open = dns_open,
	.read = dns_read,
	.close = dns_close,
	.tune = dns_tune,
	.fd = dns_fd,
	.mute = dns_mute,
	.account = dns_account,
	.poll = dns_poll,
};
