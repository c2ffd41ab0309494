/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of /proc/net/snmp: a line of names, a line of numbers. */
#ifndef SLO_PROCFS_SNMP_H
#define SLO_PROCFS_SNMP_H

#include <stdint.h>

#include "core/base/err.h"

/* "/proc/net/snmp", open for reading; of this process's network namespace. Fd or negative errno. */
int slo_snmp_open(int root, struct slo_err *err);
/* Counter @name of the group "Tcp". 0; -ENODATA where there is none, or negative errno. */
int slo_snmp_read(int fd, const char *name, uint64_t *ret, struct slo_err *err);
/* As slo_snmp_read(), from a text, which is changed. */
int slo_snmp_parse(char *text, const char *name, uint64_t *ret);

#endif
