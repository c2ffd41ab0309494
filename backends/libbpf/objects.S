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

.macro embed_free name
	.section .rodata.free.\name, "a"
	.balign 8
	.global slo_bpf_free_\name\()_start
slo_bpf_free_\name\()_start:
	.incbin "\name\().free.o"
	.global slo_bpf_free_\name\()_end
slo_bpf_free_\name\()_end:
.endm

.macro embed_ext name
	.section .rodata.ext.\name, "a"
	.balign 8
	.global slo_bpf_ext_\name\()_start
slo_bpf_ext_\name\()_start:
	.incbin "\name\().ext.o"
	.global slo_bpf_ext_\name\()_end
slo_bpf_ext_\name\()_end:
.endm

embed dns
embed retransmit
embed runqueue
embed connect
embed reclaim
embed disk
embed syscall
embed tls
embed route

embed_ext dns
embed_ext retransmit
embed_ext runqueue
embed_ext connect
embed_ext tls

embed_free dns
embed_free retransmit
embed_free runqueue
embed_free connect
embed_free reclaim
embed_free disk
embed_free tls

.section .note.GNU-stack, "", %progbits
