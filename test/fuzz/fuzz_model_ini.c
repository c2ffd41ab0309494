/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: a parameter file. Beside memory errors it catches sets that are accepted, but not read back once printed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/model_ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_back(const struct slo_attr_model *m)
{
	static struct slo_attr_model again;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	if (slo_model_print(out, m) < 0)
		abort();
	(void)fclose(out);
	if (slo_model_parse(&again, "printed", text, len, NULL) < 0 ||
	    memcmp(again.q, m->q, sizeof(m->q)) != 0)
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slo_attr_model m;
	struct slo_err err = { 0 };
	int r;

	memset(&m, 0, sizeof(m));
	r = slo_model_parse(&m, "fuzz", (const char *)data, size, &err);
	if ((r < 0) != (err.code != 0) || (r == 0) != m.finished)
		abort();
	if (r == 0)
		read_back(&m);
	return 0;
}
