/**
 * The arm64 boot protocol (Linux kernel documentation, {@code arch/arm64/booting}) and flattened
 * device trees (Devicetree Specification 0.4, chapter 5). Called while a machine is built or reset.
 */
package nestor.machine.boot;
