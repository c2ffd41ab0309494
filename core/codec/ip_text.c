/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/ip_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static char *put_byte(char *p, unsigned int v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

static char *put_v4(char *p, const uint8_t *a)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		p = put_byte(p, a[i]);
	}
	return p;
}

static char *put_group(char *p, unsigned int v)
{
	static const char hex[] = "0123456789abcdef";

	if (v >= 0x1000)
		*p++ = hex[v >> 12];
	if (v >= 0x100)
		*p++ = hex[v >> 8 & 15];
	if (v >= 0x10)
		*p++ = hex[v >> 4 & 15];
	*p++ = hex[v & 15];
	return p;
}

struct run {
	int from;
	int len;
};

/*
 * RFC 5952 4.2: "::" stands for the longest run of zero groups, the first of equals, never for a
 * single one.
 */
static struct run longest_zeros(const unsigned int *groups, int n)
{
	struct run best = { -1, 1 };
	int from = 0;

	for (int i = 0; i < n; i++) {
		if (groups[i]) {
			from = i + 1;
			continue;
		}
		if (i + 1 - from > best.len)
			best = (struct run){ from, i + 1 - from };
	}
	return best;
}

static bool is_v4_mapped(const unsigned int *groups)
{
	return !(groups[0] | groups[1] | groups[2] | groups[3] | groups[4]) && groups[5] == 0xffff;
}

static char *put_v6(char *p, const uint8_t *a)
{
	unsigned int groups[8];
	struct run zeros;
	int n = 8;

	for (size_t i = 0; i < 8; i++)
		groups[i] = (unsigned int)a[2 * i] << 8 | a[2 * i + 1];
	if (is_v4_mapped(groups))
		n = 6;
	zeros = longest_zeros(groups, n);
	for (int i = 0; i < n; i++) {
		if (i == zeros.from) {
			*p++ = ':';
			i += zeros.len - 1;
			if (i == n - 1)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		p = put_group(p, groups[i]);
	}
	if (n == 6) {
		*p++ = ':';
		p = put_v4(p, a + 12);
	}
	return p;
}

size_t slo_ip_text(uint8_t family, const uint8_t *addr, char text[SLO_IP_TEXT_SIZE])
{
	char *end = family == 4 ? put_v4(text, addr) : put_v6(text, addr);

	*end = '\0';
	return (size_t)(end - text);
}

int slo_ip_parse(const char *text, uint8_t ret_addr[16])
{
	uint8_t addr[16] = { 0 };
	int family;

	if (inet_pton(AF_INET, text, addr) == 1) {
		family = 4;
	} else if (inet_pton(AF_INET6, text, addr) == 1) {
		family = 6;
	} else {
		return -EINVAL;
	}
	memcpy(ret_addr, addr, sizeof(addr));
	return family;
}
