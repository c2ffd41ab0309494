/* SPDX-License-Identifier: Apache-2.0 */
/* Pods of the Kubernetes API (core/v1): a PodList, or one event of a watch. */
#ifndef SLO_CODEC_POD_JSON_H
#define SLO_CODEC_POD_JSON_H

#include "core/model/pod.h"

/* slo_pod_read_fn. Pods of a list without a uid are left out. */
int slo_pod_json_read(const char *json, size_t len, slo_pod_fn fn, void *user,
                      struct slo_pod_page *ret, struct slo_err *err);

#endif
