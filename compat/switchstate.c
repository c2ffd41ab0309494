/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/switchstate.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "compat/tracefs.h"
#include "core/base/base.h"

#define SLEEPS 4
#define SLEEP_NS 1000000L
#define DATA_PAGES 8

/* Of what the scheduler has recorded behind the size of the record. */
static void count_one(const unsigned char *raw, size_t bytes, int pid_at, int state_at, int pid,
                      unsigned int ret[2])
{
	uint64_t state;
	int32_t who;

	if ((size_t)pid_at + sizeof(who) > bytes || (size_t)state_at + sizeof(state) > bytes)
		return;
	memcpy(&who, raw + pid_at, sizeof(who));
	memcpy(&state, raw + state_at, sizeof(state));
	if (who == pid && (state == 1 || state == 2))
		ret[state - 1]++;
}

void slo_switch_state_count(const unsigned char *data, size_t bytes, int pid_at, int state_at,
                            int pid, unsigned int ret[2])
{
	struct perf_event_header h;
	uint32_t raw;

	ret[0] = ret[1] = 0;
	for (size_t at = 0; at + sizeof(h) <= bytes; at += h.size) {
		memcpy(&h, data + at, sizeof(h));
		if (h.size < sizeof(h) || h.size > bytes - at)
			return;
		if (h.type != PERF_RECORD_SAMPLE || h.size < sizeof(h) + sizeof(raw))
			continue;
		memcpy(&raw, data + at + sizeof(h), sizeof(raw));
		if (raw <= h.size - sizeof(h) - sizeof(raw))
			count_one(data + at + sizeof(h) + sizeof(raw), raw, pid_at, state_at, pid,
			          ret);
	}
}

/* Of this thread, on whichever CPU. */
static int open_event(int id)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT,
		                        .size = sizeof(attr),
		                        .config = (uint64_t)id,
		                        .sample_period = 1,
		                        .sample_type = PERF_SAMPLE_RAW };

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static bool sleep_and_look(int fd, int pid_at, int state_at)
{
	const struct timespec nap = { .tv_nsec = SLEEP_NS };
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes;
	struct perf_event_mmap_page *map =
		mmap(NULL, page * (1 + DATA_PAGES), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	unsigned int seen[2];

	if (map == MAP_FAILED)
		return false;
	for (int i = 0; i < SLEEPS; i++)
		(void)nanosleep(&nap, NULL);
	/* Not read before, so it begins at the buffer's beginning and stops where that is full. */
	bytes = (size_t)__atomic_load_n(&map->data_head, __ATOMIC_ACQUIRE);
	if (bytes > page * DATA_PAGES)
		bytes = page * DATA_PAGES;
	slo_switch_state_count((const unsigned char *)map + page, bytes, pid_at, state_at,
	                       (int)syscall(SYS_gettid), seen);
	(void)munmap(map, page * (1 + DATA_PAGES));
	/* Sleeps are interruptible: of the other kind there is one now and then, of a page that has to come. */
	return seen[1] > SLEEPS / 2;
}

bool slo_switch_state_is_shifted(int root)
{
	slo_cleanup(slo_closep) int tracefs = slo_tracefs_dir(root, NULL), fd = -1;
	int id, pid_at, state_at;

	if (tracefs < 0)
		return false;
	id = slo_tracefs_event_id_in(tracefs, "sched", "sched_switch", NULL);
	pid_at = slo_tracefs_field_in(tracefs, "sched", "sched_switch", "prev_pid", NULL);
	state_at = slo_tracefs_field_in(tracefs, "sched", "sched_switch", "prev_state", NULL);
	fd = id < 0 || pid_at < 0 || state_at < 0 ? -1 : open_event(id);
	return fd >= 0 && sleep_and_look(fd, pid_at, state_at);
}
