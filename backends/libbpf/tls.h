/* SPDX-License-Identifier: Apache-2.0 */
/* User space's part of TLS handshakes: those that nobody ended, and those whose client certificate nobody refused. */
#ifndef SLO_LIBBPF_TLS_H
#define SLO_LIBBPF_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/libbpf/maps.h"
#include "backends/libbpf/object.h"
#include "bpf/slo_abi.h"

struct slo_tls {
	int conns, counts, hist; /* maps of the object, borrowed; -1: not open */
	int ctl, tgt_cgroups; /* shared maps, borrowed */
	const struct slo_shared *shared; /* borrowed */
	bool left_here; /* the programs leave what is over to us */
	struct slo_abi_tls_hot *hot; /* owns the mapping; NULL: none */
	struct slo_abi_tls_hot *
		ended; /* owned, what the map @cold holds; in place of @hot where maps cannot be mapped */
	int cold; /* -1: none */
	struct slo_abi_stats handshake, failure; /* what was counted here and not in the kernel */
};

/* Takes a borrowed event of kind SAMPLE. */
typedef void (*slo_tls_fn)(void *user, const struct slo_abi_event *e);

/* @o must stay open until fini. 0 or negative errno with @ret as after fini. */
int slo_tls_init(struct slo_tls *ret, const struct slo_bpf_obj *o, const struct slo_shared *shared);
/* Safe on a zeroed one. */
void slo_tls_fini(struct slo_tls *t);

/*
 * Takes what the programs left as over. Ends handshakes that stood still for 10 s as failures, and those that wait 3 s for the server's word on a client's
 * certificate as good. Counts them, and gives the events that the control map asks for. Nothing where not open. Number looked at.
 */
unsigned int slo_tls_sweep(struct slo_tls *t, uint64_t now_ns, slo_tls_fn fn, void *user);

#endif
