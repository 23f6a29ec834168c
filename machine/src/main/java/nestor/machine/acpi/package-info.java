/**
 * What firmware would tell the operating system (ACPI 6.4, chapters 5, 6, 19 and 20; PCI Firmware
 * 3.3 for MCFG and {@code _OSC}): tables as bytes, and the AML of the one block of definitions.
 * Built before the machine runs.
 */
package nestor.machine.acpi;
