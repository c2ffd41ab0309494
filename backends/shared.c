/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/shared.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "backends/map_keys.h"
#include "core/base/clock.h"

struct shared_row {
	const char *name;
	enum bpf_map_type type;
	uint32_t key, value, max;
	uint32_t flags;
};

#define RING_BYTES (1U << 20)

static const struct shared_row rows[] = {
	[SLO_SHARED_EVENTS] = { "slo_events", BPF_MAP_TYPE_RINGBUF, 0, 0, RING_BYTES, 0 },
	[SLO_SHARED_CTL] = { "slo_ctl", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct slo_abi_ctl),
	                     SLO_ABI_SIGNAL_MAX, 0 },
	[SLO_SHARED_STATS] = { "slo_stats", BPF_MAP_TYPE_PERCPU_ARRAY, 4,
	                       sizeof(struct slo_abi_stats), SLO_ABI_SIGNAL_MAX, 0 },
	[SLO_SHARED_BUCKET] = { "slo_bucket", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct slo_abi_bucket),
	                        1, BPF_F_MMAPABLE },
	[SLO_SHARED_TGT_CGROUPS] = { "slo_tgt_cgroups", BPF_MAP_TYPE_HASH, 8, 1, 4096, 0 },
	[SLO_SHARED_TGT_PIDS] = { "slo_tgt_pids", BPF_MAP_TYPE_HASH, 4, 1, 256, 0 },
	[SLO_SHARED_TGT_COMMS] = { "slo_tgt_comms", BPF_MAP_TYPE_HASH, SLO_ABI_COMM_LEN, 1, 64, 0 },
	[SLO_SHARED_SOCKS] = { "slo_socks", BPF_MAP_TYPE_LRU_HASH, 8, sizeof(struct slo_abi_sock),
	                       16384, 0 },
	[SLO_SHARED_LISTENERS] = { "slo_listeners", BPF_MAP_TYPE_LRU_HASH,
	                           sizeof(struct slo_abi_listener), sizeof(struct slo_abi_owner),
	                           1024, 0 },
	[SLO_SHARED_TRACES] = { "slo_traces", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 2, 0 },
	[SLO_SHARED_BEGUN] = { "slo_begun", BPF_MAP_TYPE_LRU_HASH, sizeof(struct slo_abi_begun),
	                       sizeof(struct slo_abi_trace), SLO_ABI_BEGUN_MAX, 0 },
};
SLO_TABLE_COMPLETE(rows, SLO_SHARED_MAX_);

/* What a map of maps holds is told by an example, which may go once the map is made. */
static const struct shared_row traces_row = { "slo_traces_like",
	                                      BPF_MAP_TYPE_LRU_HASH,
	                                      8,
	                                      sizeof(struct slo_abi_trace),
	                                      SLO_ABI_TRACES_MAX,
	                                      0 };

static const char *hint(int code)
{
	if (code == -EPERM)
		/* With what it follows it fits a verdict's why. */
		return "; needs CAP_BPF, CAP_PERFMON (before 5.8 root, before 5.11 ulimit -l too) and a seccomp profile with bpf(2)";
	if (code == -ENOSYS)
		return "; bpf(2) is not in this kernel, or seccomp forbids it";
	if (code == -EINVAL)
		return "; this kernel does not know such maps";
	return "";
}

bool slo_shared_lacks_ring(void)
{
	slo_cleanup(slo_closep) int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, NULL, 0, 0,
	                                                (uint32_t)sysconf(_SC_PAGESIZE), NULL);

	return fd == -EINVAL;
}

void slo_shared_close(struct slo_shared *s)
{
	if (s->bucket)
		(void)munmap(s->bucket, (size_t)sysconf(_SC_PAGESIZE));
	s->bucket = NULL;
	for (int i = 0; i < SLO_SHARED_MAX_; i++)
		slo_closep(&s->map[i].fd);
}

static int map_bucket(struct slo_shared *s, struct slo_err *err)
{
	void *p = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
	               s->map[SLO_SHARED_BUCKET].fd, 0);

	if (p == MAP_FAILED)
		return slo_err_set(err, -errno, "bpf map slo_bucket: mmap: %s", strerror(errno));
	s->bucket = p;
	s->bucket->unlimited = 1;
	return 0;
}

/* Of a bucket that is not mapped: what programs take between the two calls is lost to the account, a few at most. */
static void set_bucket(const struct slo_shared *s, int64_t tokens, bool unlimited)
{
	struct slo_abi_bucket b = { .tokens = tokens, .unlimited = unlimited };
	const uint32_t zero = 0;

	if (s->bucket) {
		__atomic_store_n(&s->bucket->tokens, tokens, __ATOMIC_RELAXED);
		__atomic_store_n(&s->bucket->unlimited, unlimited, __ATOMIC_RELAXED);
	} else {
		(void)bpf_map_update_elem(s->map[SLO_SHARED_BUCKET].fd, &zero, &b, BPF_ANY);
	}
}

static int64_t tokens_left(const struct slo_shared *s)
{
	struct slo_abi_bucket b = { 0 };
	const uint32_t zero = 0;

	if (s->bucket)
		return __atomic_load_n(&s->bucket->tokens, __ATOMIC_RELAXED);
	(void)bpf_map_lookup_elem(s->map[SLO_SHARED_BUCKET].fd, &zero, &b);
	return b.tokens;
}

static void add_tokens(const struct slo_shared *s, int64_t n)
{
	if (s->bucket)
		(void)__atomic_fetch_add(&s->bucket->tokens, n, __ATOMIC_RELAXED);
	else
		set_bucket(s, tokens_left(s) + n, false);
}

void slo_shared_limit(struct slo_shared *s, uint64_t rate, uint64_t burst, uint64_t now_ns)
{
	s->rate = rate;
	s->burst = burst;
	s->filled_ns = now_ns;
	set_bucket(s, (int64_t)burst, !rate);
}

bool slo_shared_may_send(const struct slo_shared *s)
{
	if (!s->rate)
		return true;
	if (tokens_left(s) <= 0)
		return false;
	add_tokens(s, -1);
	return true;
}

void slo_shared_refill(struct slo_shared *s, uint64_t now_ns)
{
	uint64_t passed = now_ns - s->filled_ns, due;
	int64_t have;

	if (!s->rate || now_ns <= s->filled_ns)
		return;
	/* After a pause the bucket is full at most: no need to multiply days. */
	passed = passed < SLO_NS_PER_SEC ? passed : SLO_NS_PER_SEC;
	due = passed * s->rate / SLO_NS_PER_SEC;
	if (!due)
		return;
	s->filled_ns = now_ns;
	have = tokens_left(s);
	if (have + (int64_t)due > (int64_t)s->burst)
		due = have < (int64_t)s->burst ? s->burst - (uint64_t)have : 0;
	add_tokens(s, (int64_t)due);
}

/* The row as this kernel takes it. */
static struct shared_row row_of(enum slo_shared_id id, bool old, unsigned int cpus)
{
	struct shared_row row = rows[id];

	if (old && id == SLO_SHARED_EVENTS)
		row =
			(struct shared_row){ "slo_perf", BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, cpus,
			                     0 };
	if (old)
		row.flags &= ~(uint32_t)BPF_F_MMAPABLE;
	return row;
}

/* Fd, or negative errno. */
static int create(const struct shared_row *row, int like)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = row->flags);
	int fd;

	if (like >= 0)
		opts.inner_map_fd = (uint32_t)like;
	fd = bpf_map_create(row->type, row->name, row->key, row->value, row->max, &opts);
	return fd < 0 ? -errno : fd;
}

static int create_shared(const struct shared_row *row)
{
	slo_cleanup(slo_closep) int like = -1;

	if (row->type != BPF_MAP_TYPE_ARRAY_OF_MAPS)
		return create(row, -1);
	like = create(&traces_row, -1);
	return like < 0 ? like : create(row, like);
}

int slo_shared_open(struct slo_shared *ret, bool old, struct slo_err *err)
{
	struct slo_shared s = { .old = old };
	int cpus = libbpf_num_possible_cpus();
	int r;

	if (cpus < 0)
		return slo_err_set(err, cpus, "number of CPUs: %s", strerror(-cpus));
	s.cpus = (unsigned int)cpus;
	for (int i = 0; i < SLO_SHARED_MAX_; i++)
		s.map[i].fd = -1;
	for (int i = 0; i < SLO_SHARED_MAX_; i++) {
		const struct shared_row row = row_of((enum slo_shared_id)i, old, s.cpus);
		int fd;

		s.map[i].name = row.name;
		if (old && (i == SLO_SHARED_TRACES || i == SLO_SHARED_BEGUN))
			continue;
		fd = create_shared(&row);
		if (fd < 0) {
			slo_shared_close(&s);
			return slo_err_set(err, fd, "bpf map %s: %s%s", row.name, strerror(-fd),
			                   hint(fd));
		}
		s.map[i].fd = fd;
		s.bytes += i == SLO_SHARED_EVENTS ? RING_BYTES
		                                  : (uint64_t)(row.key + row.value) * row.max *
		                                            (i == SLO_SHARED_STATS ? s.cpus : 1);
	}
	r = old ? 0 : map_bucket(&s, err);
	if (r < 0) {
		slo_shared_close(&s);
		return r;
	}
	if (old)
		set_bucket(&s, 0, true);
	*ret = s;
	return 0;
}

static bool is_member(const void *keys, size_t size, size_t count, const void *key)
{
	for (size_t i = 0; i < count; i++) {
		if (memcmp((const char *)keys + i * size, key, size) == 0)
			return true;
	}
	return false;
}

/* Makes the map's keys exactly @keys. New ones come first, so that what stays is measured all the while. */
static int replace_set(int fd, const void *keys, size_t size, size_t count)
{
	unsigned char key[SLO_ABI_COMM_LEN];
	const unsigned char one = 1;
	struct slo_map_keys in_map;

	for (size_t i = 0; i < count; i++) {
		if (bpf_map_update_elem(fd, (const char *)keys + i * size, &one, BPF_ANY))
			return -errno;
	}
	slo_map_keys_begin(&in_map, fd, size, UINT32_MAX);
	while (slo_map_keys_next(&in_map, key)) {
		if (!is_member(keys, size, count, key) && bpf_map_delete_elem(fd, key))
			return -errno;
	}
	return 0;
}

static int write_targets(const struct slo_shared *s, const struct slo_targets *t,
                         uint32_t *ret_kinds, struct slo_err *err)
{
	const struct {
		enum slo_shared_id map;
		uint32_t kind;
		const void *keys;
		size_t size, count;
		const char *what;
	} sets[] = {
		{ SLO_SHARED_TGT_CGROUPS, SLO_ABI_TGT_CGROUP, t->cgroup_ids, 8, t->cgroup_count,
		  "cgroups" },
		{ SLO_SHARED_TGT_PIDS, SLO_ABI_TGT_PID, t->tgids, 4, t->tgid_count, "pids" },
		{ SLO_SHARED_TGT_COMMS, SLO_ABI_TGT_COMM, t->comms, SLO_ABI_COMM_LEN, t->comm_count,
		  "comms" },
	};

	*ret_kinds = 0;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(sets); i++) {
		int r = replace_set(s->map[sets[i].map].fd, sets[i].keys, sets[i].size,
		                    sets[i].count);

		if (r == -E2BIG)
			return slo_err_set(err, r, "%zu target %s: at most %u", sets[i].count,
			                   sets[i].what, rows[sets[i].map].max);
		if (r)
			return slo_err_set(err, r, "target %s: %s", sets[i].what, strerror(-r));
		if (sets[i].count)
			*ret_kinds |= sets[i].kind;
	}
	return 0;
}

int slo_shared_control(const struct slo_shared *s, const struct slo_backend_config *cfg,
                       uint64_t enabled, uint32_t epoch, struct slo_err *err)
{
	uint32_t kinds;
	int r = write_targets(s, &cfg->targets, &kinds, err);

	if (r < 0)
		return r;
	for (uint32_t sig = 0; sig < SLO_ABI_SIGNAL_MAX; sig++) {
		bool in_ms = slo_signal_desc((enum slo_signal)sig)->unit == SLO_UNIT_MS;
		struct slo_abi_ctl ctl = {
			.threshold = (uint64_t)(cfg->threshold[sig] * (in_ms ? 1e6 : 1)),
			.epoch = epoch,
			.emit_all = cfg->emit_all,
			.targets = kinds,
			.off = !(enabled & SLO_SIG_BIT(sig)),
		};

		if (bpf_map_update_elem(s->map[SLO_SHARED_CTL].fd, &sig, &ctl, BPF_ANY))
			return slo_err_set(err, -errno, "bpf map slo_ctl: %s", strerror(errno));
	}
	return 0;
}

void slo_shared_trace(const struct slo_shared *s, uint64_t of, uint64_t start_ns,
                      struct slo_abi_traced *e)
{
	struct slo_abi_begun key = { .of = of, .start_ns = start_ns };
	int fd = s->map[SLO_SHARED_BEGUN].fd;

	if (fd >= 0 && bpf_map_lookup_elem(fd, &key, &e->trace) == 0)
		e->event.size = sizeof(*e);
}

void slo_shared_stats(const struct slo_shared *s, enum slo_signal sig, struct slo_abi_stats *ret)
{
	slo_cleanup(slo_freep) struct slo_abi_stats *percpu = calloc(s->cpus, sizeof(*percpu));
	uint32_t key = (uint32_t)sig;

	memset(ret, 0, sizeof(*ret));
	if (!percpu || bpf_map_lookup_elem(s->map[SLO_SHARED_STATS].fd, &key, percpu))
		return;
	for (unsigned int cpu = 0; cpu < s->cpus; cpu++) {
		const uint64_t *from = (const uint64_t *)&percpu[cpu];
		uint64_t *to = (uint64_t *)ret;

		for (size_t i = 0; i < sizeof(*ret) / sizeof(*to); i++)
			to[i] += from[i];
	}
}

void slo_shared_forget(int fd, size_t key_size, uint32_t max)
{
	unsigned char key[SLO_MAP_KEY_MAX];
	struct slo_map_keys keys;

	slo_map_keys_begin(&keys, fd, key_size, max);
	while (slo_map_keys_next(&keys, key))
		(void)bpf_map_delete_elem(fd, key);
}
