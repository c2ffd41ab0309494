/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What earlier runs left in the state folder: halves of files that a kill interrupted, and files of objectives that nobody
 * asks for any more. Services come and go, so these would fill the disk.
 */
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/programs/agent/live.h"

#define SECONDS_PER_DAY 86400
/* Counted requests serve for three days; what was set aside should outlive a holiday. */
#define KEEP_DAYS 30

/* The folder's lock is held: no other agent writes here. */
static const struct {
	const char *pattern;
	int days; /* since it was last written */
} leftovers[] = {
	{ "state.bin.*.tmp", 0 },           { "slo-*.ring.new.*", 0 },
	{ "slo-*.ring", KEEP_DAYS },        { "slo-*.ring.refused", KEEP_DAYS },
	{ "state.bin.refused", KEEP_DAYS },
};

static bool is_leftover(const char *name, int64_t age_s)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(leftovers); i++) {
		if (fnmatch(leftovers[i].pattern, name, 0) == 0)
			return age_s >= (int64_t)leftovers[i].days * SECONDS_PER_DAY;
	}
	return false;
}

void slo_live_state_sweep(const struct slo_live *l)
{
	int64_t now_s = (int64_t)(slo_clock_realtime_ns() / SLO_NS_PER_SEC);
	int fd = l->lock < 0 ? -1 : openat(l->lock, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	unsigned int count = 0;
	struct dirent *e;
	struct stat st;

	if (!d) {
		slo_closep(&fd);
		return;
	}
	while ((e = readdir(d))) {
		if (fstatat(l->lock, e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
		    !is_leftover(e->d_name, now_s - (int64_t)st.st_mtime))
			continue;
		count += unlinkat(l->lock, e->d_name, 0) == 0;
	}
	(void)closedir(d);
	if (count)
		slo_log_info("what earlier runs left in the state folder is removed files=%u",
		             count);
}
