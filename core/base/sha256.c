/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/sha256.h"

#include <string.h>

#include "core/base/io.h"

#define BLOCK 64
#define LENGTH_AT 56 /* the message's length in bits ends the last block */

/* FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
/* clang-format off */
static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
/* clang-format on */

static uint32_t rotr(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

static void schedule(const uint8_t *p, uint32_t w[64])
{
	for (unsigned int i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	for (unsigned int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + (rotr(a, 7) ^ rotr(a, 18) ^ a >> 3) + w[i - 7] +
		       (rotr(b, 17) ^ rotr(b, 19) ^ b >> 10);
	}
}

static void compress(uint32_t state[8], const uint8_t *block)
{
	uint32_t w[64], v[8];

	schedule(block, w);
	memcpy(v, state, sizeof(v));
	for (unsigned int i = 0; i < 64; i++) {
		uint32_t e = v[4], a = v[0];
		uint32_t t1 = v[7] + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) +
		              ((e & v[5]) ^ (~e & v[6])) + k[i] + w[i];
		uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) +
		              ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof(*v));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (unsigned int i = 0; i < 8; i++)
		state[i] += v[i];
}

void slo_sha256_init(struct slo_sha256 *s)
{
	*s = (struct slo_sha256){
		.state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
		           0x1f83d9ab, 0x5be0cd19 },
	};
}

void slo_sha256_add(struct slo_sha256 *s, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n > 0) {
		size_t at = s->bytes % BLOCK, take = BLOCK - at < n ? BLOCK - at : n;

		memcpy(s->block + at, p, take);
		s->bytes += take;
		p += take;
		n -= take;
		if (at + take == BLOCK)
			compress(s->state, s->block);
	}
}

void slo_sha256_finish(struct slo_sha256 *s, uint8_t ret_digest[SLO_SHA256_BYTES])
{
	static const uint8_t pad[BLOCK] = { 0x80 };
	uint64_t bits = s->bytes * 8;
	size_t at = s->bytes % BLOCK;
	uint8_t length[8];

	for (unsigned int i = 0; i < 8; i++)
		length[i] = (uint8_t)(bits >> (56 - 8 * i));
	slo_sha256_add(s, pad, at < LENGTH_AT ? LENGTH_AT - at : BLOCK + LENGTH_AT - at);
	slo_sha256_add(s, length, sizeof(length));
	for (unsigned int i = 0; i < SLO_SHA256_BYTES; i++)
		ret_digest[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
}

void slo_sha256_finish_hex(struct slo_sha256 *s, char ret_hex[SLO_SHA256_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[SLO_SHA256_BYTES];

	slo_sha256_finish(s, digest);
	for (size_t i = 0; i < SLO_SHA256_BYTES; i++) {
		ret_hex[2 * i] = digits[digest[i] >> 4];
		ret_hex[2 * i + 1] = digits[digest[i] & 15];
	}
	ret_hex[SLO_SHA256_HEX_SIZE - 1] = '\0';
}

int slo_sha256_fd_hex(int fd, char ret_hex[SLO_SHA256_HEX_SIZE])
{
	struct slo_sha256 sha;
	char part[4096];
	ssize_t n;

	slo_sha256_init(&sha);
	while ((n = slo_read_full(fd, part, sizeof(part))) > 0)
		slo_sha256_add(&sha, part, (size_t)n);
	if (n < 0)
		return (int)n;
	slo_sha256_finish_hex(&sha, ret_hex);
	return 0;
}
