/**
 * Parts of the x86 board: a 16550A UART (data sheet PC16550D), an I/O APIC (82093AA, with the EOI
 * register of later ones), an MC146818A real-time clock, the fixed hardware of ACPI 6.4 chapter 4,
 * configuration mechanism #1 (PCI Local Bus 3.0 §3.2.2.3.2) and the reset control register, and a
 * port that ends the machine. Called by vCPU threads, the clock and the character backend.
 */
package nestor.machine.pc;
