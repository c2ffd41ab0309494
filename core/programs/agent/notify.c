/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager is told: that signals flow, that the loop still turns, that it ends. */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/programs/agent/agent.h"

/* Three chances within the manager's limit: a late tick is no death. */
#define WATCHDOG_SHARE 3

void slo_agent_notify_open(struct slo_agent *a)
{
	struct slo_err err = { 0 };

	if (slo_notify_open(&a->notify, &err) < 0)
		slo_log_warn("the service manager is not told: %s", err.msg);
	if (a->notify.watchdog_ns &&
	    a->notify.watchdog_ns / WATCHDOG_SHARE < a->cfg->agent.interval_ms * SLO_NS_PER_MS)
		slo_log_warn("the watchdog's limit is under %d intervals; raise WatchdogSec",
		             WATCHDOG_SHARE);
}

static void tell(const struct slo_agent *a, const char *state)
{
	int r = slo_notify_send(&a->notify, "%s", state);

	if (r < 0)
		slo_log_warn("the service manager was not told: %s", strerror(-r));
}

void slo_agent_notify_ready(struct slo_agent *a)
{
	unsigned int wanted = 0, served = 0;
	char text[64];

	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (!(a->be_cfg.signals & SLO_SIG_BIT(i)))
			continue;
		wanted++;
		served += slo_session_choice(a->session, (enum slo_signal)i)->backend != NULL;
	}
	(void)snprintf(text, sizeof(text), "READY=1\nSTATUS=%u of %u signals", served, wanted);
	tell(a, text);
}

void slo_agent_notify_reloading(struct slo_agent *a)
{
	if (a->notify.fd < 0)
		return;
	if (slo_notify_send(&a->notify, "RELOADING=1\nMONOTONIC_USEC=%llu",
	                    (unsigned long long)(slo_clock_monotonic_ns() / SLO_NS_PER_US)) < 0)
		slo_log_warn("the service manager was not told of the reload");
}

void slo_agent_notify_stopping(struct slo_agent *a)
{
	tell(a, "STOPPING=1");
}

void slo_agent_notify_alive(struct slo_agent *a)
{
	if (!a->notify.watchdog_ns ||
	    a->now_ns - a->notified_ns < a->notify.watchdog_ns / WATCHDOG_SHARE)
		return;
	a->notified_ns = a->now_ns;
	tell(a, "WATCHDOG=1");
}
