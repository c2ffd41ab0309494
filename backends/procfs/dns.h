/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS message in an IP packet, as far as latency needs it. */
#ifndef SLO_PROCFS_DNS_H
#define SLO_PROCFS_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slo_dns_packet {
	uint8_t saddr[16]; /* IPv4 in the first four */
	uint8_t daddr[16];
	uint16_t sport;
	uint16_t dport;
	uint16_t id;
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t rcode;
	bool answer;
	bool truncated;
	const uint8_t *question; /* borrows the packet */
	size_t question_len; /* to the packet's end */
};

/* @p: a whole UDP packet from its IP header on, perhaps cut. 0, or -EBADMSG where it is no plausible message. */
int slo_dns_packet_parse(const uint8_t *p, size_t size, struct slo_dns_packet *ret);

/*
 * When a packet came, CLOCK_MONOTONIC. The kernel stamps with CLOCK_REALTIME (@stamp_ns; @offset_ns less gives this one),
 * which may be set between the stamp and @now_ns: then it is @now_ns, and no answer takes an hour.
 */
uint64_t slo_dns_stamp_ns(uint64_t stamp_ns, uint64_t offset_ns, uint64_t now_ns);

#endif
