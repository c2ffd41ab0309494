/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test/unit/compat/fixture.h"

#include "compat/thread_ctx_elf.h"

/* A library as a linker leaves it, reduced to what is looked at: two symbols and their names. */
struct image {
	Elf64_Ehdr head;
	Elf64_Shdr section[3]; /* none, .dynsym, .dynstr */
	Elf64_Sym symbol[3];
	char names[64];
};

#define AT(member) offsetof(struct image, member)
#define ORDER (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

static struct image library(const char *name, unsigned char type)
{
	struct image i = {
		.head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ORDER, EV_CURRENT },
		          .e_shoff = AT(section),
		          .e_shentsize = sizeof(Elf64_Shdr),
		          .e_shnum = 3 },
		.section = { [1] = { .sh_type = SHT_DYNSYM,
		                     .sh_offset = AT(symbol),
		                     .sh_size = sizeof(i.symbol),
		                     .sh_link = 2 },
		             [2] = { .sh_type = SHT_STRTAB,
		                     .sh_offset = AT(names),
		                     .sh_size = sizeof(i.names) } },
		.symbol = { [1] = { .st_name = 1, .st_info = STT_FUNC, .st_shndx = 1 },
		            [2] = { .st_name = 8, .st_info = type, .st_shndx = 1 } },
		.names = "\0other",
	};

	(void)snprintf(i.names + 8, sizeof(i.names) - 8, "%s", name);
	return i;
}

static bool is_found(const void *bytes, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	bool found;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	found = slo_thread_ctx_in_file(fd);
	(void)close(fd);
	return found;
}

static void an_exported_thread_local_of_that_name_is_found(void **state)
{
	struct image good = library(SLO_THREAD_CTX_SYMBOL, STT_TLS);
	struct image longer = library(SLO_THREAD_CTX_SYMBOL "0", STT_TLS);
	struct image plain = library(SLO_THREAD_CTX_SYMBOL, STT_OBJECT);
	struct image used = good;

	(void)state;
	assert_true(is_found(&good, sizeof(good)));
	assert_false(is_found(&longer, sizeof(longer)));
	assert_false(is_found(&plain, sizeof(plain)));
	/* It only wants another library's. */
	used.symbol[2].st_shndx = SHN_UNDEF;
	assert_false(is_found(&used, sizeof(used)));
}

static void broken_files_are_no_library(void **state)
{
	struct image good = library(SLO_THREAD_CTX_SYMBOL, STT_TLS);
	const uint64_t wild[] = { 0, 1, 0xff, INT64_MAX, UINT64_MAX, UINT64_MAX - 63 };

	(void)state;
	for (size_t size = 0; size < AT(names) + 8 + sizeof(SLO_THREAD_CTX_SYMBOL); size++)
		assert_false(is_found(&good, size));
	/* Whatever stands anywhere: an answer, and no read beyond anything. */
	for (size_t at = 0; at + 8 <= AT(names); at += 4) {
		for (size_t w = 0; w < SLO_ARRAY_SIZE(wild); w++) {
			struct image bad = good;

			memcpy((char *)&bad + at, &wild[w], 8);
			(void)is_found(&bad, sizeof(bad));
		}
	}
}

/* A library as it lies in a process: code, a relocation of the variable, and what the loader has written there. */
struct bound {
	struct image image;
	Elf64_Shdr section[4];
	Elf64_Phdr segment[2];
	Elf64_Rela rela[2];
	uint64_t slot[2], index[2];
};

#define BIAS (UINT64_C(1) << 33) /* no offset is as far */
#define IN(member) offsetof(struct bound, member)

#ifdef __aarch64__
enum {
	TPOFF = R_AARCH64_TLS_TPREL,
	DTPMOD = R_AARCH64_TLS_DTPMOD,
	DESCRIPTOR = R_AARCH64_TLSDESC
};
#else
enum {
	TPOFF = R_X86_64_TPOFF64,
	DTPMOD = R_X86_64_DTPMOD64,
	DESCRIPTOR = R_X86_64_TLSDESC
};
#endif

/* @type 0: none, as where the linker has bound it. */
static struct bound bound(unsigned int type, uint64_t first, uint64_t second)
{
	struct bound b = { .image = library(SLO_THREAD_CTX_SYMBOL, STT_TLS),
		           .segment = { { .p_type = PT_LOAD,
		                          .p_flags = PF_X,
		                          .p_offset = 0x2345,
		                          .p_vaddr = 0x2345 },
		                        { .p_type = PT_TLS, .p_memsz = 40, .p_align = 64 } },
		           .rela = { [1] = { .r_offset = IN(slot) } },
		           .slot = { first, second },
		           .index = { 5, 24 } };
	Elf64_Ehdr *h = &b.image.head;

	memcpy(b.section, b.image.section, sizeof(b.image.section));
	b.section[3] = (Elf64_Shdr){
		.sh_type = SHT_RELA, .sh_link = 1, .sh_offset = IN(rela), .sh_size = sizeof(b.rela)
	};
	b.rela[0].r_info = ELF64_R_INFO(1, type);
	b.rela[1].r_info = ELF64_R_INFO(2, type);
	b.image.symbol[2].st_value = 16;
	h->e_shoff = IN(section);
	h->e_shnum = type ? 4 : 3;
	h->e_type = type ? ET_DYN : ET_EXEC;
	h->e_phoff = IN(segment);
	h->e_phentsize = sizeof(b.segment[0]);
	h->e_phnum = 2;
	return b;
}

static bool locate(const struct bound *b, bool musl, struct slo_thread_ctx_place *ret)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), at = UINT64_C(0x2345) & ~(page - 1);
	int file = memfd_create("elf", MFD_CLOEXEC), memory = memfd_create("mem", MFD_CLOEXEC);
	bool found;

	assert_int_equal(write(file, b, sizeof(*b)), sizeof(*b));
	assert_int_equal(pwrite(memory, b, sizeof(*b), BIAS), sizeof(*b));
	found = slo_thread_ctx_locate(file, memory, BIAS + at, at, musl, ret);
	if (found)
		assert_false(slo_thread_ctx_locate(file, memory, BIAS + at, at + page, musl, ret));
	(void)close(file);
	(void)close(memory);
	return found;
}

#define assert_place(p, at, mod, dtv, step)           \
	do {                                          \
		assert_int_equal((p).offset, at);     \
		assert_int_equal((p).module, mod);    \
		assert_int_equal((p).dtv_at, dtv);    \
		assert_int_equal((p).dtv_step, step); \
	} while (0)

static void what_the_loader_has_bound_is_followed(void **state)
{
	const int16_t glibc = DESCRIPTOR == 36 ? 8 : 0;
	const int16_t musl = DESCRIPTOR == 36 ? 8 : -8;
	struct slo_thread_ctx_place p = { 0 };
	struct bound b;

	(void)state;
	b = bound(TPOFF, (uint64_t)-72, 0);
	assert_true(locate(&b, false, &p));
	assert_place(p, -72, 0, 0, 0);
	b = bound(DTPMOD, 3, 48);
	assert_true(locate(&b, false, &p));
	assert_place(p, 48, 3, glibc, 16);
	assert_true(locate(&b, true, &p));
	assert_place(p, 48, 3, musl, 8);
	/* A descriptor's argument is an offset, or leads to a module and an offset. */
	b = bound(DESCRIPTOR, 0x7000, (uint64_t)-80);
	assert_true(locate(&b, false, &p));
	assert_place(p, -80, 0, 0, 0);
	b = bound(DESCRIPTOR, 0x7000, BIAS + IN(index));
	assert_true(locate(&b, false, &p));
	assert_place(p, 24, 5, glibc, 16);
	b.slot[1] += BIAS;
	assert_false(locate(&b, false, &p)); /* nothing lies there */
	b = bound(0, 0, 0);
	assert_true(locate(&b, false, &p));
	assert_place(p, DESCRIPTOR == 36 ? 16 - 64 : 64 + 16, 0, 0, 0);
}

static void what_is_not_bound_yet_is_not_there(void **state)
{
	const unsigned int types[] = { TPOFF, DTPMOD, DESCRIPTOR };
	struct slo_thread_ctx_place p = { .offset = 77 };
	struct bound b;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(types); i++) {
		b = bound(types[i], 0, 0);
		assert_false(locate(&b, false, &p));
	}
	/* No program's own block: a library that nothing says anything of. */
	b = bound(0, 0, 0);
	b.image.head.e_type = ET_DYN;
	assert_false(locate(&b, false, &p));
	assert_int_equal(p.offset, 77);
}

static void put_image(int root, const char *path, const struct image *image)
{
	int fd;

	put_file(root, path, "");
	fd = openat(root, path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, image, sizeof(*image)), sizeof(*image));
	(void)close(fd);
}

static void put_process(int root, const char *pid, const char *maps)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%s/maps", pid);
	put_file(root, path, maps);
	(void)snprintf(path, sizeof(path), "proc/%s/root", pid);
	assert_int_equal(symlinkat("../..", root, path), 0);
}

static void processes_are_counted_and_each_file_read_once(void **state)
{
	const struct scratch *s = *state;
	struct image good = library(SLO_THREAD_CTX_SYMBOL, STT_TLS);
	struct image other = library("errno", STT_TLS);
	struct slo_thread_ctx c;

	put_image(s->root, "lib/a b.so", &good);
	put_image(s->root, "lib/libc.so", &other);
	/* Its data, not its code: the library is mapped elsewhere, or not at all. */
	put_process(s->root, "10",
	            "55e0-55e1 r-xp 00000000 fe:00 7    /lib/libc.so\n"
	            "55e1-55e2 rw-p 00000000 fe:00 8    /lib/a b.so\n"
	            "7ffc-7ffd r-xp 00000000 00:00 0    [vdso]\n"
	            "odd\n");
	put_process(s->root, "20",
	            "55e0-55e1 r-xp 00000000 fe:00 7    /lib/libc.so\n"
	            "55e1-55e2 r-xp 00000000 fe:00 8    /lib/a b.so\n");
	/* Known by device and inode: the path is another one here, and not there any more. */
	put_process(s->root, "30", "55e1-55e2 r-xp 00000000 fe:00 8    /gone.so (deleted)\n");
	put_process(s->root, "40", "55e1-55e2 r-xp 00000000 fe:00 9    /gone.so (deleted)\n");
	make_dirs(s->root, "proc/50");
	make_dirs(s->root, "proc/self");
	assert_int_equal(slo_thread_ctx_find(s->root, &c), 0);
	assert_int_equal(c.processes, 5);
	/* In the order of the folder: 30 may come before 20, whose file it shares. */
	assert_in_range(c.publishers, 1, 2);
	assert_int_equal(c.publishers + c.unreadable, 4);
	assert_true(c.first == 20 || c.first == 30);
	assert_true(c.all);
}

static void without_processes_nothing_is_said(void **state)
{
	const struct scratch *s = *state;
	struct slo_thread_ctx c = { .processes = 77 };

	assert_int_equal(slo_thread_ctx_find(s->root, &c), -ENOENT);
	assert_int_equal(c.processes, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exported_thread_local_of_that_name_is_found),
		cmocka_unit_test(broken_files_are_no_library),
		cmocka_unit_test(what_the_loader_has_bound_is_followed),
		cmocka_unit_test(what_is_not_bound_yet_is_not_there),
		cmocka_unit_test_setup_teardown(processes_are_counted_and_each_file_read_once,
		                                scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(without_processes_nothing_is_said, scratch_setup,
		                                scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
