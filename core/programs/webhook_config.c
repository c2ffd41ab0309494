/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/webhook_config.h"

#include <stdio.h>

#include "core/programs/secret.h"

int slo_webhook_config_of(const struct slo_config *cfg, char secret[SLO_CONFIG_TEXT_LEN],
                          struct slo_webhook_config *ret, struct slo_err *err)
{
	int r;

	static_assert((int)SLO_CONFIG_WEBHOOK_MAX_ == (int)SLO_WEBHOOK_MAX_, "the same rows");
	(void)snprintf(secret, SLO_CONFIG_TEXT_LEN, "%s", cfg->webhook.secret);
	r = slo_secret_read(cfg->webhook.secret_file, secret, SLO_CONFIG_TEXT_LEN, err);
	if (r < 0)
		return slo_err_wrap(err, r, "[webhook] secret_file");
	*ret = (struct slo_webhook_config){
		.format = (enum slo_webhook_format)cfg->webhook.format,
		.url = cfg->webhook.url,
		.secret = secret,
		.legacy_signature = cfg->webhook.legacy_signature,
		.timeout_ms = cfg->webhook.timeout_ms,
		.tls = { cfg->webhook.ca_file, cfg->webhook.cert_file, cfg->webhook.key_file },
		.dir = "",
		.v1 = cfg->webhook.schema == SLO_CONFIG_INCIDENT_V1,
	};
	return 0;
}
