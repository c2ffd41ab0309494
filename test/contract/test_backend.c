/* SPDX-License-Identifier: Apache-2.0 */
/* Every backend, the same scenarios: a backend that needs what this host lacks skips with its own reason. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/backends.h"
#include "backends/capture.h"
#include "core/base/clock.h"

/* Records of the capture that replay is given. */
#define RECORDS 40
/* A poll that takes longer has blocked; generous, for sanitizers on a busy machine. */
#define POLL_MAX_NS (2 * SLO_NS_PER_SEC)
/* The n-th allocation test ends here at the latest. */
#define FAULTS_MAX_NS (30 * SLO_NS_PER_SEC)
/* So many allocations fail one after the other, then ever fewer of them: some backends make thousands. */
#define FAULTS_EACH 8

struct subject {
	const struct slo_backend_ops *ops;
	uint64_t served; /* of all signals, by probe() */
	int probed;
	struct slo_err why;
};

struct heard {
	unsigned int events;
	unsigned int records;
	bool order_broken; /* an event whose record did not come first */
};

static char capture_path[64];

/* The first signal that the backend does not serve here; of one that serves all, any: it refuses for another reason. */
static enum slo_signal unserved(const struct subject *s)
{
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (!(s->served & SLO_SIG_BIT(i)))
			return (enum slo_signal)i;
	}
	return SLO_SIG_DNS_LATENCY;
}

static void on_event(void *user, const struct slo_probe_event *ev)
{
	struct heard *h = user;

	assert_in_range(ev->signal, 0, SLO_SIG_MAX_ - 1);
	h->events++;
	h->order_broken |= h->records < h->events;
}

static void on_record(void *user, const void *record, size_t size)
{
	struct heard *h = user;

	assert_non_null(record);
	assert_true(size >= sizeof(struct slo_abi_event));
	h->records++;
}

static struct slo_backend_config config(struct heard *h, uint64_t signals)
{
	return (struct slo_backend_config){
		.signals = signals,
		.on_event = on_event,
		.on_record = on_record,
		.user = h,
		.emit_all = true,
		.host_root = -1,
		.replay_path = capture_path,
		.replay_fast = true,
	};
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

/* Ends the test, skipped, where the backend cannot work on this host at all. */
static struct subject *usable(void **state)
{
	struct subject *s = *state;

	if (s->probed < 0) {
		print_message("skipped: %s: %s\n", s->ops->name, s->why.msg);
		skip();
	}
	return s;
}

/* Counts allocations down while armed; the one that reaches 0 fails. */
static int allocations_left = -1;
static bool allocation_failed;

#ifdef __GLIBC__
/*
 * glibc lets a program stand before its malloc, and before that of ASan. The loader and ASan allocate before ASan's
 * shadow memory is there, so these must not be instrumented.
 */
#define EARLY __attribute__((no_sanitize_address, no_sanitize_undefined))

static EARLY bool fails_now(void)
{
	if (allocations_left < 0 || allocations_left-- != 0)
		return false;
	allocation_failed = true;
	errno = ENOMEM;
	return true;
}

EARLY void *malloc(size_t size)
{
	static void *(*next)(size_t);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "malloc");
	return fails_now() ? NULL : next(size);
}

EARLY void *calloc(size_t count, size_t size)
{
	static void *(*next)(size_t, size_t);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "calloc");
	return fails_now() ? NULL : next(count, size);
}

EARLY void *realloc(void *p, size_t size)
{
	static void *(*next)(void *, size_t);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "realloc");
	return fails_now() ? NULL : next(p, size);
}
#endif

static void all_ops_are_set(void **state)
{
	const struct slo_backend_ops *ops = ((struct subject *)*state)->ops;

	assert_non_null(ops->name);
	assert_true(ops->probe && ops->open && ops->enable && ops->retarget && ops->fd);
	assert_true(ops->poll && ops->interval && ops->stats && ops->close);
}

static void assert_verdict(const struct slo_verdict *v)
{
	assert_true(v->refused_count <= SLO_VERDICT_REFUSED_MAX);
	for (unsigned int i = 0; i < v->refused_count; i++) {
		assert_true(v->refused[i].code < 0);
		assert_true(v->refused[i].why[0]);
		assert_true(v->refused[i].mechanism && v->refused[i].mechanism[0]);
	}
	assert_non_null(v->mechanism);
	assert_non_null(v->hooks);
	if (v->serves) {
		assert_true(v->mechanism[0]);
		assert_in_range(v->source, SLO_SRC_NONE + 1, SLO_SRC_MAX_ - 1);
	} else {
		assert_true(v->refused_count > 0);
	}
}

static void probe_judges_each_signal_and_leaves_no_fd(void **state)
{
	struct subject *s = *state;
	struct slo_verdict verdicts[SLO_SIG_MAX_];
	struct heard h = { 0 };
	struct slo_backend_config cfg = config(&h, SLO_SIG_ALL);
	int before = open_fds();

	memset(verdicts, 0xa5, sizeof(verdicts)); /* must not lean on the caller's zeroes */
	s->probed = s->ops->probe(&cfg, verdicts, &s->why);
	assert_int_equal(open_fds(), before);
	assert_int_equal(h.events, 0);
	if (s->probed < 0)
		assert_true(s->why.msg[0]);
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++) {
		assert_verdict(&verdicts[i]);
		if (verdicts[i].serves)
			s->served |= SLO_SIG_BIT(i);
	}
	if (s->probed < 0)
		assert_int_equal(s->served, 0);
}

/* A few rounds of all that gives events; true at the end of a replay. */
static bool drain(const struct slo_backend_ops *ops, void *be)
{
	struct slo_err err = { 0 };

	for (int i = 0; i < 3; i++) {
		int r = ops->poll(be, &err);

		if (r == -ENODATA)
			return true;
		assert_true(r >= 0);
		assert_true(ops->interval(be, slo_clock_monotonic_ns(), &err) >= 0);
	}
	return false;
}

static void open_gives_what_probe_promised_and_close_takes_all_back(void **state)
{
	struct subject *s = usable(state);
	struct slo_verdict verdicts[SLO_SIG_MAX_];
	struct heard h = { 0 };
	struct slo_backend_config cfg = config(&h, s->served);
	struct slo_err err = { 0 };
	int before = open_fds();
	void *be = NULL;

	memset(verdicts, 0xa5, sizeof(verdicts));
	assert_int_equal(s->ops->open(&cfg, verdicts, &be, &err), 0);
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++) {
		if (!(s->served & SLO_SIG_BIT(i)))
			continue;
		assert_verdict(&verdicts[i]);
		assert_true(verdicts[i].serves);
	}
	(void)drain(s->ops, be);
	assert_false(h.order_broken);
	s->ops->close(be);
	assert_int_equal(open_fds(), before);
}

static void nothing_asked_for_opens(void **state)
{
	struct subject *s = usable(state);
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	struct heard h = { 0 };
	struct slo_backend_config cfg = config(&h, 0);
	struct slo_err err = { 0 };
	void *be = NULL;

	assert_int_equal(s->ops->open(&cfg, verdicts, &be, &err), 0);
	(void)drain(s->ops, be);
	assert_int_equal(h.events, 0);
	s->ops->close(be);
}

static void opens_twice_at_once(void **state)
{
	struct subject *s = usable(state);
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	struct heard first = { 0 }, second = { 0 };
	struct slo_backend_config a = config(&first, s->served), b = config(&second, s->served);
	struct slo_err err = { 0 };
	int before = open_fds();
	void *be_a = NULL, *be_b = NULL;
	bool ended;

	assert_int_equal(s->ops->open(&a, verdicts, &be_a, &err), 0);
	assert_int_equal(s->ops->open(&b, verdicts, &be_b, &err), 0);
	assert_ptr_not_equal(be_a, be_b);
	ended = drain(s->ops, be_a);
	s->ops->close(be_a);
	assert_int_equal(drain(s->ops, be_b), ended);
	if (ended)
		assert_int_equal(first.events, second.events);
	s->ops->close(be_b);
	assert_int_equal(open_fds(), before);
}

static void refused_open_says_why_and_leaves_nothing(void **state)
{
	const struct subject *s = *state;
	const struct slo_backend_ops *ops = s->ops;
	const enum slo_signal sig = unserved(s);
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	struct heard h = { 0 };
	struct slo_backend_config cfg = config(&h, SLO_SIG_BIT(sig));
	struct slo_err err = { 0 };
	int before = open_fds();
	char sentinel = 0;
	void *be = &sentinel;

	cfg.replay_path = "/nonexistent/capture";
	assert_true(ops->open(&cfg, verdicts, &be, &err) < 0);
	assert_ptr_equal(be, &sentinel);
	assert_true(err.code < 0 && err.msg[0]);
	assert_false(verdicts[sig].serves);
	assert_verdict(&verdicts[sig]);
	assert_true(ops->open(&cfg, verdicts, &be, NULL) < 0);
	assert_int_equal(open_fds(), before);
}

static void enable_is_idempotent(void **state)
{
	struct subject *s = usable(state);
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	struct heard h = { 0 };
	struct slo_backend_config cfg = config(&h, s->served);
	struct slo_err err = { 0 };
	int before = open_fds();
	void *be = NULL;

	assert_int_equal(s->ops->open(&cfg, verdicts, &be, &err), 0);
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++) {
		enum slo_signal sig = (enum slo_signal)i;

		if (!(s->served & SLO_SIG_BIT(i)))
			continue;
		assert_int_equal(s->ops->enable(be, sig, true, &err), 0);
		assert_int_equal(s->ops->enable(be, sig, false, &err), 0);
		assert_int_equal(s->ops->enable(be, sig, false, &err), 0);
		assert_int_equal(s->ops->enable(be, sig, true, &err), 0);
		assert_int_equal(s->ops->enable(be, sig, true, &err), 0);
	}
	assert_int_equal(s->ops->retarget(be, &cfg, &err), 0);
	(void)drain(s->ops, be);
	s->ops->close(be);
	assert_int_equal(open_fds(), before);
}

/* A connect that @h waits for, by its port; 0: not come yet. */
struct awaited {
	uint16_t port;
	uint64_t took_ns;
};

static void on_awaited(void *user, const struct slo_probe_event *ev)
{
	struct awaited *a = user;

	if (ev->signal == SLO_SIG_CONNECT_LATENCY && ev->kind == SLO_EV_SAMPLE &&
	    ev->tuple.sport == a->port)
		a->took_ns = ev->value_ns;
}

/* A listener of loopback that has room for one: what comes then sends its SYN again a second later. */
static int full_listener(struct sockaddr_in *ret_addr, int *ret_filler)
{
	socklen_t len = sizeof(*ret_addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_addr = (struct sockaddr_in){ .sin_family = AF_INET };
	ret_addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)ret_addr, len), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_addr, &len), 0);
	*ret_filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*ret_filler, (struct sockaddr *)ret_addr, len), 0);
	return fd;
}

/* Begins one that waits, and says from which port. */
static int begin_connect(const struct sockaddr_in *to, uint16_t *ret_port)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)to, sizeof(*to)), -1);
	assert_int_equal(errno, EINPROGRESS);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&from, &len), 0);
	*ret_port = ntohs(from.sin_port);
	return fd;
}

static void a_connect_under_way_outlasts_the_return_of_retransmits(void **state)
{
	struct subject *s = usable(state);
	const uint64_t both =
		SLO_SIG_BIT(SLO_SIG_CONNECT_LATENCY) | SLO_SIG_BIT(SLO_SIG_TCP_RETRANSMITS);
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	struct heard h = { 0 };
	struct awaited a = { 0 };
	struct slo_backend_config cfg = config(&h, both);
	struct slo_err err = { 0 };
	struct pollfd done = { .events = POLLOUT };
	struct sockaddr_in addr;
	int listener, filler;
	void *be = NULL;

	/* Others count, or serve what no kernel has a part in. */
	if ((s->served & both) != both ||
	    (strcmp(s->ops->name, "libbpf") != 0 && strcmp(s->ops->name, "btf_free") != 0))
		skip();
	cfg.on_event = on_awaited;
	cfg.on_record = NULL;
	cfg.user = &a;
	assert_int_equal(s->ops->open(&cfg, verdicts, &be, &err), 0);
	assert_int_equal(s->ops->enable(be, SLO_SIG_TCP_RETRANSMITS, false, &err), 0);
	listener = full_listener(&addr, &filler);
	done.fd = begin_connect(&addr, &a.port);
	assert_int_equal(s->ops->enable(be, SLO_SIG_TCP_RETRANSMITS, true, &err), 0);
	(void)close(accept(listener, NULL, NULL));
	assert_int_equal(poll(&done, 1, 10000), 1);
	(void)drain(s->ops, be);
	assert_in_range(a.took_ns, SLO_NS_PER_SEC / 2, 10 * SLO_NS_PER_SEC);
	s->ops->close(be);
	(void)close(done.fd);
	(void)close(filler);
	(void)close(listener);
}

static void enable_of_an_unserved_signal_is_refused(void **state)
{
	struct subject *s = usable(state);
	const enum slo_signal sig = unserved(s);
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	struct heard h = { 0 };
	struct slo_backend_config cfg = config(&h, s->served & ~SLO_SIG_BIT(sig));
	struct slo_err err = { 0 };
	void *be = NULL;

	assert_int_equal(s->ops->open(&cfg, verdicts, &be, &err), 0);
	assert_int_equal(s->ops->enable(be, sig, true, &err), -ENOTSUP);
	assert_true(err.msg[0]);
	assert_int_equal(s->ops->enable(be, sig, false, &err), -ENOTSUP);
	s->ops->close(be);
}

static void poll_never_blocks(void **state)
{
	struct subject *s = usable(state);
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	struct heard h = { 0 };
	struct slo_backend_config cfg = config(&h, s->served);
	struct slo_err err = { 0 };
	void *be = NULL;

	cfg.replay_fast = false;
	assert_int_equal(s->ops->open(&cfg, verdicts, &be, &err), 0);
	for (int i = 0; i < 5; i++) {
		uint64_t begin = slo_clock_monotonic_ns();

		assert_true(s->ops->poll(be, &err) >= 0);
		assert_true(slo_clock_monotonic_ns() - begin < POLL_MAX_NS);
	}
	s->ops->close(be);
}

static void assert_adds_up(const struct slo_signal_stats *st)
{
	assert_int_equal(st->made,
	                 st->sent + st->aggregated + st->lost_ring + st->lost_map + st->shed);
	assert_true(st->delivered <= st->sent);
	assert_true(st->agg_lost <= st->made);
}

static void assert_grew(const struct slo_signal_stats *from, const struct slo_signal_stats *to)
{
	assert_true(to->made >= from->made && to->sent >= from->sent);
	assert_true(to->delivered >= from->delivered && to->aggregated >= from->aggregated);
	assert_true(to->lost_ring >= from->lost_ring && to->lost_map >= from->lost_map);
	assert_true(to->shed >= from->shed && to->filtered >= from->filtered);
}

static void stats_are_cumulative_and_add_up(void **state)
{
	struct subject *s = usable(state);
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	struct heard h = { 0 };
	struct slo_backend_config cfg = config(&h, s->served);
	struct slo_backend_stats early = { 0 }, late = { 0 };
	struct slo_err err = { 0 };
	uint64_t delivered = 0;
	void *be = NULL;

	assert_int_equal(s->ops->open(&cfg, verdicts, &be, &err), 0);
	s->ops->stats(be, &early);
	(void)drain(s->ops, be);
	/* Counters of a running kernel are read one by one: only at rest are they to add up. */
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++) {
		if (s->served & SLO_SIG_BIT(i))
			assert_int_equal(s->ops->enable(be, (enum slo_signal)i, false, &err), 0);
	}
	(void)drain(s->ops, be);
	s->ops->stats(be, &late);
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++) {
		assert_grew(&early.signal[i], &late.signal[i]);
		assert_adds_up(&late.signal[i]);
		delivered += late.signal[i].delivered;
	}
	assert_int_equal(late.rejected, 0);
	/* Aggregates are delivered too, and stand in no signal's sent. */
	assert_true(delivered <= h.events);
	s->ops->close(be);
}

/* Open with the @n-th allocation failing. False where it makes fewer. */
static bool open_with_fault(const struct slo_backend_ops *ops, const struct slo_backend_config *cfg,
                            int n)
{
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	struct slo_err err = { 0 };
	char sentinel = 0;
	void *be = &sentinel;
	int r;

	allocation_failed = false;
	allocations_left = n;
	r = ops->open(cfg, verdicts, &be, &err);
	allocations_left = -1;
	if (r == 0) {
		ops->close(be);
		return allocation_failed;
	}
	assert_true(allocation_failed);
	assert_true(err.code < 0 && err.msg[0]);
	assert_ptr_equal(be, &sentinel);
	return true;
}

static void open_survives_each_allocation_failing(void **state)
{
	struct subject *s = usable(state);
	struct heard h = { 0 };
	struct slo_backend_config cfg = config(&h, s->served);
	const uint64_t cgroup = 1;
	const uint32_t tgid = 1;
	const char comm[1][SLO_COMM_LEN] = { "python3" };
	uint64_t begin = slo_clock_monotonic_ns();
	int before = open_fds();
	int faults = 0;

#ifndef __GLIBC__
	print_message("skipped: only glibc lets a program stand before its malloc\n");
	skip();
#endif
	cfg.targets = (struct slo_targets){ &cgroup, 1, &tgid, 1, comm, 1 };
	for (int n = 0;
	     slo_clock_monotonic_ns() - begin < FAULTS_MAX_NS && open_with_fault(s->ops, &cfg, n);
	     n += 1 + n / FAULTS_EACH)
		faults++;
	assert_int_equal(open_fds(), before);
	print_message("%s: %d allocations failed in turn\n", s->ops->name, faults);
}

/* DNS samples a microsecond apart, but the first two: an hour's quarter, so that recorded speed must wait. */
static int make_capture(void)
{
	slo_capture_writer_auto struct slo_capture_writer *w = NULL;
	struct slo_err err = { 0 };
	int fd = memfd_create("capture", MFD_CLOEXEC);
	int own = fd < 0 ? -1 : dup(fd);

	if (own < 0 || slo_capture_writer_new(&w, own, 0, "test", &err))
		return -1;
	for (unsigned int i = 0; i < RECORDS; i++) {
		struct slo_abi_event e = {
			.version = SLO_ABI_VERSION,
			.size = sizeof(e),
			.signal = (uint8_t)(i % 2 ? SLO_ABI_RUNQUEUE_DELAY : SLO_ABI_DNS_LATENCY),
			.source = SLO_ABI_SRC_TP_BTF,
			.start_ns =
				SLO_NS_PER_SEC + i * SLO_NS_PER_US + (i ? 900 * SLO_NS_PER_SEC : 0),
			.value = SLO_NS_PER_MS,
		};

		if (slo_capture_write(w, &e, sizeof(e), &err))
			return -1;
	}
	(void)snprintf(capture_path, sizeof(capture_path), "/proc/self/fd/%d", fd);
	return fd;
}

int main(void)
{
	int capture = make_capture();
	int failed = 0;

	if (capture < 0) {
		(void)fprintf(stderr, "cannot make the capture to replay\n");
		return 1;
	}
	for (size_t i = 0; slo_backends[i]; i++) {
		struct subject s = { .ops = slo_backends[i] };
		const struct CMUnitTest tests[] = {
			cmocka_unit_test_prestate(all_ops_are_set, &s),
			cmocka_unit_test_prestate(probe_judges_each_signal_and_leaves_no_fd, &s),
			cmocka_unit_test_prestate(
				open_gives_what_probe_promised_and_close_takes_all_back, &s),
			cmocka_unit_test_prestate(nothing_asked_for_opens, &s),
			cmocka_unit_test_prestate(opens_twice_at_once, &s),
			cmocka_unit_test_prestate(refused_open_says_why_and_leaves_nothing, &s),
			cmocka_unit_test_prestate(enable_is_idempotent, &s),
			cmocka_unit_test_prestate(
				a_connect_under_way_outlasts_the_return_of_retransmits, &s),
			cmocka_unit_test_prestate(enable_of_an_unserved_signal_is_refused, &s),
			cmocka_unit_test_prestate(poll_never_blocks, &s),
			cmocka_unit_test_prestate(stats_are_cumulative_and_add_up, &s),
			cmocka_unit_test_prestate(open_survives_each_allocation_failing, &s),
		};

		failed += cmocka_run_group_tests_name(slo_backends[i]->name, tests, NULL, NULL);
	}
	(void)close(capture);
	return failed;
}
