/*
 * The image's header (Linux, Documentation/arch/arm64/booting.rst, section 4), the first
 * instructions, and the exception vectors (DDI 0487, D1.3). Runs at EL1, little-endian, MMU off:
 * data accesses are Device accesses, hence -mstrict-align.
 */
        .section .head, "ax"
        b       start
        .word   0
        .quad   0x200000                /* text_offset: where image.ld puts us */
        .quad   image_bytes
        .quad   0x2                     /* little-endian, 4 KiB pages */
        .quad   0, 0, 0
        .ascii  "ARM\x64"
        .word   0

        .text
start:
        mov     x19, x0                 /* device tree */
        ldr     x0, =stack_top
        mov     sp, x0
        ldr     x0, =vectors
        msr     vbar_el1, x0
        ldr     x0, =bss_start
        ldr     x1, =bss_end
1:      cmp     x0, x1
        b.hs    2f
        stp     xzr, xzr, [x0], #16
        b       1b
2:      isb
        mov     x0, x19
        bl      kit_main
        b       power_off

/* bool call_protected(void (*body)(void)): false if an exception ended it. */
        .global call_protected
call_protected:
        stp     x29, x30, [sp, #-96]!
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        ldr     x1, =recovery
        mov     x2, sp
        str     x2, [x1]
        blr     x0
        mov     w0, #1
leave_protected:
        ldr     x1, =recovery
        str     xzr, [x1]
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     x29, x30, [sp], #96
        ret

exception:
        mrs     x1, esr_el1
        mrs     x2, elr_el1
        mrs     x3, far_el1
        bl      report_exception
        ldr     x1, =recovery
        ldr     x1, [x1]
        cbz     x1, power_off
        mov     sp, x1
        mov     w0, #0
        b       leave_protected

/* Ends the machine: PSCI SYSTEM_OFF (DEN 0022, 5.9). */
        .global power_off
power_off:
        ldr     w0, =0x84000008
        hvc     #0
1:      wfi
        b       1b

        .balign 2048
vectors:
        .set    vector, 0
        .rept   16
        .balign 128
        mov     x0, #vector
        b       exception
        .set    vector, vector + 1
        .endr

        .bss
        .balign 16
recovery:
        .quad   0, 0
        .space  0x10000
stack_top:
