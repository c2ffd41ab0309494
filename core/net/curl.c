/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/curl.h"

#include "core/net/library.h"

static const struct slo_library_function functions[] = {
#define X(name) SLO_LIBRARY_FUNCTION(slo_curl, name, curl_)
	SLO_CURL_FUNCTIONS(X)
#undef X
};

#ifndef SLO_LINKED
SLO_LIBRARY_NOTE(
	note, "[{\"feature\":\"http-out\",\"description\":\"OTLP export, webhooks, names of pods\","
	      "\"priority\":\"recommended\",\"soname\":[\"libcurl.so.4\"]}]");
#endif

int slo_curl_open(struct slo_curl *ret, struct slo_err *err)
{
	static const struct slo_library library = {
		.soname = "libcurl.so.4",
		.advice =
			"to send over HTTP, install libcurl 7.85 or later (Debian: libcurl4, from 13 on "
			"libcurl4t64; Fedora: libcurl), or take the static build",
		.function = functions,
		.count = SLO_ARRAY_SIZE(functions),
	};
	struct slo_curl c = { 0 };
	int r = slo_library_open(&c.library, &library, &c, err);

	if (r < 0)
		return r;
	*ret = c;
	return 0;
}

void slo_curl_close(struct slo_curl *c)
{
	slo_library_close(&c->library);
	*c = (struct slo_curl){ 0 };
}
