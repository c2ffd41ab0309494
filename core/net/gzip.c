/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/base/base.h"

#define GZIP_WINDOW (15 + 16) /* zlib: the largest window, with a gzip header */
#define FIRST_BYTES ((size_t)16384)

/* Room for more, up to one byte past @max: so that too much is seen as such. */
static int grow(uint8_t **buf, size_t *size, size_t max)
{
	size_t next = *size ? *size * 2 : FIRST_BYTES;
	uint8_t *more;

	if (next > max + 1)
		next = max + 1;
	if (next == *size)
		return -EFBIG;
	more = realloc(*buf, next);
	if (!more)
		return -ENOMEM;
	*buf = more;
	*size = next;
	return 0;
}

static int inflate_all(z_stream *z, size_t max, uint8_t **buf, size_t *ret_len)
{
	size_t size = 0, used = 0;
	int r, state = Z_OK;

	while (state != Z_STREAM_END || z->avail_in) {
		/* RFC 1952, section 2.2: members may follow one another. */
		if (state == Z_STREAM_END && inflateReset(z) != Z_OK)
			return -EBADMSG;
		if (used == size) {
			r = grow(buf, &size, max);
			if (r < 0)
				return r;
		}
		z->next_out = *buf + used;
		z->avail_out = (uInt)(size - used);
		state = inflate(z, Z_NO_FLUSH);
		used = size - z->avail_out;
		if (state == Z_MEM_ERROR)
			return -ENOMEM;
		if (state != Z_OK && state != Z_STREAM_END &&
		    !(state == Z_BUF_ERROR && z->avail_out == 0))
			return -EBADMSG;
		if (used > max)
			return -EFBIG;
	}
	*ret_len = used;
	return 0;
}

int slo_gunzip(const uint8_t *in, size_t len, size_t max, uint8_t **ret, size_t *ret_len)
{
	z_stream z = { 0 };
	uint8_t *buf = NULL;
	size_t n = 0;
	int r;

	if (len > UINT_MAX || max >= UINT_MAX)
		return -EFBIG;
	if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
		return -ENOMEM;
	z.next_in = (Bytef *)(uintptr_t)in;
	z.avail_in = (uInt)len;
	r = inflate_all(&z, max, &buf, &n);
	(void)inflateEnd(&z);
	if (r < 0) {
		free(buf);
		return r;
	}
	*ret = buf;
	*ret_len = n;
	return 0;
}

int slo_gzip(const uint8_t *in, size_t len, uint8_t **ret, size_t *ret_len)
{
	z_stream z = { 0 };
	size_t size;
	uint8_t *buf;

	if (len > UINT_MAX)
		return -EFBIG;
	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	size = deflateBound(&z, len);
	buf = malloc(size);
	if (!buf) {
		(void)deflateEnd(&z);
		return -ENOMEM;
	}
	z.next_in = (Bytef *)(uintptr_t)in;
	z.avail_in = (uInt)len;
	z.next_out = buf;
	z.avail_out = (uInt)size;
	(void)deflate(&z, Z_FINISH);
	*ret = buf;
	*ret_len = z.total_out;
	(void)deflateEnd(&z);
	return 0;
}
