/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/mhd.h"

#include "core/net/library.h"

static const struct slo_library_function functions[] = {
#define X(name) SLO_LIBRARY_FUNCTION(slo_mhd, name, MHD_)
	SLO_MHD_FUNCTIONS(X)
#undef X
};

static const struct slo_library library = {
	.soname = "libmicrohttpd.so.12",
	.advice =
		"to listen for HTTP, install libmicrohttpd 0.9.75 or later (Debian: libmicrohttpd12, from 13 on "
		"libmicrohttpd12t64; Fedora: libmicrohttpd), or take the static build",
	.function = functions,
	.count = SLO_ARRAY_SIZE(functions),
};

#ifndef SLO_LINKED
SLO_LIBRARY_NOTE(
	note,
	"[{\"feature\":\"http-in\",\"description\":\"spans over OTLP, metrics for Prometheus\","
	"\"priority\":\"recommended\",\"soname\":[\"libmicrohttpd.so.12\"]}]");
#endif

int slo_mhd_check(struct slo_err *err)
{
	struct slo_mhd m;

	return slo_library_check(&library, &m, err);
}

int slo_mhd_open(struct slo_mhd *ret, struct slo_err *err)
{
	struct slo_mhd m = { 0 };
	int r = slo_library_open(&m.library, &library, &m, err);

	if (r < 0)
		return r;
	*ret = m;
	return 0;
}

void slo_mhd_close(struct slo_mhd *m)
{
	slo_library_close(&m->library);
	*m = (struct slo_mhd){ 0 };
}
