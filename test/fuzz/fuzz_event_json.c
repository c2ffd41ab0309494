/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader on any bytes; what it takes must be written, read and written again to the same line.
 * clang -fsanitize=fuzzer,address,undefined; corpus: lines of probe events, one a file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec/event_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct slo_event_names names = { "n", "ns", "p", "", "0123456789abcdef", "u" };

/* Milliseconds pass through doubles: exact up to 2^51 ns, which the header promises. */
static int is_exact(const struct slo_probe_event *ev)
{
	const uint64_t limit = UINT64_C(1) << 51;

	return ev->value_ns < limit && ev->interval_ns < limit && ev->hist.sum_ns < limit &&
	       ev->hist.max_ns < limit && ev->gauge * 1e6 < (double)limit &&
	       (ev->signal != SLO_SIG_DNS_LATENCY || ev->detail.dns.server_ns < limit) &&
	       (ev->signal != SLO_SIG_CONNECT_ERRORS || ev->detail.conn.after_ns < limit);
}

static void die(const char *what, const char *first, const char *second)
{
	fprintf(stderr, "%s\n%s%s", what, first, second);
	abort();
}

static void check_round_trip(const struct slo_probe_event *ev,
                             const struct slo_event_json_options *opt)
{
	char first[SLO_EVENT_JSON_MAX];
	char second[SLO_EVENT_JSON_MAX];
	struct slo_probe_event again;
	struct slo_err err = { 0 };
	ssize_t n = slo_event_json_write(first, sizeof(first), ev, SLO_STATUS_OK, &names, opt);

	if (n < 0)
		die("a read event cannot be written", "", "");
	if (slo_event_json_parse(first, (size_t)n, &again, &err) < 0)
		die("a written event cannot be read", first, err.msg);
	if (slo_event_json_write(second, sizeof(second), &again, SLO_STATUS_OK, &names, opt) < 0)
		die("an event read twice cannot be written", first, "");
	if (is_exact(ev) && strcmp(first, second) != 0)
		die("two writings differ", first, second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct slo_event_json_options options[] = {
		{ .names = true },
		{ .names = false },
		{ .v1alpha1 = true, .names = true },
	};
	struct slo_probe_event ev;
	struct slo_err err = { 0 };

	if (slo_event_json_parse((const char *)data, size, &ev, &err) < 0)
		return 0;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(options); i++)
		check_round_trip(&ev, &options[i]);
	return 0;
}
