/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/release_gate.h"

#define SAMPLES_MIN 1024

struct sample {
	double pct;
	uint32_t node;
};

struct slo_overhead {
	struct sample *samples; /* [count] */
	size_t count, size;
	struct slo_overhead_node *nodes; /* [node_count] */
	size_t node_count;
	double sum; /* in the order given */
	double max;
};

int slo_overhead_new(struct slo_overhead **ret)
{
	slo_overhead_auto struct slo_overhead *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->nodes = calloc(SLO_GATE_NODES_MAX, sizeof(*o->nodes));
	if (!o->nodes)
		return -ENOMEM;
	*ret = slo_take_ptr(o);
	return 0;
}

void slo_overhead_freep(struct slo_overhead **o)
{
	if (*o) {
		free((*o)->samples);
		free((*o)->nodes);
	}
	free(*o);
	*o = NULL;
}

/* Files hold one node's or a few nodes' lines: the last one is the most likely. */
static int find_node(struct slo_overhead *o, const char *name, uint32_t *ret)
{
	uint32_t last = o->count ? o->samples[o->count - 1].node : 0;

	if (last < o->node_count && strcmp(o->nodes[last].name, name) == 0) {
		*ret = last;
		return 0;
	}
	for (uint32_t i = 0; i < o->node_count; i++) {
		if (strcmp(o->nodes[i].name, name) == 0) {
			*ret = i;
			return 0;
		}
	}
	if (strlen(name) >= SLO_GATE_NODE_SIZE)
		return -ENAMETOOLONG;
	if (o->node_count == SLO_GATE_NODES_MAX)
		return -E2BIG;
	(void)snprintf(o->nodes[o->node_count].name, SLO_GATE_NODE_SIZE, "%s", name);
	*ret = (uint32_t)o->node_count++;
	return 0;
}

static int reserve(struct slo_overhead *o)
{
	size_t size = o->size ? 2 * o->size : SAMPLES_MIN;
	struct sample *samples;

	if (o->count < o->size)
		return 0;
	if (o->count == SLO_GATE_OVERHEAD_MAX)
		return -E2BIG;
	samples = calloc(size, sizeof(*samples));
	if (!samples)
		return -ENOMEM;
	if (o->count)
		memcpy(samples, o->samples, o->count * sizeof(*samples));
	free(o->samples);
	o->samples = samples;
	o->size = size;
	return 0;
}

int slo_overhead_add(struct slo_overhead *o, const char *node, double cpu_pct)
{
	uint32_t index;
	int r = reserve(o);

	if (r == 0)
		r = find_node(o, node, &index);
	if (r < 0)
		return r;
	o->samples[o->count++] = (struct sample){ cpu_pct, index };
	o->nodes[index].samples++;
	o->sum += cpu_pct;
	o->max = o->count == 1 || cpu_pct > o->max ? cpu_pct : o->max;
	return 0;
}

static int compare_samples(const void *a, const void *b)
{
	const struct sample *x = a;
	const struct sample *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return (x->pct > y->pct) - (x->pct < y->pct);
}

static int compare_nodes(const void *a, const void *b)
{
	return strcmp(((const struct slo_overhead_node *)a)->name,
	              ((const struct slo_overhead_node *)b)->name);
}

/* slo_stats_quantile() of the percentages of @samples, which are in order. */
static double p95_of(const struct sample *samples, size_t n)
{
	double two[2];
	double at = 0.95 * (double)(n - 1);
	size_t lower = (size_t)at;

	two[0] = samples[lower].pct;
	two[1] = samples[lower + 1 < n ? lower + 1 : lower].pct;
	return slo_stats_quantile(two, 2, at - (double)lower);
}

static void judge(const struct slo_gate_limits *limits, struct slo_overhead_result *ret)
{
	if (ret->samples == 0) {
		ret->verdict = SLO_GATE_INCONCLUSIVE;
		(void)snprintf(ret->reason, sizeof(ret->reason), "no overhead samples");
	} else if (ret->worst->p95_pct > limits->overhead_pct) {
		ret->verdict = SLO_GATE_FAIL;
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "node %.100s p95 overhead %.4f exceeds %.4f", ret->worst->name,
		               ret->worst->p95_pct, limits->overhead_pct);
	} else if (ret->mean_pct > limits->overhead_pct) {
		ret->verdict = SLO_GATE_FAIL;
		(void)snprintf(ret->reason, sizeof(ret->reason), "mean overhead %.4f exceeds %.4f",
		               ret->mean_pct, limits->overhead_pct);
	}
}

void slo_overhead_judge(struct slo_overhead *o, const struct slo_gate_limits *limits,
                        struct slo_overhead_result *ret)
{
	size_t begin = 0;

	*ret = (struct slo_overhead_result){
		.samples = o->count,
		.max_pct = o->count ? o->max : NAN,
		.mean_pct = o->count ? o->sum / (double)o->count : NAN,
		.nodes = o->nodes,
		.node_count = o->node_count,
	};
	if (o->count)
		qsort(o->samples, o->count, sizeof(*o->samples), compare_samples);
	for (size_t i = 0; i < o->node_count; i++) {
		o->nodes[i].p95_pct = p95_of(o->samples + begin, o->nodes[i].samples);
		begin += o->nodes[i].samples;
	}
	qsort(o->nodes, o->node_count, sizeof(*o->nodes), compare_nodes);
	for (size_t i = 0; i < o->node_count; i++) {
		if (!ret->worst || o->nodes[i].p95_pct > ret->worst->p95_pct)
			ret->worst = &o->nodes[i];
	}
	judge(limits, ret);
}
