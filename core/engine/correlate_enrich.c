/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/correlate_enrich.h"

#include <errno.h>
#include <string.h>

#include "core/base/map.h"

void slo_enrichment_put(struct slo_enrichment *e, enum slo_signal sig, double value)
{
	assert((unsigned int)sig < SLO_SIG_MAX_);
	if (!(e->present & SLO_SIG_BIT(sig)) || value > e->value[sig])
		e->value[sig] = value;
	e->present |= SLO_SIG_BIT(sig);
}

void slo_enrichment_add(struct slo_enrichment *e, const struct slo_corr_result *r)
{
	for (unsigned int i = 0; i < r->count; i++)
		slo_enrichment_put(e, r->hit[i].signal, r->hit[i].value);
	if (r->count > 0 && r->hit[0].confidence > e->confidence) {
		e->confidence = r->hit[0].confidence;
		e->tier = r->hit[0].tier;
	}
}

bool slo_enrichment_retrieval_ms(const struct slo_enrichment *e, double *ret_ms)
{
	static const enum slo_signal parts[] = { SLO_SIG_DNS_LATENCY, SLO_SIG_CONNECT_LATENCY,
		                                 SLO_SIG_TLS_HANDSHAKE };
	bool any = false;
	double sum = 0;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(parts); i++) {
		if (e->present & SLO_SIG_BIT(parts[i])) {
			sum += e->value[parts[i]];
			any = true;
		}
	}
	if (any)
		*ret_ms = sum;
	return any;
}

/* --- retry storms -------------------------------------------------------------------------------------------- */

/* The newest retransmits of a pod, oldest first, are all that the rule can ask for. */
struct pod {
	int64_t newest[SLO_STORM_RETRANSMITS];
	unsigned int count; /* of @newest */
	bool stormed;
	int64_t begin_ns, end_ns; /* of the latest storm, where @stormed */
};

struct slo_storms {
	struct slo_map *pods; /* name, filled with zeros, to struct pod */
	uint64_t dropped;
};

int slo_storms_new(struct slo_storms **ret, size_t max, struct slo_err *err)
{
	const struct slo_map_config cfg = { .key_size = SLO_STORM_POD_LEN + 1,
		                            .value_size = sizeof(struct pod),
		                            .max = max };
	slo_storms_auto struct slo_storms *storms = calloc(1, sizeof(*storms));
	int r;

	if (!storms)
		return slo_err_set(err, -ENOMEM, "retry storms: out of memory");
	r = slo_map_new(&storms->pods, &cfg, err);
	if (r < 0)
		return slo_err_wrap(err, r, "retry storms");
	*ret = slo_take_ptr(storms);
	return 0;
}

void slo_storms_freep(struct slo_storms **storms)
{
	if (*storms)
		slo_map_freep(&(*storms)->pods);
	slo_freep(storms);
}

/* False where @name is no name to follow. */
static bool pod_key(const char *name, char key[SLO_STORM_POD_LEN + 1])
{
	size_t len = name ? strlen(name) : 0;

	if (len == 0 || len > SLO_STORM_POD_LEN)
		return false;
	memcpy(key, name, len + 1);
	memset(key + len, 0, SLO_STORM_POD_LEN + 1 - len);
	return true;
}

/* Keeps @newest sorted; one that is older than all of a full list changes nothing. */
static void note(struct pod *pod, int64_t time_ns)
{
	unsigned int at;

	if (pod->count == SLO_STORM_RETRANSMITS) {
		if (time_ns <= pod->newest[0])
			return;
		pod->count--;
		memmove(pod->newest, pod->newest + 1, pod->count * sizeof(*pod->newest));
	}
	for (at = pod->count; at > 0 && pod->newest[at - 1] > time_ns; at--)
		pod->newest[at] = pod->newest[at - 1];
	pod->newest[at] = time_ns;
	pod->count++;
}

static bool is_storm(const struct pod *pod)
{
	int64_t length_ns;

	return pod->count == SLO_STORM_RETRANSMITS &&
	       !__builtin_sub_overflow(pod->newest[SLO_STORM_RETRANSMITS - 1], pod->newest[0],
	                               &length_ns) &&
	       length_ns <= SLO_STORM_WINDOW_NS;
}

bool slo_storms_add(struct slo_storms *storms, const char *pod_name, int64_t time_ns,
                    uint64_t count)
{
	char key[SLO_STORM_POD_LEN + 1];
	struct pod *pod;

	if (count == 0 || !pod_key(pod_name, key))
		return false;
	pod = slo_map_get(storms->pods, key, NULL);
	if (!pod) {
		storms->dropped += count;
		return false;
	}
	for (uint64_t i = 0; i < count && i < SLO_STORM_RETRANSMITS; i++)
		note(pod, time_ns);
	if (!is_storm(pod))
		return false;
	/* One storm goes on as long as its last retransmits still overlap. */
	if (!pod->stormed || pod->newest[0] > pod->end_ns)
		pod->begin_ns = pod->newest[0];
	pod->stormed = true;
	pod->end_ns = pod->newest[SLO_STORM_RETRANSMITS - 1];
	return true;
}

bool slo_storms_get(const struct slo_storms *storms, const char *pod_name, struct slo_storm *ret)
{
	char key[SLO_STORM_POD_LEN + 1];
	const struct pod *pod;

	/* Mostly nobody has sent anything again. */
	if (slo_map_count(storms->pods) == 0 || !pod_key(pod_name, key))
		return false;
	pod = slo_map_find(storms->pods, key);
	if (!pod || !pod->stormed)
		return false;
	*ret = (struct slo_storm){ pod->begin_ns, pod->end_ns };
	return true;
}

void slo_storms_expire(struct slo_storms *storms, int64_t before_ns)
{
	const struct pod *pod;
	const void *key;
	size_t pos = 0;

	while ((pod = slo_map_next(storms->pods, &pos, &key))) {
		if (pod->newest[pod->count - 1] < before_ns)
			(void)slo_map_erase(storms->pods, key);
	}
}

uint64_t slo_storms_dropped(const struct slo_storms *storms)
{
	return storms->dropped;
}
