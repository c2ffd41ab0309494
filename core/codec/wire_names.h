/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text forms of the numbers that the kernel and the network use: errno, DNS type and rcode, TCP
 * state, IP protocol.
 */
#ifndef SLO_CODEC_WIRE_NAMES_H
#define SLO_CODEC_WIRE_NAMES_H

enum slo_wire_set {
	SLO_WIRE_ERRNO, /* of this architecture; musl has no strerrorname_np() */
	SLO_WIRE_QTYPE, /* IANA DNS parameters */
	SLO_WIRE_RCODE, /* IANA DNS parameters */
	SLO_WIRE_TCP_STATE, /* include/net/tcp_states.h */
	SLO_WIRE_PROTO, /* IPPROTO_* */
	SLO_WIRE_SET_MAX_,
};

/* "ECONNREFUSED", "AAAA", ...; NULL where the set has no name for @value. */
const char *slo_wire_name(enum slo_wire_set set, unsigned int value);

/* Bytes of the buffer that slo_wire_text() needs. */
#define SLO_WIRE_TEXT_SIZE 16

/* The name, or else the number's text in @buf ("TYPE123" for DNS types, RFC 3597). Never NULL. */
const char *slo_wire_text(enum slo_wire_set set, unsigned int value, char buf[SLO_WIRE_TEXT_SIZE]);

/* The inverse, in any case of letters. The value (0 to 65535), or -ENOENT. */
int slo_wire_value(enum slo_wire_set set, const char *text);

#endif
