/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/bcc/helper/helper.h"

#define HEADER_MAX (1U << 20)

/* For programs an #ifdef each: C cannot ask whether a structure has a member. */
static const struct {
	const char *flag;
	const char *file[2]; /* below include/linux; the structure stands in one of them */
	const char *type;
	const char *member; /* as it is declared, its type where that tells */
} members[] = {
	{ "-DSLO_TASK_HAS_UNDER_STATE", { "sched.h" }, "task_struct", "__state" },
	/* Before 4.18 only some kernels have times of these names, by another clock. */
	{ "-DSLO_REQUEST_HAS_TIMES", { "blkdev.h", "blk-mq.h" }, "request", "u64 start_time_ns" },
	{ "-DSLO_REQUEST_IN_BLK_MQ", { "blk-mq.h" }, "request", "rq_flags" },
	{ "-DSLO_REQUEST_HAS_DISK", { "blkdev.h", "blk-mq.h" }, "request", "rq_disk" },
	{ "-DSLO_BIO_HAS_BLKG", { "blk_types.h" }, "bio", "bi_blkg" },
	/* As long as this one is there the other is mostly not set. */
	{ "-DSLO_BIO_HAS_CSS", { "blk_types.h" }, "bio", "bi_css" },
	{ "-DSLO_BLKG_HAS_BLKCG", { "blk-cgroup.h" }, "blkcg_gq", "blkcg" },
	{ "-DSLO_ITER_HAS_UBUF", { "uio.h" }, "iov_iter", "ubuf" },
};
static_assert(SLO_ARRAY_SIZE(members) == SLO_MEMBERS, "a flag each");

static char *read_header(const char *headers, const char *name)
{
	char path[PATH_MAX];
	char *text = NULL;
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%.4000s/include/linux/%s", headers, name);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	text = malloc(HEADER_MAX);
	n = text ? fread(text, 1, HEADER_MAX - 1, f) : 0;
	if (text)
		text[n] = '\0';
	(void)fclose(f);
	return text;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Blanks of @word are any white space of the text. NULL: not there; else where it ends. */
static const char *word_at(const char *text, const char *word)
{
	for (; *word; word++) {
		if (*word != ' ') {
			if (*text++ != *word)
				return NULL;
			continue;
		}
		if (!isspace((unsigned char)*text))
			return NULL;
		while (isspace((unsigned char)*text))
			text++;
	}
	return is_word(*text) ? NULL : text;
}

/* Behind the comment that begins at @p, or @p. */
static const char *past_comment(const char *p)
{
	const char *end;

	if (strncmp(p, "/*", 2) != 0)
		return p;
	end = strstr(p, "*/");
	return end ? end + 2 : p + strlen(p);
}

/* The body ends where a line begins with a brace, which is how kernels are written. */
static bool has_member(const char *text, const char *type, const char *member)
{
	char head[64];
	const char *p = text;

	(void)snprintf(head, sizeof(head), "\nstruct %s {", type);
	p = strstr(text, head);
	if (!p)
		return false;
	for (p += strlen(head); *p && strncmp(p, "\n}", 2) != 0; p++) {
		const char *behind = past_comment(p);

		if (behind != p)
			p = behind - 1;
		else if (!is_word(p[-1]) && word_at(p, member))
			return true;
	}
	return false;
}

unsigned int slo_members(const char *headers, const char *ret[SLO_MEMBERS])
{
	unsigned int count = 0;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(members); i++) {
		bool has = false;

		for (size_t k = 0; !has && k < 2 && members[i].file[k]; k++) {
			slo_cleanup(slo_freep) char *text =
				read_header(headers, members[i].file[k]);

			has = text && has_member(text, members[i].type, members[i].member);
		}
		if (has)
			ret[count++] = members[i].flag;
	}
	return count;
}
