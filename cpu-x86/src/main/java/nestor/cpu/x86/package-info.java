/**
 * A software CPU for Intel 64 (Intel 64 and IA-32 Architectures Software Developer's Manual, order
 * number 325462, of 2023: volume 1, chapter 3 for the execution environment; volume 2 for
 * instructions and their encoding; volume 3A, chapters 2-6 for the system, 4 paging, 11 the local
 * APIC). Long mode, and flat 32-bit protected mode as far as a PVH entry needs it; no real mode, no
 * virtual-8086 mode, no task switches.
 *
 * <p>Sections are cited as volume and section: "2A §2.1" is the second chapter of volume 2A.
 *
 * <p>Each {@link nestor.cpu.x86.X86Cpu} runs on its own vCPU thread.
 */
package nestor.cpu.x86;
