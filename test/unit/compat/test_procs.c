/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/procs.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "test/unit/compat/fixture.h"

static void resolvers_of_a_host_are_found(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("no_tracefs");
	uint32_t tgids[8] = { 0 };

	(void)state;
	assert_int_equal(slo_procs_port_owners(root, 53, true, tgids, 8), 2);
	assert_int_equal(tgids[0], 88);
	assert_int_equal(tgids[1], 612);
	/* The connected socket of 900 on the same port is not a listener. */
	assert_int_equal(slo_procs_port_owners(root, 53, false, tgids, 8), 1);
	assert_int_equal(tgids[0], 612);
	assert_int_equal(slo_procs_port_owners(root, 5353, true, tgids, 8), 0);
	assert_int_equal(slo_procs_port_owners(root, 53, true, tgids, 1), 1);
}

static void no_tables_is_an_error(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("rhel8");
	uint32_t tgid;

	(void)state;
	assert_int_equal(slo_procs_port_owners(root, 53, true, &tgid, 1), -ENOENT);
}

static void own_socket_is_found(void **state)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);
	slo_cleanup(slo_closep) int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	uint32_t tgids[64];
	bool found = false;
	ssize_t n;

	(void)state;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(sock, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(sock, (struct sockaddr *)&addr, &len), 0);
	n = slo_procs_port_owners(root, ntohs(addr.sin_port), true, tgids, 64);
	assert_true(n >= 0);
	for (ssize_t i = 0; i < n; i++)
		found |= tgids[i] == (uint32_t)getpid();
	/* PID 1's network namespace may be another than ours: then none is right. */
	if (n == 0)
		skip();
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolvers_of_a_host_are_found),
		cmocka_unit_test(no_tables_is_an_error),
		cmocka_unit_test(own_socket_is_found),
	};

	return cmocka_run_group_tests_name("procs", tests, NULL, NULL);
}
