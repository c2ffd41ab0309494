/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel structures read by copies, at offsets that libbpf takes out of a BTF file. */
#ifndef SLO_BPF_FREE_READ_H
#define SLO_BPF_FREE_READ_H

static __always_inline __u64 slo_kn_id(const struct kernfs_node *kn)
{
	const struct kernfs_node___union *old = (const void *)kn;

	if (!kn)
		return 0;
	if (bpf_core_field_exists(kn->id))
		return BPF_CORE_READ(kn, id);
	return BPF_CORE_READ(old, id.id);
}

static __always_inline __u64 slo_task_cgroup_id(const struct task_struct *task)
{
	if (slo_cgroup_v1)
		return 0;
	return slo_kn_id(BPF_CORE_READ(task, cgroups, dfl_cgrp, kn));
}

/* cgroup of the socket: right in interrupts too, where the current task is a bystander. 0 unknown. */
static __always_inline __u64 slo_sock_cgroup_id(const struct sock *sk)
{
	struct cgroup *cgroup;

	if (slo_cgroup_v1)
		return 0;
	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup)) {
		cgroup = BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	} else {
		bpf_probe_read(&cgroup, sizeof(cgroup),
		               (void *)sk + bpf_core_field_offset(struct sock, sk_cgrp_data));
		if ((__u64)cgroup & 1)
			return 0;
	}
	return cgroup ? slo_kn_id(BPF_CORE_READ(cgroup, kn)) : 0;
}

static __always_inline __u32 slo_sock_netns(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

#endif
