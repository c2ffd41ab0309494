/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/decode_detail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MINOR_BITS 20 /* include/linux/kdev_t.h */
#define MINOR_MASK ((1U << MINOR_BITS) - 1)

/* The wire's numbers are the protocol's: 0x0301 is TLS 1.0. */
#define TLS_1_0 0x0301

/* Highest value of each enumerator that a record may hold, and where it stands. */
static const struct {
	unsigned int signal;
	size_t offset; /* of a __u32 in union slo_abi_extra */
	uint32_t max;
	const char *what;
} enums[] = {
	{ SLO_ABI_RUNQUEUE_DELAY, offsetof(struct slo_abi_runq, cause), SLO_ABI_WAIT_MAX, "cause" },
	{ SLO_ABI_MEM_RECLAIM, offsetof(struct slo_abi_reclaim, kind), SLO_ABI_RECLAIM_MAX,
	  "kind" },
	{ SLO_ABI_DISK_IO, offsetof(struct slo_abi_disk, op), SLO_ABI_DISK_OP_MAX, "operation" },
	{ SLO_ABI_SYSCALL, offsetof(struct slo_abi_sys, family), SLO_ABI_SYS_FAMILY_MAX, "family" },
	{ SLO_ABI_SYSCALL, offsetof(struct slo_abi_sys, fclass), SLO_ABI_FILE_CLASS_MAX,
	  "class of file" },
};

static int check_tls(const struct slo_abi_tls *x, struct slo_err *err)
{
	if (x->reason >= SLO_ABI_TLS_REASON_MAX || x->sni_len > SLO_ABI_SNI_LEN)
		return slo_err_set(err, -EBADMSG, "TLS record: reason %u or a name of %u bytes",
		                   x->reason, x->sni_len);
	return 0;
}

int slo_detail_check(const struct slo_abi_event *h, struct slo_err *err)
{
	if (h->signal == SLO_ABI_TLS_HANDSHAKE || h->signal == SLO_ABI_TLS_FAIL)
		return check_tls(&h->extra.tls, err);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(enums); i++) {
		uint32_t v;

		if (enums[i].signal != h->signal)
			continue;
		memcpy(&v, h->extra.raw + enums[i].offset, sizeof(v));
		if (v >= enums[i].max)
			return slo_err_set(err, -EBADMSG, "%s record: unknown %s %u",
			                   slo_signal_desc((enum slo_signal)h->signal)->name,
			                   enums[i].what, v);
	}
	return 0;
}

static void decode_tls(const struct slo_abi_tls *x, struct slo_probe_event *ret)
{
	size_t used = 0;

	ret->detail.tls.server_ns = x->server_ns;
	ret->detail.tls.after_ns = x->after_ns;
	ret->detail.tls.version = SLO_TLS_UNKNOWN;
	if (x->version >= TLS_1_0 && x->version < TLS_1_0 + SLO_TLS_VERSION_MAX_ - 1)
		ret->detail.tls.version = x->version - TLS_1_0 + SLO_TLS_1_0;
	ret->detail.tls.reason = x->reason;
	ret->detail.tls.alert = x->alert;
	ret->detail.tls.retried = x->flags & SLO_ABI_TLS_F_RETRY;
	ret->detail.tls.early_data = x->flags & SLO_ABI_TLS_F_EARLY;
	ret->detail.tls.server = x->flags & SLO_ABI_TLS_F_SERVER;
	ret->detail.tls.by_peer = x->flags & SLO_ABI_TLS_F_PEER;
	/* Whatever the peer sent: a name is letters, digits, dots and hyphens. */
	for (; used < x->sni_len; used++)
		ret->detail.tls.sni[used] =
			x->sni[used] > ' ' && x->sni[used] < 0x7f ? (char)x->sni[used] : '?';
	ret->detail.tls.sni[used] = '\0';
}

static void decode_disk(const struct slo_abi_event *h, struct slo_probe_event *ret)
{
	const struct slo_abi_disk *x = &h->extra.disk;

	ret->detail.disk.device_ns = x->device_ns;
	ret->detail.disk.queue_ns =
		x->device_ns && x->device_ns <= h->value ? h->value - x->device_ns : 0;
	ret->detail.disk.op = x->op;
	ret->detail.disk.bytes = x->bytes;
	ret->detail.disk.major = x->dev >> MINOR_BITS;
	ret->detail.disk.minor = x->dev & MINOR_MASK;
	(void)snprintf(ret->detail.disk.device, sizeof(ret->detail.disk.device), "%u:%u",
	               ret->detail.disk.major, ret->detail.disk.minor);
}

static void decode_sys(const struct slo_abi_sys *x, struct slo_probe_event *ret)
{
	ret->detail.sys.nr = x->nr;
	ret->detail.sys.family = x->family;
	ret->detail.sys.file = x->fclass;
	ret->detail.sys.bytes = x->ret > 0 ? (uint64_t)x->ret : 0;
	ret->detail.sys.major = x->dev >> MINOR_BITS;
	ret->detail.sys.minor = x->dev & MINOR_MASK;
}

void slo_detail_decode(const struct slo_abi_event *h, struct slo_probe_event *ret)
{
	const union slo_abi_extra *x = &h->extra;

	switch (h->signal) {
	case SLO_ABI_RUNQUEUE_DELAY:
		ret->detail.runq.cpu = x->runq.cpu;
		ret->detail.runq.prio = x->runq.prio;
		ret->detail.runq.cause = x->runq.cause;
		break;
	case SLO_ABI_TLS_HANDSHAKE:
	case SLO_ABI_TLS_FAIL:
		decode_tls(&x->tls, ret);
		break;
	case SLO_ABI_MEM_RECLAIM:
		ret->detail.reclaim.kind = x->reclaim.kind;
		ret->detail.reclaim.order = x->reclaim.order;
		ret->detail.reclaim.pages = x->reclaim.pages;
		ret->detail.reclaim.throttled_ns = x->reclaim.throttled_ns;
		break;
	case SLO_ABI_DISK_IO:
		decode_disk(h, ret);
		break;
	case SLO_ABI_SYSCALL:
		decode_sys(&x->sys, ret);
		break;
	case SLO_ABI_CFS_THROTTLED:
		ret->detail.throttle.periods = x->throttle.periods;
		ret->detail.throttle.throttled = x->throttle.throttled;
		break;
	default:
		break;
	}
}

static uint32_t device_number(uint32_t major, uint32_t minor)
{
	return major << MINOR_BITS | (minor & MINOR_MASK);
}

static void encode_tls(const struct slo_probe_event *ev, struct slo_abi_tls *x)
{
	size_t len = strnlen(ev->detail.tls.sni, SLO_ABI_SNI_LEN);

	x->server_ns = ev->detail.tls.server_ns;
	x->after_ns = ev->detail.tls.after_ns;
	if (ev->detail.tls.version != SLO_TLS_UNKNOWN)
		x->version = (uint16_t)(ev->detail.tls.version - SLO_TLS_1_0 + TLS_1_0);
	x->reason = (uint8_t)ev->detail.tls.reason;
	x->alert = (uint8_t)ev->detail.tls.alert;
	x->flags = (uint8_t)((ev->detail.tls.retried ? SLO_ABI_TLS_F_RETRY : 0) |
	                     (ev->detail.tls.early_data ? SLO_ABI_TLS_F_EARLY : 0) |
	                     (ev->detail.tls.server ? SLO_ABI_TLS_F_SERVER : 0) |
	                     (ev->detail.tls.by_peer ? SLO_ABI_TLS_F_PEER : 0));
	x->sni_len = (uint8_t)len;
	memcpy(x->sni, ev->detail.tls.sni, len);
}

void slo_detail_encode(const struct slo_probe_event *ev, struct slo_abi_event *h)
{
	union slo_abi_extra *x = &h->extra;

	switch (h->signal) {
	case SLO_ABI_RUNQUEUE_DELAY:
		x->runq.cpu = ev->detail.runq.cpu;
		x->runq.prio = ev->detail.runq.prio;
		x->runq.cause = ev->detail.runq.cause;
		break;
	case SLO_ABI_TLS_HANDSHAKE:
	case SLO_ABI_TLS_FAIL:
		encode_tls(ev, &x->tls);
		break;
	case SLO_ABI_MEM_RECLAIM:
		x->reclaim.kind = ev->detail.reclaim.kind;
		x->reclaim.order = ev->detail.reclaim.order;
		x->reclaim.pages = ev->detail.reclaim.pages;
		x->reclaim.throttled_ns = ev->detail.reclaim.throttled_ns;
		break;
	case SLO_ABI_DISK_IO:
		x->disk.device_ns = ev->detail.disk.device_ns;
		x->disk.op = ev->detail.disk.op;
		x->disk.bytes = ev->detail.disk.bytes;
		x->disk.dev = device_number(ev->detail.disk.major, ev->detail.disk.minor);
		break;
	case SLO_ABI_SYSCALL:
		x->sys.nr = ev->detail.sys.nr;
		x->sys.family = ev->detail.sys.family;
		x->sys.fclass = ev->detail.sys.file;
		x->sys.ret = (int64_t)ev->detail.sys.bytes;
		x->sys.dev = device_number(ev->detail.sys.major, ev->detail.sys.minor);
		break;
	case SLO_ABI_CFS_THROTTLED:
		x->throttle.periods = ev->detail.throttle.periods;
		x->throttle.throttled = ev->detail.throttle.throttled;
		break;
	default:
		break;
	}
}
