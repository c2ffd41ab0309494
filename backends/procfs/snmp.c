/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/procfs/snmp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backends/procfs/interval.h"
#include "compat/host.h"
#include "compat/hostfile.h"

#define PATH "/proc/net/snmp"
#define TEXT_BYTES 8192

int slo_snmp_open(int root, struct slo_err *err)
{
	int fd = slo_host_open(root, PATH, O_RDONLY);

	return fd < 0 ? slo_err_set(err, fd, PATH ": %s", strerror(-fd)) : fd;
}

static char *tcp_line(char **rest)
{
	char *line;

	while ((line = strsep(rest, "\n"))) {
		if (strncmp(line, "Tcp:", 4) == 0)
			return line;
	}
	return NULL;
}

int slo_snmp_parse(char *text, const char *name, uint64_t *ret)
{
	char *names = tcp_line(&text), *numbers = text ? tcp_line(&text) : NULL;
	char *n, *v;

	while (names && numbers && (n = slo_text_word(&names)) && (v = slo_text_word(&numbers))) {
		if (strcmp(n, name) == 0)
			return slo_text_u64(v, 10, ret) ? -EBADMSG : 0;
	}
	return -ENODATA;
}

int slo_snmp_read(int fd, const char *name, uint64_t *ret, struct slo_err *err)
{
	char text[TEXT_BYTES];
	ssize_t n = slo_interval_text(fd, text, sizeof(text));
	int r = n < 0 ? (int)n : slo_snmp_parse(text, name, ret);

	return r ? slo_err_set(err, r, PATH ": Tcp %s: %s", name, strerror(-r)) : 0;
}
