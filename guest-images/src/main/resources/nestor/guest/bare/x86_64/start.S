/*
 * The PVH entry (Xen, docs/misc/pvh.pandoc): 32-bit protected mode, paging off, flat segments, EBX is the
 * hvm_start_info. From there to long mode (SDM volume 3, 10.8.5), with the first 4 GiB mapped
 * where they are; exceptions and interrupts. Nothing that a hypervisor's instruction emulator may lack:
 * no SSE, no INT n, no CMPXCHG16B.
 */
        .set    CODE64, 0x08
        .set    DATA, 0x10
        .set    FIRST_INTERRUPT, 32
        .set    NMI, 2

        .section .note.pvh, "a", @note
        .balign 4
        .long   4, 4, 18                /* name and descriptor sizes, XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz  "Xen"
        .long   entry32

        .text
        .code32
        .global entry32
entry32:
        cli
        cld
        mov     %ebx, %ebp
        mov     $bss_start, %edi
        mov     $bss_end, %ecx
        sub     %edi, %ecx
        shr     $2, %ecx
        xor     %eax, %eax
        rep stosl
        mov     $stack_top, %esp

        /* pml4[0] -> pdpt[0..3] -> four directories of 2 MiB pages */
        movl    $pdpt + 3, pml4
        mov     $directories + 3, %eax
        mov     $pdpt, %edi
        mov     $4, %ecx
1:      mov     %eax, (%edi)
        add     $4096, %eax
        add     $8, %edi
        loop    1b
        mov     $0x83, %eax             /* present, writable, PS */
        mov     $directories, %edi
        mov     $2048, %ecx
2:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    2b

        mov     %cr4, %eax
        or      $0x20, %eax             /* PAE */
        mov     %eax, %cr4
        mov     $pml4, %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx       /* IA32_EFER */
        rdmsr
        or      $0x100, %eax            /* LME */
        wrmsr
        mov     %cr0, %eax
        or      $0x80000001, %eax       /* PG, PE */
        mov     %eax, %cr0
        lgdt    gdt_pointer
        ljmp    $CODE64, $entry64

        .code64
entry64:
        mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        mov     $idt, %rdi
        mov     $vectors, %rax
        mov     $256, %ecx
3:      mov     %ax, (%rdi)
        movw    $CODE64, 2(%rdi)
        movw    $0x8e00, 4(%rdi)        /* present, interrupt gate */
        mov     %rax, %rdx
        shr     $16, %rdx
        mov     %dx, 6(%rdi)
        shr     $16, %rdx
        mov     %edx, 8(%rdi)
        add     $16, %rax
        add     $16, %rdi
        dec     %ecx
        jnz     3b
        lidt    idt_pointer
        mov     %ebp, %edi              /* and the upper half of RDI is zero */
        call    kit_main
        jmp     power_off

/* bool call_protected(void (*body)(void)): false if an exception ended it. */
        .global call_protected
call_protected:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        sub     $8, %rsp
        mov     %rsp, recovery
        call    *%rdi
        mov     $1, %eax
leave_protected:
        movq    $0, recovery
        add     $8, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

/* On the stack: vector, error code, RIP, CS, RFLAGS, RSP, SS. */
arrived:
        cmpq    $NMI, (%rsp)
        je      4f
        cmpq    $FIRST_INTERRUPT, (%rsp)
        jb      exception
4:      push    %rax
        mov     8(%rsp), %rax
        incq    interrupts(, %rax, 8)
        cmp     $NMI, %rax
        je      5f
        mov     lapic, %rax
        movl    $0, 0xb0(%rax)          /* EOI */
5:      pop     %rax
        add     $16, %rsp
        iretq

exception:
        mov     (%rsp), %rdi
        mov     8(%rsp), %rsi
        mov     16(%rsp), %rdx
        mov     %cr2, %rcx
        cld
        and     $-16, %rsp
        call    report_exception
        mov     recovery, %rax
        test    %rax, %rax
        jz      power_off
        mov     %rax, %rsp
        xor     %eax, %eax
        sti
        jmp     leave_protected

/* The vectors that push no error code get one; 16 bytes each. */
        .balign 16
vectors:
        .set    vector, 0
        .rept   256
        .balign 16
        .if     vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21
        push    $0
        .endif
        push    $vector
        jmp     arrived
        .set    vector, vector + 1
        .endr

        .data
        .balign 8
gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* code, long mode */
        .quad   0x00cf93000000ffff      /* data */
gdt_pointer:
        .word   . - gdt - 1
        .quad   gdt
        .balign 8
idt_pointer:
        .word   256 * 16 - 1
        .quad   idt
        .global lapic
        .balign 8
lapic:
        .quad   0xfee00000

        .bss
        .balign 4096
pml4:   .space  4096
pdpt:   .space  4096
directories:
        .space  4 * 4096
idt:    .space  256 * 16
        .global interrupts
interrupts:
        .space  256 * 8
recovery:
        .quad   0, 0
        .space  0x10000
stack_top:
        .section .note.GNU-stack, "", @progbits
