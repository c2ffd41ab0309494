/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes as one record, and as a whole capture. What decodes must encode, and decode to the same event again.
 * test/fuzz/run.sh builds and runs it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/capture.h"
#include "backends/decode.h"

#define OFFSET UINT64_C(1700000000000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_event(const struct slo_probe_event *ev)
{
	require((unsigned int)ev->signal < SLO_SIG_MAX_);
	require((unsigned int)ev->kind < SLO_EV_KIND_MAX_);
	require((unsigned int)ev->source < SLO_SRC_MAX_);
	require(memchr(ev->comm, 0, sizeof(ev->comm)) != NULL);
	require(slo_event_value(ev) >= 0); /* NaN fails too */
	if (ev->signal == SLO_SIG_TCP_RETRANSMITS)
		require((unsigned int)ev->detail.retr.kind < SLO_RETR_MAX_);
	if (ev->signal != SLO_SIG_DNS_LATENCY)
		return;
	require(memchr(ev->detail.dns.qname, 0, sizeof(ev->detail.dns.qname)) != NULL);
	for (const char *c = ev->detail.dns.qname; *c; c++)
		require(*c > ' ' && *c < 0x7f && !(*c >= 'A' && *c <= 'Z'));
}

static void decode(const void *rec, size_t size)
{
	struct slo_probe_event first, second;
	struct slo_abi_agg a = { 0 }, b = { 0 };
	struct slo_err err = { 0 };
	size_t a_size;

	memset(&first, 0xa5, sizeof(first));
	memset(&second, 0x5a, sizeof(second));
	if (slo_decode(rec, size, OFFSET, &first, &err)) {
		require(err.msg[0]);
		return;
	}
	check_event(&first);
	a_size = slo_encode(&first, &a);
	require(slo_decode(&a, a_size, OFFSET, &second, NULL) == 0);
	/* Compared as records: events have fields that are left unset. */
	require(slo_encode(&second, &b) == a_size);
	require(memcmp(&a, &b, sizeof(a)) == 0);
}

static void read_capture(const uint8_t *data, size_t size)
{
	struct slo_input in;
	struct slo_abi_capture h;
	struct slo_err err = { 0 };
	const void *rec = NULL;
	int r;

	if (size > SLO_CAPTURE_BUF_BYTES || slo_input_init(&in, -1, NULL))
		return;
	if (size)
		memcpy(in.buf, data, size);
	in.end = size;
	in.eof = true;
	r = slo_capture_read_header(&in, &h, &err);
	while (r >= 0) {
		r = slo_capture_read(&in, &rec, &err);
		if (r <= 0)
			break;
		decode(rec, (size_t)r);
	}
	require(r == 0 || err.msg[0]);
	slo_input_fini(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(data, size);
	read_capture(data, size);
	return 0;
}
