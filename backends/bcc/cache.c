/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/bcc/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "bpf/slo_abi.h"
#include "core/base/io.h"

#define ENTRY_MAX (8 << 20)
#define PATH_LEN 512

#define TEXT(id)                                                                             \
	extern const char slo_bcc_text_##id##_start[] __attribute__((visibility("hidden"))); \
	extern const char slo_bcc_text_##id##_end[] __attribute__((visibility("hidden")))
TEXT(abi);
TEXT(measure);
TEXT(turns);
TEXT(common);
TEXT(sock);
TEXT(dns);
TEXT(retransmit);
TEXT(connect);
TEXT(runqueue);
TEXT(disk);
TEXT(reclaim);

/* In the order in which they are compiled. */
static const struct {
	const char *name, *start, *end;
} texts[] = {
#define ROW(id, file)                                                    \
	{                                                                \
		file, slo_bcc_text_##id##_start, slo_bcc_text_##id##_end \
	}
	ROW(abi, "bpf/slo_abi.h"),
	ROW(measure, "bpf/slo_measure.h"),
	ROW(turns, "bpf/slo_turns.h"),
	ROW(common, "bcc/slo_bcc.h"),
	ROW(sock, "bcc/slo_sock.bcc.h"),
	ROW(dns, "bcc/dns.bcc.c"),
	ROW(retransmit, "bcc/retransmit.bcc.c"),
	ROW(connect, "bcc/connect.bcc.c"),
	ROW(runqueue, "bcc/runqueue.bcc.c"),
	ROW(disk, "bcc/disk.bcc.c"),
	ROW(reclaim, "bcc/reclaim.bcc.c"),
};

void slo_bcc_kernel_read(struct slo_bcc_kernel *ret)
{
	struct utsname u = { .release = "" };

	(void)uname(&u);
	(void)snprintf(ret->release, sizeof(ret->release), "%.71s", u.release);
	(void)snprintf(ret->build, sizeof(ret->build), "%.159s", u.version);
	(void)snprintf(ret->machine, sizeof(ret->machine), "%.31s", u.machine);
}

void slo_bcc_flag(struct slo_bcc_want *w, const char *fmt, ...)
{
	va_list args;

	assert(w->flag_count < SLO_BCC_FLAGS_MAX);
	va_start(args, fmt);
	(void)vsnprintf(w->flag[w->flag_count++], SLO_BCC_FLAG_LEN, fmt, args);
	va_end(args);
}

/* With its end, so that two texts cannot run into each other. */
static void add_text(struct slo_sha256 *sha, const char *text)
{
	slo_sha256_add(sha, text, strlen(text) + 1);
}

void slo_bcc_key(const struct slo_bcc_want *w, const struct slo_bcc_kernel *k,
                 char ret_key[SLO_SHA256_HEX_SIZE])
{
	struct slo_sha256 sha;
	char abi[64];

	slo_sha256_init(&sha);
	(void)snprintf(abi, sizeof(abi), "abi %d event %zu", SLO_ABI_VERSION,
	               sizeof(struct slo_abi_event));
	add_text(&sha, SLO_BCC_IMAGE_MAGIC);
	add_text(&sha, abi);
	add_text(&sha, k->release);
	add_text(&sha, k->build);
	add_text(&sha, k->machine);
	for (unsigned int i = 0; i < w->flag_count; i++)
		add_text(&sha, w->flag[i]);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(texts); i++) {
		add_text(&sha, texts[i].name);
		slo_sha256_add(&sha, texts[i].start, (size_t)(texts[i].end - texts[i].start));
	}
	slo_sha256_finish_hex(&sha, ret_key);
}

static void write_request(FILE *f, const struct slo_bcc_want *w, const char *key)
{
	(void)fprintf(f, "key %s\n", key);
	if (w->headers && *w->headers)
		(void)fprintf(f, "headers %s\n", w->headers);
	if (w->root && *w->root)
		(void)fprintf(f, "root %s\n", w->root);
	for (unsigned int i = 0; i < w->flag_count; i++)
		(void)fprintf(f, "flag %s\n", w->flag[i]);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(texts); i++) {
		size_t size = (size_t)(texts[i].end - texts[i].start);

		(void)fprintf(f, "file %s %zu\n", texts[i].name, size);
		(void)fwrite(texts[i].start, 1, size, f);
		(void)fputc('\n', f);
	}
}

int slo_bcc_request(const struct slo_bcc_want *w, const char *key, struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = memfd_create("llm-slo-bcc", MFD_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");

	if (!f)
		return slo_err_set(err, -errno, "request for llm-slo-bcc: %s", strerror(errno));
	write_request(f, w, key);
	if (fclose(f))
		return slo_err_set(err, -errno, "request for llm-slo-bcc: %s", strerror(errno));
	return slo_take_fd(fd);
}

/* --- entries -------------------------------------------------------------------------------------------------- */

static void entry_path(char path[PATH_LEN], const char *state_dir, const struct slo_bcc_kernel *k,
                       const char *key)
{
	(void)snprintf(path, PATH_LEN, "%.300s/bcc/%.71s-%.16s.slobcc", state_dir, k->release, key);
}

/* A program in the kernel is as good as root: nobody else may have written it. */
static int check_owner(const struct stat *st, const char *path, struct slo_err *err)
{
	if ((st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & 022) &&
	    S_ISREG(st->st_mode))
		return 0;
	return slo_err_set(err, -EPERM,
	                   "%s: not taken, for others than root may have written it; remove it",
	                   path);
}

static int read_entry(const char *path, void **ret_bytes, size_t *ret_size, struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	slo_cleanup(slo_freep) char *bytes = NULL;
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return slo_err_set(err, -errno, "%s: %s", path, strerror(errno));
	r = check_owner(&st, path, err);
	if (r < 0)
		return r;
	if (st.st_size <= 0 || st.st_size > ENTRY_MAX)
		return slo_err_set(err, -EBADMSG, "%s: its size is wrong", path);
	bytes = malloc((size_t)st.st_size);
	if (!bytes)
		return slo_err_set(err, -ENOMEM, "%s: out of memory", path);
	n = slo_read_full(fd, bytes, (size_t)st.st_size);
	if (n != st.st_size)
		return slo_err_set(err, n < 0 ? (int)n : -EBADMSG, "%s: cannot be read whole",
		                   path);
	*ret_size = (size_t)n;
	*ret_bytes = slo_take_ptr(bytes);
	return 0;
}

/* Headers that are there now and differ from those it was made with: the kernel was built anew under its old name. */
static int check_config(const struct slo_bcc_image_head *head, const struct slo_bcc_kernel *k,
                        const struct slo_bcc_want *w, struct slo_err *err)
{
	const char *named = w->headers && *w->headers ? w->headers : getenv("BCC_KERNEL_SOURCE");
	char path[PATH_LEN], now[SLO_SHA256_HEX_SIZE];

	if (named && *named)
		(void)snprintf(path, sizeof(path), "%.400s" SLO_BCC_AUTOCONF, named);
	else
		(void)snprintf(path, sizeof(path), "%.300s/lib/modules/%s/build" SLO_BCC_AUTOCONF,
		               w->root ? w->root : "", k->release);
	if (!*head->config || slo_bcc_file_digest(path, now) < 0 || strcmp(now, head->config) == 0)
		return 0;
	return slo_err_set(err, -EBADMSG, "compiled with another configuration than %s", path);
}

int slo_bcc_cache_load(const char *state_dir, const struct slo_bcc_kernel *k,
                       const struct slo_bcc_want *w, const char *key, struct slo_bcc_program *ret,
                       struct slo_err *err)
{
	struct slo_bcc_program p;
	char path[PATH_LEN];
	void *bytes = NULL;
	size_t size = 0;
	int r;

	slo_bcc_program_init(&p);
	entry_path(path, state_dir, k, key);
	r = read_entry(path, &bytes, &size, err);
	if (r < 0)
		return r;
	r = slo_bcc_program_from(&p, bytes, size, err);
	if (r < 0)
		return slo_err_wrap(err, r, "%s", path);
	if (strcmp(p.image.head->key, key) != 0 || strcmp(p.image.head->release, k->release) != 0)
		r = slo_err_set(err, -EBADMSG, "made for kernel %s, or of other sources",
		                p.image.head->release);
	if (!r)
		r = check_config(p.image.head, k, w, err);
	if (r < 0) {
		slo_bcc_program_fini(&p);
		return slo_err_wrap(err, r, "%s", path);
	}
	*ret = p;
	return 0;
}

bool slo_bcc_is_worth_another_try(const struct slo_bcc_image_head *head)
{
	uint32_t now = *head->left_out ? slo_bcc_include_changed(head->include) : 0;

	return now && now != head->changed_s;
}

static int make_folder(const char *state_dir, char path[PATH_LEN])
{
	(void)snprintf(path, PATH_LEN, "%.300s", state_dir);
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	(void)snprintf(path, PATH_LEN, "%.300s/bcc", state_dir);
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static int write_whole(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

int slo_bcc_cache_store(const char *state_dir, const struct slo_bcc_kernel *k, const char *key,
                        const struct slo_bcc_program *p, struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = -1;
	char path[PATH_LEN], tmp[PATH_LEN + 16];
	int r = make_folder(state_dir, path);

	if (r < 0)
		return slo_err_set(err, r, "%s: %s", path, strerror(-r));
	entry_path(path, state_dir, k, key);
	(void)snprintf(tmp, sizeof(tmp), "%s.%d", path, (int)getpid());
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return slo_err_set(err, -errno, "%s: %s", tmp, strerror(errno));
	r = write_whole(fd, p->bytes, p->image.head->size);
	if (!r && rename(tmp, path))
		r = -errno;
	if (r < 0) {
		(void)unlink(tmp);
		return slo_err_set(err, r, "%s: %s", path, strerror(-r));
	}
	return 0;
}
