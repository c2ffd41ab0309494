/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/bcc/helper/helper.h"

#define OUTPUT_MAX 8192

/* What the compiler says where the machine lacks something for a while, and not the kernel for good. */
static const struct {
	const char *text;
	int code;
} passing[] = {
	{ "out of memory", -ENOMEM },           { "Cannot allocate memory", -ENOMEM },
	{ "No space left on device", -ENOSPC }, { "Too many open files", -EMFILE },
	{ "Input/output error", -EIO },         { "bad_alloc", -ENOMEM },
};

/* LLVM ends so where it cannot go on with a text. */
static bool is_own_crash(int sig)
{
	return sig == SIGABRT || sig == SIGSEGV || sig == SIGILL || sig == SIGFPE || sig == SIGTRAP;
}

static void read_output(int output, char text[OUTPUT_MAX])
{
	ssize_t n = pread(output, text, OUTPUT_MAX - 1, 0);

	text[n > 0 ? n : 0] = '\0';
}

void slo_compile_complaint(int output, char *ret, size_t size)
{
	char text[OUTPUT_MAX];
	char *at;

	read_output(output, text);
	at = strstr(text, "error: ");
	if (!at)
		at = text;
	at[strcspn(at, "\n")] = '\0';
	(void)snprintf(ret, size, "%s", *at ? at : "the compiler said nothing");
}

static int judge(const char *said, struct slo_err *err)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(passing); i++) {
		if (strstr(said, passing[i].text))
			return slo_err_set(err, passing[i].code, "compiling: %s", passing[i].text);
	}
	return -ENOEXEC;
}

int slo_compile_outcome(int status, int output, struct slo_err *err)
{
	char said[OUTPUT_MAX];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status) && !is_own_crash(WTERMSIG(status)))
		return slo_err_set(err, -EINTR, "compiling: ended by signal %d%s", WTERMSIG(status),
		                   WTERMSIG(status) == SIGKILL ? " (out of memory?)" : "");
	if (WIFEXITED(status) && WEXITSTATUS(status) == SLO_COMPILE_NOT_BEGUN) {
		slo_compile_complaint(output, said, sizeof(said));
		return slo_err_set(err, -EAGAIN, "compiling: %.160s", said);
	}
	read_output(output, said);
	return judge(said, err);
}
