/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/sha256.h"

static void hash_of(const char *text, size_t piece, char hex[SLO_SHA256_HEX_SIZE])
{
	struct slo_sha256 s;

	slo_sha256_init(&s);
	for (size_t i = 0, n = strlen(text); i < n; i += piece)
		slo_sha256_add(&s, text + i, n - i < piece ? n - i : piece);
	slo_sha256_finish_hex(&s, hex);
}

/* The vectors of FIPS 180-2, appendix B, and of the empty message. */
static void vectors_of_the_standard_come_out(void **state)
{
	char hex[SLO_SHA256_HEX_SIZE];

	(void)state;
	hash_of("", 1, hex);
	assert_string_equal(hex,
	                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	hash_of("abc", 1, hex);
	assert_string_equal(hex,
	                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 64, hex);
	assert_string_equal(hex,
	                    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void a_million_letters_in_odd_pieces_come_out(void **state)
{
	char text[1000], hex[SLO_SHA256_HEX_SIZE];
	struct slo_sha256 s;

	(void)state;
	memset(text, 'a', sizeof(text));
	slo_sha256_init(&s);
	for (unsigned int i = 0; i < 1000; i++) {
		slo_sha256_add(&s, text, i % 64);
		slo_sha256_add(&s, text, sizeof(text) - i % 64);
	}
	slo_sha256_finish_hex(&s, hex);
	assert_string_equal(hex,
	                    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Each length around the padding's edge, whole and byte by byte, must agree and differ from its neighbour. */
static void pieces_do_not_change_the_hash(void **state)
{
	char text[131] = "", whole[SLO_SHA256_HEX_SIZE], bytes[SLO_SHA256_HEX_SIZE], last[65] = "";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		hash_of(text, sizeof(text), whole);
		hash_of(text, 1, bytes);
		assert_string_equal(whole, bytes);
		assert_string_not_equal(whole, last);
		memcpy(last, whole, sizeof(last));
		text[n] = 'x';
	}
}

static void a_file_comes_out_from_where_it_is_read_on(void **state)
{
	char hex[SLO_SHA256_HEX_SIZE];
	int fd = memfd_create("sha", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, "__abc", 5), 5);
	assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
	assert_int_equal(slo_sha256_fd_hex(fd, hex), 0);
	assert_string_equal(hex,
	                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	(void)close(fd);
	assert_int_equal(slo_sha256_fd_hex(fd, hex), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_standard_come_out),
		cmocka_unit_test(a_million_letters_in_odd_pieces_come_out),
		cmocka_unit_test(pieces_do_not_change_the_hash),
		cmocka_unit_test(a_file_comes_out_from_where_it_is_read_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
