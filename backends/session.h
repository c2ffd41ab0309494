/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses backends once and drives them as one: a signal that the first cannot give comes from the next that can. */
#ifndef SLO_BACKENDS_SESSION_H
#define SLO_BACKENDS_SESSION_H

#include "core/backend.h"

struct slo_session;

/* How one signal ended up, for logs and `prereq check`. Strings are static or live as long as the session. */
struct slo_choice {
	const char *backend; /* that serves; NULL: none */
	struct slo_verdict verdict; /* of the backend that serves, else of the last one asked */
};

/* What one backend said of itself and of each signal asked of it. */
struct slo_backend_report {
	const char *name;
	const char *rung; /* of the ladder; "" where it is no part of it (replay, null) */
	const char *needs; /* of the host, as a whole; "" */
	const char *delivers; /* where the host has that; "" */
	bool tried; /* false: skipped, see why */
	char bad_file
		[200]; /* what is wrong with the file that it was given, or that was found; "" */
	char why[256]; /* skipped or refused as a whole; "" where it works */
	uint64_t asked; /* signals asked of it */
	struct slo_verdict verdict[SLO_SIG_MAX_];
};

#define SLO_SESSION_BACKENDS 8

/*
 * The ladder, signal by signal: BTF, external BTF (backends/btf_choice.h), btf_free, bcc, procfs; replay and null only by name.
 * @only: name of the one backend to use, or NULL/"auto". 0, or -ENOTSUP where no signal can be had (the reports say why),
 * -EINVAL for an unknown or not built backend.
 */
int slo_session_open(struct slo_session **ret_session, const struct slo_backend_config *cfg,
                     const char *only, struct slo_err *err);
void slo_session_freep(struct slo_session **session);
#define slo_session_auto slo_cleanup(slo_session_freep)

/* As slo_session_open(), but nothing stays attached and every backend is asked for every signal. */
int slo_session_probe(const struct slo_backend_config *cfg, const char *only,
                      struct slo_backend_report reports[SLO_SESSION_BACKENDS],
                      unsigned int *ret_count, struct slo_err *err);

/* Borrowed until the session is freed. */
const struct slo_choice *slo_session_choice(const struct slo_session *s, enum slo_signal sig);
const struct slo_backend_report *slo_session_reports(const struct slo_session *s,
                                                     unsigned int *ret_count);

/*
 * By the first rung that serves a signal which has a kernel hook: core_full (libbpf, all that were asked for), core_partial,
 * btf_free, bcc_full (all), bcc_degraded; minimal: only what the kernel counts anyway. replay, null: those backends.
 */
const char *slo_session_mode(const struct slo_session *s);

/* The mode that a session would have with what slo_session_probe() found. */
const char *slo_session_mode_probed(const struct slo_backend_report *reports, unsigned int count);

/* The backends' ops, over all of them; see core/backend.h. */
unsigned int slo_session_fds(const struct slo_session *s, int fds[SLO_SESSION_BACKENDS]);
int slo_session_poll(struct slo_session *s, struct slo_err *err);
int slo_session_interval(struct slo_session *s, uint64_t now_ns, struct slo_err *err);
int slo_session_enable(struct slo_session *s, enum slo_signal sig, bool on, struct slo_err *err);
int slo_session_retarget(struct slo_session *s, const struct slo_backend_config *cfg,
                         struct slo_err *err);
void slo_session_stats(struct slo_session *s, struct slo_backend_stats *ret);

#endif
