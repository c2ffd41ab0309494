/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the agent of this host, over its local socket. */
#ifndef SLO_SLOCTL_CONTROL_H
#define SLO_SLOCTL_CONTROL_H

#include <jansson.h>
#include <stddef.h>

#include "core/base/err.h"

/*
 * *@ret is the caller's (json_decref). @id may be NULL. -ECONNREFUSED, -ENOENT, -EACCES (no agent, or not ours), -ETIMEDOUT,
 * -EBADMSG; -ESRCH: the agent has no such incident or command, @err has its words.
 */
int slo_control_ask(const char *path, const char *cmd, const char *id, json_t **ret,
                    struct slo_err *err);

/*
 * The socket that @given (--control), else the configuration @config (NULL: the default one) names, in @buf. A usage error is
 * told on stderr: exit code or 0.
 */
int slo_control_path(const char *prog, const char *config, const char *given, char *buf,
                     size_t size);

/* "network_dns, confidence 0.97, incident ID (service chat)" of the open incident of @service (NULL: any). -ENOENT: none. */
int slo_control_explain(const char *path, const char *service, char *buf, size_t size,
                        struct slo_err *err);

/* Of an object of an answer; "" and 0 where there is none. */
const char *slo_control_text(const json_t *object, const char *key);
/* The same for a terminal: control characters in it become '?', in @object as well. So they do in the next two. */
const char *slo_control_plain(const json_t *object, const char *key);
/* "NAMESPACE/SERVICE", or the service alone where there is no namespace. */
const char *slo_control_service(const json_t *object, char buf[256]);
/* Behind an incident's line: " (too few requests since)" where it cannot be seen whether it is over, else "". */
const char *slo_control_silent(const json_t *item);
/* Of a time in RFC 3339, UTC: without its fraction. */
const char *slo_control_time(const json_t *object, const char *key, char buf[24]);
double slo_control_number(const json_t *object, const char *key);

#endif
