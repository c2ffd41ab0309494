/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader's half of detail{}: what stands in it for each signal and for histograms. Of
 * event_json_parse.c alone.
 */
#ifndef SLO_CODEC_EVENT_JSON_DETAIL_H
#define SLO_CODEC_EVENT_JSON_DETAIL_H

#include <jansson.h>

#include "core/base/err.h"
#include "core/model/event.h"

/*
 * Fills ev->detail, hist, replayed and, for histograms, whose the worst measurement was, from
 * @detail (NULL: none). ev->signal, kind and err are set already. 0, or -EINVAL with @err naming
 * the key.
 */
int slo_event_json_read_detail(json_t *detail, struct slo_probe_event *ev, struct slo_err *err);

#endif
