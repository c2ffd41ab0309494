/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/model_ini.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <math.h>
#include <string.h>

#include "core/config/load.h"
#include "core/config/nearest.h"
#include "core/engine/models.h"

/* --- the table of parameters ---------------------------------------------------------------------------------- */

/* Sections: these, then one for each kind of evidence. */
enum section {
	SECTION_MODEL,
	SECTION_PRIOR,
	SECTION_GROUP,
	SECTION_CONFORMAL,
	SECTION_EVIDENCE,
	SECTION_MAX_ = SECTION_EVIDENCE + SLO_EVID_MAX_,
};

static const char *const section_names[] = { "model", "prior", "group", "conformal" };
SLO_TABLE_COMPLETE(section_names, SECTION_EVIDENCE);

enum bound {
	CLOSED, /* min to max */
	OPEN, /* neither min nor max */
	OPEN_MAX, /* min, but not max */
	OPEN_MIN, /* not min, but max */
};

struct row {
	const char *key;
	size_t offset; /* of a double in struct slo_attr_model, or slo_attr_model_evidence */
	double min, max; /* max 0: the largest value of the kind */
	enum bound bound;
};

#define MODEL(field) offsetof(struct slo_attr_model, field)
#define EVIDENCE(field) offsetof(struct slo_attr_model_evidence, field)

static const struct row model_rows[] = {
	{ "temperature", MODEL(temperature), 0.05, 100, CLOSED },
	{ "assert", MODEL(assert_at), 0, 1, OPEN },
	{ "ambiguous_nats", MODEL(ambiguous_nats), 0, 100, CLOSED },
	{ "evidence_nats", MODEL(evidence_nats), 0, 100, CLOSED },
	{ "observable_nats", MODEL(observable_nats), 0, 100, CLOSED },
	{ "unexplained_z", MODEL(unexplained_z), 0, 1000, OPEN_MIN },
};

static const struct row conformal_rows[] = {
	{ "incidents", MODEL(conformal_n), 1, 1e9, CLOSED },
	{ "alpha", MODEL(conformal_alpha), 0, 1, OPEN },
	{ "quantile", MODEL(conformal_quantile), 0, 1, CLOSED },
};

/* The first REQUIRED of them must be given. */
static const struct row evidence_rows[] = {
	{ "leak", EVIDENCE(leak), 0, 1, OPEN },
	{ "median", EVIDENCE(median), 0, 0, CLOSED },
	{ "spread", EVIDENCE(spread), 0, 100, OPEN_MIN },
	{ "min_spread", EVIDENCE(min_spread), 0, 100, OPEN_MIN },
	{ "floor", EVIDENCE(floor), 0, 0, CLOSED },
};
#define REQUIRED 3

/* One key of a section. */
struct param {
	const char *key;
	double *field;
	double min, max;
	enum bound bound;
};

static const char *section_name(unsigned int section)
{
	return section < SECTION_EVIDENCE ? section_names[section]
	                                  : slo_evidence_name(section - SECTION_EVIDENCE);
}

static void from_row(const struct row *row, void *base, struct param *ret)
{
	*ret = (struct param){ .key = row->key,
		               .field = (double *)(void *)((char *)base + row->offset),
		               .min = row->min,
		               .max = row->max,
		               .bound = row->bound };
}

static bool param_of_evidence(struct slo_attr_model *m, unsigned int evid, size_t i,
                              struct param *ret)
{
	size_t fault = i - SLO_ARRAY_SIZE(evidence_rows);

	if (i < SLO_ARRAY_SIZE(evidence_rows)) {
		from_row(&evidence_rows[i], &m->evidence[evid], ret);
		if (ret->max == 0)
			ret->max = slo_evidence_max(evid);
		return true;
	}
	if (fault >= SLO_FAULT_MAX)
		return false;
	*ret = (struct param){ slo_domain_name((enum slo_domain)fault),
		               &m->evidence[evid].lambda[fault], 0, 1, OPEN_MAX };
	return true;
}

/* Key @i of @section; false past the last. [model] name is no number and stands apart. */
static bool param_at(struct slo_attr_model *m, unsigned int section, size_t i, struct param *ret)
{
	if (section == SECTION_MODEL && i < SLO_ARRAY_SIZE(model_rows)) {
		from_row(&model_rows[i], m, ret);
		return true;
	}
	if (section == SECTION_CONFORMAL && i < SLO_ARRAY_SIZE(conformal_rows)) {
		from_row(&conformal_rows[i], m, ret);
		return true;
	}
	if (section == SECTION_PRIOR && i < SLO_FAULT_MAX) {
		*ret = (struct param){ slo_domain_name((enum slo_domain)i), &m->prior[i], 0, 1,
			               OPEN };
		return true;
	}
	if (section == SECTION_GROUP && i < SLO_EVID_GROUP_MAX_) {
		*ret = (struct param){ slo_evidence_group_name((enum slo_evidence_group)i),
			               &m->rho[i], 0, 1, CLOSED };
		return true;
	}
	return section >= SECTION_EVIDENCE &&
	       param_of_evidence(m, section - SECTION_EVIDENCE, i, ret);
}

static bool is_in_range(const struct param *p, double v)
{
	bool above = p->bound == OPEN || p->bound == OPEN_MIN ? v > p->min : v >= p->min;
	bool below = p->bound == OPEN || p->bound == OPEN_MAX ? v < p->max : v <= p->max;

	return above && below;
}

static void accepted(const struct param *p, char *buf, size_t size)
{
	bool above = p->bound == OPEN || p->bound == OPEN_MIN;
	bool below = p->bound == OPEN || p->bound == OPEN_MAX;

	(void)snprintf(buf, size, "%s%g to %s%g", above ? "above " : "", p->min,
	               below ? "below " : "", p->max);
}

/* What a file need not say. */
static void set_defaults(struct slo_attr_model *m)
{
	*m = (struct slo_attr_model){ .temperature = 1,
		                      .assert_at = 0.6,
		                      .ambiguous_nats = 0.7,
		                      .evidence_nats = 1.5,
		                      .observable_nats = 0.7,
		                      .unexplained_z = 6 };
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		m->prior[f] = 0.2;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		m->evidence[i].floor = slo_evidence_desc(i).floor;
		m->evidence[i].min_spread = 0.1;
	}
}

/* --- reading --------------------------------------------------------------------------------------------------- */

struct reading {
	struct slo_attr_model *m;
	const char *name; /* of the file */
	const char *at, *end; /* text still to come */
	unsigned int line; /* number of the line handed over last */
	unsigned int section; /* SECTION_MAX_: none yet */
	bool expect; /* a setting was handed over, inih has not called back yet */
	uint64_t
		seen[SECTION_MAX_]; /* bit of each key that was set; [model] name is the last one */
	char text[200]; /* the line handed over */
	int r;
	struct slo_err *err;
};

#define NAME_BIT (UINT64_C(1) << 63)

#define refuse(reading, fmt, ...)                                                            \
	((reading)->r = slo_err_set((reading)->err, -EINVAL, "%s:%u: " fmt, (reading)->name, \
	                            (reading)->line, __VA_ARGS__))

/* "[ name ]" */
static void open_section(struct reading *r)
{
	char name[64];
	char *end = strchr(r->text, ']');
	struct slo_nearest near = { .word = name };

	if (!end || end[1] != '\0') {
		(void)refuse(r, "%.60s: a section is \"[name]\" on a line of its own", r->text);
		return;
	}
	*end = '\0';
	(void)snprintf(name, sizeof(name), "%.63s", r->text + 1 + strspn(r->text + 1, " \t"));
	name[strcspn(name, " \t")] = '\0';
	*end = ']';
	for (r->section = 0; r->section < SECTION_MAX_; r->section++) {
		if (strcmp(section_name(r->section), name) == 0)
			return;
		slo_nearest_offer(&near, section_name(r->section));
	}
	if (near.best)
		(void)refuse(r, "[%s]: unknown section (did you mean [%s]?)", name, near.best);
	else
		(void)refuse(r, "[%s]: unknown section", name);
}

/* The next line, trimmed, without comments that take the whole of it, into r->text. False at the end. */
static bool next_line(struct reading *r)
{
	const char *newline;
	size_t len;

	if (r->at == r->end)
		return false;
	newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	len = (size_t)((newline ? newline : r->end) - r->at);
	r->line++;
	while (len > 0 && isspace((unsigned char)*r->at)) {
		r->at++;
		len--;
	}
	while (len > 0 && isspace((unsigned char)r->at[len - 1]))
		len--;
	if (len > 0 && (*r->at == ';' || *r->at == '#'))
		len = 0;
	if (memchr(r->at, '\0', len))
		(void)refuse(r, "%s", "a NUL byte: not a text file");
	else if (len >= sizeof(r->text) - 2)
		(void)refuse(r, "line too long (accepted: %zu bytes)", sizeof(r->text) - 3);
	if (r->r < 0)
		return false;
	memcpy(r->text, r->at, len);
	r->text[len] = '\0';
	r->at = newline ? newline + 1 : r->end;
	return true;
}

static void check_answered(struct reading *r)
{
	if (r->expect && r->r == 0)
		(void)refuse(r, "%.60s: neither [section] nor key = value", r->text);
	r->expect = false;
}

/* inih's reader, fgets-like: it sees no indentation, which it would take for more of the value above. */
static char *feed(char *str, int num, void *stream)
{
	struct reading *r = stream;

	check_answered(r);
	if (r->r < 0 || !next_line(r))
		return NULL;
	if (r->text[0] == '[')
		open_section(r);
	else
		r->expect = r->text[0] != '\0';
	if (r->r < 0)
		return NULL;
	(void)snprintf(str, (size_t)num, "%s\n", r->text);
	return str;
}

static void set_name(struct reading *r, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len >= SLO_ATTR_MODEL_NAME_LEN ||
	    strspn(value, SLO_MODEL_NAME_CHARS) != len) {
		(void)refuse(r, "[model] name = %.60s: accepted: 1 to %d of A-Z a-z 0-9 _ . -",
		             value, SLO_ATTR_MODEL_NAME_LEN - 1);
		return;
	}
	memcpy(r->m->name, value, len + 1);
}

static void set_number(struct reading *r, const struct param *p, const char *value)
{
	char range[64];
	char *end;
	double v = strtod(value, &end);

	accepted(p, range, sizeof(range));
	if (end == value || *end != '\0' || !isfinite(v))
		(void)refuse(r, "[%s] %s = %.40s: not a number (accepted: %s)",
		             section_name(r->section), p->key, value, range);
	else if (!is_in_range(p, v))
		(void)refuse(r, "[%s] %s = %.40s: out of range (accepted: %s)",
		             section_name(r->section), p->key, value, range);
	else
		*p->field = v;
}

static void apply(struct reading *r, const char *key, const char *value)
{
	struct slo_nearest near = { .word = key };
	uint64_t bit = 0;
	struct param p = { 0 };

	if (r->section == SECTION_MODEL && strcmp(key, "name") == 0)
		bit = NAME_BIT;
	for (size_t i = 0; bit == 0 && param_at(r->m, r->section, i, &p); i++) {
		if (strcmp(p.key, key) == 0)
			bit = UINT64_C(1) << i;
		slo_nearest_offer(&near, p.key);
	}
	if (bit == 0) {
		if (near.best)
			(void)refuse(r, "[%s] %.40s: unknown key (did you mean %s?)",
			             section_name(r->section), key, near.best);
		else
			(void)refuse(r, "[%s] %.40s: unknown key", section_name(r->section), key);
		return;
	}
	if (r->seen[r->section] & bit) {
		(void)refuse(r, "[%s] %s: set a second time", section_name(r->section), key);
		return;
	}
	r->seen[r->section] |= bit;
	if (bit == NAME_BIT)
		set_name(r, value);
	else
		set_number(r, &p, value);
}

static int handle(struct reading *r, const char *key, const char *value)
{
	r->expect = false;
	if (r->r < 0)
		return 1;
	if (r->section == SECTION_MAX_)
		(void)refuse(r, "%.40s: outside of any section ([model]?)", key);
	else
		apply(r, key, value);
	return 1;
}

/* inih may be built to pass the line number, too. */
#if INI_HANDLER_LINENO
static int setting(void *user, const char *section, const char *name, const char *value, int lineno)
{
	(void)lineno;
#else
static int setting(void *user, const char *section, const char *name, const char *value)
{
#endif
	(void)section;
	return handle(user, name, value);
}

/* What the whole file must have. */
static int check_complete(struct reading *r)
{
	bool any = false;

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		uint64_t seen = r->seen[SECTION_EVIDENCE + i];

		if (seen == 0)
			continue;
		for (size_t k = 0; k < REQUIRED; k++) {
			if (!(seen & (UINT64_C(1) << k)))
				return slo_err_set(r->err, -EINVAL, "%s: [%s] needs %s", r->name,
				                   slo_evidence_name(i), evidence_rows[k].key);
		}
		r->m->evidence[i].used = true;
		any = true;
	}
	if (!any)
		return slo_err_set(
			r->err, -EINVAL,
			"%s: no section of any evidence ([%s], ...): nothing to judge by", r->name,
			slo_evidence_name(0));
	if (!(r->seen[SECTION_MODEL] & NAME_BIT))
		return slo_err_set(r->err, -EINVAL, "%s: [model] needs name", r->name);
	if (r->seen[SECTION_CONFORMAL] != 0 && r->seen[SECTION_CONFORMAL] != 7)
		return slo_err_set(r->err, -EINVAL,
		                   "%s: [conformal] needs incidents, alpha and quantile", r->name);
	return 0;
}

int slo_model_parse(struct slo_attr_model *ret, const char *name, const char *text, size_t len,
                    struct slo_err *err)
{
	struct slo_attr_model *m slo_cleanup(slo_freep) = malloc(sizeof(*m));
	struct reading r = { .m = m,
		             .name = name,
		             .at = text,
		             .end = text + len,
		             .section = SECTION_MAX_,
		             .err = err };

	if (!m)
		return slo_err_set(err, -ENOMEM, "out of memory");
	set_defaults(m);
	/* Its verdict is known already: each bad line was told by check_answered(). */
	(void)ini_parse_stream(feed, &r, setting, &r);
	check_answered(&r);
	if (r.r == 0)
		r.r = check_complete(&r);
	if (r.r == 0) {
		r.r = slo_attr_model_finish(m, err);
		if (r.r < 0)
			r.r = slo_err_wrap(err, -EINVAL, "%s", name);
	}
	if (r.r < 0)
		return r.r;
	*ret = *m;
	return 0;
}

int slo_model_load(struct slo_attr_model *ret, const char *name_or_file, struct slo_err *err)
{
	char *text slo_cleanup(slo_freep) = NULL;
	struct slo_nearest near = { .word = name_or_file };
	const struct slo_model_text *row;
	size_t len = 0;
	int r;

	for (size_t i = 0; (row = slo_model_text_at(i)); i++) {
		if (strcmp(row->name, name_or_file) == 0)
			return slo_model_parse(ret, row->name, row->text, strlen(row->text), err);
		slo_nearest_offer(&near, row->name);
	}
	r = slo_config_read_file("model", name_or_file, &text, &len, err);
	if (r == -ENOENT && near.best)
		return slo_err_set(err, r, "no model and no file '%s', did you mean %s?",
		                   name_or_file, near.best);
	if (r < 0)
		return r;
	return slo_model_parse(ret, name_or_file, text, len, err);
}

/* --- writing --------------------------------------------------------------------------------------------------- */

/* Six digits where they read back as the same number, else all. */
static void print_number(FILE *out, const char *key, double v)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "%.6g", v);
	if (strtod(text, NULL) != v)
		(void)snprintf(text, sizeof(text), "%.17g", v);
	(void)fprintf(out, "%s = %s\n", key, text);
}

static void print_section(FILE *out, struct slo_attr_model *m, unsigned int section)
{
	struct param p;

	(void)fprintf(out, "\n[%s]\n", section_name(section));
	if (section == SECTION_MODEL)
		(void)fprintf(out, "name = %s\n", m->name);
	for (size_t i = 0; param_at(m, section, i, &p); i++) {
		bool lambda = section >= SECTION_EVIDENCE && i >= SLO_ARRAY_SIZE(evidence_rows);

		if (!lambda || *p.field > 0)
			print_number(out, p.key, *p.field);
	}
}

int slo_model_print(FILE *out, const struct slo_attr_model *m)
{
	struct slo_attr_model *copy slo_cleanup(slo_freep) = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *m; /* the table's rows point to what may be written; nothing is */
	for (unsigned int s = 0; s < SECTION_MAX_; s++) {
		bool absent =
			s == SECTION_CONFORMAL
				? m->conformal_n == 0
				: s >= SECTION_EVIDENCE && !m->evidence[s - SECTION_EVIDENCE].used;

		if (!absent)
			print_section(out, copy, s);
	}
	return ferror(out) ? -EIO : 0;
}
