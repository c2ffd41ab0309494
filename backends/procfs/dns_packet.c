/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/procfs/dns.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/clock.h"

#define DNS_PORT 53
#define HEADER_BYTES 12
/* Packets wait for the loop no longer, or its times are wrong anyway. */
#define QUEUED_NS (10 * SLO_NS_PER_SEC)

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

int slo_dns_packet_parse(const uint8_t *p, size_t size, struct slo_dns_packet *ret)
{
	struct slo_dns_packet d = { 0 };
	size_t at;

	if (size < 20)
		return -EBADMSG;
	if (p[0] >> 4 == 4) {
		d.family = AF_INET;
		memcpy(d.saddr, p + 12, 4);
		memcpy(d.daddr, p + 16, 4);
		at = (size_t)(p[0] & 0xf) * 4;
	} else {
		if (size < 40)
			return -EBADMSG;
		d.family = AF_INET6;
		memcpy(d.saddr, p + 8, 16);
		memcpy(d.daddr, p + 24, 16);
		at = 40;
	}
	if (size < at + 8 + HEADER_BYTES)
		return -EBADMSG;
	d.sport = be16(p + at);
	d.dport = be16(p + at + 2);
	at += 8;
	d.id = be16(p + at);
	d.answer = p[at + 2] & 0x80;
	d.truncated = p[at + 2] & 0x02;
	d.rcode = p[at + 3] & 0xf;
	/* Opcode QUERY, exactly one question, and an answer exactly where it comes from the port. */
	if ((p[at + 2] & 0x78) || be16(p + at + 4) != 1 || d.answer != (d.sport == DNS_PORT))
		return -EBADMSG;
	d.question = p + at + HEADER_BYTES;
	d.question_len = size - at - HEADER_BYTES;
	*ret = d;
	return 0;
}

uint64_t slo_dns_stamp_ns(uint64_t stamp_ns, uint64_t offset_ns, uint64_t now_ns)
{
	uint64_t ns = stamp_ns - offset_ns;

	return ns <= now_ns && now_ns - ns < QUEUED_NS ? ns : now_ns;
}
