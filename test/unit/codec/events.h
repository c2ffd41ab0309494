/* SPDX-License-Identifier: Apache-2.0 */
/* Events for the codec's tests: each signal and kind with every field set that it can have. */
#ifndef SLO_TEST_EVENTS_H
#define SLO_TEST_EVENTS_H

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/codec/event_json.h"

static const struct slo_event_names no_names = { "", "", "", "", "", "" };
static const struct slo_event_names all_names = {
	.node = "node-1",
	.namespace_ = "prod",
	.pod = "gateway-0",
	.container = "gateway",
	.container_id = "4c01db0b339c8f0f5a5c",
	.pod_uid = "0a6d2f5e-6f0c-4d0a-9f43-0a8f7f3b9f11",
};

static void fill_detail(struct slo_probe_event *ev)
{
	if (ev->signal == SLO_SIG_DNS_LATENCY) {
		ev->detail.dns.server_ns = 41000001;
		ev->detail.dns.qtype = 28;
		ev->detail.dns.rcode = 3;
		ev->detail.dns.retries = 2;
		ev->detail.dns.upstream = true;
		ev->detail.dns.truncated = true;
		(void)snprintf(ev->detail.dns.qname, sizeof(ev->detail.dns.qname),
		               "a\\.b.example.org.");
	} else if (ev->signal == SLO_SIG_TCP_RETRANSMITS) {
		ev->detail.retr.kind = SLO_RETR_RTO;
		ev->detail.retr.tcp_state = 1;
		ev->detail.retr.passive = true;
	} else if (ev->signal == SLO_SIG_RUNQUEUE_DELAY) {
		ev->detail.runq.cpu = 7;
		ev->detail.runq.prio = 120;
		ev->detail.runq.cause = SLO_WAIT_QUOTA;
	} else if (ev->signal == SLO_SIG_TLS_HANDSHAKE || ev->signal == SLO_SIG_TLS_FAIL) {
		ev->detail.tls.server_ns = 20000001;
		ev->detail.tls.after_ns = ev->signal == SLO_SIG_TLS_FAIL ? 30000001 : 0;
		ev->detail.tls.version = SLO_TLS_1_3;
		ev->detail.tls.retried = true;
		ev->detail.tls.early_data = true;
		ev->detail.tls.server = true;
		if (ev->signal == SLO_SIG_TLS_FAIL) {
			ev->detail.tls.reason = SLO_TLS_RESET;
			ev->detail.tls.alert = 48;
			ev->detail.tls.by_peer = true;
			ev->detail.tls.server_ns = 0;
		}
		(void)snprintf(ev->detail.tls.sni, sizeof(ev->detail.tls.sni), "api.example.org");
	} else if (ev->signal == SLO_SIG_MEM_RECLAIM) {
		ev->detail.reclaim.kind = SLO_RECLAIM_MEMCG;
		ev->detail.reclaim.order = 9;
		ev->detail.reclaim.pages = 512;
		ev->detail.reclaim.throttled_ns = 50000001;
	} else if (ev->signal == SLO_SIG_DISK_IO) {
		ev->detail.disk.device_ns = 10000000;
		ev->detail.disk.queue_ns = 177654321;
		ev->detail.disk.op = SLO_DISK_WRITE;
		ev->detail.disk.bytes = 4096;
		(void)snprintf(ev->detail.disk.device, sizeof(ev->detail.disk.device), "nvme0n1");
	} else if (ev->signal == SLO_SIG_SYSCALL) {
		ev->detail.sys.nr = 17;
		ev->detail.sys.family = SLO_SYS_SYNC;
		ev->detail.sys.file = SLO_FILE_BLOCK;
		ev->detail.sys.bytes = 65536;
		ev->detail.sys.major = 8;
		ev->detail.sys.minor = 1;
	} else if (ev->signal == SLO_SIG_CFS_THROTTLED) {
		ev->detail.throttle.periods = 10;
		ev->detail.throttle.throttled = 7;
	} else if (ev->signal == SLO_SIG_CONNECT_LATENCY || ev->signal == SLO_SIG_CONNECT_ERRORS) {
		ev->detail.conn.syn_retrans = 3;
		ev->detail.conn.srtt_us = 1234;
		ev->detail.conn.after_ns = 7000000001;
		ev->detail.conn.local = true;
		ev->detail.conn.aborted = true;
	}
}

static struct slo_probe_event full_event(enum slo_signal sig, enum slo_event_kind kind)
{
	struct slo_probe_event ev = {
		.signal = sig,
		.kind = kind,
		.source = SLO_SRC_TP_BTF,
		.start_ns = UINT64_C(123456789012345),
		.realtime_offset_ns = UINT64_C(1760000000000000000),
		.value_ns = 187654321,
		.count = 5,
		.tgid = 4000000001,
		.tid = 4000000002,
		.cgroup_id = UINT64_C(9007199254740993), /* not a double */
		.netns = 4026531840,
		.err = 111,
		.sample_weight = 8,
		.comm = "python3",
		.tuple = { .family = 4,
		           .proto = IPPROTO_UDP,
		           .sport = 54321,
		           .dport = 53,
		           .saddr = { 10, 0, 0, 1 },
		           .daddr = { 10, 96, 0, 10 } },
	};

	if (kind == SLO_EV_GAUGE)
		ev.gauge = 12.345678;
	if (kind == SLO_EV_GAUGE)
		ev.count = 0;
	if (kind != SLO_EV_SAMPLE && kind != SLO_EV_TIMEOUT)
		ev.interval_ns = 1000003456;
	if (kind == SLO_EV_HIST) {
		for (uint64_t i = 0; i < 300; i++)
			slo_hist_add(&ev.hist, i * i * i * 1000);
		ev.count = ev.hist.count;
	}
	if (kind == SLO_EV_SAMPLE || kind == SLO_EV_TIMEOUT) {
		for (uint8_t i = 0; i < SLO_TRACE_ID_LEN; i++)
			ev.trace_id[i] = (uint8_t)(0xf7 + i);
		memcpy(ev.span_id, "\x00\x10\x20\x30\x40\x50\x60\xff", SLO_SPAN_ID_LEN);
	}
	fill_detail(&ev);
	return ev;
}

#endif
