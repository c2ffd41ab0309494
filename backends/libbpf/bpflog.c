/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/libbpf/bpflog.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

/* libbpf_set_print() has no user pointer, so the target is thread-local: set by begin, cleared by end. */
static _Thread_local struct slo_bpflog *target;

static void copy_line(char *to, size_t size, const char *line, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(to, line, len);
	to[len] = '\0';
}

static void note_program(const char *text)
{
	static const char intro[] = "prog '";
	const char *name = strstr(text, intro);
	const char *end;

	if (!name)
		return;
	name += sizeof(intro) - 1;
	end = strchr(name, '\'');
	if (end)
		copy_line(target->prog, sizeof(target->prog), name, (size_t)(end - name));
}

/* The verifier's complaint is the line before "processed N insns", which before 5.2 follows programs alone that it takes. */
static void note_verifier(const char *text)
{
	const char *end = strstr(text, "\nprocessed ");
	const char *start;

	if (!end)
		end = strstr(text, "\n-- END PROG LOAD LOG");
	if (!end)
		return;
	start = end;
	while (start > text && start[-1] != '\n')
		start--;
	copy_line(target->reason, sizeof(target->reason), start, (size_t)(end - start));
}

/* A kernel that takes no BTF of programs loads them without: no cause of a failure. */
static bool is_about_btf(const char *text)
{
	return strstr(text, "BTF loading error") || strstr(text, "BTF LOAD LOG");
}

static void note_warning(const char *text)
{
	const char *start = strncmp(text, "libbpf: ", 8) == 0 ? text + 8 : text;

	if (!target->reason[0] && !is_about_btf(text))
		copy_line(target->reason, sizeof(target->reason), start, strcspn(start, "\n"));
}

slo_printf(2, 0) static int keep(enum libbpf_print_level level, const char *format, va_list args)
{
	slo_cleanup(slo_freep) char *text = NULL;

	if (level != LIBBPF_WARN || !target)
		return 0;
	if (vasprintf(&text, format, args) < 0) {
		text = NULL;
		return 0;
	}
	note_program(text);
	if (strstr(text, "BEGIN PROG LOAD LOG"))
		note_verifier(text);
	else if (!strstr(text, "BPF program load failed"))
		note_warning(text);
	return 0;
}

void slo_bpflog_begin(struct slo_bpflog *log)
{
	memset(log, 0, sizeof(*log));
	target = log;
	(void)libbpf_set_print(keep);
}

void slo_bpflog_end(void)
{
	target = NULL;
}
