/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * In place of two programs on each packet, DNS's and TLS's: reads its headers once, ends here for nearly all, and goes on into
 * the one of the two that it may matter to. Attached while both signals are measured (backends/libbpf/route.c).
 */
#include "bpf/tls_filter.h"

/* One for each direction: programs of one such map have to be alike in all that the kernel looks at. */
#define ROUTES(name)                                    \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);  \
		__uint(max_entries, SLO_ABI_ROUTE_MAX); \
		__type(key, __u32);                     \
		__type(value, __u32);                   \
	} name SEC(".maps")

ROUTES(route_out);
ROUTES(route_in);

static __always_inline void route(struct __sk_buff *skb, void *routes)
{
	struct slo_packet p = {};

	if (slo_packet_parse(skb, &p))
		return;
	if ((p.sport == SLO_DNS_PORT || p.dport == SLO_DNS_PORT) && p.payload_len)
		bpf_tail_call(skb, routes, SLO_ABI_ROUTE_DNS);
	/* Here too where the one above is not in place. */
	if (is_of_interest(&p) && (is_hot(bucket_of(&p)) || (p.payload_len && may_begin(skb, &p))))
		bpf_tail_call(skb, routes, SLO_ABI_ROUTE_TLS);
}

SEC("cgroup_skb/egress")
int route_egress(struct __sk_buff *skb)
{
	route(skb, &route_out);
	return 1;
}

SEC("cgroup_skb/ingress")
int route_ingress(struct __sk_buff *skb)
{
	route(skb, &route_in);
	return 1;
}
