/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "backends/capture.h"

#define OFFSET UINT64_C(1700000000000000000)
#define HEADER sizeof(struct slo_abi_capture)
#define EVENT sizeof(struct slo_abi_event)
#define AGG sizeof(struct slo_abi_agg)

/* Record @i of a capture: every third an aggregate; value tells them apart. */
static size_t record_at(unsigned int i, struct slo_abi_agg *ret)
{
	size_t size = i % 3 == 2 ? AGG : EVENT;

	*ret = (struct slo_abi_agg){ .head = { .version = SLO_ABI_VERSION,
		                               .size = (uint16_t)size,
		                               .kind = i % 3 == 2 ? SLO_ABI_HIST : SLO_ABI_SAMPLE,
		                               .value = i } };
	return size;
}

static int memfd(void)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct slo_capture_writer *writer_on(int fd)
{
	struct slo_capture_writer *w = NULL;
	struct slo_err err = { 0 };

	assert_int_equal(slo_capture_writer_new(&w, fd, OFFSET, "node-1", &err), 0);
	return w;
}

static void write_records(struct slo_capture_writer *w, unsigned int count)
{
	struct slo_err err = { 0 };

	for (unsigned int i = 0; i < count; i++) {
		struct slo_abi_agg rec;
		size_t size = record_at(i, &rec);

		assert_int_equal(slo_capture_write(w, &rec, size, &err), 0);
	}
}

/* A memfd with @count records, at its beginning. */
static int capture_of(unsigned int count)
{
	int fd = memfd();
	struct slo_capture_writer *w = writer_on(dup(fd));

	write_records(w, count);
	slo_capture_writer_freep(&w);
	assert_null(w);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Reads all; the number of good records, and how it ended. Takes @fd. */
static unsigned int read_all(int fd, int *ret_end, struct slo_err *err)
{
	struct slo_abi_capture h;
	struct slo_input in;
	unsigned int count = 0;
	int r;

	assert_int_equal(slo_input_init(&in, fd, err), 0);
	r = slo_capture_read_header(&in, &h, err);
	while (r >= 0) {
		struct slo_abi_agg want;
		const void *rec = NULL;
		size_t size = record_at(count, &want);

		r = slo_capture_read(&in, &rec, err);
		if (r <= 0)
			break;
		assert_int_equal((uintptr_t)rec % 8, 0);
		assert_int_equal(r, size);
		assert_memory_equal(rec, &want, size);
		count++;
	}
	slo_input_fini(&in);
	*ret_end = r;
	return count;
}

static void what_is_written_is_read(void **state)
{
	struct slo_abi_capture h;
	struct slo_input in;
	struct slo_err err = { 0 };
	int fd = capture_of(1000); /* several buffers */
	int end = -1;

	(void)state;
	assert_int_equal(slo_input_init(&in, dup(fd), &err), 0);
	assert_int_equal(slo_capture_read_header(&in, &h, &err), 0);
	assert_int_equal(h.realtime_offset_ns, OFFSET);
	assert_string_equal(h.node, "node-1");
	slo_input_fini(&in);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(read_all(fd, &end, &err), 1000);
	assert_int_equal(end, 0);
}

static void a_long_node_name_is_cut(void **state)
{
	struct slo_capture_writer *w = NULL;
	struct slo_abi_capture h;
	char node[200];
	int fd = memfd();

	(void)state;
	memset(node, 'n', sizeof(node));
	node[sizeof(node) - 1] = '\0';
	assert_int_equal(slo_capture_writer_new(&w, dup(fd), 0, node, NULL), 0);
	slo_capture_writer_freep(&w);
	assert_int_equal(pread(fd, &h, sizeof(h), 0), sizeof(h));
	assert_int_equal(strnlen(h.node, sizeof(h.node)), 63);
	(void)close(fd);
}

static void the_offset_can_be_set_until_the_header_leaves(void **state)
{
	struct slo_abi_capture h;
	int fd = memfd();
	struct slo_capture_writer *w = writer_on(dup(fd));

	(void)state;
	assert_int_equal(slo_capture_flush(w, NULL), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	write_records(w, 1);
	assert_int_equal(slo_capture_writer_set_offset(w, 77), 0);
	assert_int_equal(slo_capture_flush(w, NULL), 0);
	assert_int_equal(slo_capture_writer_set_offset(w, 78), -EBUSY);
	slo_capture_writer_freep(&w);
	assert_int_equal(pread(fd, &h, sizeof(h), 0), sizeof(h));
	assert_int_equal(h.realtime_offset_ns, 77);
	(void)close(fd);
}

static void sizes_of_no_record_are_refused(void **state)
{
	struct slo_capture_writer *w = writer_on(memfd());
	struct slo_capture_stats st;
	struct slo_abi_agg rec;
	struct slo_err err = { 0 };

	(void)state;
	(void)record_at(0, &rec);
	assert_int_equal(slo_capture_write(w, &rec, 0, &err), -EINVAL);
	assert_int_equal(slo_capture_write(w, &rec, EVENT + 1, &err), -EINVAL);
	slo_capture_writer_stats(w, &st);
	assert_int_equal(st.records, 0);
	slo_capture_writer_freep(&w);
	slo_capture_writer_freep(&w);
}

static void traces_and_the_format_before_are_kept(void **state)
{
	struct slo_abi_traced in = {
		.event = { .version = SLO_ABI_VERSION, .size = sizeof(in), .value = 9 },
		.trace = { .trace_id = { 7 }, .span_id = { 8 } }
	};
	uint32_t before = SLO_ABI_VERSION_OLDEST;
	struct slo_abi_capture h;
	struct slo_input input;
	struct slo_err err = { 0 };
	const void *rec = NULL;
	int fd = memfd();
	struct slo_capture_writer *w = writer_on(dup(fd));

	(void)state;
	assert_int_equal(slo_capture_write(w, &in, sizeof(in), &err), 0);
	slo_capture_writer_freep(&w);
	assert_int_equal(pwrite(fd, &before, 4, offsetof(struct slo_abi_capture, version)), 4);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(slo_input_init(&input, fd, &err), 0);
	assert_int_equal(slo_capture_read_header(&input, &h, &err), 0);
	assert_int_equal(slo_capture_read(&input, &rec, &err), sizeof(in));
	assert_memory_equal(rec, &in, sizeof(in));
	slo_input_fini(&input);
}

static void cut_at_every_byte_all_before_is_delivered(void **state)
{
	const size_t sizes[] = { EVENT, EVENT, AGG, EVENT };
	size_t total = HEADER + 3 * EVENT + AGG;

	(void)state;
	for (size_t cut = 0; cut < total; cut++) {
		struct slo_err err = { 0 };
		unsigned int whole = 0;
		size_t at = HEADER;
		int fd = capture_of(4);
		int end = 1;

		assert_int_equal(ftruncate(fd, (off_t)cut), 0);
		while (whole < 4 && at + sizes[whole] <= cut)
			at += sizes[whole++];
		assert_int_equal(read_all(fd, &end, &err), whole);
		if (cut == at) {
			assert_int_equal(end, 0);
			continue;
		}
		assert_int_equal(end, -EBADMSG);
		assert_non_null(strstr(err.msg, "cut inside"));
		if (cut > HEADER) {
			char offset[32];

			(void)snprintf(offset, sizeof(offset), "offset %zu ", at);
			assert_non_null(strstr(err.msg, offset));
		}
	}
}

static int flip(int fd, off_t at, unsigned int bit)
{
	uint8_t byte;

	if (pread(fd, &byte, 1, at) != 1)
		return -1;
	byte ^= (uint8_t)(1U << bit);
	return pwrite(fd, &byte, 1, at) == 1 ? 0 : -1;
}

/* The chain of sizes is all that the reader relies on: flipped there it ends with the offset, elsewhere it goes on. */
static void every_flipped_bit_of_a_frame_ends_the_file(void **state)
{
	(void)state;
	for (off_t at = 0; at < 4; at++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			struct slo_err err = { 0 };
			int fd = capture_of(3);
			int end = 1;

			assert_int_equal(flip(fd, (off_t)(HEADER + EVENT) + at, bit), 0);
			assert_int_equal(read_all(fd, &end, &err), 1);
			assert_int_equal(end, -EBADMSG);
			assert_non_null(strstr(err.msg, "broken at offset 296 "));
			assert_non_null(strstr(err.msg, "truncate --size=296 "));
		}
	}
}

static void every_flipped_bit_of_the_header_is_harmless(void **state)
{
	(void)state;
	for (size_t at = 0; at < HEADER; at++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			struct slo_err err = { 0 };
			int fd = capture_of(3);
			int end = 1;
			bool checked = at < offsetof(struct slo_abi_capture, realtime_offset_ns);

			assert_int_equal(flip(fd, (off_t)at, bit), 0);
			assert_int_equal(read_all(fd, &end, &err), checked ? 0 : 3);
			assert_int_equal(end, checked ? -EBADMSG : 0);
			if (checked)
				assert_true(err.msg[0]);
		}
	}
}

static void other_byte_order_is_told(void **state)
{
	const uint64_t swapped = __builtin_bswap64(SLO_ABI_CAPTURE_MAGIC);
	struct slo_err err = { 0 };
	int fd = capture_of(1);
	int end = 1;

	(void)state;
	assert_int_equal(pwrite(fd, &swapped, sizeof(swapped), 0), sizeof(swapped));
	assert_int_equal(read_all(fd, &end, &err), 0);
	assert_int_equal(end, -EBADMSG);
	assert_non_null(strstr(err.msg, "other byte order"));
}

static void magic_is_known_by_its_first_bytes(void **state)
{
	const uint64_t magic = SLO_ABI_CAPTURE_MAGIC;
	const uint64_t swapped = __builtin_bswap64(magic);

	(void)state;
	for (size_t n = 0; n < sizeof(magic); n++) {
		assert_int_equal(slo_capture_magic(&magic, n), SLO_CAPTURE_SHORT);
		assert_int_equal(slo_capture_magic(&swapped, n), SLO_CAPTURE_SHORT);
	}
	assert_int_equal(slo_capture_magic(&magic, 8), SLO_CAPTURE_YES);
	assert_int_equal(slo_capture_magic(&swapped, 8), SLO_CAPTURE_SWAPPED);
	assert_int_equal(slo_capture_magic("{", 1), SLO_CAPTURE_NO);
	assert_int_equal(slo_capture_magic("SLO0CAP2", 8), SLO_CAPTURE_NO);
}

static void a_full_disk_is_told_once_and_the_lost_counted(void **state)
{
	struct slo_capture_writer *w = writer_on(open("/dev/full", O_WRONLY | O_CLOEXEC));
	struct slo_capture_stats st;
	struct slo_err err = { 0 };
	unsigned int told = 0;

	(void)state;
	for (unsigned int i = 0; i < 3000; i++) {
		struct slo_abi_agg rec;
		size_t size = record_at(0, &rec);
		int r = slo_capture_write(w, &rec, size, &err);

		if (r) {
			assert_int_equal(r, -ENOSPC);
			assert_true(err.msg[0]);
			told++;
		}
	}
	assert_int_equal(told, 1);
	assert_int_equal(slo_capture_flush(w, &err), 0);
	slo_capture_writer_stats(w, &st);
	assert_int_equal(st.records, (SLO_CAPTURE_BUF_BYTES - HEADER) / EVENT);
	assert_int_equal(st.records + st.lost, 3000);
	assert_int_equal(st.bytes, 0);
	slo_capture_writer_freep(&w);
}

/* A pipe that is full takes part of a record: the next flush goes on at that byte. */
static void after_a_stall_the_file_goes_on_at_the_byte(void **state)
{
	struct slo_capture_writer *w;
	struct slo_capture_stats st;
	struct slo_err err = { 0 };
	struct slo_input in;
	int fds[2];
	unsigned int failures = 0, count = 0;
	struct slo_abi_capture h;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	(void)fcntl(fds[1], F_SETPIPE_SZ, 4096);
	w = writer_on(fds[1]);
	for (unsigned int i = 0; i < 100; i++) {
		struct slo_abi_agg rec;
		size_t size = record_at(i, &rec);

		assert_int_equal(slo_capture_write(w, &rec, size, &err), 0);
	}
	assert_int_equal(slo_input_init(&in, fds[0], &err), 0);
	while (slo_capture_writer_stats(w, &st), st.bytes < HEADER + 67 * EVENT + 33 * AGG) {
		failures += slo_capture_flush(w, &err) == -EAGAIN;
		(void)slo_input_fill(&in, &err);
	}
	assert_int_equal(failures, 1);
	slo_capture_writer_freep(&w);
	assert_int_equal(slo_capture_read_header(&in, &h, &err), 0);
	for (const void *rec; slo_capture_read(&in, &rec, &err) > 0; count++) {
		struct slo_abi_agg want;

		assert_memory_equal(rec, &want, record_at(count, &want));
	}
	assert_int_equal(count, 100);
	slo_input_fini(&in);
}

static void a_pipe_that_drips_is_read_without_blocking(void **state)
{
	uint8_t bytes[HEADER + EVENT + AGG];
	struct slo_abi_capture h;
	struct slo_abi_agg want;
	struct slo_input in;
	struct slo_err err = { 0 };
	unsigned int count = 0;
	const void *rec;
	bool header = false;
	int file = capture_of(3);
	int fds[2];

	(void)state;
	assert_int_equal(pread(file, bytes, HEADER, 0), HEADER);
	assert_int_equal(pread(file, bytes + HEADER, EVENT + AGG, HEADER + EVENT), EVENT + AGG);
	(void)close(file);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(slo_input_init(&in, fds[0], &err), 0);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		int r = header ? slo_capture_read(&in, &rec, &err)
		               : slo_capture_read_header(&in, &h, &err);

		assert_int_equal(r, -EAGAIN);
		assert_int_equal(write(fds[1], bytes + i, 1), 1);
		if (i + 1 == HEADER) {
			assert_int_equal(slo_capture_read_header(&in, &h, &err), 0);
			header = true;
		}
		if (i + 1 == HEADER + EVENT || i + 1 == sizeof(bytes)) {
			size_t size = record_at(++count, &want);

			assert_int_equal(slo_capture_read(&in, &rec, &err), size);
			assert_memory_equal(rec, &want, size);
		}
	}
	(void)close(fds[1]);
	assert_int_equal(slo_capture_read(&in, &rec, &err), 0);
	assert_int_equal(slo_capture_read(&in, &rec, &err), 0);
	slo_input_fini(&in);
}

static void an_unreadable_descriptor_is_told(void **state)
{
	struct slo_err err = { 0 };
	int end = 1;

	(void)state;
	assert_int_equal(read_all(open("/", O_RDONLY | O_CLOEXEC), &end, &err), 0);
	assert_int_equal(end, -EISDIR);
	assert_non_null(strstr(err.msg, "offset 0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_long_node_name_is_cut),
		cmocka_unit_test(the_offset_can_be_set_until_the_header_leaves),
		cmocka_unit_test(sizes_of_no_record_are_refused),
		cmocka_unit_test(traces_and_the_format_before_are_kept),
		cmocka_unit_test(cut_at_every_byte_all_before_is_delivered),
		cmocka_unit_test(every_flipped_bit_of_a_frame_ends_the_file),
		cmocka_unit_test(every_flipped_bit_of_the_header_is_harmless),
		cmocka_unit_test(other_byte_order_is_told),
		cmocka_unit_test(magic_is_known_by_its_first_bytes),
		cmocka_unit_test(a_full_disk_is_told_once_and_the_lost_counted),
		cmocka_unit_test(after_a_stall_the_file_goes_on_at_the_byte),
		cmocka_unit_test(a_pipe_that_drips_is_read_without_blocking),
		cmocka_unit_test(an_unreadable_descriptor_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
