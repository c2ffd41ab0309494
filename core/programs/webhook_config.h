/* SPDX-License-Identifier: Apache-2.0 */
/* [webhook] of the configuration, as the agent and sloctl's test message take it. */
#ifndef SLO_PROGRAMS_WEBHOOK_CONFIG_H
#define SLO_PROGRAMS_WEBHOOK_CONFIG_H

#include "core/config/config.h"
#include "core/net/webhook.h"

/*
 * *@ret without client, spool and folder; the secret is read into @secret, which the caller clears, and pointed to, as @cfg's
 * texts are. 0, or a negative errno with @err naming the setting.
 */
int slo_webhook_config_of(const struct slo_config *cfg, char secret[SLO_CONFIG_TEXT_LEN],
                          struct slo_webhook_config *ret, struct slo_err *err);

#endif
