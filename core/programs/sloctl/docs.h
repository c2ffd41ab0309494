/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed from the option tables: shell completion, man pages, the reference page. */
#ifndef SLO_SLOCTL_DOCS_H
#define SLO_SLOCTL_DOCS_H

#include <stdio.h>

#include "core/programs/options.h"

/* One set of options: a program, a command, or a verb that has its own. */
struct slo_doc_page {
	const char *program; /* "sloctl" or "llm-slo-agent" */
	const char *command; /* "slo"; "" of a program itself */
	const char *verb; /* "burn"; "" */
	const char *help; /* one line */
	const struct slo_options *options;
};

/* Page @i: the agent, then sloctl's commands in their order, each before its verbs. False past the last. */
bool slo_doc_page_at(size_t i, struct slo_doc_page *ret);

/* Row @i of @spec, the common ones last; NULL past them. */
const struct slo_option *slo_doc_row_at(const struct slo_options *spec, size_t i);

enum slo_doc_arg {
	SLO_DOC_ARG_NONE,
	SLO_DOC_ARG_WORDS, /* one of slo_doc_words() */
	SLO_DOC_ARG_FILE,
	SLO_DOC_ARG_ANY,
};

enum slo_doc_arg slo_doc_arg_of(const struct slo_option *row);
/* Names that the argument may be, ending with NULL; NULL where it is not WORDS. */
const char *const *slo_doc_words(const struct slo_option *row);

void slo_docs_bash(FILE *out);
void slo_docs_zsh(FILE *out);
void slo_docs_fish(FILE *out);
/* @program "sloctl" or "llm-slo-agent". */
void slo_docs_man(FILE *out, const char *program);
void slo_docs_reference(FILE *out);

#endif
