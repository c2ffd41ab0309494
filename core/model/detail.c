/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/detail.h"

static const char *const waits[] = {
	[SLO_WAIT_OTHER] = "other",
	[SLO_WAIT_OWN] = "own",
	[SLO_WAIT_QUOTA] = "quota",
};
SLO_TABLE_COMPLETE(waits, SLO_WAIT_MAX_);

static const char *const versions[] = {
	[SLO_TLS_UNKNOWN] = "unknown", [SLO_TLS_1_0] = "1.0", [SLO_TLS_1_1] = "1.1",
	[SLO_TLS_1_2] = "1.2",         [SLO_TLS_1_3] = "1.3",
};
SLO_TABLE_COMPLETE(versions, SLO_TLS_VERSION_MAX_);

static const char *const reasons[] = {
	[SLO_TLS_ALERT] = "alert",     [SLO_TLS_ENCRYPTED_ALERT] = "encrypted_alert",
	[SLO_TLS_CLOSED] = "closed",   [SLO_TLS_RESET] = "reset",
	[SLO_TLS_TIMEOUT] = "timeout",
};
SLO_TABLE_COMPLETE(reasons, SLO_TLS_REASON_MAX_);

static const char *const reclaims[] = {
	[SLO_RECLAIM_DIRECT] = "direct",
	[SLO_RECLAIM_MEMCG] = "memcg",
	[SLO_RECLAIM_COMPACT] = "compaction",
	[SLO_RECLAIM_THROTTLE] = "throttle",
};
SLO_TABLE_COMPLETE(reclaims, SLO_RECLAIM_MAX_);

static const char *const ops[] = {
	[SLO_DISK_READ] = "read",       [SLO_DISK_WRITE] = "write", [SLO_DISK_FLUSH] = "flush",
	[SLO_DISK_DISCARD] = "discard", [SLO_DISK_OTHER] = "other",
};
SLO_TABLE_COMPLETE(ops, SLO_DISK_OP_MAX_);

static const char *const families[] = {
	[SLO_SYS_READ] = "read",
	[SLO_SYS_WRITE] = "write",
	[SLO_SYS_SYNC] = "sync",
};
SLO_TABLE_COMPLETE(families, SLO_SYS_FAMILY_MAX_);

static const char *const files[] = {
	[SLO_FILE_REGULAR] = "regular", [SLO_FILE_BLOCK] = "block",
	[SLO_FILE_DIR] = "directory",   [SLO_FILE_OTHER] = "other",
	[SLO_FILE_UNKNOWN] = "unknown",
};
SLO_TABLE_COMPLETE(files, SLO_FILE_CLASS_MAX_);

#define DNS SLO_SIG_BIT(SLO_SIG_DNS_LATENCY)
#define RETR SLO_SIG_BIT(SLO_SIG_TCP_RETRANSMITS)
#define RUNQ SLO_SIG_BIT(SLO_SIG_RUNQUEUE_DELAY)
#define CONN SLO_SIG_BIT(SLO_SIG_CONNECT_LATENCY)
#define CERR SLO_SIG_BIT(SLO_SIG_CONNECT_ERRORS)
#define TLS SLO_SIG_BIT(SLO_SIG_TLS_HANDSHAKE)
#define TFAIL SLO_SIG_BIT(SLO_SIG_TLS_FAIL)
#define THROT SLO_SIG_BIT(SLO_SIG_CFS_THROTTLED)
#define MEM SLO_SIG_BIT(SLO_SIG_MEM_RECLAIM)
#define DISK SLO_SIG_BIT(SLO_SIG_DISK_IO)
#define SYS SLO_SIG_BIT(SLO_SIG_SYSCALL)

#define AT(member) .offset = offsetof(struct slo_probe_event, detail.member)
#define ENUM(table) .type = SLO_DETAIL_ENUM, .names = (table), .max = SLO_ARRAY_SIZE(table)

/* clang-format off */
static const struct slo_detail_field fields[] = {
	{ .signals = DNS, .key = "qname", .help = "name asked for, as in zone files", .is_name = true },
	{ .signals = DNS, .key = "qtype", .help = "A, AAAA, ... or TYPE<number>" },
	{ .signals = DNS, .key = "rcode", .help = "NOERROR, NXDOMAIN, ... of the answer" },
	{ .signals = DNS, .key = "retries", .help = "queries sent again before the answer" },
	{ .signals = DNS, .key = "server_ms", .help = "last query to answer" },
	{ .signals = DNS, .key = "hop", .help = "client, or upstream where a resolver of this host asked", .aggregates = true },
	{ .signals = DNS, .key = "truncated", .help = "TC bit, or the name is cut" },
	{ .signals = RETR, .key = "kind", .help = "syn, synack, rto, fast, tlp, failed, other", .aggregates = true },
	{ .signals = RETR, .key = "tcp_state", .help = "ESTABLISHED, SYN_SENT, ..." },
	{ .signals = RETR, .key = "passive", .help = "the socket was accepted, not connected" },
	{ .signals = CONN | CERR, .key = "syn_retrans", .help = "SYNs sent again before the outcome" },
	{ .signals = CONN, .key = "srtt_ms", .help = "smoothed round trip at the outcome" },
	{ .signals = CERR, .key = "error", .help = "ECONNREFUSED, ETIMEDOUT, ...", .aggregates = true },
	{ .signals = CERR, .key = "origin", .help = "local: no packet was sent; or remote", .aggregates = true },
	{ .signals = CERR, .key = "after_ms", .help = "begin of the connect to its failure" },
	{ .signals = CERR, .key = "aborted", .help = "the application gave up on a silent peer" },
	{ .signals = RUNQ, .key = "cpu", .help = "CPU that took the task at last", .type = SLO_DETAIL_U32, AT(runq.cpu) },
	{ .signals = RUNQ, .key = "prio", .help = "the kernel's priority: 120 is nice 0, below 100 realtime", .type = SLO_DETAIL_U32, AT(runq.prio) },
	{ .signals = RUNQ, .key = "cause", .help = "who had the CPU: other cgroups, own cgroup, or nobody, for the own quota was spent; each wait has one cause", ENUM(waits), AT(runq.cause), .aggregates = true, .hooked = true },
	{ .signals = TLS | TFAIL, .key = "tls_version", .help = "agreed version", ENUM(versions), AT(tls.version), .optional = true },
	{ .signals = TLS | TFAIL, .key = "sni", .help = "server name asked for", .type = SLO_DETAIL_TEXT, AT(tls.sni), .max = SLO_SNI_LEN, .is_name = true },
	{ .signals = TLS, .key = "server_ms", .help = "ClientHello to ServerHello: network and server", .type = SLO_DETAIL_MS, AT(tls.server_ns) },
	{ .signals = TLS | TFAIL, .key = "hello_retry", .help = "the server asked for another key share: one round trip more", .type = SLO_DETAIL_TRUE, AT(tls.retried) },
	{ .signals = TLS | TFAIL, .key = "early_data", .help = "0-RTT data were sent before the handshake was over", .type = SLO_DETAIL_TRUE, AT(tls.early_data) },
	{ .signals = TLS | TFAIL, .key = "server_side", .help = "this host is the server", .type = SLO_DETAIL_TRUE, AT(tls.server), .aggregates = true },
	{ .signals = TFAIL, .key = "reason", .help = "what ended the handshake", ENUM(reasons), AT(tls.reason), .aggregates = true },
	{ .signals = TFAIL, .key = "alert", .help = "AlertDescription of a plain alert (RFC 8446, 6)", .type = SLO_DETAIL_U32, AT(tls.alert), .optional = true },
	{ .signals = TFAIL, .key = "by_peer", .help = "the peer sent the alert or closed", .type = SLO_DETAIL_TRUE, AT(tls.by_peer) },
	{ .signals = TFAIL, .key = "after_ms", .help = "ClientHello to the failure", .type = SLO_DETAIL_MS, AT(tls.after_ns) },
	{ .signals = THROT, .key = "periods", .help = "enforcement periods of the quota in the interval", .type = SLO_DETAIL_U32, AT(throttle.periods), .aggregates = true },
	{ .signals = THROT, .key = "throttled_periods", .help = "of those, ran out of quota", .type = SLO_DETAIL_U32, AT(throttle.throttled), .aggregates = true },
	{ .signals = MEM, .key = "kind", .help = "what stalled the task", ENUM(reclaims), AT(reclaim.kind), .aggregates = true, .hooked = true },
	{ .signals = MEM, .key = "order", .help = "of the allocation: 2^order pages", .type = SLO_DETAIL_U32, AT(reclaim.order) },
	{ .signals = MEM, .key = "pages", .help = "reclaimed meanwhile", .type = SLO_DETAIL_U64, AT(reclaim.pages), .optional = true },
	{ .signals = MEM, .key = "throttled_ms", .help = "of the stall, made to wait for writeback or for others' progress", .type = SLO_DETAIL_MS, AT(reclaim.throttled_ns) },
	{ .signals = DISK, .key = "device", .help = "name, or major:minor", .type = SLO_DETAIL_TEXT, AT(disk.device), .max = SLO_DEVICE_LEN, .aggregates = true },
	{ .signals = DISK, .key = "op", .help = "operation", ENUM(ops), AT(disk.op), .aggregates = true },
	{ .signals = DISK, .key = "queue_ms", .help = "before the device had it", .type = SLO_DETAIL_MS, AT(disk.queue_ns) },
	{ .signals = DISK, .key = "device_ms", .help = "issue to completion", .type = SLO_DETAIL_MS, AT(disk.device_ns) },
	{ .signals = DISK, .key = "bytes", .help = "size of the request", .type = SLO_DETAIL_U32, AT(disk.bytes) },
	{ .signals = SYS, .key = "family", .help = "read, write or sync calls", ENUM(families), AT(sys.family), .aggregates = true },
	{ .signals = SYS, .key = "file", .help = "class of the file", ENUM(files), AT(sys.file), .aggregates = true },
	{ .signals = SYS, .key = "nr", .help = "number of the system call", .type = SLO_DETAIL_U32, AT(sys.nr) },
	{ .signals = SYS, .key = "bytes", .help = "moved", .type = SLO_DETAIL_U64, AT(sys.bytes) },
	{ .signals = SYS, .key = "dev_major", .help = "device number of the filesystem", .type = SLO_DETAIL_U32, AT(sys.major), .optional = true },
	{ .signals = SYS, .key = "dev_minor", .help = "device number of the filesystem", .type = SLO_DETAIL_U32, AT(sys.minor), .optional = true },
};
/* clang-format on */

const struct slo_detail_field *slo_detail_fields(size_t *ret_count)
{
	*ret_count = SLO_ARRAY_SIZE(fields);
	return fields;
}

bool slo_detail_applies(const struct slo_detail_field *f, const struct slo_probe_event *ev)
{
	bool single = ev->kind == SLO_EV_SAMPLE || ev->kind == SLO_EV_TIMEOUT;

	if (f->hooked && (ev->source == SLO_SRC_PROCFS || ev->source == SLO_SRC_NETLINK))
		return false;
	return (f->signals & SLO_SIG_BIT(ev->signal)) && (single || f->aggregates);
}
