/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/procpid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compat/host.h"
#include "compat/hostfile.h"

#define STAT_START_FIELD 22

static void path_of(char *buf, size_t size, uint32_t pid, const char *file)
{
	(void)snprintf(buf, size, "proc/%u/%s", pid, file);
}

int slo_procpid_parse_start(const char *stat, uint64_t *ret_ticks)
{
	/* Field 2 is the command in parentheses; it may itself hold blanks and parentheses, so go by the last one. */
	const char *p = strrchr(stat, ')');
	int field = 2;

	if (!p)
		return -EINVAL;
	while (field < STAT_START_FIELD) {
		p = strchr(p, ' ');
		if (!p)
			return -EINVAL;
		p++;
		field++;
	}
	return slo_text_u64(p, 10, ret_ticks);
}

int slo_procpid_start(int root, uint32_t pid, uint64_t *ret_ticks)
{
	char path[40];
	char text[1024];
	ssize_t n;

	path_of(path, sizeof(path), pid, "stat");
	n = slo_host_read(root, path, text, sizeof(text));
	return n < 0 ? (int)n : slo_procpid_parse_start(text, ret_ticks);
}

int slo_procpid_ns_pid(int root, uint32_t pid, uint32_t *ret_pid)
{
	char path[40];
	char text[4096];
	uint64_t value;
	char *line;
	char *last;
	ssize_t n;

	path_of(path, sizeof(path), pid, "status");
	n = slo_host_read(root, path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return -ENOTSUP;
	line += strlen("\nNSpid:");
	line[strcspn(line, "\n")] = '\0';
	last = line + strlen(line);
	while (last > line && !strchr(" \t", last[-1]))
		last--;
	if (slo_text_u64(last, 10, &value) || value > UINT32_MAX)
		return -EINVAL;
	*ret_pid = (uint32_t)value;
	return 0;
}

ssize_t slo_procpid_cgroup(int root, uint32_t pid, char *buf, size_t size)
{
	char path[40];

	path_of(path, sizeof(path), pid, "cgroup");
	return slo_host_read(root, path, buf, size);
}
