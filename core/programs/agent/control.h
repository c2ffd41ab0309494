/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's local socket, for sloctl: one line {"cmd":"status|top|incidents|explain","id":"..."} in, one JSON document
 * and a newline out, then it is closed. Served in the agent's loop; a client that does not move cannot hold it up.
 */
#ifndef SLO_AGENT_CONTROL_H
#define SLO_AGENT_CONTROL_H

#include <stdint.h>

#include "core/base/err.h"
#include "core/base/jsonw.h"

struct slo_control;

/*
 * Writes one JSON value. Called again with more room where that did not do, so it changes nothing. @id: "" none.
 * 0; -ENOENT: no such incident; -ENOTSUP: no such command; or another negative errno.
 */
typedef int (*slo_control_answer_fn)(void *user, const char *cmd, const char *id,
                                     struct slo_jsonw *w);

struct slo_control_config {
	const char
		*path; /* made with mode 0600, its folder with 0755 where there is none; borrowed */
	slo_control_answer_fn answer;
	void *user;
};

struct slo_control_stats {
	uint64_t answered;
	uint64_t refused; /* no room, no sense, or too slow */
};

/* -EADDRINUSE where another agent answers there; what a dead one left is replaced. */
int slo_control_open(struct slo_control **ret, const struct slo_control_config *cfg,
                     struct slo_err *err);
/* NULL-safe; the socket's file is gone afterwards. */
void slo_control_freep(struct slo_control **c);
#define slo_control_auto slo_cleanup(slo_control_freep)

/* For the caller's epoll set; readable: call run(). */
int slo_control_fd(const struct slo_control *c);
/* Also once a second, for clients that are too slow. Never waits. */
void slo_control_run(struct slo_control *c);
void slo_control_stats(const struct slo_control *c, struct slo_control_stats *ret);

#endif
