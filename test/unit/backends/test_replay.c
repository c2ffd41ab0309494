/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "backends/backends.h"
#include "backends/capture.h"
#include "backends/decode.h"
#include "core/base/clock.h"

#define OFFSET UINT64_C(1700000000000000000)
#define HEARD_MAX 4096

static const struct slo_backend_ops *const ops = &slo_backend_replay;

struct heard {
	unsigned int events;
	unsigned int records;
	struct slo_probe_event event[HEARD_MAX];
	uint64_t at_ns[HEARD_MAX];
	struct slo_abi_agg record; /* the last one */
	void *be;
	struct slo_backend_config cfg;
	struct slo_verdict verdicts[SLO_SIG_MAX_];
};

static void on_event(void *user, const struct slo_probe_event *ev)
{
	struct heard *h = user;

	assert_true(h->events < HEARD_MAX);
	assert_int_equal(h->records, h->events + 1);
	h->at_ns[h->events] = slo_clock_monotonic_ns();
	h->event[h->events++] = *ev;
}

static void on_record(void *user, const void *record, size_t size)
{
	struct heard *h = user;

	assert_true(size <= sizeof(h->record));
	memcpy(&h->record, record, size);
	h->records++;
}

/* "<ms> <realtime seconds>": a DNS answer, in place of JSON. */
static int parse_line(const char *line, size_t len, struct slo_probe_event *ret_ev,
                      struct slo_err *err)
{
	char text[64], *end;

	if (len >= sizeof(text))
		return slo_err_set(err, -EMSGSIZE, "too long");
	memcpy(text, line, len);
	text[len] = '\0';
	if (strspn(text, " ") == len)
		return -ENODATA;
	ret_ev->signal = SLO_SIG_DNS_LATENCY;
	ret_ev->kind = SLO_EV_SAMPLE;
	ret_ev->value_ns = strtoull(text, &end, 10) * SLO_NS_PER_MS;
	if (end == text || *end != ' ')
		return slo_err_set(err, -EINVAL, "not a probe event");
	ret_ev->start_ns = strtoull(end, &end, 10) * SLO_NS_PER_SEC;
	return *end ? slo_err_set(err, -EINVAL, "not a probe event") : 0;
}

static int setup(void **state)
{
	struct heard *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	h->cfg = (struct slo_backend_config){
		.signals = SLO_SIG_ALL,
		.on_event = on_event,
		.on_record = on_record,
		.user = h,
		.host_root = -1,
		.parse_event = parse_line,
		.replay_fast = true,
	};
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct heard *h = *state;

	if (h->be)
		ops->close(h->be);
	free(h);
	return 0;
}

static int memfd_of(const void *bytes, size_t size)
{
	int fd = memfd_create("replay", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return fd;
}

/* The descriptor is closed; what it stands for stays open in the backend. */
static int open_fd(struct heard *h, int fd, struct slo_err *err)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	h->cfg.replay_path = path;
	r = ops->open(&h->cfg, h->verdicts, &h->be, err);
	(void)close(fd);
	return r;
}

static void open_text(struct heard *h, const char *text)
{
	struct slo_err err = { 0 };

	if (open_fd(h, memfd_of(text, strlen(text)), &err))
		fail_msg("%s", err.msg);
}

static struct slo_abi_event event_at(uint64_t start_ns, unsigned int signal)
{
	return (struct slo_abi_event){
		.version = SLO_ABI_VERSION,
		.size = sizeof(struct slo_abi_event),
		.signal = (uint8_t)signal,
		.source = SLO_ABI_SRC_TP_BTF,
		.start_ns = start_ns,
		.value = 1,
		.tgid = (uint32_t)start_ns,
		.cgroup_id = start_ns * 10,
		.comm = "python3",
	};
}

static int capture_of(const struct slo_abi_event *events, size_t count)
{
	struct slo_capture_writer *w = NULL;
	int fd = memfd_create("replay", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(slo_capture_writer_new(&w, dup(fd), OFFSET, "n", NULL), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(slo_capture_write(w, &events[i], sizeof(events[i]), NULL), 0);
	slo_capture_writer_freep(&w);
	return fd;
}

/* Polls to the end; the number of errors on the way, the last one in @err. */
static unsigned int run(struct heard *h, struct slo_err *err)
{
	struct slo_err end = { 0 };
	unsigned int errors = 0;
	int r;

	while ((r = ops->poll(h->be, &end)) != -ENODATA) {
		if (r < 0) {
			errors++;
			*err = end;
		}
		assert_true(errors < 10);
	}
	assert_non_null(strstr(end.msg, "end of"));
	assert_int_equal(ops->poll(h->be, &end), -ENODATA);
	return errors;
}

static struct slo_signal_stats stats_of(struct heard *h, enum slo_signal sig)
{
	struct slo_backend_stats st;

	ops->stats(h->be, &st);
	return st.signal[sig];
}

static uint64_t rejected(struct heard *h)
{
	struct slo_backend_stats st;

	ops->stats(h->be, &st);
	return st.rejected;
}

static void events_of_a_capture_come_as_recorded(void **state)
{
	struct heard *h = *state;
	struct slo_abi_event events[2000];
	struct slo_err err = { 0 };

	for (unsigned int i = 0; i < 2000; i++)
		events[i] = event_at(i + 1, i % 2 ? SLO_ABI_RUNQUEUE_DELAY : SLO_ABI_SYSCALL);
	assert_int_equal(open_fd(h, capture_of(events, 2000), &err), 0);
	assert_true(h->verdicts[SLO_SIG_SYSCALL].serves);
	assert_int_equal(h->verdicts[SLO_SIG_SYSCALL].source, SLO_SRC_REPLAY);
	assert_int_equal(ops->poll(h->be, &err), 512);
	assert_int_equal(run(h, &err), 0);
	assert_int_equal(h->events, 2000);
	for (unsigned int i = 0; i < 2000; i++) {
		assert_int_equal(h->event[i].start_ns, i + 1);
		assert_int_equal(h->event[i].realtime_offset_ns, OFFSET);
		assert_int_equal(h->event[i].source, SLO_SRC_TP_BTF);
		assert_true(h->event[i].replayed);
	}
	assert_memory_equal(&h->record, &events[1999], sizeof(events[0]));
	assert_int_equal(stats_of(h, SLO_SIG_SYSCALL).made, 1000);
	assert_int_equal(stats_of(h, SLO_SIG_SYSCALL).delivered, 1000);
}

static void signals_and_targets_filter(void **state)
{
	struct heard *h = *state;
	struct slo_abi_event events[6];
	const uint64_t cgroups[] = { 50, 10, 30 };
	const uint32_t tgids[] = { 5, 1 };
	const char comms[][SLO_COMM_LEN] = { "vllm", "python3" };
	struct slo_err err = { 0 };

	for (unsigned int i = 0; i < 6; i++)
		events[i] = event_at(i + 1, SLO_ABI_SYSCALL);
	memcpy(events[4].comm, "other", 6);
	events[5].signal = SLO_ABI_DISK_IO;
	h->cfg.signals = SLO_SIG_BIT(SLO_SIG_SYSCALL);
	h->cfg.targets = (struct slo_targets){ cgroups, 3, tgids, 2, comms, 2 };
	assert_int_equal(open_fd(h, capture_of(events, 6), &err), 0);
	assert_int_equal(run(h, &err), 0);
	assert_int_equal(h->events, 1);
	assert_int_equal(h->event[0].tgid, 1);
	assert_int_equal(stats_of(h, SLO_SIG_SYSCALL).filtered, 4);
	assert_int_equal(stats_of(h, SLO_SIG_DISK_IO).filtered, 1);
}

static void what_is_switched_off_or_retargeted_is_filtered(void **state)
{
	struct heard *h = *state;
	struct slo_abi_event events[1200];
	const uint32_t tgid = 1200;
	struct slo_err err = { 0 };

	for (unsigned int i = 0; i < 1200; i++)
		events[i] = event_at(i + 1, i % 2 ? SLO_ABI_RUNQUEUE_DELAY : SLO_ABI_SYSCALL);
	assert_int_equal(open_fd(h, capture_of(events, 1200), &err), 0);
	assert_int_equal(ops->enable(h->be, SLO_SIG_SYSCALL, false, &err), 0);
	assert_int_equal(ops->poll(h->be, &err), 256);
	h->cfg.targets = (struct slo_targets){ .tgids = &tgid, .tgid_count = 1 };
	assert_int_equal(ops->retarget(h->be, &h->cfg, &err), 0);
	assert_int_equal(run(h, &err), 0);
	assert_int_equal(h->events, 257);
	assert_int_equal(h->event[256].tgid, 1200);
}

static void a_bad_line_is_told_once_and_its_neighbours_delivered(void **state)
{
	struct heard *h = *state;
	struct slo_err err = { 0 };

	open_text(h, "\xef\xbb\xbf"
	             "1 100\r\n\n   \nbad\n2 200\nworse\n3 300");
	assert_int_equal(run(h, &err), 1);
	assert_int_equal(err.code, -EBADMSG);
	assert_non_null(strstr(err.msg, "line 4: not a probe event"));
	assert_non_null(strstr(err.msg, "/proc/self/fd/"));
	assert_int_equal(rejected(h), 2);
	assert_int_equal(h->events, 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(h->event[i].start_ns, (i + 1) * 100 * SLO_NS_PER_SEC);
		assert_int_equal(h->event[i].realtime_offset_ns, 0);
		assert_true(h->event[i].replayed);
	}
	assert_int_equal(h->record.head.value, 3 * SLO_NS_PER_MS);
	assert_int_equal(h->record.head.size, sizeof(struct slo_abi_event));
}

static void a_line_beyond_the_buffer_is_skipped(void **state)
{
	struct heard *h = *state;
	struct slo_err err = { 0 };
	size_t size = 3 * SLO_CAPTURE_BUF_BYTES;
	char *text = malloc(size + 1);

	assert_non_null(text);
	for (unsigned int tail = 0; tail < 2; tail++) {
		memset(text, 'x', size);
		memcpy(text, "1 100\n", 6);
		if (!tail)
			memcpy(text + size - 7, "\n2 200\n", 7);
		text[size] = '\0';
		open_text(h, text);
		assert_int_equal(run(h, &err), 1);
		assert_non_null(strstr(err.msg, "line 2: longer than"));
		assert_int_equal(rejected(h), 1);
		ops->close(h->be);
		h->be = NULL;
	}
	assert_int_equal(h->events, 3);
	free(text);
}

static void a_cut_capture_is_told_after_all_before_it(void **state)
{
	struct heard *h = *state;
	struct slo_abi_event events[3];
	struct slo_err err = { 0 };
	int fd;

	for (unsigned int i = 0; i < 3; i++)
		events[i] = event_at(i + 1, SLO_ABI_SYSCALL);
	fd = capture_of(events, 3);
	assert_int_equal(ftruncate(fd, 88 + 2 * 208 + 100), 0);
	assert_int_equal(open_fd(h, fd, &err), 0);
	assert_int_equal(run(h, &err), 1);
	assert_int_equal(err.code, -EIO);
	assert_non_null(strstr(err.msg, "offset 504 (100 bytes"));
	assert_non_null(strstr(err.msg, "truncate --size=504 "));
	assert_int_equal(h->events, 2);
}

static void a_record_of_bad_content_is_skipped(void **state)
{
	struct heard *h = *state;
	struct slo_abi_event events[4];
	struct slo_err err = { 0 };

	for (unsigned int i = 0; i < 4; i++)
		events[i] = event_at(i + 1, SLO_ABI_SYSCALL);
	events[1].signal = 200;
	events[2].source = 99;
	assert_int_equal(open_fd(h, capture_of(events, 4), &err), 0);
	assert_int_equal(run(h, &err), 1);
	assert_int_equal(err.code, -EBADMSG);
	assert_non_null(strstr(err.msg, "at offset 296: record of unknown signal 200"));
	assert_int_equal(rejected(h), 2);
	assert_int_equal(h->events, 2);
	assert_int_equal(h->event[1].start_ns, 4);
}

static void an_empty_file_ends_at_once(void **state)
{
	struct heard *h = *state;
	struct slo_err err = { 0 };

	open_text(h, "");
	assert_int_equal(run(h, &err), 0);
}

static void assert_open_refused(struct heard *h, int fd, const char *why)
{
	struct slo_err err = { 0 };

	assert_true(open_fd(h, fd, &err) < 0);
	assert_null(h->be);
	if (!strstr(err.msg, why))
		fail_msg("\"%s\" is not in \"%s\"", why, err.msg);
	assert_false(h->verdicts[SLO_SIG_SYSCALL].serves);
	assert_string_equal(h->verdicts[SLO_SIG_SYSCALL].refused[0].why, err.msg);
}

static void what_cannot_be_replayed_is_refused_at_open(void **state)
{
	struct heard *h = *state;
	struct slo_abi_capture head = { .magic = __builtin_bswap64(SLO_ABI_CAPTURE_MAGIC) };
	struct slo_err err = { 0 };

	assert_open_refused(h, memfd_of(&head, sizeof(head)), "other byte order");
	head.magic = SLO_ABI_CAPTURE_MAGIC;
	head.version = 9;
	assert_open_refused(h, memfd_of(&head, sizeof(head)), "format 9");
	assert_open_refused(h, memfd_of(&head, 20), "cut inside its header");
	assert_open_refused(h, memfd_of(&head, 3), "cut inside its header");
	assert_open_refused(h, memfd_of("\x1f\x8b\x08", 3), "0x1f");
	assert_open_refused(h, open("/", O_RDONLY | O_CLOEXEC), "directory");
	h->cfg.parse_event = NULL;
	assert_open_refused(h, memfd_of("{}", 2), "JSONL");
	h->cfg.replay_path = "/nonexistent";
	assert_int_equal(ops->open(&h->cfg, h->verdicts, &h->be, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/nonexistent"));
	h->cfg.replay_path = NULL;
	assert_int_equal(ops->open(&h->cfg, h->verdicts, &h->be, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "--replay"));
}

static bool wait_ready(struct heard *h, int timeout_ms)
{
	struct pollfd p = { .fd = ops->fd(h->be), .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void recorded_speed_keeps_the_distances(void **state)
{
	struct heard *h = *state;
	const uint64_t ms = SLO_NS_PER_MS, hour = 3600 * SLO_NS_PER_SEC;
	/* 60 ms on; late by 30; an hour and more of silence; 60 ms on; a clock set back by two hours; 60 ms on. */
	const uint64_t start[] = { 3 * hour,          3 * hour + 60 * ms, 3 * hour + 30 * ms,
		                   5 * hour,          5 * hour + 60 * ms, 3 * hour,
		                   3 * hour + 60 * ms };
	const uint64_t due_ms[] = { 0, 60, 60, 60, 120, 120, 180 };
	struct slo_abi_event events[SLO_ARRAY_SIZE(start)];
	struct slo_err err = { 0 };
	int r;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(start); i++)
		events[i] = event_at(start[i], SLO_ABI_SYSCALL);
	h->cfg.replay_fast = false;
	assert_int_equal(open_fd(h, capture_of(events, SLO_ARRAY_SIZE(start)), &err), 0);
	do {
		assert_true(wait_ready(h, 2000));
		r = ops->poll(h->be, &err);
	} while (r >= 0);
	assert_int_equal(r, -ENODATA);
	assert_int_equal(h->events, SLO_ARRAY_SIZE(start));
	for (size_t i = 0; i < SLO_ARRAY_SIZE(start); i++) {
		uint64_t after = h->at_ns[i] - h->at_ns[0];

		/* Never early; late only by what a busy machine adds. */
		assert_true(after + ms >= due_ms[i] * ms);
		assert_true(after < (due_ms[i] + 1000) * ms);
	}
}

static void waiting_for_its_time_costs_nothing(void **state)
{
	struct heard *h = *state;
	struct slo_abi_event events[2] = { event_at(1, SLO_ABI_SYSCALL),
		                           event_at(1 + SLO_NS_PER_SEC * 900, SLO_ABI_SYSCALL) };
	struct slo_err err = { 0 };

	h->cfg.replay_fast = false;
	assert_int_equal(open_fd(h, capture_of(events, 2), &err), 0);
	assert_true(wait_ready(h, 0));
	assert_int_equal(ops->poll(h->be, &err), 1);
	assert_false(wait_ready(h, 20));
	assert_int_equal(ops->poll(h->be, &err), 0);
	assert_false(wait_ready(h, 0));
	assert_int_equal(stats_of(h, SLO_SIG_SYSCALL).sent, 2);
	assert_int_equal(stats_of(h, SLO_SIG_SYSCALL).delivered, 1);
}

static void a_pipe_is_followed_until_its_writer_closes(void **state)
{
	struct heard *h = *state;
	struct slo_err err = { 0 };
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(open_fd(h, fds[0], &err), 0);
	assert_int_equal(ops->poll(h->be, &err), 0);
	assert_false(wait_ready(h, 20));
	assert_int_equal(write(fds[1], "1 10", 4), 4);
	assert_true(wait_ready(h, 1000));
	assert_int_equal(ops->poll(h->be, &err), 0);
	assert_false(wait_ready(h, 20));
	assert_int_equal(write(fds[1], "0\n2 200\n", 8), 8);
	assert_true(wait_ready(h, 1000));
	assert_int_equal(ops->poll(h->be, &err), 2);
	assert_int_equal(h->event[0].start_ns, 100 * SLO_NS_PER_SEC);
	assert_false(wait_ready(h, 20));
	(void)close(fds[1]);
	assert_true(wait_ready(h, 1000));
	assert_int_equal(run(h, &err), 0);
	assert_int_equal(h->events, 2);
}

static void what_a_full_pipe_gave_is_not_left_waiting(void **state)
{
	struct heard *h = *state;
	struct slo_err err = { 0 };
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(open_fd(h, fds[0], &err), 0);
	assert_int_equal(ops->poll(h->be, &err), 0);
	for (int i = 0; i < 600; i++)
		assert_int_equal(write(fds[1], "1 100\n", 6), 6);
	assert_int_equal(ops->poll(h->be, &err), 512);
	assert_true(wait_ready(h, 0));
	assert_int_equal(ops->poll(h->be, &err), 88);
	assert_false(wait_ready(h, 20));
	(void)close(fds[1]);
}

static void standard_input_is_read_and_stays_open(void **state)
{
	struct heard *h = *state;
	struct slo_err err = { 0 };
	int keep = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	int fd = memfd_of("1 100\n", 6);

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	(void)close(fd);
	h->cfg.replay_path = "-";
	assert_int_equal(ops->probe(&h->cfg, h->verdicts, &err), 0);
	assert_int_equal(ops->open(&h->cfg, h->verdicts, &h->be, &err), 0);
	assert_int_equal(run(h, &err), 0);
	assert_int_equal(h->events, 1);
	ops->close(h->be);
	h->be = NULL;
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	if (keep >= 0) {
		(void)dup2(keep, STDIN_FILENO);
		(void)close(keep);
	}
}

#define REPLAY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLAY(events_of_a_capture_come_as_recorded),
		REPLAY(signals_and_targets_filter),
		REPLAY(what_is_switched_off_or_retargeted_is_filtered),
		REPLAY(a_bad_line_is_told_once_and_its_neighbours_delivered),
		REPLAY(a_line_beyond_the_buffer_is_skipped),
		REPLAY(a_cut_capture_is_told_after_all_before_it),
		REPLAY(a_record_of_bad_content_is_skipped),
		REPLAY(an_empty_file_ends_at_once),
		REPLAY(what_cannot_be_replayed_is_refused_at_open),
		REPLAY(recorded_speed_keeps_the_distances),
		REPLAY(waiting_for_its_time_costs_nothing),
		REPLAY(a_pipe_is_followed_until_its_writer_closes),
		REPLAY(what_a_full_pipe_gave_is_not_left_waiting),
		REPLAY(standard_input_is_read_and_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
