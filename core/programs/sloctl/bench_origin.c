/* SPDX-License-Identifier: Apache-2.0 */
/* Where a benchmark comes from: what its figures can be traced back to. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "commit.h"
#include "core/base/clock.h"
#include "core/codec/record_time.h"
#include "core/engine/models.h"
#include "core/programs/sloctl/bench.h"

/* The time that reproducible builds agree on, else now. 0, or -EINVAL. */
static int set_time(struct bench *b, const char *asked, struct slo_err *err)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	int64_t ns = (int64_t)slo_clock_realtime_ns();
	char buf[SLO_RECORD_TIME_SIZE];
	char *end;
	int r = 0;

	if (asked) {
		r = slo_record_time_parse(asked, &ns, err);
		if (r < 0)
			return slo_err_wrap(err, r, "--time");
	} else if (epoch && *epoch) {
		long long seconds;

		errno = 0;
		seconds = strtoll(epoch, &end, 10);
		if (errno || *end || seconds < 0 || seconds > INT64_MAX / (int64_t)SLO_NS_PER_SEC)
			return slo_err_set(err, -EINVAL,
			                   "SOURCE_DATE_EPOCH is \"%.40s\", not seconds since 1970",
			                   epoch);
		ns = (int64_t)seconds * (int64_t)SLO_NS_PER_SEC;
	}
	(void)snprintf(b->generated_at, sizeof(b->generated_at), "%s",
	               slo_record_time_print(ns, buf));
	return 0;
}

/* "" where it is no regular file: what came through a pipe cannot be read again. */
static void hash_file(const char *path, char ret_hex[SLO_SHA256_HEX_SIZE])
{
	int fd slo_cleanup(slo_closep) = -1;
	struct stat st;

	ret_hex[0] = '\0';
	fd = open(strcmp(path, "-") == 0 ? "/dev/stdin" : path,
	          O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	(void)slo_sha256_fd_hex(fd, ret_hex);
}

static void hash_model(const char *name, char ret_hex[SLO_SHA256_HEX_SIZE])
{
	const struct slo_model_text *text;
	struct slo_sha256 sha;

	for (size_t i = 0; (text = slo_model_text_at(i)); i++) {
		if (strcmp(text->name, name) != 0)
			continue;
		slo_sha256_init(&sha);
		slo_sha256_add(&sha, text->text, strlen(text->text));
		slo_sha256_finish_hex(&sha, ret_hex);
		return;
	}
	hash_file(name, ret_hex);
}

int bench_set_origin(struct bench *b, const struct bench_origin *origin, struct slo_err *err)
{
	struct utsname host;

	b->input = origin->input;
	(void)snprintf(b->commit, sizeof(b->commit), "%s",
	               origin->commit ? origin->commit : SLO_COMMIT);
	if (uname(&host) == 0) {
		(void)snprintf(b->kernel, sizeof(b->kernel), "%s", host.release);
		(void)snprintf(b->machine, sizeof(b->machine), "%s", host.machine);
	}
	if (origin->model)
		hash_model(origin->model, b->model_hash);
	hash_file(origin->input, b->input_hash);
	return set_time(b, origin->time, err);
}
