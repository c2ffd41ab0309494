/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/bcc/hooks.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "compat/hostfile.h"
#include "compat/tracefs.h"

void slo_bcc_hooks_init(struct slo_bcc_hooks *h)
{
	memset(h, 0, sizeof(*h));
	h->root = h->tracefs = -1;
	for (int i = 0; i < SLO_BCC_HOOK_MAX_; i++)
		h->hook[i].prog = h->hook[i].link = -1;
}

void slo_bcc_hooks_start(struct slo_bcc_hooks *h, int root)
{
	h->root = root;
	h->tracefs = slo_kprobe_needs_tracefs(root) ? slo_tracefs_dir(root, NULL) : -1;
	(void)slo_kprobe_sweep(h->tracefs);
}

void slo_bcc_hooks_fini(struct slo_bcc_hooks *h)
{
	for (int i = 0; i < SLO_BCC_HOOK_MAX_; i++) {
		slo_closep(&h->hook[i].link);
		slo_perf_spares_fini(&h->hook[i].perf);
		slo_kprobe_undefine(&h->hook[i].kprobe, h->tracefs);
	}
	slo_closep(&h->tracefs);
}

static int event_id(const struct slo_bcc_hooks *h, const char *target, struct slo_err *err)
{
	const char *slash = strchr(target, '/');
	char category[32];

	(void)snprintf(category, sizeof(category), "%.*s", (int)(slash - target), target);
	if (h->tracefs >= 0)
		return slo_tracefs_event_id_in(h->tracefs, category, slash + 1, err);
	return slo_tracefs_event_id(h->root, category, slash + 1, err);
}

/* Perf event for the hook's place, which is looked up once. */
static int open_event(struct slo_bcc_hooks *h, enum slo_bcc_hook id, struct slo_err *err)
{
	const struct slo_bcc_hook_row *row = slo_bcc_hook_row(id);
	int r;

	if (row->kind == SLO_BCC_TRACEPOINT) {
		if (!h->hook[id].perf.id) {
			r = event_id(h, row->target, err);
			if (r < 0)
				return r;
			slo_perf_spares_init(&h->hook[id].perf, h->root, r);
		}
		r = slo_perf_spares_take(&h->hook[id].perf);
	} else if (*h->hook[id].kprobe.symbol) {
		r = slo_kprobe_open(&h->hook[id].kprobe);
	} else {
		int fd = -1;

		r = slo_kprobe_define(&h->hook[id].kprobe, h->root, h->tracefs, row->target, &fd,
		                      err);
		return r < 0 ? r : fd;
	}
	return r < 0 ? slo_err_set(err, r, "perf event for %s: %s", row->target, strerror(-r)) : r;
}

static int attach(struct slo_bcc_hooks *h, enum slo_bcc_hook id, struct slo_err *err)
{
	const struct slo_bcc_hook_row *row = slo_bcc_hook_row(id);
	slo_cleanup(slo_closep) int fd = -1;

	if (h->hook[id].link >= 0)
		return 0;
	if (row->kind == SLO_BCC_RAW_TP)
		fd = bpf_raw_tracepoint_open(row->target, h->hook[id].prog);
	else
		fd = open_event(h, id, err);
	if (fd < 0)
		return row->kind == SLO_BCC_RAW_TP
		               ? slo_err_set(err, -errno, "raw tracepoint %s: %s", row->target,
		                             strerror(errno))
		               : fd;
	/* Before 4.15 one program only: EEXIST where another tool has the place. */
	if (row->kind != SLO_BCC_RAW_TP && (ioctl(fd, PERF_EVENT_IOC_SET_BPF, h->hook[id].prog) ||
	                                    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)))
		return slo_err_set(err, -errno, "attach to %s: %s%s", row->target, strerror(errno),
		                   errno == EEXIST ? " (another tool is there; this kernel takes "
		                                     "one only)"
		                                   : "");
	h->hook[id].link = slo_take_fd(fd);
	return 0;
}

static int load_and_attach(struct slo_bcc_hooks *h, enum slo_bcc_hook id, struct slo_bcc_program *p,
                           struct slo_err *err)
{
	int fd = slo_bcc_program_prog(p, slo_bcc_hook_row(id)->prog, err);

	if (fd < 0)
		return fd;
	h->hook[id].prog = fd;
	return attach(h, id, err);
}

uint64_t slo_bcc_hooks_of(const struct slo_bcc_hooks *h, enum slo_bcc_obj obj)
{
	const struct slo_bcc_rung *rung = h->rung[obj];
	uint64_t set = 0;

	for (unsigned int i = 0; rung && i < rung->needs; i++)
		set |= 1ULL << rung->need[i];
	for (int i = 0; rung && i < SLO_BCC_RUNG_EXTRAS; i++) {
		for (unsigned int k = 0; (h->extras[obj] & 1U << i) && k < rung->extra[i].hooks;
		     k++)
			set |= 1ULL << rung->extra[i].hook[k];
	}
	return set;
}

static uint64_t hooks_of_set(const struct slo_bcc_hooks *h, unsigned int objects)
{
	uint64_t set = 0;

	for (int i = 0; i < SLO_BCC_OBJ_MAX_; i++) {
		if (objects & 1U << i)
			set |= slo_bcc_hooks_of(h, (enum slo_bcc_obj)i);
	}
	return set;
}

/* Detached now, could it be attached again? Else it stays, and does nothing while its signal's ctl is off. */
static bool can_return(const struct slo_bcc_hooks *h, int i)
{
	slo_cleanup(slo_closep) int fd = -1;

	if (h->hook[i].perf.id)
		return slo_perf_spares_can_take(&h->hook[i].perf);
	if (!*h->hook[i].kprobe.symbol)
		return true;
	fd = slo_kprobe_open(&h->hook[i].kprobe);
	return fd >= 0;
}

static void detach_all_but(struct slo_bcc_hooks *h, uint64_t keep)
{
	for (int i = 0; i < SLO_BCC_HOOK_MAX_; i++) {
		if (!(keep & 1ULL << i) && h->hook[i].link >= 0 && can_return(h, i))
			slo_closep(&h->hook[i].link);
	}
}

int slo_bcc_hooks_apply(struct slo_bcc_hooks *h, unsigned int objects, struct slo_err *err)
{
	uint64_t want = hooks_of_set(h, objects);
	int failed = 0;

	detach_all_but(h, want);
	for (int i = 0; i < SLO_BCC_HOOK_MAX_; i++) {
		int r = want & 1ULL << i ? attach(h, (enum slo_bcc_hook)i, failed ? NULL : err) : 0;

		failed = failed ? failed : r;
	}
	return failed;
}

bool slo_bcc_delays_are_kept(int root)
{
	char line[4096];
	uint64_t on;

	/* The switch came with 5.14, and off; before that it was on unless the boot option said otherwise. */
	if (slo_hostfile_u64(root, "proc/sys/kernel/task_delayacct", &on) == 0)
		return on != 0;
	return slo_hostfile_line(root, "proc/cmdline", line, sizeof(line)) < 0 ||
	       !strstr(line, "nodelayacct");
}

static int try_rung(struct slo_bcc_hooks *h, const struct slo_bcc_rung *rung,
                    struct slo_bcc_program *p, struct slo_verdict *v)
{
	struct slo_err err = { 0 };
	int r = 0;

	if (rung->needs_delayacct && !slo_bcc_delays_are_kept(h->root))
		r = slo_err_set(&err, -ENOTSUP,
		                "delay accounting, which tells the end, is off (boot option "
		                "nodelayacct, kernel.task_delayacct)");
	for (unsigned int i = 0; !r && i < rung->needs; i++)
		r = load_and_attach(h, rung->need[i], p, &err);
	if (r < 0) {
		slo_verdict_refuse(v, rung->mechanism, r, "%s", err.msg);
		return r;
	}
	h->rung[rung->obj] = rung;
	h->extras[rung->obj] = 0;
	for (int i = 0; i < SLO_BCC_RUNG_EXTRAS && rung->extra[i].missing; i++) {
		const struct slo_bcc_extra *extra = &rung->extra[i];

		r = 0;
		for (unsigned int k = 0; !r && k < extra->hooks; k++)
			r = load_and_attach(h, extra->hook[k], p, &err);
		if (r < 0)
			slo_verdict_note(v, extra->missing, err.msg);
		else
			h->extras[rung->obj] |= 1U << i;
	}
	return 0;
}

int slo_bcc_hooks_open(struct slo_bcc_hooks *h, enum slo_bcc_obj obj, struct slo_bcc_program *p,
                       struct slo_verdict *v)
{
	size_t count;
	const struct slo_bcc_rung *rungs = slo_bcc_rungs(&count);
	unsigned int served = 0;
	int r = -ENOTSUP;

	for (int i = 0; i < SLO_BCC_OBJ_MAX_; i++)
		served |= h->rung[i] ? 1U << i : 0;
	for (size_t i = 0; i < count; i++) {
		if (rungs[i].obj != obj)
			continue;
		r = try_rung(h, &rungs[i], p, v);
		if (r < 0) {
			detach_all_but(h, hooks_of_set(h, served));
			continue;
		}
		v->serves = true;
		v->source = SLO_SRC_BCC;
		v->mechanism = rungs[i].mechanism;
		v->hooks = rungs[i].hooks;
		if (*rungs[i].note)
			slo_verdict_note(v, rungs[i].note, NULL);
		return 0;
	}
	return r;
}
