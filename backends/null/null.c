/* SPDX-License-Identifier: Apache-2.0 */
/* Gives no events. The smallest backend that keeps the contract; start a new one from here. */
#include <errno.h>

#include "backends/backends.h"

struct null_be {
	struct slo_backend_stats stats;
};

static int refuse(const struct slo_backend_config *cfg, struct slo_verdict verdicts[SLO_SIG_MAX_],
                  struct slo_err *err)
{
	for (unsigned int s = 0; s < SLO_SIG_MAX_; s++) {
		if (!(cfg->signals & SLO_SIG_BIT(s)))
			continue;
		verdicts[s] = (struct slo_verdict){ .mechanism = "", .hooks = "" };
		slo_verdict_refuse(&verdicts[s], "null", -ENOTSUP, "gives no signals");
	}
	if (cfg->signals)
		return slo_err_set(err, -ENOTSUP, "gives no signals");
	return 0;
}

/* It works everywhere, as far as it goes. */
static int null_probe(const struct slo_backend_config *cfg,
                      struct slo_verdict verdicts[SLO_SIG_MAX_], struct slo_err *err)
{
	(void)err;
	(void)refuse(cfg, verdicts, NULL);
	return 0;
}

static int null_open(const struct slo_backend_config *cfg,
                     struct slo_verdict verdicts[SLO_SIG_MAX_], void **ret_be, struct slo_err *err)
{
	struct null_be *be;
	int r = refuse(cfg, verdicts, err);

	if (r)
		return r;
	be = calloc(1, sizeof(*be));
	if (!be)
		return slo_err_set(err, -ENOMEM, "null: out of memory");
	*ret_be = be;
	return 0;
}

static int null_enable(void *be, enum slo_signal sig, bool on, struct slo_err *err)
{
	(void)be;
	(void)on;
	return slo_err_set(err, -ENOTSUP, "null: cannot give %s", slo_signal_desc(sig)->name);
}

static int null_retarget(void *be, const struct slo_backend_config *cfg, struct slo_err *err)
{
	(void)be;
	(void)cfg;
	(void)err;
	return 0;
}

static int null_fd(void *be)
{
	(void)be;
	return -1;
}

static int null_poll(void *be, struct slo_err *err)
{
	(void)be;
	(void)err;
	return 0;
}

static int null_interval(void *be, uint64_t now_ns, struct slo_err *err)
{
	(void)be;
	(void)now_ns;
	(void)err;
	return 0;
}

static void null_stats(void *vbe, struct slo_backend_stats *ret)
{
	const struct null_be *be = vbe;

	*ret = be->stats;
}

static void null_close(void *be)
{
	free(be);
}

const struct slo_backend_ops slo_backend_null = {
	.name = "null",
	.probe = null_probe,
	.open = null_open,
	.enable = null_enable,
	.retarget = null_retarget,
	.fd = null_fd,
	.poll = null_poll,
	.interval = null_interval,
	.stats = null_stats,
	.close = null_close,
};
