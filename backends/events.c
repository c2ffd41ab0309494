/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/events.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/base/clock.h"

/* Neither wakes anybody until much waits; this often the rest is fetched. */
#define DRAIN_NS (100 * SLO_NS_PER_MS)
/* Of all CPUs together about as much as the ring has, each with a power of two. An event takes 216 bytes. */
#define PERF_PAGES 256
#define PERF_PAGES_MIN 8
#define PERF_PAGES_MAX 64
#define PAGE_BYTES 4096

static int on_ring(void *ctx, void *data, size_t size)
{
	struct slo_events *ev = ctx;

	ev->fn(ev->user, data, size);
	return 0;
}

/* Records of losses are passed over: they come with the next event alone, if there is one (see slo_account_losses()). */
static enum bpf_perf_event_ret on_perf(void *ctx, int cpu, struct perf_event_header *header)
{
	struct slo_events *ev = ctx;
	const char *body = (const char *)(header + 1);
	uint32_t size;

	(void)cpu;
	if (header->type != PERF_RECORD_SAMPLE || header->size < sizeof(*header) + sizeof(size))
		return LIBBPF_PERF_EVENT_CONT;
	memcpy(&size, body, sizeof(size));
	if (size > header->size - sizeof(*header) - sizeof(size))
		return LIBBPF_PERF_EVENT_CONT;
	ev->fn(ev->user, body + sizeof(size), size);
	ev->count++;
	return LIBBPF_PERF_EVENT_CONT;
}

static int add_to_epoll(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static unsigned int pages_of(unsigned int cpus)
{
	unsigned int pages = PERF_PAGES_MAX;

	while (pages > PERF_PAGES_MIN && pages * cpus > PERF_PAGES)
		pages /= 2;
	return pages;
}

static int open_buffer(struct slo_events *ev, const struct slo_shared *shared, struct slo_err *err)
{
	unsigned int pages = pages_of(shared->cpus);
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.watermark = 1,
		.wakeup_watermark = pages * PAGE_BYTES / 2,
	};
	int map = shared->map[SLO_SHARED_EVENTS].fd;

	if (shared->old) {
		ev->perf = perf_buffer__new_raw(map, pages, &attr, on_perf, ev, NULL);
		return ev->perf ? 0 : slo_err_set(err, -errno, "perf buffer: %s", strerror(errno));
	}
	ev->ring = ring_buffer__new(map, on_ring, ev, NULL);
	return ev->ring ? 0 : slo_err_set(err, -errno, "ring buffer: %s", strerror(errno));
}

void slo_events_init(struct slo_events *ev)
{
	*ev = (struct slo_events){ .epoll = -1, .timer = -1 };
}

int slo_events_open(struct slo_events *ev, const struct slo_shared *shared, slo_events_fn fn,
                    void *user, struct slo_err *err)
{
	struct itimerspec tick = { { 0, DRAIN_NS }, { 0, DRAIN_NS } };
	int r;

	ev->fn = fn;
	ev->user = user;
	r = open_buffer(ev, shared, err);
	if (r)
		return r;
	ev->epoll = epoll_create1(EPOLL_CLOEXEC);
	ev->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (ev->epoll < 0 || ev->timer < 0 || timerfd_settime(ev->timer, 0, &tick, NULL))
		r = -errno;
	if (!r)
		r = add_to_epoll(ev->epoll, ev->timer);
	if (!r)
		r = add_to_epoll(ev->epoll, ev->ring ? ring_buffer__epoll_fd(ev->ring)
		                                     : perf_buffer__epoll_fd(ev->perf));
	return r ? slo_err_set(err, r, "event descriptors: %s", strerror(-r)) : 0;
}

void slo_events_close(struct slo_events *ev)
{
	ring_buffer__free(ev->ring);
	perf_buffer__free(ev->perf);
	slo_closep(&ev->epoll);
	slo_closep(&ev->timer);
	slo_events_init(ev);
}

int slo_events_poll(struct slo_events *ev, struct slo_err *err)
{
	uint64_t ticks;
	int n;

	while (read(ev->timer, &ticks, sizeof(ticks)) < 0 && errno == EINTR)
		continue;
	if (ev->ring) {
		n = ring_buffer__consume(ev->ring);
		return n < 0 ? slo_err_set(err, n, "ring buffer: %s", strerror(-n)) : n;
	}
	ev->count = 0;
	n = perf_buffer__consume(ev->perf);
	return n < 0 ? slo_err_set(err, n, "perf buffer: %s", strerror(-n)) : ev->count;
}
