/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slo-events of applications that log instead of tracing: a file is followed by looking at it, which works on every
 * filesystem, a few times a second. How far it was read is kept beside what was counted: a restart counts nothing twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/timerfd.h>

#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/codec/jsonl_tail.h"
#include "core/codec/sli_event_json.h"
#include "core/programs/agent/live.h"

#define LOOK_NS (250 * SLO_NS_PER_MS)
#define TURN_NS (10 * SLO_NS_PER_MS) /* while there is more: what else the loop does goes between */
#define TURN_LINES 1000
#define TURN_MAX_NS (50 * SLO_NS_PER_MS) /* of long lines, or on a slow machine */
#define PLACE_FILE "slo-input.place"
#define PLACE_MAGIC "sloinp1"

struct kept_place {
	char magic[8];
	uint64_t path; /* hash of whose place it is */
	struct slo_jsonl_tail_place place;
	uint32_t check; /* CRC-32C of all before it */
	uint32_t reserved;
};

struct slo_live_input {
	struct slo_jsonl_tail *tail;
	int timer;
	int keep; /* -1: nothing is kept */
	struct slo_jsonl_tail_place kept;
	bool told_missing, told_unread, told_bad, told_end;
};

/* --- how far it was read ---------------------------------------------------------------------------------------- */

static uint64_t path_hash(const struct slo_live *l)
{
	return slo_hash_bytes(0, l->cfg->receiver.slo_input, strlen(l->cfg->receiver.slo_input));
}

static bool read_place(const struct slo_live *l, int fd, struct slo_jsonl_tail_place *ret)
{
	struct kept_place k;

	if (fd < 0 || pread(fd, &k, sizeof(k), 0) != (ssize_t)sizeof(k) ||
	    memcmp(k.magic, PLACE_MAGIC, sizeof(k.magic)) != 0 || k.path != path_hash(l) ||
	    k.check != slo_crc32c(&k, offsetof(struct kept_place, check)))
		return false;
	*ret = k.place;
	return true;
}

/* Not synced: it is to survive the agent, as the counted requests do, which are mapped. */
static void keep_place(struct slo_live *l)
{
	struct slo_live_input *in = l->input;
	struct kept_place k = { .magic = PLACE_MAGIC, .path = path_hash(l) };

	slo_jsonl_tail_place(in->tail, &k.place);
	if (in->keep < 0 || memcmp(&k.place, &in->kept, sizeof(k.place)) == 0)
		return;
	in->kept = k.place;
	k.check = slo_crc32c(&k, offsetof(struct kept_place, check));
	if (pwrite(in->keep, &k, sizeof(k), 0) != (ssize_t)sizeof(k))
		slo_log_err("slo_input: how far it is read cannot be kept: %s", strerror(errno));
}

static int open_place(const struct slo_live *l)
{
	char path[2 * SLO_CONFIG_TEXT_LEN];
	int fd;

	if (!slo_live_path(l, PLACE_FILE, path, sizeof(path)))
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		slo_log_warn("slo_input: after a restart it is read from its beginning: %s: %s",
		             path, strerror(errno));
	return fd;
}

/* --- life ------------------------------------------------------------------------------------------------------- */

static void arm(const struct slo_live_input *in, uint64_t ns)
{
	const struct itimerspec at = { .it_value = { .tv_nsec = (long)ns } };

	(void)timerfd_settime(in->timer, 0, &at, NULL);
}

/* Later ones the metric tells. */
static void tell_lost(const struct slo_live *l, const struct slo_live_input *in)
{
	struct slo_jsonl_tail_stats st;

	slo_jsonl_tail_stats(in->tail, &st);
	if (st.lost_files) {
		slo_log_warn(
			"slo_input: what was written while no agent ran is lost in part: the file read last is "
			"gone, or has no name of the first %d rotations; let the log keep them as "
			"FILE.1, FILE.2 path=\"%s\"",
			SLO_JSONL_TAIL_ROTATIONS, l->cfg->receiver.slo_input);
	}
}

int slo_live_input_open(struct slo_live *l, struct slo_err *err)
{
	struct slo_jsonl_tail_place from;
	struct slo_live_input *in;
	int r;

	if (!*l->cfg->receiver.slo_input)
		return 0;
	l->input = in = calloc(1, sizeof(*in));
	if (!in)
		return slo_err_set(err, -ENOMEM, "slo_input: out of memory");
	in->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	in->keep = open_place(l);
	if (in->timer < 0)
		return slo_err_set(err, -errno, "timer: %s", strerror(errno));
	r = slo_jsonl_tail_open(&in->tail, l->cfg->receiver.slo_input,
	                        read_place(l, in->keep, &from) ? &from : NULL, err);
	if (r < 0)
		return slo_err_wrap(err, r == -EISDIR ? -EINVAL : r, "[receiver] slo_input");
	tell_lost(l, in);
	arm(in, TURN_NS);
	return 0;
}

static void tell_account(const struct slo_live_input *in)
{
	struct slo_jsonl_tail_stats st;

	slo_jsonl_tail_stats(in->tail, &st);
	slo_log_info("slo_input events=%" PRIu64 " rejected=%" PRIu64 " rotations=%" PRIu64
	             " truncations=%" PRIu64 " cut_bytes=%" PRIu64 " skipped_bytes=%" PRIu64
	             " lost_files=%" PRIu64,
	             st.lines, st.rejected, st.rotations, st.truncations, st.cut_bytes,
	             st.skipped_bytes, st.lost_files);
}

void slo_live_input_close(struct slo_live *l)
{
	struct slo_live_input *in = l->input;

	if (!in)
		return;
	if (in->tail)
		tell_account(in);
	slo_jsonl_tail_freep(&in->tail);
	slo_closep(&in->timer);
	slo_closep(&in->keep);
	slo_freep(&l->input);
}

int slo_live_input_fd(const struct slo_live *l)
{
	return l->input->timer;
}

void slo_live_input_stats(const struct slo_live *l, struct slo_live_input_stats *ret)
{
	struct slo_jsonl_tail_stats st;

	slo_jsonl_tail_stats(l->input->tail, &st);
	*ret = (struct slo_live_input_stats){ .events = st.lines,
		                              .rejected = st.rejected,
		                              .truncations = st.truncations,
		                              .cut_bytes = st.cut_bytes,
		                              .skipped_bytes = st.skipped_bytes,
		                              .lost_files = st.lost_files };
}

/* --- events ----------------------------------------------------------------------------------------------------- */

static void take_event(struct slo_live *l, const struct slo_sli_event *ev)
{
	struct slo_workload who = l->self;

	who.service = ev->service;
	who.namespace_ = ev->k8s_namespace;
	slo_live_sli(l, ev);
	slo_metrics_sli(l->metrics, ev, &who, (int64_t)slo_clock_realtime_ns());
	if (l->exporter)
		slo_otlp_exporter_sli(l->exporter, ev, &who);
}

/* Whoever writes one bad line writes thousands. */
static void tell_bad(struct slo_live_input *in, const struct slo_err *err)
{
	if (!in->told_bad)
		slo_log_warn("slo_input: %s; further bad lines are only counted", err->msg);
	in->told_bad = true;
}

static void tell_state(const struct slo_live *l, struct slo_live_input *in, int r,
                       const struct slo_err *err)
{
	bool there = slo_jsonl_tail_is_there(in->tail);

	if (r < 0 && !in->told_unread)
		slo_log_warn("slo_input: %s%s", err->msg,
		             r == -EACCES ? "; let the agent's user read it: it is tried again"
		                          : "; it is tried again");
	in->told_unread = r < 0;
	if (r == 0 && slo_jsonl_tail_is_ended(in->tail) && !in->told_end) {
		slo_log_info("slo_input: standard input has ended");
		in->told_end = true;
	} else if (r == 0 && !there && !in->told_missing) {
		slo_log_info("slo_input: waits for a file path=\"%s\"", l->cfg->receiver.slo_input);
	}
	in->told_missing = r == 0 && !there;
}

/* What is there, to a limit. 1: there is more; else as slo_jsonl_tail_next(). */
static int take_lines(struct slo_live *l, struct slo_live_input *in, struct slo_err *err)
{
	uint64_t end_ns = slo_clock_monotonic_ns() + TURN_MAX_NS;

	for (unsigned int i = 0; i < TURN_LINES; i++) {
		struct slo_sli_event ev;
		json_t *object = NULL;
		int r = slo_jsonl_tail_next(in->tail, &object, err);

		if (r > 0 && slo_sli_event_from_json(object, &ev, err) < 0)
			r = slo_jsonl_tail_reject(in->tail, err);
		if (r > 0)
			take_event(l, &ev);
		if (r == -EBADMSG)
			tell_bad(in, err);
		json_decref(object);
		if (r == -EAGAIN || slo_clock_monotonic_ns() > end_ns)
			break;
		if (r <= 0 && r != -EBADMSG)
			return r;
	}
	return 1;
}

void slo_live_input_run(struct slo_live *l)
{
	struct slo_live_input *in = l->input;
	struct slo_err err = { 0 };
	uint64_t expirations;
	int r;

	if (read(in->timer, &expirations, sizeof(expirations)) < 0)
		return;
	r = take_lines(l, in, &err);
	if (r <= 0)
		tell_state(l, in, r, &err);
	keep_place(l);
	if (!slo_jsonl_tail_is_ended(in->tail))
		arm(in, r > 0 ? TURN_NS : LOOK_NS);
}
