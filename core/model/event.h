/* SPDX-License-Identifier: Apache-2.0 */
/* What every backend delivers: one measurement, or one interval's aggregate, free of any wire or kernel format. */
#ifndef SLO_MODEL_EVENT_H
#define SLO_MODEL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/hist.h"
#include "core/model/signal.h"

/* The mechanism that measured. Names are the wire's `source` values. */
enum slo_source {
	SLO_SRC_NONE,
	SLO_SRC_CGROUP_SKB,
	SLO_SRC_FENTRY,
	SLO_SRC_TP_BTF,
	SLO_SRC_RAW_TP,
	SLO_SRC_TRACEPOINT,
	SLO_SRC_KPROBE,
	SLO_SRC_UPROBE,
	SLO_SRC_BCC,
	SLO_SRC_PROCFS,
	SLO_SRC_NETLINK,
	SLO_SRC_REPLAY,
	SLO_SRC_SYNTHETIC,
	SLO_SRC_MAX_,
};

const char *slo_source_name(enum slo_source src);
/* 0 and *@ret_src, or -ENOENT with *@ret_src untouched. */
int slo_source_from_name(const char *name, enum slo_source *ret_src);

enum slo_event_kind {
	SLO_EV_SAMPLE, /* one measurement */
	SLO_EV_TIMEOUT, /* @value_ns waited for an answer that never came */
	SLO_EV_HIST, /* @hist of @interval_ns */
	SLO_EV_COUNT, /* @count of @interval_ns */
	SLO_EV_GAUGE, /* @gauge, mean over @interval_ns */
	SLO_EV_KIND_MAX_,
};

enum slo_retr_kind {
	SLO_RETR_OTHER,
	SLO_RETR_SYN,
	SLO_RETR_SYNACK,
	SLO_RETR_RTO,
	SLO_RETR_FAST,
	SLO_RETR_TLP,
	SLO_RETR_FAILED,
	SLO_RETR_MAX_,
};

/* "rto", "fast", ...; wire values of detail.kind. */
const char *slo_retr_kind_name(enum slo_retr_kind kind);

struct slo_conn_tuple {
	uint8_t family; /* 4, 6, or 0: no tuple */
	uint8_t proto; /* IPPROTO_* */
	uint16_t sport; /* host byte order; 0 unknown */
	uint16_t dport;
	uint8_t saddr[16]; /* network order; IPv4 in the first four */
	uint8_t daddr[16];
};

#define SLO_COMM_LEN 16
#define SLO_TRACE_ID_LEN 16
#define SLO_SPAN_ID_LEN 8
#define SLO_QNAME_LEN 80
#define SLO_SNI_LEN 81
#define SLO_DEVICE_LEN 32

/* Why a runnable task waited. Each wait has one cause: sums over the causes are the total, nothing counts twice. */
enum slo_wait_cause {
	SLO_WAIT_OTHER, /* tasks of other cgroups had the CPU */
	SLO_WAIT_OWN, /* a task of the same cgroup had it */
	SLO_WAIT_QUOTA, /* the cgroup was throttled by its own quota meanwhile */
	SLO_WAIT_MAX_,
};

enum slo_tls_version {
	SLO_TLS_UNKNOWN,
	SLO_TLS_1_0,
	SLO_TLS_1_1,
	SLO_TLS_1_2,
	SLO_TLS_1_3,
	SLO_TLS_VERSION_MAX_,
};

enum slo_tls_reason {
	SLO_TLS_ALERT,
	SLO_TLS_ENCRYPTED_ALERT,
	SLO_TLS_CLOSED,
	SLO_TLS_RESET,
	SLO_TLS_TIMEOUT,
	SLO_TLS_REASON_MAX_,
};

enum slo_reclaim_kind {
	SLO_RECLAIM_DIRECT, /* global */
	SLO_RECLAIM_MEMCG, /* at the cgroup's own limit */
	SLO_RECLAIM_COMPACT,
	SLO_RECLAIM_THROTTLE,
	SLO_RECLAIM_MAX_,
};

enum slo_disk_op {
	SLO_DISK_READ,
	SLO_DISK_WRITE,
	SLO_DISK_FLUSH,
	SLO_DISK_DISCARD,
	SLO_DISK_OTHER,
	SLO_DISK_OP_MAX_,
};

enum slo_sys_family {
	SLO_SYS_READ,
	SLO_SYS_WRITE,
	SLO_SYS_SYNC,
	SLO_SYS_FAMILY_MAX_,
};

enum slo_file_class {
	SLO_FILE_REGULAR,
	SLO_FILE_BLOCK,
	SLO_FILE_DIR,
	SLO_FILE_OTHER,
	SLO_FILE_UNKNOWN,
	SLO_FILE_CLASS_MAX_,
};

/* Signal-specific facts; which member is valid follows from the signal. */
union slo_event_detail {
	struct {
		uint64_t server_ns; /* last transmission to answer; 0 unknown */
		uint16_t qtype;
		uint16_t rcode;
		uint16_t retries;
		bool upstream; /* asked by a resolver of this host on behalf of a client */
		bool truncated;
		char qname[SLO_QNAME_LEN]; /* dotted, escaped to printable ASCII; "" unknown */
	} dns;
	struct {
		enum slo_retr_kind kind;
		uint8_t tcp_state;
		bool passive; /* accepted, not connected */
	} retr;
	struct {
		uint32_t syn_retrans;
		uint32_t srtt_us; /* 0 unknown */
		uint64_t after_ns; /* errors: SYN to failure */
		bool local; /* the failure arose on this host; no packet was sent */
		bool aborted; /* the application closed before an outcome */
	} conn;
	struct {
		uint32_t cpu;
		uint32_t prio; /* kernel's: 120 = nice 0, below 100 realtime */
		uint32_t cause; /* enum slo_wait_cause */
	} runq;
	struct {
		uint64_t server_ns; /* ClientHello to ServerHello; 0 unknown */
		uint64_t after_ns; /* failures: ClientHello to the failure */
		uint32_t version; /* enum slo_tls_version */
		uint32_t reason; /* failures: enum slo_tls_reason */
		uint32_t alert; /* AlertDescription; 0 none */
		bool retried; /* HelloRetryRequest */
		bool early_data;
		bool server; /* the hello came in */
		bool by_peer; /* failures: the peer's doing */
		char sni[SLO_SNI_LEN]; /* printable ASCII; "" none */
	} tls;
	struct {
		uint32_t kind; /* enum slo_reclaim_kind */
		uint32_t order;
		uint64_t pages; /* reclaimed; 0 unknown */
		uint64_t throttled_ns; /* of the value, made to wait for others' progress */
	} reclaim;
	struct {
		uint64_t queue_ns; /* before the device had it */
		uint64_t device_ns; /* 0 unknown */
		uint32_t op; /* enum slo_disk_op */
		uint32_t bytes;
		uint32_t major, minor;
		char device[SLO_DEVICE_LEN]; /* "sda"; "8:0" where the name is not known */
	} disk;
	struct {
		uint32_t nr; /* of the architecture that recorded */
		uint32_t family; /* enum slo_sys_family */
		uint32_t file; /* enum slo_file_class */
		uint64_t bytes; /* moved; 0 where it failed */
		uint32_t major, minor; /* of the filesystem; 0:0 none */
	} sys;
	struct {
		uint32_t periods; /* enforcement periods in the interval */
		uint32_t throttled; /* of those, ran out of quota */
	} throttle;
};

struct slo_probe_event {
	enum slo_signal signal;
	enum slo_event_kind kind;
	enum slo_source source;
	bool replayed; /* came from a recording */
	uint64_t start_ns; /* CLOCK_MONOTONIC, of the beginning */
	uint64_t
		realtime_offset_ns; /* add to start_ns for CLOCK_REALTIME; valid at the event's time */
	uint64_t value_ns; /* SAMPLE, TIMEOUT of ms signals */
	uint64_t count; /* SAMPLE of count signals; COUNT; HIST: measurements */
	double gauge; /* GAUGE, in the signal's unit */
	uint64_t interval_ns; /* HIST, COUNT, GAUGE */
	struct slo_hist hist; /* HIST */
	uint32_t tgid; /* 0 unknown; initial pid namespace. HIST: of the worst measurement */
	uint32_t tid;
	uint64_t cgroup_id; /* 0 unknown */
	uint32_t netns; /* inode; 0 unknown */
	int err; /* positive errno; 0 none */
	uint32_t sample_weight; /* 0 and 1: not sampled */
	struct slo_conn_tuple tuple;
	char comm[SLO_COMM_LEN + 1];
	uint8_t trace_id[SLO_TRACE_ID_LEN]; /* what the thread worked for; all zero: not known */
	uint8_t span_id[SLO_SPAN_ID_LEN]; /* likewise */
	union slo_event_detail detail;
};

/* Is the trace id of @ev known? */
bool slo_event_is_traced(const struct slo_probe_event *ev);

/* In the signal's unit: milliseconds, count or percent; the p95 of a histogram. */
double slo_event_value(const struct slo_probe_event *ev);

/* End of the measurement or interval, CLOCK_REALTIME ns. */
uint64_t slo_event_realtime_ns(const struct slo_probe_event *ev);

#endif
