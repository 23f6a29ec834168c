/**
 * A software CPU for A64 (Arm Architecture Reference Manual, DDI 0487, issue J.a: chapters C4-C6
 * for encodings, D1 exceptions, D8 the VMSAv8-64 MMU, D17 system registers), EL0 and EL1.
 *
 * <p>Each {@link nestor.cpu.arm64.Arm64Cpu} runs on its own vCPU thread.
 */
package nestor.cpu.arm64;
