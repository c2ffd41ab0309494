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

#define TO(slot) (1U << (slot))

/* Where the packet goes: a set of TO(). */
static __always_inline __u32 route(struct __sk_buff *skb)
{
	struct slo_packet p = {};
	__u32 to = 0;

	if (slo_packet_parse(skb, &p))
		return 0;
	if ((p.sport == SLO_DNS_PORT || p.dport == SLO_DNS_PORT) && p.payload_len)
		to = TO(SLO_ABI_ROUTE_DNS);
	if (is_of_interest(&p) && (is_hot(bucket_of(&p)) || (p.payload_len && may_begin(skb, &p))))
		to |= TO(SLO_ABI_ROUTE_TLS);
	return to;
}

/* A call does not come back: this program's run ends before it. One that is not in place falls through to the next. */
#define GO(skb, routes)                                                \
	do {                                                           \
		struct slo_run run;                                    \
		__u32 to;                                              \
                                                                       \
		slo_run_begin(&run);                                   \
		to = route(skb);                                       \
		slo_run_end(&run);                                     \
		if (to & TO(SLO_ABI_ROUTE_DNS))                        \
			bpf_tail_call(skb, routes, SLO_ABI_ROUTE_DNS); \
		if (to & TO(SLO_ABI_ROUTE_TLS))                        \
			bpf_tail_call(skb, routes, SLO_ABI_ROUTE_TLS); \
	} while (0)

SEC("cgroup_skb/egress")
int route_egress(struct __sk_buff *skb)
{
	GO(skb, &route_out);
	return 1;
}

SEC("cgroup_skb/ingress")
int route_ingress(struct __sk_buff *skb)
{
	GO(skb, &route_in);
	return 1;
}
