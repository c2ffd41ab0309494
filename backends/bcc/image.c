/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/bcc/image.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOG_BYTES 65536U
/* BPF_LD | BPF_IMM | BPF_DW, of which the first two are 0 */
#define LOAD_MAP BPF_DW
#define LICENSE "GPL"

static void digest_of(const struct slo_bcc_image_head *head, uint8_t ret[SLO_SHA256_BYTES])
{
	static const uint8_t zero[SLO_SHA256_BYTES];
	const uint8_t *bytes = (const uint8_t *)head;
	size_t at = offsetof(struct slo_bcc_image_head, digest);
	struct slo_sha256 sha;

	slo_sha256_init(&sha);
	slo_sha256_add(&sha, bytes, at);
	slo_sha256_add(&sha, zero, sizeof(zero));
	slo_sha256_add(&sha, bytes + at + sizeof(zero), head->size - at - sizeof(zero));
	slo_sha256_finish(&sha, ret);
}

void slo_bcc_image_seal(struct slo_bcc_image_head *head)
{
	digest_of(head, head->digest);
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static int damaged(struct slo_err *err, const char *what)
{
	return slo_err_set(err, -EBADMSG, "compiled program: %s", what);
}

/* Sizes first: everything behind trusts them. */
static int check_sizes(const struct slo_bcc_image_head *head, size_t size, struct slo_err *err)
{
	uint64_t want;

	if (size < sizeof(*head) ||
	    memcmp(head->magic, SLO_BCC_IMAGE_MAGIC, sizeof(head->magic)) != 0)
		return damaged(err, "not one");
	if (head->map_count > SLO_BCC_MAPS_MAX || head->prog_count > SLO_BCC_PROGS_MAX ||
	    head->insn_count > SLO_BCC_INSNS_MAX)
		return damaged(err, "more maps, programs or instructions than there may be");
	want = sizeof(*head) + head->map_count * sizeof(struct slo_bcc_image_map) +
	       head->prog_count * sizeof(struct slo_bcc_image_prog) +
	       (uint64_t)head->insn_count * sizeof(struct bpf_insn);
	if (head->size != size || want != size)
		return damaged(err, "cut short, or longer than it says");
	return 0;
}

static int check_parts(const struct slo_bcc_image *img, struct slo_err *err)
{
	const struct slo_bcc_image_head *h = img->head;

	if (!is_text(h->release, sizeof(h->release)) || !is_text(h->key, sizeof(h->key)) ||
	    !is_text(h->config, sizeof(h->config)) || !is_text(h->left_out, sizeof(h->left_out)) ||
	    !is_text(h->include, sizeof(h->include)))
		return damaged(err, "a text without an end");
	for (uint32_t i = 0; i < h->map_count; i++) {
		if (!is_text(img->maps[i].name, sizeof(img->maps[i].name)))
			return damaged(err, "a map's name without an end");
	}
	for (uint32_t i = 0; i < h->prog_count; i++) {
		const struct slo_bcc_image_prog *p = &img->progs[i];

		if (!is_text(p->name, sizeof(p->name)) || !p->count || p->first > h->insn_count ||
		    p->count > h->insn_count - p->first)
			return damaged(err, "a program outside of the instructions");
	}
	return 0;
}

int slo_bcc_image_parse(const void *bytes, size_t size, struct slo_bcc_image *ret,
                        struct slo_err *err)
{
	struct slo_bcc_image img = { .head = bytes };
	uint8_t digest[SLO_SHA256_BYTES];
	int r = check_sizes(img.head, size, err);

	if (r < 0)
		return r;
	digest_of(img.head, digest);
	if (memcmp(digest, img.head->digest, sizeof(digest)) != 0)
		return damaged(err, "its checksum is wrong");
	img.maps = (const void *)(img.head + 1);
	img.progs = (const void *)(img.maps + img.head->map_count);
	img.insns = img.progs + img.head->prog_count;
	r = check_parts(&img, err);
	if (r < 0)
		return r;
	*ret = img;
	return 0;
}

int slo_bcc_file_digest(const char *path, char ret_hex[SLO_SHA256_HEX_SIZE])
{
	slo_cleanup(slo_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : slo_sha256_fd_hex(fd, ret_hex);
}

uint32_t slo_bcc_include_changed(const char *include)
{
	static const char *const folders[] = { "", "/..", "/../net", "/../asm-generic",
		                               "/../uapi/linux" };
	char path[SLO_BCC_FOLDER_LEN + 32];
	struct stat st;
	uint32_t last = 0;

	if (stat(include, &st))
		return 0;
	/* What a package brings anew it renames into place: with old times of its own, but not the folder's ctime. */
	for (size_t i = 0; i < SLO_ARRAY_SIZE(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", include, folders[i]);
		if (stat(path, &st) == 0 && (uint32_t)st.st_ctim.tv_sec > last)
			last = (uint32_t)st.st_ctim.tv_sec;
	}
	return last;
}

int slo_bcc_image_find_map(const struct slo_bcc_image *img, const char *name)
{
	for (uint32_t i = 0; i < img->head->map_count; i++) {
		if (strcmp(img->maps[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

int slo_bcc_image_find_prog(const struct slo_bcc_image *img, const char *name)
{
	for (uint32_t i = 0; i < img->head->prog_count; i++) {
		if (strcmp(img->progs[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static int make_map(const struct slo_bcc_image_map *m, struct slo_err *err)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = m->flags);
	uint32_t max = m->max;
	char name[BPF_OBJ_NAME_LEN];
	int fd;

	/* One entry a CPU of this host, which need not be the one that compiled. */
	if (m->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
		max = (uint32_t)libbpf_num_possible_cpus();
	(void)snprintf(name, sizeof(name), "%.15s", m->name);
	fd = bpf_map_create(m->type, name, m->key, m->value, max, &opts);
	if (fd < 0)
		return slo_err_set(err, -errno, "bpf map %s: %s%s", m->name, strerror(errno),
		                   errno == EPERM ? "; needs root (before 5.8), or CAP_BPF and "
		                                    "CAP_PERFMON"
		                                  : "");
	return fd;
}

int slo_bcc_image_make_maps(const struct slo_bcc_image *img, int *ret_fds, struct slo_err *err)
{
	int fds[SLO_BCC_MAPS_MAX];

	for (uint32_t i = 0; i < img->head->map_count; i++) {
		fds[i] = make_map(&img->maps[i], err);
		if (fds[i] >= 0)
			continue;
		for (uint32_t k = 0; k < i; k++)
			(void)close(fds[k]);
		return fds[i];
	}
	memcpy(ret_fds, fds, img->head->map_count * sizeof(*fds));
	return 0;
}

/* Numbers of the list become descriptors. */
static int patch(struct bpf_insn *insns, const struct slo_bcc_image *img,
                 const struct slo_bcc_image_prog *p, const int *map_fds, struct slo_err *err)
{
	memcpy(insns, (const struct bpf_insn *)img->insns + p->first, p->count * sizeof(*insns));
	for (uint32_t i = 0; i < p->count; i++) {
		if (insns[i].code != LOAD_MAP)
			continue;
		/* The second half of a wide load is no instruction of its own. */
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD) {
			if (insns[i].imm < 0 || (uint32_t)insns[i].imm >= img->head->map_count)
				return damaged(err, "an instruction names no map");
			insns[i].imm = map_fds[insns[i].imm];
		}
		i++;
	}
	return 0;
}

static enum bpf_prog_type type_of(const char *name)
{
	const char *suffix = strrchr(name, '_');

	if (suffix && strcmp(suffix, "_tp") == 0)
		return BPF_PROG_TYPE_TRACEPOINT;
	if (suffix && strcmp(suffix, "_raw") == 0)
		return BPF_PROG_TYPE_RAW_TRACEPOINT;
	return BPF_PROG_TYPE_KPROBE;
}

/* The verifier's complaint stands before its statistics, as the last line that is not one. */
static void last_words(char *log, char ret[160])
{
	char *save = NULL, *best = log;

	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "processed ", 10) != 0 && strncmp(line, "verification ", 13) != 0)
			best = line;
	}
	(void)snprintf(ret, 160, "%.159s", best);
}

/* A verifier that refuses says why; the kernel that does not know a kind of program says EINVAL alone. */
static void explain(const char *program, int code, char ret[160])
{
	enum bpf_prog_type type = type_of(program);

	if (!*ret && code == EINVAL && libbpf_probe_bpf_prog_type(type, NULL) == 0)
		(void)snprintf(ret, 160, "this kernel has no %s programs",
		               libbpf_bpf_prog_type_str(type));
}

int slo_bcc_image_load(const struct slo_bcc_image *img, uint32_t i, const int *map_fds,
                       struct slo_err *err)
{
	const struct slo_bcc_image_prog *p = &img->progs[i];
	slo_cleanup(slo_freep) struct bpf_insn *insns = calloc(p->count, sizeof(*insns));
	slo_cleanup(slo_freep) char *log = calloc(1, LOG_BYTES);
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .kern_version = img->head->kern_version);
	char name[BPF_OBJ_NAME_LEN], why[160];
	int fd, code;

	if (!insns || !log)
		return slo_err_set(err, -ENOMEM, "program %s: out of memory", p->name);
	fd = patch(insns, img, p, map_fds, err);
	if (fd < 0)
		return fd;
	(void)snprintf(name, sizeof(name), "%.15s", p->name);
	fd = bpf_prog_load(type_of(p->name), name, LICENSE, insns, p->count, &opts);
	if (fd >= 0)
		return fd;
	code = errno;
	opts.log_buf = log;
	opts.log_size = LOG_BYTES;
	opts.log_level = 1;
	fd = bpf_prog_load(type_of(p->name), name, LICENSE, insns, p->count, &opts);
	if (fd >= 0)
		return fd;
	last_words(log, why);
	explain(p->name, code, why);
	return slo_err_set(err, -code, "load %s: %s%s%s", p->name, strerror(code), *why ? ": " : "",
	                   why);
}
