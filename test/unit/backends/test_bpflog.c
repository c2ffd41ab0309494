/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/libbpf.h>

#include "backends/libbpf/bpflog.h"
#include "core/base/base.h"

/* The hook is libbpf's own while a log is kept; it is asked for and given back. */
slo_printf(1, 2) static void libbpf_says(const char *format, ...)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	va_list args;

	va_start(args, format);
	(void)print(LIBBPF_WARN, format, args);
	va_end(args);
	(void)libbpf_set_print(print);
}

static void reason_is_the_line_before_the_verifiers_count(void **state)
{
	struct slo_bpflog log;

	(void)state;
	slo_bpflog_begin(&log);
	libbpf_says("libbpf: prog '%s': BPF program load failed: %s\n", "dns_egress", "EACCES");
	libbpf_says(
		"libbpf: prog '%s': -- BEGIN PROG LOAD LOG --\n%s-- END PROG LOAD LOG --\n",
		"dns_egress",
		"0: (bf) r6 = r1\ninvalid access to packet\nprocessed 12 insns (limit 1000000)\n");
	slo_bpflog_end();
	assert_string_equal(log.prog, "dns_egress");
	assert_string_equal(log.reason, "invalid access to packet");
}

/* As Linux 4.19 says it: it counts nothing for a program that it refuses. */
static void reason_of_old_verifiers_is_their_last_line(void **state)
{
	struct slo_bpflog log;

	(void)state;
	slo_bpflog_begin(&log);
	libbpf_says("libbpf: prog '%s': -- BEGIN PROG LOAD LOG --\n%s-- END PROG LOAD LOG --\n",
	            "dns_egress", "0: (bf) r6 = r1\nunknown func bpf_get_current_pid_tgid#14\n");
	libbpf_says("libbpf: prog 'dns_egress': failed to load: -22\n");
	slo_bpflog_end();
	assert_string_equal(log.reason, "unknown func bpf_get_current_pid_tgid#14");
}

static void optional_btf_is_no_reason(void **state)
{
	struct slo_bpflog log;

	(void)state;
	slo_bpflog_begin(&log);
	libbpf_says("libbpf: BTF loading error: %d\n", -22);
	libbpf_says("libbpf: -- BEGIN BTF LOAD LOG ---\n%s\n-- END BTF LOAD LOG --\n",
	            "magic: 0xeb9f");
	libbpf_says("libbpf: failed to load object 'tls'\n");
	slo_bpflog_end();
	assert_string_equal(log.reason, "failed to load object 'tls'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reason_is_the_line_before_the_verifiers_count),
		cmocka_unit_test(reason_of_old_verifiers_is_their_last_line),
		cmocka_unit_test(optional_btf_is_no_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
