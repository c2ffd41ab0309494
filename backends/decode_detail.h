/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of each signal that are plain numbers: wire to model and back. Of decode.c alone. */
#ifndef SLO_BACKENDS_DECODE_DETAIL_H
#define SLO_BACKENDS_DECODE_DETAIL_H

#include "bpf/slo_abi.h"
#include "core/base/err.h"
#include "core/model/event.h"

/* -EBADMSG where an enumerator is none; decoding relies on it. */
int slo_detail_check(const struct slo_abi_event *h, struct slo_err *err);
void slo_detail_decode(const struct slo_abi_event *h, struct slo_probe_event *ret);
/* @h is zeroed but for its head. */
void slo_detail_encode(const struct slo_probe_event *ev, struct slo_abi_event *h);

#endif
