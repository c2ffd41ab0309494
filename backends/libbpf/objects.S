/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF objects, embedded. libbpf wants them 8-byte aligned. */
.macro embed name
	.section .rodata.\name, "a"
	.balign 8
	.global slo_bpf_\name\()_start
slo_bpf_\name\()_start:
	.incbin "\name\().bpf.o"
	.global slo_bpf_\name\()_end
slo_bpf_\name\()_end:
.endm

embed dns
embed retransmit
embed runqueue
embed connect
embed reclaim
embed disk
embed syscall

.section .note.GNU-stack, "", %progbits
