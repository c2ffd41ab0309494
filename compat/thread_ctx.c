/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/thread_ctx.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compat/host.h"
#include "compat/hostfile.h"
#include "compat/procs.h"

#define BUDGET_MS 1000
#define FILES_MAX 2048
#define SECTIONS_MAX 4096
#define SYMBOLS_MAX (1U << 20)
#define SYMBOLS_AT_ONCE 512

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

/* Thread-local symbols are few: only their names are read. */
static bool has_symbol(int fd, const Elf64_Shdr *symbols, const Elf64_Shdr *names)
{
	Elf64_Sym sym[SYMBOLS_AT_ONCE];
	uint64_t left = symbols->sh_size / sizeof(*sym), at = symbols->sh_offset;

	if (left > SYMBOLS_MAX || at > INT64_MAX / 2)
		return false;
	while (left) {
		size_t n = left < SYMBOLS_AT_ONCE ? (size_t)left : SYMBOLS_AT_ONCE;

		if (!read_at(fd, sym, n * sizeof(*sym), at))
			return false;
		for (size_t i = 0; i < n; i++) {
			if (ELF64_ST_TYPE(sym[i].st_info) == STT_TLS &&
			    sym[i].st_shndx != SHN_UNDEF && is_named(fd, names, sym[i].st_name))
				return true;
		}
		left -= n;
		at += n * sizeof(*sym);
	}
	return false;
}

bool slo_thread_ctx_in_file(int fd)
{
	Elf64_Ehdr h;
	Elf64_Shdr s, names;

	if (!read_at(fd, &h, sizeof(h), 0) || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 ||
	    h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != OWN_DATA ||
	    h.e_shentsize != sizeof(s) || h.e_shnum > SECTIONS_MAX)
		return false;
	for (unsigned int i = 0; i < h.e_shnum; i++) {
		if (!section(fd, &h, i, &s))
			return false;
		if (s.sh_type == SHT_DYNSYM)
			return section(fd, &h, s.sh_link, &names) && has_symbol(fd, &s, &names);
	}
	return false;
}

/* Files looked at, by device and inode as the mappings have them. */
struct known {
	char id[40];
	bool has;
};

struct search {
	int root;
	struct slo_thread_ctx found;
	struct known *files;
	size_t count;
};

enum seen {
	SEEN_NO,
	SEEN_YES,
	SEEN_NOTHING, /* it could not be read */
};

static enum seen look_at_file(struct search *s, uint32_t pid, const char *path, const char *id)
{
	slo_cleanup(slo_closep) int fd = -1;
	struct known *k;
	char full[512];

	for (size_t i = 0; i < s->count; i++) {
		if (strcmp(s->files[i].id, id) == 0)
			return s->files[i].has ? SEEN_YES : SEEN_NO;
	}
	/* As the process sees it: in its own mount namespace. Anything else than a file could block. */
	(void)snprintf(full, sizeof(full), "proc/%u/root%s", pid, path);
	fd = slo_host_open(s->root, full, O_RDONLY | O_NONBLOCK);
	if (fd < 0 || s->count == FILES_MAX)
		return SEEN_NOTHING;
	k = &s->files[s->count++];
	(void)snprintf(k->id, sizeof(k->id), "%s", id);
	k->has = slo_thread_ctx_in_file(fd);
	return k->has ? SEEN_YES : SEEN_NO;
}

/* "BEGIN-END r-xp OFFSET DEVICE INODE   /path": the file of executable mappings, or NULL. */
static const char *mapped_file(char *line, char *id, size_t size)
{
	const char *mode, *device, *inode;

	line[strcspn(line, "\n")] = '\0';
	(void)slo_text_word(&line);
	mode = slo_text_word(&line);
	(void)slo_text_word(&line);
	device = slo_text_word(&line);
	inode = slo_text_word(&line);
	if (!inode || !line || strlen(mode) < 3 || mode[2] != 'x' || strcmp(inode, "0") == 0)
		return NULL;
	line += strspn(line, " ");
	(void)snprintf(id, size, "%s %s", device, inode);
	return *line == '/' ? line : NULL;
}

static bool look_at_process(void *user, uint32_t pid)
{
	slo_cleanup(slo_fclosep) FILE *f = NULL;
	slo_cleanup(slo_freep) char *line = NULL;
	struct search *s = user;
	enum seen seen = SEEN_NO;
	bool unread = false;
	size_t size = 0;
	char path[32];

	(void)snprintf(path, sizeof(path), "proc/%u/maps", pid);
	s->found.processes++;
	if (slo_hostfile_stream(s->root, path, &f)) {
		s->found.unreadable++;
		return true;
	}
	while (seen != SEEN_YES && getline(&line, &size, f) >= 0) {
		char id[40];
		const char *file = mapped_file(line, id, sizeof(id));

		seen = file ? look_at_file(s, pid, file, id) : SEEN_NO;
		unread |= seen == SEEN_NOTHING;
	}
	if (seen == SEEN_YES) {
		s->found.first = s->found.publishers++ ? s->found.first : pid;
	} else {
		s->found.unreadable += unread;
	}
	return s->count < FILES_MAX;
}

int slo_thread_ctx_find(int root, struct slo_thread_ctx *ret)
{
	slo_cleanup(slo_freep) struct known *files = calloc(FILES_MAX, sizeof(*files));
	struct search s = { .root = root, .files = files };
	int r;

	if (!files)
		return -ENOMEM;
	r = slo_procs_each(root, BUDGET_MS, look_at_process, &s, &s.found.all);
	if (r < 0)
		return r;
	*ret = s.found;
	return 0;
}
