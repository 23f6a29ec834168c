/**
 * Boot protocols: arm64's (Linux kernel documentation, {@code arch/arm64/booting}) with flattened
 * device trees (Devicetree Specification 0.4, chapter 5), and for x86 Xen's x86/HVM direct boot ABI
 * (PVH) over ELF files and bzImages (Linux kernel documentation, {@code arch/x86/boot}). Called
 * while a machine is built or reset.
 */
package nestor.machine.boot;
