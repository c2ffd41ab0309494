/* SPDX-License-Identifier: Apache-2.0 */
/* One BPF object, loaded and attached by the first rung of its ladder that the kernel really takes. */
#ifndef SLO_LIBBPF_OBJECT_H
#define SLO_LIBBPF_OBJECT_H

#include <bpf/libbpf.h>
#include <stdbool.h>

#include "backends/libbpf/rows.h"
#include "backends/shared.h"
#include "compat/perfhook.h"
#include "core/base/err.h"
#include "core/model/verdict.h"

#define SLO_OBJ_LINKS 20

/* What an object needs to know of the host; outlives the objects. */
struct slo_attach_env {
	uint64_t wanted; /* SLO_SIG_BIT set */
	const struct slo_shared_map *shared; /* ends with name NULL */
	enum slo_flavour flavour;
	const char *btf_path; /* NULL: the kernel's own */
	int root; /* dirfd of the host's root */
	int cgroup_fd; /* cgroup2 root; -1: cgroup_why says why not */
	char cgroup_why[160];
	bool cgroup_v1; /* containers live in v1 controllers */
	bool sched_info;
	bool targeted, by_cgroup; /* there are targets; some of them are cgroups */
	bool by_turns; /* the caller enables what taxes everybody now and then only */
	bool know_owner; /* there are targets, or a measurement does not carry its owner on this host */
	uint32_t percpu_hist_max; /* entries of a per-CPU histogram map */
};

/* One attached program. */
struct slo_bpf_hook {
	struct bpf_link *link; /* NULL: attached to the cgroup without one (before 5.7) */
	int prog, cgroup; /* borrowed, valid where @link is NULL */
	enum bpf_attach_type type;
	const struct bpf_program *of;
};

struct slo_bpf_obj {
	const struct slo_obj_row *row;
	const struct slo_rung *rung; /* NULL: not loaded */
	struct bpf_object *obj;
	struct slo_bpf_hook link[SLO_OBJ_LINKS];
	unsigned int links;
	/* Tracepoints attached once: with privileges dropped tracefs and perf events may be out of reach. */
	struct {
		const struct bpf_program *prog; /* NULL: unused, as all behind it */
		struct slo_perf_spares perf;
	} event[SLO_OBJ_LINKS];
	struct bpf_link *stand_in; /* of the rung's stand_in; NULL: not attached */
	unsigned int extras; /* bit i: the rung's optional part i is in */
	bool lent; /* attached all the same: its programs on packets run as another's part, see slo_bpf_obj_lend() */
	bool late; /* on-demand parts are attached, or to be attached with the others */
};

/*
 * Climbs @id's ladder: refusals and the serving row go into @v. 0 with @ret loaded and attached, or negative errno
 * with @ret zeroed.
 */
int slo_bpf_obj_open(struct slo_bpf_obj *ret, enum slo_obj id, const struct slo_attach_env *env,
                     struct slo_verdict *v);
int slo_bpf_obj_attach(struct slo_bpf_obj *o, const struct slo_attach_env *env,
                       struct slo_err *err);
/* Attaches or detaches the rung's stand-in, where it has one and the object is attached; idempotent. */
int slo_bpf_obj_stand_in(struct slo_bpf_obj *o, bool on, const struct slo_attach_env *env,
                         struct slo_err *err);
/* Attaches the on-demand parts too. Idempotent; 0 or negative errno. */
int slo_bpf_obj_attach_late(struct slo_bpf_obj *o, const struct slo_attach_env *env,
                            struct slo_err *err);
/* What env.know_owner means at open, at run time. 0 or negative errno. */
int slo_bpf_obj_know_owner(struct slo_bpf_obj *o, const struct slo_attach_env *env,
                           struct slo_err *err);
/*
 * @on: detaches those programs of an attached object that look at packets, for another program to call them; else attaches
 * them again. Idempotent; 0 or negative errno.
 */
int slo_bpf_obj_lend(struct slo_bpf_obj *o, bool on, const struct slo_attach_env *env,
                     struct slo_err *err);
bool slo_bpf_obj_is_attached(const struct slo_bpf_obj *o);
void slo_bpf_obj_detach(struct slo_bpf_obj *o);
/* Detached now, could it be attached again? Else it stays, and does nothing while its signals' ctl is off. */
bool slo_bpf_obj_can_return(const struct slo_bpf_obj *o);
/* Safe on a zeroed object. */
void slo_bpf_obj_close(struct slo_bpf_obj *o);

/* Sets the global @name of a loaded object (8 bytes, .bss); -ENOENT where it has none. */
int slo_bpf_obj_set_global(const struct slo_bpf_obj *o, const char *name, uint64_t value);

/* Descriptor of @name's map, borrowed; -1 where the rung has none. */
int slo_bpf_obj_map_fd(const struct slo_bpf_obj *o, const char *name);

#endif
