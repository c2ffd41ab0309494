/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF objects, embedded, by flavour (rows.h). libbpf wants them 8-byte aligned. */
.macro embed flavour, name, suffix
	.section .rodata.\flavour\().\name, "a"
	.balign 8
	.global slo_bpf_\flavour\()_\name\()_start
slo_bpf_\flavour\()_\name\()_start:
	.incbin "\name\().\suffix\().o"
	.global slo_bpf_\flavour\()_\name\()_end
slo_bpf_\flavour\()_\name\()_end:
.endm

/* What reads no structure is the very same object with BTF in a file. */
.macro same name
	.global slo_bpf_ext_\name\()_start, slo_bpf_ext_\name\()_end
	.set slo_bpf_ext_\name\()_start, slo_bpf_free_\name\()_start
	.set slo_bpf_ext_\name\()_end, slo_bpf_free_\name\()_end
.endm

.irp name, dns, retransmit, runqueue, connect, reclaim, disk, syscall, tls, route
	embed core, \name, bpf
.endr
.irp name, dns, retransmit, runqueue, connect, reclaim, disk, syscall, tls
	embed free, \name, free
.endr
.irp name, dns, retransmit, runqueue, connect, tls, btfcheck
	embed ext, \name, ext
.endr
same reclaim
same disk
same syscall

.section .note.GNU-stack, "", %progbits
