/* SPDX-License-Identifier: Apache-2.0 */
/* The texts that llm-slo-bcc compiles: they travel with the agent, whose wire format they write. */
.macro text name, file
	.section .rodata.text_\name, "a"
	.global slo_bcc_text_\name\()_start
slo_bcc_text_\name\()_start:
	.incbin "\file"
	.global slo_bcc_text_\name\()_end
slo_bcc_text_\name\()_end:
.endm

text abi, "bpf/slo_abi.h"
text measure, "bpf/slo_measure.h"
text turns, "bpf/slo_turns.h"
text common, "bcc/slo_bcc.h"
text sock, "bcc/slo_sock.bcc.h"
text dns, "bcc/dns.bcc.c"
text retransmit, "bcc/retransmit.bcc.c"
text connect, "bcc/connect.bcc.c"
text runqueue, "bcc/runqueue.bcc.c"
text disk, "bcc/disk.bcc.c"
text reclaim, "bcc/reclaim.bcc.c"

.section .note.GNU-stack, "", %progbits
