/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/baseline_manifest.h"
#include "core/codec/json_load.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void json_put(json_t **root)
{
	json_decref(*root);
}

static int take(const json_t *root, const char *key, char ret[SLO_BASELINE_TEXT_SIZE],
                struct slo_err *err)
{
	const json_t *value = json_object_get(root, key);
	const char *text = json_string_value(value);

	if (!value)
		return slo_err_set(err, -EINVAL, "required field \"%s\" is missing", key);
	if (!text || *text == '\0' || strlen(text) >= SLO_BASELINE_TEXT_SIZE)
		return slo_err_set(err, -EINVAL, "field \"%s\" is not a string of 1 to %d bytes",
		                   key, SLO_BASELINE_TEXT_SIZE - 1);
	(void)snprintf(ret, SLO_BASELINE_TEXT_SIZE, "%s", text);
	return 0;
}

int slo_baseline_manifest_parse(const char *text, size_t len, struct slo_baseline_manifest *ret,
                                struct slo_err *err)
{
	struct slo_baseline_manifest m = { 0 };
	json_error_t cause = { 0 };
	json_t *root slo_cleanup(json_put) = NULL;
	int r;

	if (len == 0)
		return slo_err_set(err, -EINVAL,
		                   "empty, expected an object with source_ref and source_commit");
	r = slo_json_load(&root, text, len, JSON_REJECT_DUPLICATES, &cause);
	if (r == -ENOMEM)
		return slo_err_set(err, r, "out of memory");
	if (r < 0)
		return slo_err_set(err, -EINVAL, "%d: %s", cause.line, cause.text);
	if (!json_is_object(root))
		return slo_err_set(err, -EINVAL, "JSON, but no object");
	r = take(root, "source_ref", m.source_ref, err);
	if (r == 0)
		r = take(root, "source_commit", m.source_commit, err);
	if (r == 0)
		*ret = m;
	return r;
}
