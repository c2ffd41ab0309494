/* SPDX-License-Identifier: Apache-2.0 */
#include <bcc/bcc_common.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "backends/bcc/handover.h"
#include "backends/bcc/helper/helper.h"
#include "core/base/clock.h"

/* BPF_LD | BPF_IMM | BPF_DW, of which the first two are 0 */
#define LOAD_MAP BPF_DW
#define TEXT_MAX (1U << 20)
#define FLAGS_MAX (SLO_REQUEST_FLAGS + SLO_MEMBERS + 8)

/* One run of the compiler, in a child: LLVM ends the process on some errors, and gives no memory back. */
struct compile_run {
	const struct slo_request *req;
	const struct slo_headers *headers;
	const char *scratch;
	unsigned int files; /* bit i: the request's file i is compiled */
	int image; /* memory files, the caller's */
	int output;
	uint32_t took_ms;
	uint32_t peak_kb;
};

static bool is_program(const struct slo_request_file *f)
{
	size_t len = strlen(f->name);

	return strncmp(f->name, "bcc/", 4) == 0 && len > 2 && strcmp(f->name + len - 2, ".c") == 0;
}

static bool is_text(const struct slo_request_file *f)
{
	return strncmp(f->name, "bcc/", 4) == 0;
}

static int write_file(const char *scratch, const struct slo_request_file *f)
{
	char path[PATH_MAX];
	char *slash;
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", scratch, f->name);
	slash = strrchr(path, '/');
	*slash = '\0';
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	*slash = '/';
	out = fopen(path, "we");
	if (!out)
		return -errno;
	(void)fwrite(f->text, 1, f->size, out);
	return fclose(out) ? -errno : 0;
}

/* BCC rewrites the text that it is given and nothing that it includes: so one text. The rest is #included from @scratch. */
static char *one_text(const struct slo_request *req, unsigned int files)
{
	char *text = malloc(TEXT_MAX);
	size_t at = 0;

	for (unsigned int i = 0; text && i < req->file_count; i++) {
		const struct slo_request_file *f = &req->file[i];

		if (!is_text(f) || (is_program(f) && !(files & 1U << i)) ||
		    at + f->size + 256 > TEXT_MAX)
			continue;
		at += (size_t)snprintf(text + at, 256, "#line 1 \"%s\"\n", f->name);
		memcpy(text + at, f->text, f->size);
		at += f->size;
		text[at++] = '\n';
		text[at] = '\0';
	}
	return text;
}

/* --- in the child ---------------------------------------------------------------------------------------------- */

struct module {
	void *bcc;
	struct slo_bcc_image_head head;
	struct slo_bcc_image_map map[SLO_BCC_MAPS_MAX];
	int map_fd[SLO_BCC_MAPS_MAX];
	struct slo_bcc_image_prog prog[SLO_BCC_PROGS_MAX];
};

static int take_maps(struct module *m)
{
	size_t count = bpf_num_tables(m->bcc);

	if (count > SLO_BCC_MAPS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < count; i++) {
		struct slo_bcc_image_map *map = &m->map[i];

		(void)snprintf(map->name, sizeof(map->name), "%s", bpf_table_name(m->bcc, i));
		map->type = (uint32_t)bpf_table_type_id(m->bcc, i);
		map->key = (uint32_t)bpf_table_key_size_id(m->bcc, i);
		map->value = (uint32_t)bpf_table_leaf_size_id(m->bcc, i);
		map->max = (uint32_t)bpf_table_max_entries_id(m->bcc, i);
		map->flags = (uint32_t)bpf_table_flags_id(m->bcc, i);
		m->map_fd[i] = bpf_table_fd_id(m->bcc, i);
	}
	m->head.map_count = (uint32_t)count;
	return 0;
}

static int take_progs(struct module *m)
{
	size_t count = bpf_num_functions(m->bcc);

	if (count > SLO_BCC_PROGS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < count; i++) {
		struct slo_bcc_image_prog *p = &m->prog[i];

		(void)snprintf(p->name, sizeof(p->name), "%s", bpf_function_name(m->bcc, i));
		p->first = m->head.insn_count;
		p->count = (uint32_t)(bpf_function_size_id(m->bcc, i) / sizeof(struct bpf_insn));
		m->head.insn_count += p->count;
	}
	m->head.prog_count = (uint32_t)count;
	return m->head.insn_count > SLO_BCC_INSNS_MAX ? -E2BIG : 0;
}

/* Descriptors of this process become numbers of the list. */
static int number_maps(const struct module *m, struct bpf_insn *insns)
{
	for (uint32_t i = 0; i < m->head.insn_count; i++) {
		uint32_t map = 0;

		if (insns[i].code != LOAD_MAP)
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD) {
			while (map < m->head.map_count && m->map_fd[map] != insns[i].imm)
				map++;
			if (map == m->head.map_count)
				return -EBADMSG;
			insns[i].imm = (int)map;
		}
		i++;
	}
	return 0;
}

static int write_all(int fd, const void *bytes, size_t size)
{
	return write(fd, bytes, size) == (ssize_t)size ? 0 : -EIO;
}

static int write_image(struct module *m, int fd)
{
	slo_cleanup(slo_freep) struct bpf_insn *insns = NULL;
	uint32_t at = 0;
	int r = take_maps(m);

	if (!r)
		r = take_progs(m);
	insns = r ? NULL : calloc(m->head.insn_count + 1, sizeof(*insns));
	if (!insns)
		return r ? r : -ENOMEM;
	for (uint32_t i = 0; i < m->head.prog_count; i++) {
		memcpy(insns + at, bpf_function_start_id(m->bcc, i),
		       m->prog[i].count * sizeof(*insns));
		at += m->prog[i].count;
	}
	r = number_maps(m, insns);
	m->head.kern_version = bpf_module_kern_version(m->bcc);
	if (!r)
		r = write_all(fd, &m->head, sizeof(m->head));
	if (!r)
		r = write_all(fd, m->map, m->head.map_count * sizeof(*m->map));
	if (!r)
		r = write_all(fd, m->prog, m->head.prog_count * sizeof(*m->prog));
	return r ? r : write_all(fd, insns, m->head.insn_count * sizeof(*insns));
}

static int compile_here(const struct compile_run *run)
{
	const char *flags[FLAGS_MAX];
	char include[PATH_MAX + 2], headers[PATH_MAX];
	struct module m = { 0 };
	char *text = one_text(run->req, run->files);
	int n = 0;

	(void)snprintf(include, sizeof(include), "-I%s", run->scratch);
	flags[n++] = include;
	/* Without it variables of inlined functions never share a place on the stack. */
	flags[n++] = "-O2";
	flags[n++] = "-DSLO_BPF_SIDE";
	for (unsigned int i = 0; i < run->req->flag_count; i++)
		flags[n++] = run->req->flag[i];
	n += (int)slo_members(run->headers->path, flags + n);
	/* BCC looks for what is included in the folder it is started in before it does in ours. */
	if (!realpath(run->headers->path, headers) || chdir(run->scratch))
		return -errno;
	if (!text || setenv("BCC_KERNEL_SOURCE", headers, 1))
		return -ENOMEM;
	m.bcc = bpf_module_create_c_from_string(text, 0, flags, n, true, NULL);
	return m.bcc ? write_image(&m, run->image) : -ENOEXEC;
}

/* Never returns. What is neither the text nor the compiler is told apart: it may go the next time. */
static void be_child(const struct compile_run *run, pid_t helper)
{
	int r;

	/* It is of no use without the helper, and must not hold the socket whose end says that the helper ended. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != helper)
		_exit(SLO_COMPILE_NOT_BEGUN);
	(void)close(SLO_BCC_SOCKET_FD);
	(void)dup2(run->output, STDOUT_FILENO);
	(void)dup2(run->output, STDERR_FILENO);
	r = compile_here(run);
	if (!r || r == -ENOEXEC || r == -E2BIG || r == -EBADMSG)
		_exit(r ? 1 : 0);
	(void)dprintf(STDERR_FILENO, "%s\n", strerror(-r));
	_exit(SLO_COMPILE_NOT_BEGUN);
}

/* --- in the parent --------------------------------------------------------------------------------------------- */

static int run_child(struct compile_run *run, struct slo_err *err)
{
	uint64_t begin = slo_clock_monotonic_ns();
	struct rusage used = { 0 };
	pid_t pid, helper = getpid();
	int status = 0;

	if (ftruncate(run->image, 0) || ftruncate(run->output, 0) ||
	    lseek(run->image, 0, SEEK_SET) || lseek(run->output, 0, SEEK_SET))
		return slo_err_set(err, -errno, "compiling: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		be_child(run, helper);
	if (pid < 0 || wait4(pid, &status, 0, &used) < 0)
		return slo_err_set(err, -errno, "compiling: %s", strerror(errno));
	run->took_ms += (uint32_t)((slo_clock_monotonic_ns() - begin) / SLO_NS_PER_MS);
	if ((uint32_t)used.ru_maxrss > run->peak_kb)
		run->peak_kb = (uint32_t)used.ru_maxrss;
	return slo_compile_outcome(status, run->output, err);
}

/*
 * Something in one file does not go with this kernel: each by itself, then those that do, together. -ENOEXEC: none does;
 * another code with @err.
 */
static int compile_what_goes(struct compile_run *run, char *left_out, size_t size,
                             struct slo_err *err)
{
	unsigned int all = run->files, good = 0;
	char why[160];
	size_t used = 0;
	int r;

	for (unsigned int i = 0; i < run->req->file_count; i++) {
		if (!(all & 1U << i))
			continue;
		run->files = 1U << i;
		r = run_child(run, err);
		if (r == 0) {
			good |= 1U << i;
			continue;
		}
		if (r != -ENOEXEC)
			return r;
		slo_compile_complaint(run->output, why, sizeof(why));
		if (used < size)
			used += (size_t)snprintf(left_out + used, size - used, "%s%s: %s",
			                         used ? "; " : "", run->req->file[i].name, why);
	}
	run->files = good;
	r = good ? run_child(run, err) : -ENOEXEC;
	if (r == -ENOEXEC && good && used < size) {
		slo_compile_complaint(run->output, why, sizeof(why));
		(void)snprintf(left_out + used, size - used, "%sthe others, together: %s",
		               used ? "; " : "", why);
	}
	return r;
}

/* Where the headers are for good, which a tree of links is not. */
static void note_include(const struct compile_run *run, struct slo_bcc_image_head *head)
{
	char path[PATH_MAX], real[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.4000s/include/linux", run->headers->path);
	if (!realpath(path, real) || strlen(real) >= sizeof(head->include))
		return;
	(void)snprintf(head->include, sizeof(head->include), "%.127s", real);
	head->changed_s = slo_bcc_include_changed(real);
}

static int seal(const struct compile_run *run, const char *left_out)
{
	struct slo_bcc_image_head *head;
	char path[PATH_MAX];
	struct utsname u;
	struct stat st;

	if (fstat(run->image, &st))
		return -errno;
	head = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, run->image, 0);
	if (head == MAP_FAILED)
		return -errno;
	(void)uname(&u);
	memcpy(head->magic, SLO_BCC_IMAGE_MAGIC, sizeof(head->magic));
	head->size = (uint32_t)st.st_size;
	head->compile_ms = run->took_ms;
	head->peak_kb = run->peak_kb;
	(void)snprintf(head->release, sizeof(head->release), "%.71s", u.release);
	(void)snprintf(head->key, sizeof(head->key), "%.64s", run->req->key);
	(void)snprintf(head->left_out, sizeof(head->left_out), "%.255s", left_out);
	(void)snprintf(path, sizeof(path), "%.4000s/include/generated/autoconf.h",
	               run->headers->path);
	(void)slo_bcc_file_digest(path, head->config);
	note_include(run, head);
	slo_bcc_image_seal(head);
	return munmap(head, (size_t)st.st_size) ? -errno : 0;
}

int slo_compile(const struct slo_request *req, const struct slo_headers *headers,
                const char *scratch, int *ret_fd, struct slo_err *err)
{
	slo_cleanup(slo_closep) int image = memfd_create("image", MFD_CLOEXEC);
	slo_cleanup(slo_closep) int output = memfd_create("output", MFD_CLOEXEC);
	struct compile_run run = {
		.req = req, .headers = headers, .scratch = scratch, .image = image, .output = output
	};
	char left_out[256] = "";
	int r = image < 0 || output < 0 ? -errno : 0;

	for (unsigned int i = 0; !r && i < req->file_count; i++) {
		r = write_file(scratch, &req->file[i]);
		if (is_program(&req->file[i]))
			run.files |= 1U << i;
	}
	if (r < 0)
		return slo_err_set(err, r, "files in %s: %s", scratch, strerror(-r));
	r = run_child(&run, err);
	if (r == -ENOEXEC)
		r = compile_what_goes(&run, left_out, sizeof(left_out), err);
	if (r == -ENOEXEC)
		return slo_err_set(err, r, "compiling with the headers in %.60s: %.170s",
		                   headers->from, left_out);
	if (r < 0)
		return r;
	r = seal(&run, left_out);
	if (r < 0)
		return slo_err_set(err, r, "compiled program: %s", strerror(-r));
	*ret_fd = slo_take_fd(image);
	return 0;
}
