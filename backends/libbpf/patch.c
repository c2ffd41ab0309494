/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/libbpf/patch.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "compat/tracefs.h"
#include "core/base/base.h"

#define FIELD_BYTES 32 /* of the placeholders of one field, see SLO_FIELD_AT() */
#define FORMAT_BYTES 16384

struct field_row {
	const char *category, *event, *field;
	unsigned int bytes;
	bool optional;
};

#define FIELD_ROW(id, category, event, field, bytes, optional) \
	[SLO_F_##id] = { category, event, field, bytes, optional },
static const struct field_row fields[] = { SLO_FIELDS(FIELD_ROW) };
SLO_TABLE_COMPLETE(fields, SLO_F_MAX_);
static_assert(SLO_FIELD_AT(SLO_F_MAX_, 0) < 0x7fff, "placeholders are 16-bit offsets");

#define CONST_NAME(id, name) [SLO_K_##id] = name,
static const char *const const_names[] = { SLO_CONSTS(CONST_NAME) };
SLO_TABLE_COMPLETE(const_names, SLO_K_MAX_);

int slo_patch_const_from_name(const char *name)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(const_names); i++) {
		if (strcmp(const_names[i], name) == 0)
			return (int)i;
	}
	return -ENOENT;
}

/* The number behind @key before the line's end, or -1. */
static long number_after(const char *line, const char *key)
{
	const char *end = strchr(line, '\n');
	const char *at = strstr(line, key);
	char *rest;
	long n;

	if (!at || (end && at > end))
		return -1;
	at += strlen(key);
	n = strtol(at, &rest, 10);
	return rest == at || n < 0 || n > 0x7fff ? -1 : n;
}

/* Lines as "\tfield:unsigned int dev;\toffset:8;\tsize:4;\tsigned:0;"; arrays as "field:char rwbs[8];". */
static bool declares(const char *line, const char *field)
{
	const char *end = strchr(line, ';');
	size_t len = strlen(field);
	const char *name;

	if (!end)
		return false;
	for (name = end; name > line && name[-1] != ' ' && name[-1] != '\t' && name[-1] != '*';
	     name--)
		continue;
	return (size_t)(end - name) >= len && strncmp(name, field, len) == 0 &&
	       (name[len] == ';' || name[len] == '[');
}

int slo_patch_find_field(const char *format, const char *field, unsigned int bytes)
{
	for (const char *line = strstr(format, "field:"); line; line = strstr(line, "field:")) {
		long offset, size;

		line += strlen("field:");
		if (!declares(line, field))
			continue;
		offset = number_after(line, "offset:");
		size = number_after(line, "size:");
		if (offset < 0 || size < 0)
			return -EBADMSG;
		return bytes && (unsigned int)size != bytes ? -EMSGSIZE : (int)offset;
	}
	return -ENOENT;
}

/* Tracepoints' formats, read once for one program. */
struct formats {
	int root;
	const char *event; /* whose text it is; NULL none */
	char text[FORMAT_BYTES];
};

static int offset_of(struct formats *f, const struct field_row *row, struct slo_err *err)
{
	int r;

	if (!f->event || strcmp(f->event, row->event) != 0) {
		f->event = NULL;
		r = slo_tracefs_format(f->root, row->category, row->event, f->text, sizeof(f->text),
		                       err);
		if (r < 0)
			return r;
		f->event = row->event;
	}
	r = slo_patch_find_field(f->text, row->field, row->bytes);
	if (r < 0 && !row->optional)
		return slo_err_set(err, r, "tracepoint %s/%s: field %s: %s", row->category,
		                   row->event, row->field,
		                   r == -EMSGSIZE ? "of another size than known" : "none");
	return r;
}

/* A missing option reads as 0. */
static int patch_load(struct bpf_insn *insn, struct formats *f, struct slo_err *err)
{
	unsigned int at = (unsigned int)insn->off - SLO_FIELD_AT(0, 0);
	struct slo_err local = { 0 };
	int r = offset_of(f, &fields[at / FIELD_BYTES], &local);

	if (r >= 0) {
		insn->off = (int16_t)((unsigned int)r + at % FIELD_BYTES);
		return 0;
	}
	if (!fields[at / FIELD_BYTES].optional || *local.msg)
		return slo_err_set(err, r, "%s", local.msg);
	*insn = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = insn->dst_reg };
	return 0;
}

static int patch_insn(struct bpf_insn *insn, const uint32_t consts[SLO_K_MAX_], struct formats *f,
                      struct slo_err *err)
{
	int r;

	if (BPF_CLASS(insn->code) == BPF_LDX && insn->off >= SLO_FIELD_AT(0, 0) &&
	    insn->off < SLO_FIELD_AT(SLO_F_MAX_, 0))
		return patch_load(insn, f, err);
	if (insn->code != (BPF_ALU64 | BPF_MOV | BPF_K))
		return 0;
	if (insn->imm >= SLO_CONST_AT(0) && insn->imm < SLO_CONST_AT(SLO_K_MAX_)) {
		insn->imm = (int32_t)consts[insn->imm - SLO_CONST_AT(0)];
	} else if (insn->imm >= SLO_OFFSET_AT(0) && insn->imm < SLO_OFFSET_AT(SLO_F_MAX_)) {
		r = offset_of(f, &fields[insn->imm - SLO_OFFSET_AT(0)], err);
		if (r < 0)
			return r;
		insn->imm = r;
	}
	return 0;
}

int slo_patch_program(struct bpf_program *prog, const uint32_t consts[SLO_K_MAX_], int root,
                      struct slo_err *err)
{
	size_t count = bpf_program__insn_cnt(prog);
	slo_cleanup(slo_freep) struct bpf_insn *insns = calloc(count ? count : 1, sizeof(*insns));
	slo_cleanup(slo_freep) struct formats *f = calloc(1, sizeof(*f));
	int r = 0;

	if (!insns || !f)
		return slo_err_set(err, -ENOMEM, "patch: out of memory");
	f->root = root;
	memcpy(insns, bpf_program__insns(prog), count * sizeof(*insns));
	for (size_t i = 0; !r && i < count; i++)
		r = patch_insn(&insns[i], consts, f, err);
	if (r)
		return r;
	r = bpf_program__set_insns(prog, insns, count);
	return r ? slo_err_set(err, r, "patch: %s", strerror(-r)) : 0;
}
