/* SPDX-License-Identifier: Apache-2.0 */
/* Text of the outside in pages and pictures: whatever the input is, HTML and XML stay well-formed. */
#ifndef SLO_PROGRAMS_MARKUP_H
#define SLO_PROGRAMS_MARKUP_H

#include <stddef.h>
#include <stdio.h>

/* The character that begins @text (@n > 0 bytes): U+FFFD for a control or what is no UTF-8. Its length. */
size_t slo_markup_put_char(FILE *out, const char *text, size_t n);
/* Escaped for HTML, XML and attributes; control characters become U+FFFD. */
void slo_markup_put(FILE *out, const char *text);
/* At most @columns characters of it; the last is an ellipsis where more there were. Returns the characters put. */
size_t slo_markup_put_clipped(FILE *out, const char *text, size_t columns);

/* For a terminal: nothing but control characters changes, see core/base/plain.h. */
void slo_markup_put_plain(FILE *out, const char *text);

#endif
