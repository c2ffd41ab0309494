/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/event_json.h"

#include "core/base/jsonw.h"
#include "core/codec/event_fields.h"

const char slo_event_common_detail[] =
	"replayed,timeout,p50_ms,p95_ms,p99_ms,max_ms,sum_ms,slots,worst_pid,worst_comm";

struct line {
	struct slo_jsonw w;
	struct slo_jsonw before; /* the object that is open */
};

static void begin(void *to, const char *key)
{
	struct line *l = to;

	l->before = l->w;
	slo_jsonw_key(&l->w, key);
	slo_jsonw_object_begin(&l->w);
}

/* A comma is due where there is a key. */
static void end(void *to)
{
	struct line *l = to;

	if (l->w.comma)
		slo_jsonw_object_end(&l->w);
	else
		l->w = l->before;
}

static void put_name(void *to, const char *key, const char *s, size_t n)
{
	struct slo_jsonw *w = &((struct line *)to)->w;

	slo_jsonw_key(w, key);
	slo_jsonw_plain(w, s, n);
}

static void put_text(void *to, const char *key, const char *s, size_t n)
{
	struct slo_jsonw *w = &((struct line *)to)->w;

	slo_jsonw_key(w, key);
	slo_jsonw_strn(w, s, n);
}

static void put_number(void *to, const char *key, uint64_t v)
{
	slo_jsonw_member_u64(&((struct line *)to)->w, key, v);
}

static void put_decimal(void *to, const char *key, int64_t v, unsigned int decimals)
{
	struct slo_jsonw *w = &((struct line *)to)->w;

	slo_jsonw_key(w, key);
	slo_jsonw_decimal(w, v, decimals);
}

static void put_real(void *to, const char *key, double v)
{
	slo_jsonw_member_double(&((struct line *)to)->w, key, v);
}

static void put_truth(void *to, const char *key, bool v)
{
	slo_jsonw_member_bool(&((struct line *)to)->w, key, v);
}

ssize_t slo_event_json_write(char *buf, size_t size, const struct slo_probe_event *ev,
                             enum slo_status status, const struct slo_event_names *names,
                             const struct slo_event_json_options *opt)
{
	static const struct slo_event_fields json = {
		begin, end, put_name, put_text, put_number, put_decimal, put_real, put_truth
	};
	struct line l;
	int r;

	slo_jsonw_init(&l.w, buf, size);
	slo_jsonw_object_begin(&l.w);
	r = slo_event_fields(&json, &l, ev, status, names, opt);
	if (r < 0)
		return r;
	slo_jsonw_object_end(&l.w);
	l.w.comma = false;
	slo_jsonw_raw(&l.w, "\n", 1);
	return slo_jsonw_finish(&l.w);
}
