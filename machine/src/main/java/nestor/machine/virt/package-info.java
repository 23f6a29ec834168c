/**
 * The {@code virt} board: an arm64 machine without firmware, described to its kernel by a device
 * tree, with the memory map that QEMU's machine of that name made common (Devicetree Specification
 * 0.4; the kernel's bindings of each compatible string).
 */
package nestor.machine.virt;
