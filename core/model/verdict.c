/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void slo_verdict_refuse(struct slo_verdict *v, const char *mechanism, int code, const char *fmt,
                        ...)
{
	struct slo_refusal *r;
	va_list ap;

	if (v->refused_count < SLO_VERDICT_REFUSED_MAX)
		v->refused_count++;
	r = &v->refused[v->refused_count - 1];
	r->mechanism = mechanism;
	r->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
}

void slo_verdict_note(struct slo_verdict *v, const char *text, const char *why)
{
	size_t used = strlen(v->note);

	if (why && strstr(v->note, why))
		why = NULL;
	(void)snprintf(v->note + used, sizeof(v->note) - used, "%s%s%s%.140s%s", used ? "; " : "",
	               text, why ? " (" : "", why ? why : "", why ? ")" : "");
}
