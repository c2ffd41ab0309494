/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf tells its errors by a process-wide print hook only: this adapter keeps what matters of the last failure. */
#ifndef SLO_LIBBPF_BPFLOG_H
#define SLO_LIBBPF_BPFLOG_H

#include <stddef.h>

/* What libbpf said since slo_bpflog_begin(), boiled down. Valid until the next begin; "" where it said nothing. */
struct slo_bpflog {
	char prog[32]; /* program that failed */
	char reason[160]; /* the verifier's last complaint, else libbpf's first warning */
};

/* Routes libbpf's output of this thread into @log, until slo_bpflog_end(). Nothing is printed. */
void slo_bpflog_begin(struct slo_bpflog *log);
void slo_bpflog_end(void);

#endif
