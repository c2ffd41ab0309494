/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that turns wire records (bpf/slo_abi.h) into the model's events and back. */
#ifndef SLO_BACKENDS_DECODE_H
#define SLO_BACKENDS_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/slo_abi.h"
#include "core/base/err.h"
#include "core/model/event.h"

/*
 * @rec holds @size readable bytes of any alignment and content (a capture is a file); bytes behind the record's own
 * size are ignored (perf buffers pad). @realtime_offset_ns: CLOCK_REALTIME - CLOCK_MONOTONIC, wrapping.
 *
 * 0, or -EBADMSG with the reason and @ret untouched. Of @ret, hist is written for HIST only and detail only for
 * signals that have one; every other field is written. A DNS name that is cut or not well formed (it came from the
 * network) is delivered as far as it goes, with detail.dns.truncated.
 */
int slo_decode(const void *rec, size_t size, uint64_t realtime_offset_ns,
               struct slo_probe_event *ret, struct slo_err *err);

/*
 * The record of @ev in @ret_rec, which has room for the largest: a struct slo_abi_event for SAMPLE and TIMEOUT (a
 * struct slo_abi_traced where the trace is known), else a struct slo_abi_agg. Returns its size in bytes.
 *
 * Decoding it gives @ev again, except: realtime_offset_ns and replayed, which records do not carry; a gauge is kept
 * to a millionth of its unit, not below 0; a DNS name longer than SLO_ABI_NAME_LEN on the wire is cut
 * (detail.dns.truncated); times and counts end at 2^63 - 1, sample_weight at 65535, err at 4095.
 */
size_t slo_encode(const struct slo_probe_event *ev, struct slo_abi_agg *ret_rec);

#endif
