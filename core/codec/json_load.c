/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/json_load.h"

#include <errno.h>
#include <stdio.h>

#include "core/codec/json_pool.h"

/* jansson's allocator is one for the process and gets no context: a count of its failures has nowhere else to be. */
static _Thread_local size_t failures;

static void *counted_malloc(size_t size)
{
	void *p = slo_json_pool_malloc(size);

	failures += !p;
	return p;
}

int slo_json_load(json_t **ret, const char *text, size_t len, size_t flags, json_error_t *why)
{
	json_t *root;

	/* jansson calls that wrong arguments, in line -1. */
	if (len == 0) {
		if (why)
			*why = (json_error_t){ .line = 1, .column = 1, .text = "nothing is there" };
		return -EBADMSG;
	}
	json_set_alloc_funcs(counted_malloc, slo_json_pool_free);
	failures = 0;
	root = json_loadb(text, len, flags, why);
	if (failures) {
		json_decref(root);
		return -ENOMEM;
	}
	if (!root) {
		/* jansson names the flag that would allow it, which no operator can set. */
		if (why && json_error_code(why) == json_error_null_character)
			(void)snprintf(why->text, sizeof(why->text), "a NUL (\\u0000) in a text");
		return -EBADMSG;
	}
	*ret = root;
	return 0;
}
