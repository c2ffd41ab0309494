/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/thread_ctx_elf.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"

#define SECTIONS_MAX 4096
#define SYMBOLS_MAX (1U << 20)
#define SYMBOLS_AT_ONCE 512
#define RELOCATIONS_AT_ONCE 512
#define MODULES_MAX 65536
#define ALIGN_MAX 65536

/* The C library's vector of blocks, from the thread pointer: glibc's tcbhead_t, musl's struct pthread. */
#ifdef __aarch64__
static const int16_t dtv_at[] = { 0, -8 };
#define R_OWN_TPOFF R_AARCH64_TLS_TPREL
#define R_OWN_DTPMOD R_AARCH64_TLS_DTPMOD
#define R_OWN_TLSDESC R_AARCH64_TLSDESC
#else
static const int16_t dtv_at[] = { 8, 8 };
#define R_OWN_TPOFF R_X86_64_TPOFF64
#define R_OWN_DTPMOD R_X86_64_DTPMOD64
#define R_OWN_TLSDESC R_X86_64_TLSDESC
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_DATA ELFDATA2LSB
#else
#define OWN_DATA ELFDATA2MSB
#endif

static bool read_at(int fd, void *to, size_t size, uint64_t at)
{
	return at <= INT64_MAX && pread(fd, to, size, (off_t)at) == (ssize_t)size;
}

static bool section(int fd, const Elf64_Ehdr *h, unsigned int i, Elf64_Shdr *ret)
{
	return i < h->e_shnum && h->e_shoff <= INT64_MAX &&
	       read_at(fd, ret, sizeof(*ret), h->e_shoff + (uint64_t)i * sizeof(*ret));
}

static bool is_named(int fd, const Elf64_Shdr *names, uint32_t at)
{
	char name[sizeof(SLO_THREAD_CTX_SYMBOL)];

	return names->sh_offset <= INT64_MAX && at < names->sh_size &&
	       read_at(fd, name, sizeof(name), names->sh_offset + at) &&
	       memcmp(name, SLO_THREAD_CTX_SYMBOL, sizeof(name)) == 0;
}

/* Thread-local symbols are few: only their names are read. Its number; 0: it is not there. */
static uint64_t find_symbol(int fd, const Elf64_Shdr *symbols, const Elf64_Shdr *names,
                            Elf64_Sym *ret)
{
	Elf64_Sym sym[SYMBOLS_AT_ONCE];
	uint64_t left = symbols->sh_size / sizeof(*sym), at = symbols->sh_offset, first = 0;

	if (left > SYMBOLS_MAX || at > INT64_MAX / 2)
		return 0;
	while (left) {
		size_t n = left < SYMBOLS_AT_ONCE ? (size_t)left : SYMBOLS_AT_ONCE;

		if (!read_at(fd, sym, n * sizeof(*sym), at))
			return 0;
		for (size_t i = 0; i < n; i++) {
			if (ELF64_ST_TYPE(sym[i].st_info) == STT_TLS &&
			    sym[i].st_shndx != SHN_UNDEF && is_named(fd, names, sym[i].st_name)) {
				*ret = sym[i];
				return first + i;
			}
		}
		left -= n;
		at += n * sizeof(*sym);
		first += n;
	}
	return 0;
}

/* The variable of a file. */
struct variable {
	Elf64_Ehdr head;
	Elf64_Sym sym;
	uint64_t number; /* of @sym */
	unsigned int table; /* section of @sym */
};

static bool find_variable(int fd, struct variable *ret)
{
	Elf64_Ehdr *h = &ret->head;
	Elf64_Shdr s, names;

	if (!read_at(fd, h, sizeof(*h), 0) || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
	    h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != OWN_DATA ||
	    h->e_shentsize != sizeof(s) || h->e_shnum > SECTIONS_MAX)
		return false;
	for (unsigned int i = 0; i < h->e_shnum; i++) {
		if (!section(fd, h, i, &s))
			return false;
		if (s.sh_type != SHT_DYNSYM)
			continue;
		ret->table = i;
		if (section(fd, h, s.sh_link, &names))
			ret->number = find_symbol(fd, &s, &names, &ret->sym);
		return ret->number != 0;
	}
	return false;
}

bool slo_thread_ctx_in_file(int fd)
{
	struct variable v = { 0 };

	return find_variable(fd, &v);
}

/* --- where it is ------------------------------------------------------------------------------------------------- */

static bool segment(int fd, const Elf64_Ehdr *h, unsigned int i, Elf64_Phdr *ret)
{
	return h->e_phentsize == sizeof(*ret) && i < h->e_phnum && h->e_phoff <= INT64_MAX &&
	       read_at(fd, ret, sizeof(*ret), h->e_phoff + (uint64_t)i * sizeof(*ret));
}

/* What is added to addresses of the file: they are mapped by whole pages. */
static bool find_bias(int fd, const Elf64_Ehdr *h, uint64_t start, uint64_t offset, uint64_t *ret)
{
	uint64_t mask = ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
	Elf64_Phdr p;

	for (unsigned int i = 0; segment(fd, h, i, &p); i++) {
		if (p.p_type == PT_LOAD && (p.p_flags & PF_X) && (p.p_offset & mask) == offset) {
			*ret = start - (p.p_vaddr & mask);
			return true;
		}
	}
	return false;
}

/* The relocation by which the file's own code reaches the variable: its type, 0 none, and the address. */
static uint32_t find_relocation(int fd, const struct variable *v, const Elf64_Shdr *s,
                                uint64_t *ret_at)
{
	Elf64_Rela rela[RELOCATIONS_AT_ONCE];
	uint64_t left = s->sh_size / sizeof(*rela), at = s->sh_offset;

	if (left > SYMBOLS_MAX || at > INT64_MAX / 2)
		return 0;
	while (left) {
		size_t n = left < RELOCATIONS_AT_ONCE ? (size_t)left : RELOCATIONS_AT_ONCE;

		if (!read_at(fd, rela, n * sizeof(*rela), at))
			return 0;
		for (size_t i = 0; i < n; i++) {
			uint32_t type = (uint32_t)ELF64_R_TYPE(rela[i].r_info);

			if (ELF64_R_SYM(rela[i].r_info) == v->number &&
			    (type == R_OWN_TPOFF || type == R_OWN_DTPMOD ||
			     type == R_OWN_TLSDESC)) {
				*ret_at = rela[i].r_offset;
				return type;
			}
		}
		left -= n;
		at += n * sizeof(*rela);
	}
	return 0;
}

static uint32_t relocation_of(int fd, const struct variable *v, uint64_t *ret_at)
{
	uint32_t type = 0;
	Elf64_Shdr s;

	for (unsigned int i = 0; !type && section(fd, &v->head, i, &s); i++) {
		if (s.sh_type == SHT_RELA && s.sh_link == v->table)
			type = find_relocation(fd, v, &s, ret_at);
	}
	return type;
}

static bool of_module(int64_t offset, uint64_t module, bool musl, struct slo_thread_ctx_place *ret)
{
	if (!module || module > MODULES_MAX)
		return false;
	*ret = (struct slo_thread_ctx_place){ .offset = offset,
		                              .module = (uint32_t)module,
		                              .dtv_at = dtv_at[musl],
		                              .dtv_step = musl ? 8 : 16 };
	return true;
}

/*
 * What the linker has bound for good: the program's own block, which lies below the thread pointer on x86, behind two words
 * of the C library's on arm64.
 */
static bool of_program(int fd, const struct variable *v, struct slo_thread_ctx_place *ret)
{
	bool program = v->head.e_type == ET_EXEC, found = false;
	Elf64_Phdr p, tls = { 0 };

	for (unsigned int i = 0; segment(fd, &v->head, i, &p); i++) {
		program |= p.p_type == PT_INTERP;
		if (p.p_type == PT_TLS) {
			tls = p;
			found = true;
		}
	}
	if (!program || !found || tls.p_align > ALIGN_MAX || tls.p_memsz > INT32_MAX ||
	    v->sym.st_value > tls.p_memsz)
		return false;
	*ret = (struct slo_thread_ctx_place){ 0 };
	if (!tls.p_align)
		tls.p_align = 1;
#ifdef __aarch64__
	ret->offset =
		(int64_t)((16 + tls.p_align - 1) / tls.p_align * tls.p_align + v->sym.st_value);
#else
	ret->offset = (int64_t)v->sym.st_value -
	              (int64_t)((tls.p_memsz + tls.p_align - 1) / tls.p_align * tls.p_align);
#endif
	return true;
}

bool slo_thread_ctx_locate(int file, int memory, uint64_t start, uint64_t offset, bool musl,
                           struct slo_thread_ctx_place *ret)
{
	struct variable v = { 0 };
	uint64_t bias, at = 0, word[2], index[2];
	uint32_t type;

	if (!find_variable(file, &v) || !find_bias(file, &v.head, start, offset, &bias))
		return false;
	type = relocation_of(file, &v, &at);
	if (!type)
		return of_program(file, &v, ret);
	if (!read_at(memory, word, sizeof(word), bias + at))
		return false;
	if (type == R_OWN_DTPMOD)
		return of_module((int64_t)word[1], word[0], musl, ret);
	/* A descriptor is a function and its argument: an offset, or the address of a module and an offset. */
	if (type == R_OWN_TLSDESC && !word[0])
		return false;
	if (type == R_OWN_TLSDESC)
		word[0] = word[1];
	if (!word[0])
		return false;
	if ((int64_t)word[0] >= INT32_MIN && (int64_t)word[0] <= INT32_MAX) {
		*ret = (struct slo_thread_ctx_place){ .offset = (int64_t)word[0] };
		return true;
	}
	return type == R_OWN_TLSDESC && read_at(memory, index, sizeof(index), word[0]) &&
	       of_module((int64_t)index[1], index[0], musl, ret);
}
