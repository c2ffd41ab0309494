/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses to text and back, quickly: inet_ntop() prints by format string, as dear as
 * the rest of a record.
 */
#ifndef SLO_CODEC_IP_TEXT_H
#define SLO_CODEC_IP_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255" and a NUL. */
#define SLO_IP_TEXT_SIZE 46

/*
 * @family 4 or 6; @addr in network order, 4 or 16 bytes. IPv6 as RFC 5952 has it; an IPv4-mapped
 * address stays IPv6 (::ffff:192.0.2.1). Length without the NUL.
 */
size_t slo_ip_text(uint8_t family, const uint8_t *addr, char text[SLO_IP_TEXT_SIZE]);

/*
 * The family, 4 or 6, and the address in the first 4 or all 16 bytes of @ret_addr (rest zero); or
 * -EINVAL.
 */
int slo_ip_parse(const char *text, uint8_t ret_addr[16]);

#endif
