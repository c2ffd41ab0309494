/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/bcc/image.h"

/* One map, one program of two instructions, sealed. */
struct whole {
	struct slo_bcc_image_head head;
	struct slo_bcc_image_map map;
	struct slo_bcc_image_prog prog;
	struct bpf_insn insn[2];
};

static void fill(struct whole *w)
{
	*w = (struct whole){
		.head = { .magic = SLO_BCC_IMAGE_MAGIC,
		          .size = sizeof(*w),
		          .map_count = 1,
		          .prog_count = 1,
		          .insn_count = 2,
		          .release = "5.10.0-1-test" },
		.map = { .name = "numbers",
		         .type = BPF_MAP_TYPE_ARRAY,
		         .key = 4,
		         .value = 8,
		         .max = 1 },
		.prog = { .name = "nothing_kp", .first = 0, .count = 2 },
		.insn = { { .code = BPF_ALU64 | BPF_MOV | BPF_K }, { .code = BPF_JMP | BPF_EXIT } },
	};
	slo_bcc_image_seal(&w->head);
}

static void a_sealed_image_is_taken(void **state)
{
	struct slo_bcc_image img;
	struct whole w;

	(void)state;
	fill(&w);
	assert_int_equal(slo_bcc_image_parse(&w, sizeof(w), &img, NULL), 0);
	assert_ptr_equal(img.maps, &w.map);
	assert_ptr_equal(img.progs, &w.prog);
	assert_ptr_equal(img.insns, &w.insn);
	assert_int_equal(slo_bcc_image_find_map(&img, "numbers"), 0);
	assert_int_equal(slo_bcc_image_find_map(&img, "number"), -1);
	assert_int_equal(slo_bcc_image_find_prog(&img, "nothing_kp"), 0);
}

static void every_changed_bit_is_noticed(void **state)
{
	struct slo_bcc_image img = { 0 };
	struct whole w;

	(void)state;
	fill(&w);
	for (size_t i = 0; i < sizeof(w); i++) {
		((uint8_t *)&w)[i] ^= 0x10;
		assert_int_equal(slo_bcc_image_parse(&w, sizeof(w), &img, NULL), -EBADMSG);
		((uint8_t *)&w)[i] ^= 0x10;
	}
	assert_null(img.head);
}

static void every_shorter_one_is_noticed(void **state)
{
	struct slo_bcc_image img;
	struct whole w;

	(void)state;
	fill(&w);
	for (size_t size = 0; size < sizeof(w); size++) {
		/* Of its own size, so that a read behind it is found. */
		void *copy = malloc(size + 1);

		memcpy(copy, &w, size);
		assert_int_equal(slo_bcc_image_parse(copy, size, &img, NULL), -EBADMSG);
		free(copy);
	}
}

/* What a checksum does not protect from: an image made wrong. */
static void refused(void (*change)(struct whole *w), const char *words)
{
	struct slo_bcc_image img;
	struct slo_err err = { 0 };
	struct whole w;

	fill(&w);
	change(&w);
	slo_bcc_image_seal(&w.head);
	assert_int_equal(slo_bcc_image_parse(&w, sizeof(w), &img, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, words));
}

static void program_begins_outside(struct whole *w)
{
	w->prog.first = 3;
}

static void program_ends_outside(struct whole *w)
{
	w->prog.first = 1;
}

static void program_wraps(struct whole *w)
{
	w->prog.first = 2;
	w->prog.count = UINT32_MAX;
}

static void program_is_empty(struct whole *w)
{
	w->prog.count = 0;
}

static void name_has_no_end(struct whole *w)
{
	memset(w->prog.name, 'x', sizeof(w->prog.name));
}

static void map_name_has_no_end(struct whole *w)
{
	memset(w->map.name, 'x', sizeof(w->map.name));
}

static void release_has_no_end(struct whole *w)
{
	memset(w->head.release, '5', sizeof(w->head.release));
}

static void wrong_contents_are_refused(void **state)
{
	(void)state;
	refused(program_begins_outside, "outside");
	refused(program_ends_outside, "outside");
	refused(program_wraps, "outside");
	refused(program_is_empty, "outside");
	refused(name_has_no_end, "outside");
	refused(map_name_has_no_end, "name without an end");
	refused(release_has_no_end, "text without an end");
}

static void a_map_that_is_not_there_is_never_patched_in(void **state)
{
	struct slo_bcc_image img;
	struct slo_err err = { 0 };
	const int fds[1] = { 77 };
	struct whole w;

	(void)state;
	fill(&w);
	w.insn[0] = (struct bpf_insn){ .code = BPF_LD | BPF_DW | BPF_IMM,
		                       .src_reg = BPF_PSEUDO_MAP_FD,
		                       .imm = 1 };
	slo_bcc_image_seal(&w.head);
	assert_int_equal(slo_bcc_image_parse(&w, sizeof(w), &img, NULL), 0);
	assert_int_equal(slo_bcc_image_load(&img, 0, fds, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "names no map"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_image_is_taken),
		cmocka_unit_test(every_changed_bit_is_noticed),
		cmocka_unit_test(every_shorter_one_is_noticed),
		cmocka_unit_test(wrong_contents_are_refused),
		cmocka_unit_test(a_map_that_is_not_there_is_never_patched_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
