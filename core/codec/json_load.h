/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text to values, by jansson; the one door for it. */
#ifndef SLO_CODEC_JSON_LOAD_H
#define SLO_CODEC_JSON_LOAD_H

#include <jansson.h>
#include <stddef.h>

/*
 * 0 and *@ret (the caller's to json_decref); -EBADMSG: no JSON, and where and why in @why; -ENOMEM. jansson alone does not
 * tell the last: where its buffer for a string cannot grow it leaves out a byte and goes on (2.14, lex_save()).
 * @flags: JSON_REJECT_DUPLICATES and the like.
 */
int slo_json_load(json_t **ret, const char *text, size_t len, size_t flags, json_error_t *why);

#endif
