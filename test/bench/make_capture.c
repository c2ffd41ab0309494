/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a binary capture of N DNS, retransmit, connect and run-queue samples in turn, the same on every machine, to
 * time what the agent does with events:  make_capture FILE 1000000 && time llm-slo-agent --replay FILE
 * --replay-speed max. With --decode it reads a capture instead and tells what one record costs to decode.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/capture.h"
#include "backends/decode.h"
#include "core/base/clock.h"
#include "test/random.h"

#define DEFAULT_COUNT 1000000
/* 10000 events a second, recorded. */
#define GAP_NS (100 * SLO_NS_PER_US)
#define BEGIN_NS (1000 * SLO_NS_PER_SEC)
/* 2026-01-01T00:00:00Z is 1000 s after boot. */
#define OFFSET (UINT64_C(1767225600) * SLO_NS_PER_SEC - BEGIN_NS)

static const char *const names[] = {
	"\3api\6openai\3com\0\0\1\0\1",
	"\3api\11anthropic\3com\0\0\34\0\1",
	"\6qdrant\6vector\3svc\7cluster\5local\0\0\1\0\1",
	"\12kubernetes\7default\3svc\0\0\1\0\1",
};
static const uint8_t name_lens[] = { 20, 23, 37, 28 };

/* Most are short, few are very long: uniform in the logarithm, 2^10 (1 us) to 2^28 ns (268 ms). */
static uint64_t latency(uint64_t *seed)
{
	uint64_t r = test_random(seed);

	return (UINT64_C(1024) << (r >> 32) % 18) + r % 1024;
}

static void fill_dns(struct slo_abi_event *e, uint64_t *seed)
{
	size_t n = test_random(seed) % SLO_ARRAY_SIZE(names);

	e->signal = SLO_ABI_DNS_LATENCY;
	e->source = SLO_ABI_SRC_CGROUP_SKB;
	e->value = latency(seed);
	e->proto = 17;
	e->dport = 53;
	e->extra.dns.last_ns = e->start_ns;
	e->extra.dns.id = (uint16_t)test_random(seed);
	e->extra.dns.name_len = name_lens[n];
	memcpy(e->extra.dns.name, names[n], name_lens[n]);
}

static void fill_retransmit(struct slo_abi_event *e, uint64_t *seed)
{
	e->signal = SLO_ABI_TCP_RETRANSMITS;
	e->value = 1;
	e->extra.retr.kind = (uint32_t)(test_random(seed) % SLO_ABI_RETR_MAX);
	e->extra.retr.tcp_state = 1;
	e->extra.retr.segs = 1;
}

static void fill_connect(struct slo_abi_event *e, uint64_t *seed)
{
	e->signal = SLO_ABI_CONNECT_LATENCY;
	e->value = latency(seed);
	e->extra.conn.srtt_us = (uint32_t)(e->value / 1000);
}

static void fill_run_queue(struct slo_abi_event *e, uint64_t *seed)
{
	e->signal = SLO_ABI_RUNQUEUE_DELAY;
	e->value = latency(seed);
	e->family = 0;
	e->proto = 0;
	e->sport = 0;
	e->dport = 0;
	e->extra.runq.cpu = (uint32_t)(test_random(seed) % 64);
	e->extra.runq.prio = 120;
}

static void fill(struct slo_abi_event *e, uint64_t i, uint64_t *seed)
{
	static void (*const fills[])(struct slo_abi_event *,
	                             uint64_t *) = { fill_dns, fill_retransmit, fill_connect,
		                                     fill_run_queue };
	uint64_t owner = test_random(seed) % 50;

	*e = (struct slo_abi_event){
		.version = SLO_ABI_VERSION,
		.size = sizeof(*e),
		.source = SLO_ABI_SRC_TP_BTF,
		.family = 2,
		.start_ns = BEGIN_NS + i * GAP_NS,
		.tgid = (uint32_t)(1000 + owner),
		.tid = (uint32_t)(1000 + owner),
		.cgroup_id = 5000 + owner,
		.netns = 4026531840U,
		.sport = (uint16_t)(32768 + test_random(seed) % 28000),
		.dport = 443,
		.proto = 6,
		.saddr = { 10, 1, 0, (uint8_t)owner },
		.daddr = { 10, 96, 0, 10 },
		.comm = "python3",
	};
	fills[i % SLO_ARRAY_SIZE(fills)](e, seed);
}

static int write_capture(const char *path, uint64_t count, struct slo_err *err)
{
	slo_capture_writer_auto struct slo_capture_writer *w = NULL;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	uint64_t seed = TEST_RANDOM_SEED;
	int r;

	if (fd < 0)
		return slo_err_set(err, -errno, "%s: %s", path, strerror(errno));
	r = slo_capture_writer_new(&w, fd, OFFSET, "bench", err);
	if (r) {
		(void)close(fd);
		return r;
	}
	for (uint64_t i = 0; i < count && !r; i++) {
		struct slo_abi_event e;

		fill(&e, i, &seed);
		r = slo_capture_write(w, &e, sizeof(e), err);
	}
	return r ? r : slo_capture_flush(w, err);
}

static int read_capture(const char *path, uint64_t *ret_count, struct slo_err *err)
{
	slo_cleanup(slo_input_fini) struct slo_input in = { .fd = -1 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct slo_abi_capture h;
	struct slo_probe_event ev;
	const void *rec;
	int r;

	if (fd < 0)
		return slo_err_set(err, -errno, "%s: %s", path, strerror(errno));
	r = slo_input_init(&in, fd, err);
	if (r) {
		(void)close(fd);
		return r;
	}
	r = slo_capture_read_header(&in, &h, err);
	while (!r) {
		int size = slo_capture_read(&in, &rec, err);

		if (size <= 0)
			return size;
		r = slo_decode(rec, (size_t)size, h.realtime_offset_ns, &ev, err);
		(*ret_count)++;
	}
	return r;
}

int main(int argc, char **argv)
{
	bool decode = argc == 3 && strcmp(argv[1], "--decode") == 0;
	uint64_t count = decode ? 0 : DEFAULT_COUNT;
	uint64_t begin = slo_clock_monotonic_ns();
	struct slo_err err = { 0 };
	uint64_t ns;

	if (argc < 2 || argc > 3) {
		(void)fprintf(stderr, "usage: make_capture FILE [COUNT] | --decode FILE\n");
		return 2;
	}
	if (argc == 3 && !decode)
		count = strtoull(argv[2], NULL, 10);
	if (decode ? read_capture(argv[2], &count, &err) : write_capture(argv[1], count, &err)) {
		(void)fprintf(stderr, "make_capture: %s\n", err.msg);
		return 1;
	}
	ns = slo_clock_monotonic_ns() - begin;
	(void)printf("records=%llu ns_per_record=%llu\n", (unsigned long long)count,
	             (unsigned long long)(count ? ns / count : 0));
	return 0;
}
