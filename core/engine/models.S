/* SPDX-License-Identifier: Apache-2.0 */
/* The parameter sets beside this file as strings; models.c has the rows. */
	.section .rodata
	.macro model label, file
	.global \label
	.hidden \label
	.type \label, %object
\label:
	.incbin "\file"
	.byte 0
	.size \label, . - \label
	.endm

	model slo_model_text_default, "default.ini"
	model slo_model_text_reference, "reference.ini"

	.section .note.GNU-stack, "", %progbits
