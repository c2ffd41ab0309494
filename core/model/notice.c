/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/notice.h"

#include "core/base/base.h"

static const char *const kinds[] = {
	[SLO_NOTICE_OPEN] = "open",
	[SLO_NOTICE_UPDATE] = "update",
	[SLO_NOTICE_RESOLVE] = "resolve",
	[SLO_NOTICE_TEST] = "test",
};
SLO_TABLE_COMPLETE(kinds, SLO_NOTICE_KIND_MAX_);

static const char *const severities[] = {
	[SLO_SEVERITY_CRITICAL] = "critical",
	[SLO_SEVERITY_ERROR] = "error",
	[SLO_SEVERITY_WARNING] = "warning",
	[SLO_SEVERITY_INFO] = "info",
};
SLO_TABLE_COMPLETE(severities, SLO_SEVERITY_MAX_);

const char *slo_notice_kind_name(enum slo_notice_kind kind)
{
	return kinds[kind];
}

const char *slo_notice_severity_name(enum slo_severity severity)
{
	return severities[severity];
}
