/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One ExportTraceServiceRequest as it came: its spans to be looked at, and the same request again with attributes of
 * ours spliced into spans. Every other byte of a span's meaning stays, unknown fields too.
 */
#ifndef SLO_EXPORT_OTLP_BATCH_H
#define SLO_EXPORT_OTLP_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/span.h"

#define SLO_OTLP_SPANS_MAX 65536 /* of one request; more are refused */

struct slo_otlp_batch;

/*
 * Parses protobuf bytes; takes @body (malloc'd; NULL where @len is 0) over on success only. 0; -EBADMSG: not that
 * message; -E2BIG: too many spans, or above 64 MiB; -ENOMEM; with @err. A span whose ids have a wrong length or are all
 * zeros, or which ends before it begins, is rejected alone.
 */
int slo_otlp_batch_parse(struct slo_otlp_batch **ret, uint8_t *body, size_t len,
                         struct slo_err *err);
/* From OTLP/JSON (ids in hex, 64 bits as strings or numbers, enums as integers or names). @text is not taken. */
int slo_otlp_batch_parse_json(struct slo_otlp_batch **ret, const char *text, size_t len,
                              struct slo_err *err);
void slo_otlp_batch_freep(struct slo_otlp_batch **b);
#define slo_otlp_batch_auto slo_cleanup(slo_otlp_batch_freep)

size_t slo_otlp_batch_spans(const struct slo_otlp_batch *b, const struct slo_span **ret);
const struct slo_span_resource *slo_otlp_batch_resource(const struct slo_otlp_batch *b,
                                                        uint32_t resource);
/* Spans that were refused alone, and why the first was ("" none). They are not passed on. */
size_t slo_otlp_batch_rejected(const struct slo_otlp_batch *b, const char **ret_why);
/* The spans' connections become "": for a batch that waits when they are looked up, a third of what it holds beside its body. */
void slo_otlp_batch_forget_conns(struct slo_otlp_batch *b);
/* Bytes it holds, for bounds on memory. */
size_t slo_otlp_batch_bytes(const struct slo_otlp_batch *b);

enum slo_otlp_type {
	SLO_OTLP_DOUBLE,
	SLO_OTLP_INT,
	SLO_OTLP_BOOL,
	SLO_OTLP_STRING,
};

struct slo_otlp_attr {
	const char *key; /* static */
	enum slo_otlp_type type;
	double d;
	int64_t i; /* INT, BOOL */
	const char *s; /* borrowed during splice */
};

#define SLO_OTLP_ATTRS_MAX 24

/* Attributes for one span. One that the span already carries under the same key is replaced. */
struct slo_otlp_attrs {
	size_t count;
	struct slo_otlp_attr attr[SLO_OTLP_ATTRS_MAX];
};

/* Fills @ret for span @i; called in order during splice. */
typedef void (*slo_otlp_attrs_fn)(void *user, size_t i, const struct slo_span *span,
                                  struct slo_otlp_attrs *ret);

/* The request with attributes: *@ret (malloc'd, the caller's) and its length. 0, -ENOMEM, -EFBIG (above 64 MiB). */
int slo_otlp_batch_splice(const struct slo_otlp_batch *b, slo_otlp_attrs_fn attrs, void *user,
                          uint8_t **ret, size_t *ret_len);

#endif
