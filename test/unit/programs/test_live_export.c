/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "live_rig.h"

/* A port that nobody listens on: bound, and given back. */
static unsigned int free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	(void)close(fd);
	return ntohs(a.sin_port);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* What the agent's log says in @seconds, with nothing measured and no span received. */
static void run_for(struct slo_live *l, int seconds, char *ret, size_t size)
{
	const struct timespec turn = { .tv_nsec = 50000000 };
	uint64_t until = slo_clock_monotonic_ns() + (uint64_t)seconds * SLO_NS_PER_SEC;
	FILE *file = tmpfile();
	int log = dup(STDERR_FILENO);

	assert_non_null(file);
	(void)fflush(stderr);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	while (slo_clock_monotonic_ns() < until) {
		slo_live_run(l, SLO_LIVE_ALL, slo_clock_monotonic_ns());
		(void)nanosleep(&turn, NULL);
	}
	(void)fflush(stderr);
	assert_true(dup2(log, STDERR_FILENO) >= 0);
	(void)close(log);
	rewind(file);
	ret[fread(ret, 1, size - 1, file)] = '\0';
	(void)fclose(file);
}

static void collector_that_is_not_there_is_told_at_once_and_once(void **state)
{
	slo_live_auto struct slo_live *l = NULL;
	struct slo_err err = { 0 };
	char text[128], said[4096], address[32];

	(void)state;
	(void)snprintf(address, sizeof(address), "http://127.0.0.1:%u", free_port());
	(void)snprintf(text, sizeof(text), "[otlp]\nendpoint = %s\n", address);
	assert_int_equal(rig_start(&l, "", text, &err), 0);
	/* Tried again after a second and two more: told of the first. */
	run_for(l, 4, said, sizeof(said));
	assert_int_equal(count(said, "export fails"), 1);
	assert_non_null(strstr(said, address));
	assert_non_null(strstr(said, "[otlp] endpoint"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(collector_that_is_not_there_is_told_at_once_and_once),
	};

	slo_log_set_level(SLO_LOG_WARN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
