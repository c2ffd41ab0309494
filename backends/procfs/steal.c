/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/procfs/steal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "backends/procfs/reader.h"
#include "compat/host.h"
#include "core/base/clock.h"

#define STAT_PATH "proc/stat"
/* The line "cpu" is the first; ten numbers of twenty digits fit. */
#define STAT_BYTES 512

#if defined(__x86_64__) || defined(__i386__)
#define CPUID_1_ECX_HYPERVISOR (1U << 31)
#define CPUID_HV_BASE 0x40000000U
/* Linux, hypervisor_cpuid_base(): a hypervisor that imitates another first has its own leaves further up. */
#define CPUID_HV_END 0x40010000U
#define CPUID_HV_STEP 0x100U
#define KVM_FEATURE_STEAL_TIME_BIT (1U << 5) /* Documentation/virt/kvm/x86/cpuid.rst */

static void read_signature(unsigned int leaf, char ret[13])
{
	unsigned int eax = 0, text[3] = { 0 };

	__cpuid(leaf, eax, text[0], text[1], text[2]);
	memcpy(ret, text, sizeof(text));
	ret[12] = '\0';
}

static bool read_kvm_steal(unsigned int base)
{
	unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;

	__cpuid(base + 1, eax, ebx, ecx, edx);
	return eax & KVM_FEATURE_STEAL_TIME_BIT;
}

static void make_printable(char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

void slo_steal_facts_read(struct slo_steal_facts *ret)
{
	struct slo_steal_facts f = { .hypervisor = SLO_HV_NONE };
	unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;

	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & CPUID_1_ECX_HYPERVISOR)) {
		f.hypervisor = SLO_HV_OTHER;
		read_signature(CPUID_HV_BASE, f.signature);
	}
	for (unsigned int base = CPUID_HV_BASE; f.hypervisor == SLO_HV_OTHER && base < CPUID_HV_END;
	     base += CPUID_HV_STEP) {
		char signature[13];

		read_signature(base, signature);
		if (strcmp(signature, "KVMKVMKVM") == 0) {
			f.hypervisor = SLO_HV_KVM;
			f.kvm_steal = read_kvm_steal(base);
		} else if (strcmp(signature, "XenVMMXenVMM") == 0) {
			f.hypervisor = SLO_HV_XEN;
		}
	}
	make_printable(f.signature);
	*ret = f;
}
#else
void slo_steal_facts_read(struct slo_steal_facts *ret)
{
	*ret = (struct slo_steal_facts){ .hypervisor = SLO_HV_UNKNOWN };
}
#endif

static const char *find_cpu_line(const char *text)
{
	while (text && strncmp(text, "cpu ", 4) != 0) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text;
}

int slo_steal_parse(const char *text, struct slo_steal_ticks *ret, struct slo_err *err)
{
	const char *at = find_cpu_line(text);
	struct slo_steal_ticks t = { 0 };

	if (!at)
		return slo_err_set(err, -EBADMSG, "/" STAT_PATH ": no line \"cpu\"");
	at += 4;
	for (int i = 0; i < SLO_CPU_MAX_; i++) {
		char *end;

		at += strspn(at, " ");
		if (*at == '\n' && i == SLO_CPU_STEAL)
			return slo_err_set(err, -ENOTSUP,
			                   "/" STAT_PATH ": this kernel counts no steal");
		if (*at < '0' || *at > '9')
			return slo_err_set(err, -EBADMSG,
			                   "/" STAT_PATH ": field %d of line \"cpu\" is no number",
			                   i + 1);
		errno = 0;
		t.field[i] = strtoull(at, &end, 10);
		if (errno || (*end != ' ' && *end != '\n'))
			return slo_err_set(err, -EBADMSG,
			                   "/" STAT_PATH ": field %d of line \"cpu\" is damaged",
			                   i + 1);
		at = end;
	}
	*ret = t;
	return 0;
}

int slo_steal_pct(const struct slo_steal_ticks *from, const struct slo_steal_ticks *to,
                  double *ret_pct)
{
	double total = 0, steal = 0;

	for (int i = 0; i < SLO_CPU_MAX_; i++) {
		bool back = to->field[i] < from->field[i];

		/*
		 * Idle and iowait do go back a little: on CPU hot-unplug, and as proc(5) says of iowait. The others
		 * never do while it is the same boot of the same machine.
		 */
		if (back && i != SLO_CPU_IDLE && i != SLO_CPU_IOWAIT)
			return -ERANGE;
		if (back)
			continue;
		total += (double)(to->field[i] - from->field[i]);
		if (i == SLO_CPU_STEAL)
			steal = (double)(to->field[i] - from->field[i]);
	}
	if (total <= 0)
		return 0;
	*ret_pct = 100 * steal / total;
	return 1;
}

static void serve(struct slo_verdict *v)
{
	v->serves = true;
	v->source = SLO_SRC_PROCFS;
	v->mechanism = "procfs";
	v->hooks = "/" STAT_PATH;
}

/* Zero since boot: is that a measurement? */
static void judge_zero(const struct slo_steal_facts *facts, struct slo_verdict *v)
{
	switch (facts->hypervisor) {
	case SLO_HV_NONE:
		slo_verdict_refuse(v, "procfs", -ENODATA,
		                   "bare metal: no hypervisor, nothing to steal");
		return;
	case SLO_HV_KVM:
		if (facts->kvm_steal) {
			serve(v);
			return;
		}
		slo_verdict_refuse(v, "procfs", -ENOTSUP,
		                   "not reported: KVM gives this guest no steal time (CPUID "
		                   "0x40000001 bit 5 is off)");
		(void)snprintf(v->needs, sizeof(v->needs),
		               "a host that offers it (QEMU: -cpu ...,+kvm-steal-time)");
		return;
	case SLO_HV_XEN:
	case SLO_HV_OTHER:
	case SLO_HV_UNKNOWN:
		break;
	}
	serve(v);
	(void)snprintf(v->note, sizeof(v->note),
	               "0 since boot: it cannot be told whether %s%s reports steal; 0 may mean "
	               "\"not reported\"",
	               facts->signature[0] ? "the hypervisor " : "a hypervisor, if any,",
	               facts->signature);
}

void slo_steal_verdict(const struct slo_steal_facts *facts, const struct slo_steal_ticks *now,
                       struct slo_verdict *v)
{
	v->mechanism = "";
	v->hooks = "";
	if (now->field[SLO_CPU_STEAL])
		serve(v);
	else
		judge_zero(facts, v);
}

struct steal {
	int fd;
	struct slo_steal_ticks from;
	uint64_t from_ns; /* CLOCK_MONOTONIC of @from */
};

static int read_ticks(int fd, struct slo_steal_ticks *ret, struct slo_err *err)
{
	char text[STAT_BYTES];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return slo_err_set(err, -errno, "/" STAT_PATH ": %s", strerror(errno));
	text[n] = '\0';
	return slo_steal_parse(text, ret, err);
}

static void steal_close(void *vs)
{
	struct steal *s = vs;

	if (s)
		slo_closep(&s->fd);
	free(s);
}

static void steal_closep(struct steal **s)
{
	steal_close(*s);
	*s = NULL;
}

static int steal_open(int root, void **ret_state, struct slo_err *err)
{
	slo_cleanup(steal_closep) struct steal *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return slo_err_set(err, -ENOMEM, "procfs: out of memory");
	s->fd = slo_host_open(root, STAT_PATH, O_RDONLY);
	if (s->fd < 0)
		return slo_err_set(err, s->fd, "/" STAT_PATH ": %s", strerror(-s->fd));
	r = read_ticks(s->fd, &s->from, err);
	if (r)
		return r;
	s->from_ns = slo_clock_monotonic_ns();
	*ret_state = slo_take_ptr(s);
	return 0;
}

static void steal_probe(int root, struct slo_verdict *v)
{
	struct slo_steal_facts facts;
	struct slo_err err = { 0 };
	void *state = NULL;
	const struct steal *s;
	int r = steal_open(root, &state, &err);

	if (!state) {
		slo_verdict_refuse(v, "procfs", r, "%s", err.msg);
		return;
	}
	s = state;
	slo_steal_facts_read(&facts);
	slo_steal_verdict(&facts, &s->from, v);
	steal_close(state);
}

static int steal_read(void *state, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
                      struct slo_err *err)
{
	struct slo_probe_event ev = {
		.signal = SLO_SIG_CPU_STEAL,
		.kind = SLO_EV_GAUGE,
		.source = SLO_SRC_PROCFS,
	};
	struct steal *s = state;
	struct slo_steal_ticks to = { 0 };
	double pct = 0;
	int r;

	if (now_ns <= s->from_ns)
		return 0;
	r = read_ticks(s->fd, &to, err);
	if (r)
		return r;
	r = slo_steal_pct(&s->from, &to, &pct);
	if (r == 0)
		return 0;
	if (r > 0) {
		ev.start_ns = s->from_ns;
		ev.interval_ns = now_ns - s->from_ns;
		ev.realtime_offset_ns = slo_clock_realtime_offset_ns();
		ev.gauge = pct;
		fn(user, &ev);
	}
	s->from = to;
	s->from_ns = now_ns;
	return 0;
}

const struct slo_procfs_reader slo_procfs_steal = {
	.signal = SLO_SIG_CPU_STEAL,
	.probe = steal_probe,
	.open = steal_open,
	.read = steal_read,
	.close = steal_close,
};
