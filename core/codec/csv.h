/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of CSV files (RFC 4180). */
#ifndef SLO_CODEC_CSV_H
#define SLO_CODEC_CSV_H

#include <stdio.h>

/* @text, in quotes where it holds a comma, quote, line end, or blank at an end. */
void slo_csv_put(FILE *out, const char *text);

#endif
