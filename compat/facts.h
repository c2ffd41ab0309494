/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of compat/features: how a fact is set, and the readers of facts about the kernel. */
#ifndef SLO_COMPAT_FACTS_H
#define SLO_COMPAT_FACTS_H

#include <stddef.h>

#include "compat/features.h"
#include "core/base/base.h"

/* A file of tracefs that every kernel has with the events that we use. */
#define SLO_TRACEFS_FILE "events/sched/sched_switch/format"

void slo_fact_set_unknown(struct slo_fact *f, const char *fmt, ...) slo_printf(2, 3);
void slo_fact_set(struct slo_fact *f, int64_t number, const char *evidence, const char *fmt, ...)
	slo_printf(4, 5);

/* Rest of the line of the file that begins with @key. 0, -ENODATA, or the errno of the read. */
int slo_fact_key(int root, const char *path, const char *key, char *buf, size_t size);
/* The same of os-release ("ID="), without quotes. */
int slo_fact_os_release(int root, const char *key, char *buf, size_t size);

/* Readers for rows: @arg is the row's. */
void slo_fact_release(int root, const char *arg, struct slo_fact *f);
void slo_fact_text(int root, const char *arg, struct slo_fact *f);
void slo_fact_number(int root, const char *arg, struct slo_fact *f);
void slo_fact_flavour(int root, const char *arg, struct slo_fact *f);
void slo_fact_arch(int root, const char *arg, struct slo_fact *f);
void slo_fact_btf(int root, const char *arg, struct slo_fact *f);
void slo_fact_lockdown(int root, const char *arg, struct slo_fact *f);
void slo_fact_tracefs(int root, const char *arg, struct slo_fact *f);
void slo_fact_probes(int root, const char *arg, struct slo_fact *f);
void slo_fact_memlock(int root, const char *arg, struct slo_fact *f);
void slo_fact_memcg_accounting(int root, const char *arg, struct slo_fact *f);
void slo_fact_sched_info(int root, const char *arg, struct slo_fact *f);
void slo_fact_psi(int root, const char *arg, struct slo_fact *f);
void slo_fact_headers(int root, const char *arg, struct slo_fact *f);

#endif
